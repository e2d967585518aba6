//! The process as the system sees it, under the names that Prometheus' client libraries agree on.
//!
//! Read from `/proc` when it is asked for. Where there is none, nothing is said of it.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use std::{fmt, fs};

/// Ticks of `/proc/PID/stat` in a second: what Linux tells user space on every architecture of ours (`USER_HZ`).
const TICKS: f64 = 100.0;

/// The collector.
#[derive(Debug, Default)]
pub(super) struct Process {}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Usage {
    cpu: f64,
    resident: u64,
    reserved: u64,
    threads: u64,
    open_files: Option<u64>,
    most_files: Option<u64>,
    started: Option<f64>,
}

impl Usage {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in brackets, which may contain anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let kibibytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let booted = fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|stat| stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()));
        let since_boot = field(22)? as f64 / TICKS;
        let limits = fs::read_to_string("/proc/self/limits").ok();
        Some(Self {
            cpu: (field(14)? + field(15)?) as f64 / TICKS,
            resident: kibibytes("VmRSS:")? * 1024,
            reserved: kibibytes("VmSize:")? * 1024,
            threads: field(20)?,
            // The folder that is read is one of them.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as u64),
            most_files: limits.and_then(|limits| {
                let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
                line.split_whitespace().next()?.parse().ok()
            }),
            started: booted.map(|booted: f64| booted + since_boot),
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(usage) = Usage::read() else { return Ok(()) };
        let cpu = ConstCounter::new(usage.cpu);
        let about = "Processor time of this process, user and system";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", about, None, cpu.metric_type())?)?;
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory of this process that is in RAM",
                Some(usage.resident as f64),
            ),
            (
                "process_virtual_memory_bytes",
                "Memory that this process has reserved",
                Some(usage.reserved as f64),
            ),
            ("process_threads", "Threads of this process", Some(usage.threads as f64)),
            ("process_open_fds", "Open files and sockets", usage.open_files.map(|count| count as f64)),
            ("process_max_fds", "How many may be open", usage.most_files.map(|count| count as f64)),
            ("process_start_time_seconds", "When this process began, in seconds since 1970", usage.started),
        ];
        for (name, about, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
