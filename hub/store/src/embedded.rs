//! The store of one hub: a redb file in a folder of its own, with nothing to run beside it.
//!
//! One thread writes. Commits that arrive while it waits for the disk share its next durable write, each with
//! its own compares and its own revision, so a hundred writers cost little more than one. Reads take a
//! snapshot and never wait for the writer.
//!
//! Values are sealed in the file, each for its key, and plain in memory: a page, once freed, holds nothing that could be
//! read. All values are, not only those of Secrets: what is kept next under a new key cannot be forgotten, and to open
//! 100,000 values of a kilobyte takes a core a fifth of a second. Keys, revisions and how long values are can be read.
//!
//! Why it stops taking writes after the first failure of the disk: whether that write is durable is unknown,
//! so no later one could be compared with it honestly. Opening the store again finds out.

mod anew;
mod file;
mod sealing;
mod shown;
mod table;
mod writer;

pub use file::NAME as FILE;
pub(crate) use shown::Shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase};
use shared_seal::Ring;

use crate::error::checked;
use crate::window::Publisher;
use crate::{Before, Config, Entry, Error, Keys, Listing, Outcome, Page, Revision, Store, Turn, Txn, Watch};

use sealing::Sealing;
use table::Snapshot;
use writer::Writer;

/// A [`Store`] in a folder. Dropping it waits for the commits under way, ends its watches, and frees the
/// folder.
#[derive(Debug)]
pub struct Embedded {
    // Dropped first: it joins the thread that holds the other reference to the database.
    writer: Writer,
    publisher: Arc<Publisher>,
    database: Arc<Database>,
    folder: PathBuf,
    sealing: Sealing,
}

impl Embedded {
    /// Opens the store in `folder`, or makes one there, whose values are sealed with a ring's newest data key. The folder
    /// is the store's own: only its owner may look into it (mode 0700, the file 0600). Verifies the whole file, and
    /// blocks while it does.
    ///
    /// One that is not sealed yet, or sealed with another key of the ring, is sealed anew first: for that time the folder
    /// holds it twice. When that is interrupted it goes on at the next opening.
    ///
    /// # Errors
    /// When another process (or another `Embedded`) has it open, when the file is damaged, of a newer version, or sealed
    /// with a key that the ring does not have, and when the folder cannot be written.
    pub fn sealed(folder: &Path, config: Config, ring: Arc<Ring>) -> Result<Self, Error> {
        Self::open_as(folder, config, &Sealing::with(ring))
    }

    /// The same without sealing: its values can be read in its file. For tests, and for what is no secret.
    ///
    /// # Errors
    /// As [`Embedded::sealed`]; and when the store is sealed.
    pub fn open(folder: &Path, config: Config) -> Result<Self, Error> {
        Self::open_as(folder, config, &Sealing::none())
    }

    fn open_as(folder: &Path, config: Config, sealing: &Sealing) -> Result<Self, Error> {
        let config = checked(config);
        anew::go_on(folder)?;
        let mut database = file::open(folder, config.cache_bytes)?;
        let mut found = table::prepare(&database, folder, sealing)?;
        if sealing.is_due(found.sealed, folder)? {
            anew::seal(database, found, folder, sealing)?;
            database = file::open(folder, config.cache_bytes)?;
            found = table::prepare(&database, folder, sealing)?;
        }
        let database = Arc::new(database);
        let publisher = Arc::new(Publisher::new(found.revision, config));
        let begin = (found.revision, sealing.clone());
        let writer = Writer::start(Arc::clone(&database), Arc::clone(&publisher), folder.to_owned(), begin)?;
        Ok(Self { writer, publisher, database, folder: folder.to_owned(), sealing: sealing.clone() })
    }

    /// What can be looked at without holding the store open.
    pub(crate) fn shown(&self) -> Shown {
        Shown::new(&self.publisher, self.folder.join(FILE), self.writer.waiting())
    }

    fn snapshot(&self) -> Result<Snapshot, Error> {
        snapshot(&self.database, &self.folder, self.sealing.clone())
    }
}

fn snapshot(database: &Database, folder: &Path, sealing: Sealing) -> Result<Snapshot, Error> {
    let read = database.begin_read().map_err(|e| file::failure(folder, e))?;
    Snapshot::new(&read, sealing).map_err(|e| file::failure(folder, e))
}

#[async_trait::async_trait]
impl Store for Embedded {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.snapshot()?.get(key).map_err(|e| file::failure(&self.folder, e))
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        let (database, folder, prefix) = (Arc::clone(&self.database), self.folder.clone(), prefix.to_owned());
        let sealing = self.sealing.clone();
        // A listing can be long: it must not hold up the other tasks of this thread.
        let listing = tokio::task::spawn_blocking(move || {
            snapshot(&database, &folder, sealing)?.list(&prefix, &page).map_err(|e| file::failure(&folder, e))
        });
        listing.await.map_err(|_| Error::Closed)?
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, Error> {
        txn.check()?;
        let outcomes = self.writer.commit(vec![txn]).await?;
        outcomes.into_iter().next().ok_or(Error::Closed)
    }

    /// Nobody comes in between: what earlier turns left is as they left it.
    async fn commit_row(&self, row: Vec<Turn>) -> Result<Vec<Outcome>, Error> {
        let row: Vec<Txn> = row.into_iter().map(|turn| turn.txn).collect();
        row.iter().try_for_each(Txn::check)?;
        self.writer.commit(row).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.publisher.watch(prefix, from)
    }

    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error> {
        self.publisher.before(keys, at, upto).await
    }

    async fn revision(&self) -> Result<Revision, Error> {
        Ok(self.snapshot()?.revision())
    }
}

#[cfg(test)]
mod tests;
