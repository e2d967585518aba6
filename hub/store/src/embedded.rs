//! The store of one hub: a redb file in a folder of its own, with nothing to run beside it.
//!
//! One thread writes. Commits that arrive while it waits for the disk share its next durable write, each with
//! its own compares and its own revision, so a hundred writers cost little more than one. Reads take a
//! snapshot and never wait for the writer.
//!
//! Why it stops taking writes after the first failure of the disk: whether that write is durable is unknown,
//! so no later one could be compared with it honestly. Opening the store again finds out.

mod file;
mod shown;
mod table;
mod writer;

pub use file::NAME as FILE;
pub(crate) use shown::Shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase};

use crate::error::checked;
use crate::window::Publisher;
use crate::{Before, Config, Entry, Error, Keys, Listing, Outcome, Page, Revision, Store, Turn, Txn, Watch};

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
}

impl Embedded {
    /// Opens the store in `folder`, or makes one there. The folder is the store's own: only its owner may
    /// look into it (mode 0700, the file 0600). Verifies the whole file, and blocks while it does.
    ///
    /// # Errors
    /// When another process (or another `Embedded`) has it open, when the file is damaged or of a newer
    /// version, and when the folder cannot be written.
    pub fn open(folder: &Path, config: Config) -> Result<Self, Error> {
        let config = checked(config);
        let database = Arc::new(file::open(folder, config.cache_bytes)?);
        let at = table::prepare(&database, folder)?;
        let publisher = Arc::new(Publisher::new(at, config));
        let writer = Writer::start(Arc::clone(&database), Arc::clone(&publisher), folder.to_owned(), at)?;
        Ok(Self { writer, publisher, database, folder: folder.to_owned() })
    }

    /// What can be looked at without holding the store open.
    pub(crate) fn shown(&self) -> Shown {
        Shown::new(&self.publisher, self.folder.join(FILE), self.writer.waiting())
    }

    fn snapshot(&self) -> Result<Snapshot, Error> {
        snapshot(&self.database, &self.folder)
    }
}

fn snapshot(database: &Database, folder: &Path) -> Result<Snapshot, Error> {
    let read = database.begin_read().map_err(|e| file::failure(folder, e))?;
    Snapshot::new(&read).map_err(|e| file::failure(folder, e))
}

#[async_trait::async_trait]
impl Store for Embedded {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.snapshot()?.get(key).map_err(|e| file::failure(&self.folder, e))
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        let (database, folder, prefix) = (Arc::clone(&self.database), self.folder.clone(), prefix.to_owned());
        // A listing can be long: it must not hold up the other tasks of this thread.
        let listing = tokio::task::spawn_blocking(move || {
            snapshot(&database, &folder)?.list(&prefix, &page).map_err(|e| file::failure(&folder, e))
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
