//! What an embedded store holds, for people.

use super::writer::Waiting;
use crate::window::Publisher;
use std::{
    path::PathBuf,
    sync::{Arc, Weak},
};

/// The way to look; it does not hold the store open.
#[derive(Debug)]
pub(crate) struct Shown {
    publisher: Weak<Publisher>,
    file: PathBuf,
    waiting: Waiting,
}

/// What there is.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) bytes: u64,
    pub(crate) waiting: usize,
    pub(crate) changes: usize,
    pub(crate) change_bytes: usize,
    pub(crate) watches: usize,
    pub(crate) lag: u64,
}

impl Shown {
    pub(crate) fn new(publisher: &Arc<Publisher>, file: PathBuf, waiting: Waiting) -> Self {
        Self { publisher: Arc::downgrade(publisher), file, waiting }
    }

    /// Looks; `None` once the store is closed.
    pub(crate) fn look(&self) -> Option<Look> {
        let publisher = self.publisher.upgrade()?;
        let (changes, change_bytes) = publisher.kept();
        let (watches, lag) = publisher.watches();
        let bytes = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        Some(Look { bytes, waiting: self.waiting.count(), changes, change_bytes, watches, lag })
    }
}
