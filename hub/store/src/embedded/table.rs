//! The layout of the file: `current` holds each key's newest entry, `meta` the newest revision, the format, and
//! with which data key the values are sealed.

use std::ops::Bound;
use std::path::Path;

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use shared_seal::KeyId;

use crate::apply::Table;
use crate::{Entry, Error, Listing, Page, Revision};

use super::{file, sealing::Sealing};

/// (create revision, mod revision, value)
type Row<'a> = (u64, u64, &'a [u8]);

const CURRENT: TableDefinition<'_, &str, Row<'_>> = TableDefinition::new("current");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// Only in a file whose values are sealed.
const DATA_KEY: &str = "data-key";
/// Raised when an older version could not read what this one writes.
const PLAIN_FORMAT: u64 = 1;
const SEALED_FORMAT: u64 = 2;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) revision: Revision,
    /// The data key that its values are sealed with.
    pub(crate) sealed: Option<KeyId>,
}

/// Makes the tables of a new file, sealed or not, and tells what there is.
pub(crate) fn prepare(database: &Database, folder: &Path, sealing: &Sealing) -> Result<Found, Error> {
    let (format, found) = prepare_tables(database, sealing).map_err(|e| file::failure(folder, e))?;
    if format > SEALED_FORMAT {
        let file = folder.join(file::NAME);
        return Err(Error::NewerFormat { file, found: format, known: SEALED_FORMAT });
    }
    Ok(found)
}

fn prepare_tables(database: &Database, sealing: &Sealing) -> Result<(u64, Found), redb::Error> {
    let write = database.begin_write()?;
    let found = {
        let mut meta = write.open_table(META)?;
        if meta.get(FORMAT)?.is_none() {
            let key = sealing.current();
            meta.insert(FORMAT, if key.is_some() { SEALED_FORMAT } else { PLAIN_FORMAT })?;
            if let Some(key) = key {
                meta.insert(DATA_KEY, u64::from_be_bytes(key.0))?;
            }
            write.open_table(CURRENT)?;
        }
        let format = meta.get(FORMAT)?.map_or(PLAIN_FORMAT, |v| v.value());
        let revision = Revision(meta.get(REVISION)?.map_or(0, |v| v.value()));
        let sealed = meta.get(DATA_KEY)?.map(|v| KeyId(v.value().to_be_bytes()));
        (format, Found { revision, sealed })
    };
    write.commit()?;
    Ok(found)
}

fn entry(sealing: &Sealing, key: &str, (create, modified, value): Row<'_>) -> Result<Entry, redb::Error> {
    Ok(Entry {
        key: key.to_owned(),
        value: sealing.open(key, value)?,
        create_revision: Revision(create),
        mod_revision: Revision(modified),
    })
}

/// The store as it was at one revision.
pub(crate) struct Snapshot {
    current: ReadOnlyTable<&'static str, Row<'static>>,
    revision: Revision,
    sealing: Sealing,
}

impl Snapshot {
    pub(crate) fn new(read: &ReadTransaction, sealing: Sealing) -> Result<Self, redb::Error> {
        let meta = read.open_table(META)?;
        let revision = ReadableTable::get(&meta, REVISION)?.map_or(0, |v| v.value());
        Ok(Self { current: read.open_table(CURRENT)?, revision: Revision(revision), sealing })
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Entry>, redb::Error> {
        let found = ReadableTable::get(&self.current, key)?;
        found.map(|row| entry(&self.sealing, key, row.value())).transpose()
    }

    /// Every entry, one by one.
    pub(crate) fn each(&self) -> Result<impl Iterator<Item = Result<Entry, redb::Error>>, redb::Error> {
        let all = ReadableTable::range::<&str>(&self.current, ..)?;
        Ok(all.map(|found| {
            let (key, row) = found?;
            entry(&self.sealing, key.value(), row.value())
        }))
    }

    pub(crate) fn list(&self, prefix: &str, page: &Page) -> Result<Listing, redb::Error> {
        let start = page.start(prefix);
        let from: (Bound<&str>, Bound<&str>) = (start.as_ref().map(String::as_str), Bound::Unbounded);
        let mut listing = Listing { entries: Vec::new(), revision: self.revision, more: false };
        for found in ReadableTable::range::<&str>(&self.current, from)? {
            let (key, row) = found?;
            if !key.value().starts_with(prefix) {
                break;
            }
            if page.limit.is_some_and(|limit| listing.entries.len() >= limit) {
                listing.more = true;
                break;
            }
            listing.entries.push(entry(&self.sealing, key.value(), row.value())?);
        }
        Ok(listing)
    }
}

/// The table of a write under way.
pub(crate) struct Current<'txn> {
    table: redb::Table<'txn, &'static str, Row<'static>>,
    sealing: &'txn Sealing,
}

impl<'txn> Current<'txn> {
    pub(crate) fn open(write: &'txn WriteTransaction, sealing: &'txn Sealing) -> Result<Self, redb::Error> {
        Ok(Self { table: write.open_table(CURRENT)?, sealing })
    }
}

impl Table for Current<'_> {
    type Error = redb::Error;

    fn get(&self, key: &str) -> Result<Option<Entry>, redb::Error> {
        let found = self.table.get(key)?;
        found.map(|row| entry(self.sealing, key, row.value())).transpose()
    }

    fn put(&mut self, new: &Entry) -> Result<(), redb::Error> {
        let value = self.sealing.seal(&new.key, &new.value);
        let row = (new.create_revision.0, new.mod_revision.0, &value[..]);
        self.table.insert(new.key.as_str(), row)?;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), redb::Error> {
        self.table.remove(key)?;
        Ok(())
    }
}

/// Writes the newest revision, so that a restart goes on from it.
pub(crate) fn set_revision(write: &WriteTransaction, revision: Revision) -> Result<(), redb::Error> {
    write.open_table(META)?.insert(REVISION, revision.0)?;
    Ok(())
}

#[cfg(test)]
pub(crate) fn set_format_for_test(database: &Database, format: u64) {
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().insert(FORMAT, format).unwrap();
    write.commit().unwrap();
}

#[cfg(test)]
pub(crate) fn exchange_for_test(database: &Database, one: &str, other: &str) {
    let write = database.begin_write().unwrap();
    {
        let mut current = write.open_table(CURRENT).unwrap();
        let read = |key: &str| {
            let row = current.get(key).unwrap().unwrap();
            let (create, modified, value) = row.value();
            (create, modified, value.to_vec())
        };
        let (first, second) = (read(one), read(other));
        for (key, (create, modified, value)) in [(other, first), (one, second)] {
            current.insert(key, (create, modified, &value[..])).unwrap();
        }
    }
    write.commit().unwrap();
}
