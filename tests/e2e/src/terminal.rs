//! Lines for the person who waits, shown as they happen.

use std::{
    io::{IsTerminal, Write},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

/// How often to say that something goes on.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(20);

/// Shows one line at once, also in the middle of a test.
///
/// Why like this: the test harness of Rust captures what `println!` and `eprintln!` print, not what is written to the
/// handle of standard error. A runner that captures that too (nextest does) leaves the terminal itself.
pub(crate) fn show(line: &str) {
    let mut stderr = std::io::stderr();
    // Nobody to show it to is no reason to fail.
    let _ = writeln!(stderr, "{line}");
    if !stderr.is_terminal()
        && let Ok(mut terminal) = std::fs::OpenOptions::new().write(true).open("/dev/tty")
    {
        let _ = writeln!(terminal, "{line}");
    }
}

/// Does `work` while another thread says every so often that it goes on, since when, and how far it is.
pub(crate) fn alive<T>(
    what: &str,
    every: Duration,
    progress: impl Fn() -> Option<String> + Send,
    show: &(dyn Fn(&str) + Sync),
    work: impl FnOnce() -> T,
) -> T {
    let started = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while waiting.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let progress = progress().map(|line| format!(", {line}")).unwrap_or_default();
                show(&format!("{what}: {} s{progress}", started.elapsed().as_secs()));
            }
        });
        let result = work();
        drop(done);
        result
    })
}
