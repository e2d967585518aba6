//! What a caller chooses: where archives are kept, how long an operation may take, and how much it may bring.

use crate::Metrics;
use std::{path::PathBuf, time::Duration};

/// How [`Charts`](super::Charts) works.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the archives, made when missing. One process uses it at a time.
    pub folder: PathBuf,
    /// Operations at once: that many per host, that many on the folder, and eight times as many on the network in
    /// all. At least 1.
    pub parallelism: usize,
    /// How long one call may take, waiting for its turn included.
    pub timeout: Duration,
    /// Authorities to trust besides the system's, each a text of one or more PEM certificates.
    pub ca_certificates: Vec<String>,
    /// The most bytes of archives in the folder, besides those that are pinned.
    pub kept: u64,
    /// The most bytes of one archive or file.
    pub archive: u64,
    /// The most bytes of the index of a Helm repository, unpacked.
    pub index: u64,
    /// What is counted.
    pub metrics: Metrics,
}

impl Config {
    /// Archives in `folder`; 8 operations at once, 60 s each; 1 GiB of archives of up to 32 MiB, and indexes of up
    /// to 64 MiB.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            parallelism: 8,
            timeout: Duration::from_secs(60),
            ca_certificates: Vec::new(),
            kept: 1 << 30,
            archive: 32 << 20,
            index: 64 << 20,
            metrics: Metrics::default(),
        }
    }
}
