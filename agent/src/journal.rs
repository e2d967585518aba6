//! What the agent acts on, kept in a [`Place`]: with hub and Git away it goes on from here.
//!
//! ```text
//! identity, identity-copy  key, certificate, authorities, the cluster's name and UID; twice, since nothing else is lost for good
//! control                  the hub's pause with its deadline, and the mode
//! apps/<hash>/order        the release to run, or the removal, and the orders before it: the commit point
//! apps/<hash>/inventory    what is, or may be, in the cluster because of us
//! apps/<hash>/synced       the position whose sync succeeded
//! bundles/<digest>.zst     the bundles of the last orders of each application
//! local/pause              a pause set in the cluster itself; written by `flotilla-agent pause`
//! local/annotation         a pause set by annotation on the agent's Namespace, with its deadline; written by the agent
//! local/pin-<hash>         the earlier order that an application was taken back to; written by `flotilla-agent rollback`
//! status                   how applications stand, for `flotilla-agent status`
//! ```
//!
//! A place is a folder, Secrets of the agent's own namespace, or memory (for tests and simulations); [`store::Store`] is
//! what each of them can do.
//!
//! Invariants, whatever the place:
//! 1. A record is replaced in one step and starts with the digest of what follows: damage is found, reported, and
//!    mended by fetching again.
//! 2. A bundle is durable before an order names it; an order is durable before it is acted on.
//! 3. Positions are never lost: an order is replaced, never deleted, a removal that is done included.
//! 4. One agent at a time: a second one on a folder is told so, on Secrets it waits until the first has gone; and a first
//!    one that cannot say any more that it holds them ([`Journal::holds`]) starts no write of the cluster.
//! 5. Bounded: [`KEPT`] orders of an application with their bundles, and the one it is pinned to; all bundles that only
//!    a rollback needs are at most [`bundles::EARLIER_BYTES`] together, the newest stay. What a crash left behind goes.
//!
//! The calls block: use them off the async workers. What it refuses to know: the hub, applications' objects, clocks.

mod annotation;
mod apps;
mod bundles;
mod folder;
mod identity;
mod local;
mod memory;
mod pauses;
mod place;
mod rollback;
mod secrets;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub use apps::{App, Order, What};
pub(crate) use bundles::MOST_BYTES;
pub(crate) use identity::Identity;
pub use local::{Local, LocalPause, Pin, annotated_pause, local_pause, set_local_pause};
pub use memory::Memory;
pub use pauses::{Control, HubPause};
pub use place::Place;
pub use rollback::{History, Ran, Refusal, history, roll_back, unpin};
pub use secrets::Secrets;
#[cfg(test)]
pub(crate) use secrets::tests as secrets_tests;

use crate::metrics::{Measured, Metrics};
use apps::Index;
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use shared_model::Digest;
use shared_runtime::Tasks;
use std::{io, sync::Arc};
use store::Store;

/// How many orders of an application are kept with their bundles, the present one included.
pub(crate) const KEPT: usize = 5;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder failed. Told with its cause, since reports to the hub and lines of the log have only this text.
    #[error("{at}: {what}: {source}")]
    Io {
        /// The file or folder.
        at: String,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Another agent runs on the place.
    #[error("another agent runs with {0}: stop it first, or give this one its own --data-dir")]
    Locked(String),
    /// Another agent holds the place; it is waited for.
    #[error(
        "another agent ({holder}) holds {at}: one is active in a cluster, this one takes over when that one has ended"
    )]
    Held {
        /// What it holds.
        at: String,
        /// Who it is.
        holder: String,
    },
    /// This agent has let go of the place.
    #[error("the journal is closed: this agent ends")]
    Closed,
    /// The API server did not do what was asked of it.
    #[error("{at}: {what}: {why}")]
    Api {
        /// The Secret or the Lease.
        at: String,
        /// What was tried.
        what: &'static str,
        /// What the API server says.
        why: shared_sync::Failure,
    },
    /// A record's content is not what was written.
    #[error("{at}: is damaged ({problem}); {remedy}")]
    Damaged {
        /// The record.
        at: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A bundle is not here.
    #[error("bundle {0} is not in the journal")]
    NoBundle(Digest),
}

/// The place, held: no other agent may use it.
#[derive(Debug)]
pub struct Journal {
    records: Records,
    index: Mutex<Option<Index>>,
    /// A pause by annotation for which there was no room: it holds until a restart.
    unkept: Mutex<Option<annotation::Seen>>,
}

