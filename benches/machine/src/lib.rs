//! What a measurement runs on, and what it has used, as Linux tells it; zeros where the system does not.

use std::{
    fs,
    time::{Duration, Instant},
};

/// The machine in a line.
pub fn machine() -> String {
    let cpus = file("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = kib("/proc/meminfo", "MemTotal:") >> 20;
    format!("{cores} cores of {model}, {memory} GiB, Linux {}", file("/proc/sys/kernel/osrelease").trim())
}

/// The load average of the last minute: what this measurement and everything else make run.
pub fn load() -> String {
    file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()
}

/// The memory of this process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident, pages of its program among it.
    pub resident: u64,
    /// The most that was resident at once.
    pub peak: u64,
    /// Pages of its program and other files that have been read in so far.
    pub files: u64,
}

/// The memory of this process.
pub fn memory() -> Memory {
    let field = |name| kib("/proc/self/status", name);
    Memory { resident: field("VmRSS:"), peak: field("VmHWM:"), files: field("RssFile:") }
}

/// How long this thread has computed, to the tick. Unlike a clock it stands still while others have the core.
pub fn computed() -> Duration {
    let spent = file("/proc/thread-self/schedstat");
    Duration::from_nanos(spent.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// What the work comes to, and how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn kib(path: &str, field: &str) -> u64 {
    let text = file(path);
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
