//! What the kernel says of a process.

use anyhow::{Context, Result};
use std::{fs, path::PathBuf, time::Duration};

/// `USER_HZ`: the unit of CPU times in `/proc` on every Linux that there is.
const TICKS: u64 = 100;

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Watched(pub u32);

/// What it used up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, in KiB.
    pub resident: u64,
    /// Of that, what is the process's own: not the program's file.
    pub own: u64,
    /// The most resident memory since the last [`Watched::forget_peak`], in KiB.
    pub peak: u64,
    pub cpu: Duration,
    /// How often it was put to sleep and woken up again.
    pub wakes: u64,
    pub threads: u64,
}

impl Watched {
    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// What it used up to now, all threads together.
    ///
    /// # Errors
    /// When it has ended, or this is no Linux.
    pub fn usage(self) -> Result<Usage> {
        let text = |name: &str| {
            fs::read_to_string(self.file(name)).with_context(|| format!("read {name} of process {}", self.0))
        };
        let mut usage = read(&text("status")?, &text("stat")?)?;
        // The kernel counts switches and exact times for each thread; a thread may end meanwhile.
        usage.wakes = 0;
        let mut exact = 0;
        for task in fs::read_dir(self.file("task"))? {
            let task = task?.path();
            let text = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
            usage.wakes += field(&text("status"), "voluntary_ctxt_switches").unwrap_or(0);
            exact += text("schedstat").split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0);
        }
        // Ticks miss what is done in less than one; threads that ended are in them alone.
        usage.cpu = usage.cpu.max(Duration::from_nanos(exact));
        Ok(usage)
    }

    /// How many files and sockets it holds open.
    ///
    /// # Errors
    /// When it has ended.
    pub fn open_files(self) -> Result<usize> {
        let files = fs::read_dir(self.file("fd"));
        Ok(files.with_context(|| format!("list the files of process {}", self.0))?.count())
    }

    /// Begins a new peak.
    ///
    /// # Errors
    /// When the process is not ours.
    pub fn forget_peak(self) -> Result<()> {
        fs::write(self.file("clear_refs"), "5").context("reset the peak of resident memory")
    }
}

fn read(status: &str, stat: &str) -> Result<Usage> {
    let kib = |name| field(status, name).with_context(|| format!("/proc says no {name}"));
    // The name in brackets may hold anything.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    Ok(Usage {
        resident: kib("VmRSS")?,
        own: kib("RssAnon")?,
        peak: kib("VmHWM")?,
        cpu: Duration::from_millis(ticks * 1_000 / TICKS),
        wakes: field(status, "voluntary_ctxt_switches").unwrap_or(0),
        threads: kib("Threads")?,
    })
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let status = "Name:\tx\nVmHWM:\t  9000 kB\nVmRSS:\t  8000 kB\nRssAnon:\t 3000 kB\nThreads:\t2\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n";
        let stat = "1 (a) b) S 1 1 1 0 -1 4194560 500 0 0 0 120 30 0 0 20 0 2 0 100 1 1";
        let usage = read(status, stat).unwrap();
        let expect = Usage {
            resident: 8000,
            own: 3000,
            peak: 9000,
            cpu: Duration::from_millis(1500),
            wakes: 7,
            threads: 2,
        };
        assert_eq!(usage, expect);
    }

    #[test]
    fn this_process_can_be_watched() {
        let usage = Watched(std::process::id()).usage().unwrap();
        assert!(Watched(std::process::id()).open_files().unwrap() > 2);
        assert!(usage.resident > 500 && usage.peak >= usage.resident && usage.threads > 0, "{usage:?}");
    }
}
