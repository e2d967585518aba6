//! What it is measured on.

use std::{fs, time::Duration};

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The machine in a line, and how busy it was in the last minute.
pub(crate) fn machine() -> String {
    let cpus = file("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = file("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cores} cores of {model}, Linux {}, load average {load}",
        file("/proc/sys/kernel/osrelease").trim()
    )
}

/// The resident memory of this process, in KiB; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    status("VmRSS:")
}

/// The most that this process had resident, in KiB; 0 where the system does not tell.
pub(crate) fn peak() -> u64 {
    status("VmHWM:")
}

fn status(field: &str) -> u64 {
    let status = file("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How long this thread has computed, to the tick. Unlike a clock it stands still while others have the core.
pub(crate) fn computed() -> Duration {
    let spent = file("/proc/thread-self/schedstat");
    Duration::from_nanos(spent.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}
