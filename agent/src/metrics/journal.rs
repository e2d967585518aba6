//! What the journal costs: counted around any of its places.

use crate::journal::{
    Error,
    store::{Change, Changed, Store, Take},
};
use prometheus_client::metrics::counter::Counter;
use shared_runtime::{
    Tasks,
    metrics::{Depth, Latency, Registry},
};
use std::{path::Path, sync::Arc, time::Instant};

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes {
    seconds: Latency,
    bytes: Counter,
    failures: Counter,
    size: Depth,
}

impl Writes {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_agent_journal_write_seconds",
            "How long it took to make a record of the journal durable",
            self.seconds.clone(),
        );
        registry.register(
            "flotilla_agent_journal_written_bytes",
            "Bytes of records that were written",
            self.bytes.clone(),
        );
        registry.register(
            "flotilla_agent_journal_failures",
            "Records that could not be written or read; what is assigned goes on",
            self.failures.clone(),
        );
        registry.register(
            "flotilla_agent_journal_bytes",
            "What the journal's folder takes on disk; 0 where it is no folder",
            self.size.clone(),
        );
    }

    /// The journal is this folder.
    pub(crate) fn folder(&self, folder: &Path) {
        let folder = folder.to_owned();
        self.size.ask(move || size(&folder));
    }
}

/// The files of a folder; its records are two folders deep.
fn size(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX)),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// A place whose writes count.
#[derive(Debug)]
pub(crate) struct Measured {
    store: Arc<dyn Store>,
    writes: Writes,
}

impl Measured {
    pub(crate) fn new(store: Arc<dyn Store>, writes: Writes) -> Self {
        Self { store, writes }
    }

    fn failed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        self.writes.failures.inc_by(u64::from(result.is_err()));
        result
    }

    fn wrote<T>(&self, bytes: usize, write: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let began = Instant::now();
        let result = write();
        self.writes.seconds.took(began.elapsed());
        if result.is_ok() {
            self.writes.bytes.inc_by(bytes as u64);
        }
        self.failed(result)
    }
}

impl Store for Measured {
    fn at(&self, name: &str) -> String {
        self.store.at(name)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.failed(self.store.read(name))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.wrote(bytes.len(), || self.store.write(name, bytes))
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error> {
        self.wrote(0, || self.store.update(name, change))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.wrote(0, || self.store.remove(name))
    }

    fn each(&self, folder: &str, take: &mut Take<'_>) -> Result<(), Error> {
        self.failed(self.store.each(folder, take))
    }

    fn bundles(&self) -> Result<Vec<(String, u64)>, Error> {
        self.failed(self.store.bundles())
    }

    fn changed(&self) -> Changed<'_> {
        self.store.changed()
    }

    fn is_held(&self) -> Option<bool> {
        self.store.is_held()
    }

    fn holds(&self) -> bool {
        self.store.holds()
    }

    fn keep(self: Arc<Self>, tasks: Tasks) -> Changed<'static> {
        Arc::clone(&self.store).keep(tasks)
    }

    fn close(&self) -> Changed<'_> {
        self.store.close()
    }
}
