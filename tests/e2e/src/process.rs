//! Child processes that never outlive the test.
//!
//! A [`Process`] is killed when it is dropped, so also when the test panics. When the test process itself is killed no
//! destructor runs; for that each child has a watchdog: a shell that reads a pipe whose other end only we hold. At the
//! end of our life the system closes it, and the watchdog kills the child.
//!
//! Output goes to a file, standard output and error together in the order written; its end is printed when the test
//! panics.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;

use crate::eventually::poll;

/// Lines of a log that are shown when something fails.
const TAIL: usize = 30;

/// A running program, its log, and its watchdog.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Child,
    watchdog: Watchdog,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with its output appended to `<name>.log` in `log_dir`, so that a program started again goes on
    /// in the same file. Its standard input is empty.
    ///
    /// # Errors
    /// When the program cannot be started or the log cannot be written.
    pub fn start(name: &str, command: &mut Command, log_dir: &Path) -> Result<Self> {
        let log = log_dir.join(format!("{name}.log"));
        let output = append(&log).with_context(|| format!("open {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("open {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let watchdog = match Watchdog::over(child.id()) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error).context("start sh as the watchdog");
            }
        };
        let state = Mutex::new(State { child, watchdog, ended: None });
        Ok(Self { name: name.to_owned(), log, state })
    }

    /// The name that it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id; another process may have it once this one has ended.
    pub fn id(&self) -> u32 {
        self.state.lock().child.id()
    }

    /// All that it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of its log under a heading, for error messages.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(TAIL)..];
        format!("--- the last {} of {} lines of {}\n{}", last.len(), lines.len(), self.name, last.join("\n"))
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.state.lock().exited()
    }

    /// Kills it with SIGKILL and waits until it is gone. Nothing happens when it has ended already.
    pub fn kill_hard(&self) {
        self.state.lock().kill();
    }

    /// Sends SIGINT, as Ctrl-C does, and does not wait.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn interrupt(&self) -> Result<()> {
        self.signal("INT")
    }

    /// Sends SIGTERM, as Kubernetes does, and does not wait.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Holds it up wherever it is, as a machine does that is suspended.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on after [`Process::freeze`].
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it still runs after `within`, with the end of its log.
    pub async fn wait(&self, within: Duration) -> Result<ExitStatus> {
        let ended = poll(within, async || self.exited().context("it still runs")).await;
        ended.map_err(|_| anyhow::anyhow!("{} still runs after {within:?}\n{}", self.name, self.tail()))
    }

    /// Waits until it ends by itself, however long that takes, and holds up the thread meanwhile.
    pub(crate) fn wait_blocking(&self) -> Result<ExitStatus> {
        let mut state = self.state.lock();
        if let Some(status) = state.ended {
            return Ok(status);
        }
        let status = state.child.wait().with_context(|| format!("wait for {}", self.name))?;
        state.end(status);
        Ok(status)
    }

    /// Sends the signal through the shell: its `kill` is there on every system, and needs no unsafe code.
    fn signal(&self, signal: &str) -> Result<()> {
        // The lock is held so that nobody reaps the child, and its id stays its own.
        let mut state = self.state.lock();
        if let Some(status) = state.exited() {
            bail!("{} has ended already ({status})\n{}", self.name, self.tail());
        }
        let id = state.child.id().to_string();
        let sent = Command::new("sh").args(["-c", r#"kill -"$1" "$2""#, "sh", signal, &id]).status();
        let sent = sent.context("run sh to send a signal")?;
        if !sent.success() {
            bail!("{} did not take SIG{signal}: {sent}", self.name);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_hard();
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

impl State {
    fn exited(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.end(status);
        }
        self.ended
    }

    fn kill(&mut self) {
        if self.exited().is_some() {
            return;
        }
        let _ = self.child.kill();
        if let Ok(status) = self.child.wait() {
            self.end(status);
        }
    }

    fn end(&mut self, status: ExitStatus) {
        self.ended = Some(status);
        self.watchdog.stand_down();
    }
}

/// A shell that kills a process when we are gone.
#[derive(Debug)]
struct Watchdog(Child);

impl Watchdog {
    /// It ignores the signals of Ctrl-C and of a closed terminal, which reach it together with us, because then there
    /// is work to do. A line on the pipe tells it to leave; the end of the pipe tells it that we are gone.
    const SCRIPT: &str = r#"trap "" INT TERM HUP; read -r line || kill -9 "$1""#;

    fn over(process: u32) -> std::io::Result<Self> {
        let watchdog = Command::new("sh")
            .args(["-c", Self::SCRIPT, "sh", &process.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(watchdog))
    }

    fn stand_down(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = writeln!(pipe, "stand down");
        }
        let _ = self.0.wait();
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests;
