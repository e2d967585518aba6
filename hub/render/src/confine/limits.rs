//! What a tool may use up.

use nix::libc;
use rlimit::Resource;
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

/// Virtual memory beyond what is used: the Go runtime reserves address space that it never touches, and programs and
/// libraries are mapped.
const RESERVED: u64 = 3 << 30;
/// Open files.
const FILES: u64 = 256;
/// Threads, where only the tool's own are counted.
const THREADS: u64 = 256;

/// What a tool may use up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time, from its start.
    pub wall: Duration,
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// Memory in bytes.
    pub memory: u64,
    /// Its output in bytes.
    pub output: u64,
}

impl Default for Limits {
    /// The time is that of Argo CD (`reposerver` `ARGOCD_EXEC_TIMEOUT`, 90 s).
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(90),
            cpu: Duration::from_secs(120),
            memory: 1 << 30,
            output: 16 << 20,
        }
    }
}

impl Limits {
    /// Limits this process for good. `alone`: whether threads are counted for this tool alone.
    pub(super) fn impose(&self, alone: bool) -> io::Result<()> {
        let cpu = self.cpu.as_secs().max(1);
        let mut wanted = vec![
            (Resource::CORE, 0, 0),
            (Resource::FSIZE, 0, 0),
            (Resource::NOFILE, FILES, FILES),
            // The first signal can be told from others, the second cannot be caught.
            (Resource::CPU, cpu, cpu + 1),
            (Resource::DATA, self.memory, self.memory),
            (Resource::AS, self.memory + RESERVED, self.memory + RESERVED),
            (Resource::MEMLOCK, 0, 0),
            (Resource::MSGQUEUE, 0, 0),
        ];
        if alone {
            wanted.push((Resource::NPROC, THREADS, THREADS));
        }
        for (resource, soft, hard) in wanted {
            // What is limited harder already stays as it is.
            let (_, most) = resource.get()?;
            resource.set(soft.min(most), hard.min(most))?;
        }
        Ok(())
    }
}

/// Whether the signal says that the processor time is used up.
pub(super) const fn is_out_of_time(signal: i32) -> bool {
    signal == libc::SIGXCPU
}
