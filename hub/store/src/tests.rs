//! What every backend must do alike: each case runs on all of them.

mod limits;
mod model;
mod past;
mod same;
mod watching;

use std::{future::Future, sync::Arc};

use crate::{Config, Embedded, Memory, Store};

/// Runs an async test body on one thread.
pub(crate) fn run<T>(body: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(body)
}

/// One of each backend; the folder lives as long as the test.
pub(crate) fn backends(config: Config) -> (Vec<Box<dyn Store>>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(&folder.path().join("store"), config).unwrap();
    let ring = Arc::new(shared_seal::Ring::fresh([1; 32]));
    let sealed = Embedded::sealed(&folder.path().join("sealed"), config, ring).unwrap();
    (vec![Box::new(Memory::new(config)), Box::new(embedded), Box::new(sealed)], folder)
}
