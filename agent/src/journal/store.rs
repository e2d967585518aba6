//! What the journal needs of a place: named records, each replaced in one step.
//!
//! Names are paths: `identity`, `apps/<hash>/order`, `bundles/<digest>.zst`, `local/pause`. Contents are opaque here.

use super::Error;
use shared_runtime::Tasks;
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// Something that ends.
pub(crate) type Changed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Takes a record: its name, and its bytes or why they cannot be read.
pub(crate) type Take<'a> = dyn FnMut(&str, Result<Vec<u8>, Error>) + 'a;

/// Makes a record's new bytes from what it has; `None` leaves it as it is. Called again when another writer was quicker.
pub(crate) type Change<'a> = dyn FnMut(Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Error> + 'a;

/// A place's records.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Where a record is, for people.
    fn at(&self, name: &str) -> String;

    /// A record; `None` when there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces a record; durable when this returns. After an error the record is the old one or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error>;

    /// Replaces a record by what `change` makes of it, if nobody else replaced it meanwhile.
    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error>;

    /// Removes a record, if it is there.
    fn remove(&self, name: &str) -> Result<(), Error>;

    /// The records below a folder, all depths, in no order.
    fn each(&self, folder: &str, take: &mut Take<'_>) -> Result<(), Error>;

    /// The names of the bundles, and the bytes that each takes.
    fn bundles(&self) -> Result<Vec<(String, u64)>, Error>;

    /// Ends when the records below `local/` may have changed: another process may write them.
    fn changed(&self) -> Changed<'_>;

    /// Whether an agent holds the place; `None` when that cannot be told.
    fn is_held(&self) -> Option<bool> {
        None
    }

    /// Whether we hold the place for certain, by our own clock: nothing may be begun in the cluster otherwise.
    fn holds(&self) -> bool {
        true
    }

    /// Keeps hold of the place, for as long as it runs; stops the tasks when it is lost to another agent.
    fn keep(self: Arc<Self>, _tasks: Tasks) -> Changed<'static> {
        Box::pin(std::future::ready(()))
    }

    /// Lets go of the place: nothing is written after that.
    fn close(&self) -> Changed<'_> {
        Box::pin(std::future::ready(()))
    }
}