/// Records with their digests.
#[derive(Debug, Clone)]
struct Records(Arc<dyn Store>);

impl Error {
    /// Whether time may mend it.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Held { .. } => true,
            Self::Api { why, .. } => why.is_transient(),
            Self::Io { .. } | Self::Locked(_) | Self::Closed | Self::Damaged { .. } | Self::NoBundle(_) => {
                false
            }
        }
    }
}

impl Journal {
    /// Makes the place if need be, and holds it.
    pub fn open(place: &Place) -> Result<Self, Error> {
        Ok(Self { records: Records(place.hold()?), index: Mutex::default(), unkept: Mutex::default() })
    }

    /// As [`Journal::open`]; what it costs is counted.
    pub(crate) fn measured(place: &Place, metrics: &Metrics) -> Result<Self, Error> {
        let store = Measured::new(place.hold()?, metrics.journal.clone());
        if let Place::Folder(folder) = place {
            metrics.journal.folder(folder);
        }
        Ok(Self { records: Records(Arc::new(store)), index: Mutex::default(), unkept: Mutex::default() })
    }

    /// Keeps hold of the place, for as long as it runs; stops the tasks when it is lost to another agent.
    pub(crate) async fn keep(self: Arc<Self>, tasks: Tasks) {
        let store = Arc::clone(&self.records.0);
        drop(self);
        store.keep(tasks).await;
    }

    /// Whether no other agent can have taken the place over by now: whoever is not sure writes nothing to the cluster.
    pub(crate) fn holds(&self) -> bool {
        self.records.0.holds()
    }

    /// Lets go of the place when the agent ends: nothing is written after that.
    pub(crate) async fn close(&self) {
        self.records.0.close().await;
    }

    /// Writes how applications stand, for people.
    pub(crate) fn write_status(&self, status: &[u8]) -> Result<(), Error> {
        self.records.0.write("status", &sealed(status))
    }
}

/// How applications stand, as the agent that runs (or ran) on the place wrote it last.
pub(crate) fn read_status(place: &Place) -> Result<Option<Vec<u8>>, Error> {
    Records(place.look()?).content("status", "start the agent: it writes it anew")
}

/// Whether an agent runs on the place now; `None` when that cannot be told.
pub(crate) fn is_held(place: &Place) -> Option<bool> {
    place.look().ok()?.is_held()
}

impl Records {
    /// The content of a record; `None` when there is none.
    fn content(&self, name: &str, remedy: &'static str) -> Result<Option<Vec<u8>>, Error> {
        self.0.read(name)?.map(|bytes| self.opened(name, bytes, remedy)).transpose()
    }

    fn opened(&self, name: &str, mut bytes: Vec<u8>, remedy: &'static str) -> Result<Vec<u8>, Error> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.damaged(name, "it was cut short", remedy))?;
        if bytes[..end] != *Digest::of(&bytes[end + 1..]).to_string().as_bytes() {
            return Err(self.damaged(name, "its content does not match its digest", remedy));
        }
        bytes.drain(..=end);
        Ok(bytes)
    }

    fn parsed<T: DeserializeOwned>(
        &self,
        name: &str,
        bytes: Vec<u8>,
        remedy: &'static str,
    ) -> Result<T, Error> {
        let content = self.opened(name, bytes, remedy)?;
        // Where, not what: the content may be a secret.
        serde_json::from_slice(&content).map_err(|error| {
            self.damaged(name, &format!("line {} column {}", error.line(), error.column()), remedy)
        })
    }

    fn get<T: DeserializeOwned>(&self, name: &str, remedy: &'static str) -> Result<Option<T>, Error> {
        self.0.read(name)?.map(|bytes| self.parsed(name, bytes, remedy)).transpose()
    }

    fn put(&self, name: &str, record: &impl Serialize) -> Result<(), Error> {
        self.0.write(name, &packed(record))
    }

    fn damaged(&self, name: &str, problem: &str, remedy: &'static str) -> Error {
        Error::Damaged { at: self.0.at(name), problem: problem.to_owned(), remedy }
    }
}

/// A record's bytes: its content below its digest.
fn sealed(content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}\n", Digest::of(content)).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

fn packed(record: &impl Serialize) -> Vec<u8> {
    sealed(&serde_json::to_vec(record).expect("records have only string keys"))
}
