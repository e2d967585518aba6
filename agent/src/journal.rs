//! What the agent acts on, kept in a folder: with hub and Git away it goes on from here.
//!
//! ```text
//! lock                     held for as long as an agent runs on the folder
//! identity                 key (0600), certificate, authorities, the cluster's name and UID
//! control                  the hub's pause with its deadline, and the mode
//! local-pause              a pause set in the cluster itself; written by `flotilla-agent pause`
//! survey                   everything that carried our marks when it was searched for
//! apps/<hash>/order        the release to run, or the removal: the commit point
//! apps/<hash>/inventory    what is, or may be, in the cluster because of us
//! apps/<hash>/synced       the position whose sync succeeded
//! bundles/<digest>.zst     the bundles of the last releases of each application
//! status                   how applications stand, for `flotilla-agent status`
//! ```
//!
//! Invariants:
//! 1. A file is replaced in one step (temporary file, fsync, rename, fsync of the folder) and starts
//!    with the digest of what follows: damage is found, reported, and mended by fetching again.
//! 2. A bundle is durable before an order names it; an order is durable before it is acted on.
//! 3. Positions are never lost: an order is replaced, never deleted, a removal that is done included.
//! 4. One agent at a time: a second one on the folder is told so.
//!
//! The calls block: use them off the async workers. What it refuses to know: the hub, the cluster, clocks.
//!
//! Why a folder: it needs nothing from the cluster. In a cluster the journal is to live in Secrets of the
//! agent's own namespace (design §7), so that it needs no volume; that is a later issue.

mod apps;
mod bundles;
mod disk;
mod identity;
mod pauses;
#[cfg(test)]
mod tests;

pub use apps::{App, Order, What};
pub(crate) use bundles::MOST_BYTES;
pub(crate) use identity::Identity;
pub use pauses::{Control, HubPause, Local, Pin};
pub use pauses::{LocalPause, local_pause, set_local_pause};

use disk::Disk;
use parking_lot::Mutex;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest, Position};
use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder failed.
    #[error("{}: {what}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Another agent runs on the folder.
    #[error("another agent runs with the data folder {}: stop it first, or give this one its own --data-dir", .0.display())]
    Locked(PathBuf),
    /// A file's content is not what was written.
    #[error("{}: is damaged ({problem}); {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A bundle is not here.
    #[error("bundle {0} is not in the journal")]
    NoBundle(Digest),
}

/// The folder, locked.
#[derive(Debug)]
pub struct Journal {
    disk: Disk,
    _lock: File,
    /// The position of each application's order, and the bundles that its last orders named, newest first.
    named: Mutex<BTreeMap<AppKey, (Position, Vec<Digest>)>>,
}

impl Journal {
    /// Opens or makes the folder and locks it.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |what| move |source| Error::Io { path: folder.to_owned(), what, source };
        for folder in [folder.to_owned(), folder.join("apps"), folder.join("bundles")] {
            std::fs::create_dir_all(&folder).map_err(failed("cannot be made"))?;
        }
        let lock = File::create(folder.join("lock")).map_err(failed("its lock cannot be made"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("cannot be locked")(source)),
        }
        let disk = Disk::new(folder);
        disk.clean();
        Ok(Self { disk, _lock: lock, named: Mutex::default() })
    }

    /// Everything that carried our marks when it was searched for; `None` when it is to be searched for (again).
    pub(crate) fn survey(&self) -> Option<BTreeMap<String, Vec<ObjectId>>> {
        let survey = self.parsed::<BTreeMap<String, Vec<[String; 4]>>>("survey", "it is made again");
        let survey = survey.unwrap_or_else(|error| {
            tracing::warn!(%error, "the survey was lost");
            None
        });
        let ids = |parts: Vec<_>| parts.into_iter().map(apps::from_parts).collect();
        survey.map(|survey| survey.into_iter().map(|(owner, parts)| (owner, ids(parts))).collect())
    }

    /// Keeps what a search found.
    pub(crate) fn save_survey(&self, survey: &BTreeMap<String, Vec<ObjectId>>) -> Result<(), Error> {
        let parts: BTreeMap<_, _> = survey.iter().map(|(owner, ids)| (owner, apps::to_parts(ids))).collect();
        self.save("survey", &parts)
    }

    /// Writes how applications stand, for people.
    pub(crate) fn write_status(&self, status: &[u8]) -> Result<(), Error> {
        self.disk.write("status", status)
    }
}

/// How applications stand, as the agent that runs (or ran) on `folder` wrote it last.
pub(crate) fn read_status(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
    Disk::new(folder).read("status", "start the agent: it writes it anew")
}
