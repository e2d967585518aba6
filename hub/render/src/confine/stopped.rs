//! Why a tool did not print what was wanted.

use crate::request::Failure;
use std::{io, time::Duration};

/// Why a tool did not print what was wanted. The texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// It took longer than it may.
    #[error("it was stopped after {} s", limit.as_secs_f32())]
    TimedOut {
        /// How long it may take, or of how much processor time.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    #[error("it needs more than the {} MiB of memory that it may have", limit >> 20)]
    TooMuchMemory {
        /// In bytes.
        limit: u64,
    },
    /// It printed more than it may.
    #[error("it printed more than {} MiB", limit >> 20)]
    TooMuchOutput {
        /// In bytes.
        limit: u64,
    },
    /// It says itself that it failed.
    #[error("it failed with code {code}: {}", stderr.trim())]
    Failed {
        /// Its exit code.
        code: i32,
        /// The end of what it said.
        stderr: String,
    },
    /// Its runtime gave up: no thread, no memory, or a defect of the tool.
    #[error("it broke off: {why}")]
    Broke {
        /// What the runtime said first.
        why: String,
    },
    /// A signal ended it that is not from here. SIGKILL is most often the kernel's, when the machine is out of memory.
    #[error("signal {signal} ended it{}", why(*signal))]
    Killed {
        /// Its number.
        signal: i32,
        /// The end of what it said.
        stderr: String,
    },
    /// It was given up.
    #[error("it was no longer wanted")]
    GivenUp,
    /// It could not be started, or not be confined as this machine could a while ago.
    #[error("it could not be started: {0}")]
    NotStarted(#[from] io::Error),
}

const fn why(signal: i32) -> &'static str {
    match signal {
        nix::libc::SIGKILL => ", as when the machine or container runs out of memory",
        nix::libc::SIGSYS => ": it asked the kernel for what it may not",
        _ => "",
    }
}

impl Stopped {
    /// Whether the same inputs may well give another result later.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::TimedOut { .. }
            | Self::TooMuchMemory { .. }
            | Self::Broke { .. }
            | Self::Killed { .. }
            | Self::GivenUp
            | Self::NotStarted(_) => true,
            Self::TooMuchOutput { .. } | Self::Failed { .. } => false,
        }
    }

    /// As a rendering's failure, for a tool that people know as `name`. That it had too little memory may be others' fault,
    /// who had it then.
    pub fn failure(&self, name: &str) -> Failure {
        match self {
            Self::TimedOut { .. }
            | Self::TooMuchMemory { .. }
            | Self::Broke { .. }
            | Self::Killed { .. }
            | Self::GivenUp
            | Self::NotStarted(_) => Failure::Circumstance(format!("{name}: {self}")),
            Self::TooMuchOutput { .. } => {
                Failure::inputs("", format!("{name}: {self}"), "make the source smaller, or split it")
            }
            Self::Failed { .. } => Failure::inputs("", format!("{name}: {self}"), ""),
        }
    }
}
