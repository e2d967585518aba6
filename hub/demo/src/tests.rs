use crate::{Config, play};
use hub_show::Screen;
use parking_lot::Mutex;
use shared_runtime::otlp::Choice;
use std::{io, path::Path, process::ExitCode, sync::Arc};

/// What a screen was told, for the test to read.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the demo on four clusters to its end, and answers what it printed.
async fn once(bad_commit: bool) -> String {
    shared_runtime::install_crypto();
    let told = Told::default();
    let config = Config {
        once: true,
        clusters: 4,
        bad_commit,
        data_dir: None,
        traces: Choice::default(),
        tooling: None,
    };
    let mut screen = Screen::plain(told.clone());
    let ended = play(config, &mut screen, std::future::pending()).await;
    let text = told.text();
    println!("{text}");
    assert_eq!(format!("{:?}", ended.unwrap()), format!("{:?}", ExitCode::SUCCESS));
    text
}

#[track_caller]
fn check_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` does not follow in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_reaches_every_cluster_wave_by_wave() {
    let text = once(false).await;
    let waves = [
        "wave canary: 2/2 proven (passed)",
        "wave regions: 4/4 proven (passed)",
        "wave rest: 2/2 proven (passed)",
    ];
    check_order(&text, &["4 simulated clusters"]);
    check_order(&text, &waves);
    let (_, second) = text.split_once("pushed commit").unwrap();
    check_order(second, &waves);
    check_order(
        second,
        &["from the push to the last of 4 healthy clusters", "wave canary", "1 cluster ", "healthy after"],
    );
    assert!(!second.contains("not healthy"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_commit_halts_at_the_canary() {
    let text = once(true).await;
    let (_, second) = text.split_once("pushed commit").unwrap();
    check_order(
        second,
        &[": Halted: eu-1 in wave canary", "halted at eu-1", "other 3 clusters were not touched"],
    );
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing() {
    shared_runtime::install_crypto();
    let told = Told::default();
    let config = Config {
        once: true,
        clusters: 4,
        bad_commit: false,
        data_dir: None,
        traces: Choice::default(),
        tooling: None,
    };
    let hub_is_up = async {
        while !told.text().contains("hub: https://") {
            tokio::task::yield_now().await;
        }
    };
    let ended = play(config, &mut Screen::plain(told.clone()), hub_is_up).await;
    assert_eq!(format!("{:?}", ended.unwrap()), format!("{:?}", ExitCode::FAILURE));
    let text = told.text();
    let folder = text.lines().find_map(|line| line.strip_prefix("stopping; ")?.strip_suffix(" is removed"));
    assert!(!Path::new(folder.unwrap()).exists(), "{text}");
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "").unwrap();
    let config = Config {
        once: true,
        clusters: 3,
        bad_commit: false,
        data_dir: Some(folder.path().to_owned()),
        traces: Choice::default(),
        tooling: None,
    };
    let ended = play(config, &mut Screen::plain(io::sink()), std::future::pending()).await;
    let said = format!("{:#}", ended.unwrap_err());
    assert!(said.contains("is not empty") && said.contains("name a new one"), "{said}");
    assert!(folder.path().join("precious").exists());
}
