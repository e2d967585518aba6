//! Measures what one input takes: the most memory that is held at once, by an allocator that counts; and that it ends at all.

use std::sync::LazyLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
/// The allocator counts for all threads.
static ALONE: Mutex<()> = Mutex::new(());
/// What is being run: whoever listens says so when it does not end.
static RUNNING: LazyLock<Sender<Option<String>>> = LazyLock::new(watch);
/// Thousands of times what any input takes: work is bounded by counting it, and this only names the input where that failed.
const FOREVER: Duration = Duration::from_secs(300);

/// What `run` gives for the input `name`, and the most bytes that it held at once.
pub(crate) fn held<T>(name: &str, run: impl FnOnce() -> T) -> (T, usize) {
    let _alone = ALONE.lock();
    RUNNING.send(Some(name.to_owned())).expect("the watch outlives the tests");
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let given = run();
    let peak = MEMORY.peak_usage().saturating_sub(before);
    RUNNING.send(None).expect("the watch outlives the tests");
    (given, peak)
}

#[expect(clippy::disallowed_methods, reason = "whoever waits for an input that never ends is another thread")]
fn watch() -> Sender<Option<String>> {
    let (sender, receiver) = channel::<Option<String>>();
    std::thread::spawn(move || {
        let mut running = None;
        loop {
            match (receiver.recv_timeout(FOREVER), &running) {
                (Ok(next), _) => running = next,
                (Err(RecvTimeoutError::Timeout), None) => {}
                (Err(RecvTimeoutError::Timeout), Some(name)) => {
                    eprintln!("has not ended: {name}");
                    std::process::exit(1);
                }
                (Err(RecvTimeoutError::Disconnected), _) => return,
            }
        }
    });
    sender
}
