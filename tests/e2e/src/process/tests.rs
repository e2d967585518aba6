use std::{os::unix::process::ExitStatusExt, process::Command, time::Duration};

use anyhow::{Result, ensure};

use super::{Process, Watchdog};
use crate::eventually;

const SOON: Duration = Duration::from_secs(20);

fn shell(script: &str, log_dir: &tempfile::TempDir) -> Process {
    Process::start("shell", Command::new("sh").args(["-c", script]), log_dir.path()).unwrap()
}

async fn says(process: &Process, text: &str) {
    eventually(SOON, text, async || {
        let log = process.log();
        ensure!(log.contains(text), "{log:?}");
        Ok(())
    })
    .await;
}

fn runs(process: u32) -> bool {
    Command::new("sh")
        .args(["-c", r#"kill -0 "$1" 2>/dev/null"#, "sh", &process.to_string()])
        .status()
        .unwrap()
        .success()
}

#[tokio::test]
async fn output_is_kept_and_the_status_reported() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let process = shell("echo out; echo error >&2; exit 3", &dir);
    assert_eq!(process.wait(SOON).await?.code(), Some(3));
    assert_eq!(process.log(), "out\nerror\n");
    assert_eq!(process.tail(), "--- the last 2 of 2 lines of shell\nout\nerror");
    let again = shell("echo again", &dir);
    again.wait(SOON).await?;
    assert_eq!(again.log(), "out\nerror\nagain\n");
    Ok(())
}

#[tokio::test]
async fn interrupt_lets_it_clean_up_and_kill_hard_does_not() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let script = "trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.01; done";
    let polite = shell(script, &dir);
    says(&polite, "ready").await;
    polite.interrupt()?;
    assert_eq!(polite.wait(SOON).await?.code(), Some(0));
    assert_eq!(polite.log(), "ready\nbye\n");
    assert!(polite.interrupt().is_err(), "a signal to nobody is an error");

    let dir = tempfile::tempdir()?;
    let killed = shell(script, &dir);
    says(&killed, "ready").await;
    killed.kill_hard();
    assert_eq!(killed.exited().and_then(|status| status.signal()), Some(9));
    assert_eq!(killed.log(), "ready\n");
    Ok(())
}

#[tokio::test]
async fn a_panic_takes_it_away() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let process = shell("exec sleep 600", &dir);
    let id = process.state.lock().child.id();
    assert!(runs(id));
    let panicked = std::thread::spawn(move || {
        let _held = process;
        panic!("the test fails");
    });
    assert!(panicked.join().is_err());
    assert!(!runs(id));
    Ok(())
}

#[tokio::test]
async fn the_watchdog_kills_when_its_pipe_closes_and_not_when_told_to_leave() -> Result<()> {
    let mut orphan = Command::new("sleep").arg("600").spawn()?;
    let mut watchdog = Watchdog::over(orphan.id())?;
    // What the system does with our end of the pipe when we are killed.
    drop(watchdog.0.stdin.take());
    let status = eventually(SOON, "the orphan dies", async || {
        orphan.try_wait()?.ok_or_else(|| anyhow::anyhow!("it runs"))
    })
    .await;
    assert_eq!(status.signal(), Some(9));
    watchdog.0.wait()?;

    let mut child = Command::new("sleep").arg("600").spawn()?;
    Watchdog::over(child.id())?.stand_down();
    assert!(child.try_wait()?.is_none(), "it was told to leave the child alone");
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Runs itself once more as the victim, whose process holds the writing end of a named pipe: when that process ends,
/// the reader of the pipe does too.
#[tokio::test]
async fn nothing_outlives_a_test_process_that_is_killed() -> Result<()> {
    const VICTIM: &str = "TESTS_E2E_VICTIM_PIPE";
    const HOLD: &str = r#"exec > "$1"; echo ready; exec sleep 600"#;
    let dir = tempfile::tempdir()?;
    if let Some(pipe) = std::env::var_os(VICTIM) {
        let _held =
            Process::start("holder", Command::new("sh").args(["-c", HOLD, "sh"]).arg(pipe), dir.path())?;
        return std::future::pending().await;
    }
    let pipe = dir.path().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let reader = Process::start("reader", Command::new("cat").arg(&pipe), dir.path())?;
    let mut victim = Command::new(std::env::current_exe()?);
    victim
        .args(["--exact", "process::tests::nothing_outlives_a_test_process_that_is_killed"])
        .env(VICTIM, &pipe);
    let victim = Process::start("victim", &mut victim, dir.path())?;
    says(&reader, "ready").await;
    assert!(reader.exited().is_none());
    victim.kill_hard();
    assert!(reader.wait(SOON).await?.success());
    Ok(())
}
