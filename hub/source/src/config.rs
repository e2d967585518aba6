//! What a caller chooses: where mirrors live, how long an operation may take, and how much it may bring.

use crate::Metrics;
use std::{path::PathBuf, time::Duration};

/// How [`Repositories`](crate::Repositories) works.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the mirrors, made when missing. One process uses it at a time.
    pub folder: PathBuf,
    /// Whether repositories on this machine (`file://` and absolute paths) may be read. Whoever may
    /// write an Application could otherwise read any repository that the hub's user can.
    pub allow_file: bool,
    /// Operations at once: that many per host, that many on mirrors, and eight times as many on the
    /// network in all. At least 1.
    pub parallelism: usize,
    /// How long one call may take, waiting for its turn included.
    pub timeout: Duration,
    /// Authorities to trust besides the system's, each a text of one or more PEM certificates.
    pub ca_certificates: Vec<String>,
    /// What is counted.
    pub metrics: Metrics,
    /// The most bytes of a pack that a commit is fetched with all its files as. Of one that is more, only
    /// the folders are fetched, and files when they are read, from servers that can do so.
    pub whole: u64,
}

impl Config {
    /// Mirrors in `folder`; no local repositories, 8 operations at once, 60 s each, commits of up to
    /// 64 MiB whole.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            allow_file: false,
            parallelism: 8,
            timeout: Duration::from_secs(60),
            ca_certificates: Vec::new(),
            metrics: Metrics::default(),
            whole: 64 << 20,
        }
    }
}

/// How much [`Repositories::read`](crate::Repositories::read) may bring into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// Bytes of one file.
    pub per_file: u64,
    /// Bytes of all files of one call.
    pub total: u64,
}
