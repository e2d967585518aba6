//! The layout of the file: `current` holds each key's newest entry, `meta` the newest revision and the
//! format.

use std::ops::Bound;
use std::path::Path;

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::apply::Table;
use crate::{Entry, Error, Listing, Page, Revision};

use super::file;

/// (create revision, mod revision, value)
type Row<'a> = (u64, u64, &'a [u8]);

const CURRENT: TableDefinition<'_, &str, Row<'_>> = TableDefinition::new("current");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// Raised when an older version could not read what this one writes.
const KNOWN_FORMAT: u64 = 1;

/// Makes the tables of a new file, and tells at which revision the store is.
pub(crate) fn prepare(database: &Database, folder: &Path) -> Result<Revision, Error> {
    let (format, revision) = prepare_tables(database).map_err(|e| file::failure(folder, e))?;
    if format > KNOWN_FORMAT {
        let file = folder.join(file::NAME);
        return Err(Error::NewerFormat { file, found: format, known: KNOWN_FORMAT });
    }
    Ok(revision)
}

fn prepare_tables(database: &Database) -> Result<(u64, Revision), redb::Error> {
    let write = database.begin_write()?;
    let found = {
        let mut meta = write.open_table(META)?;
        let format = meta.get(FORMAT)?.map(|v| v.value());
        let revision = meta.get(REVISION)?.map_or(0, |v| v.value());
        if format.is_none() {
            meta.insert(FORMAT, KNOWN_FORMAT)?;
            write.open_table(CURRENT)?;
        }
        (format.unwrap_or(KNOWN_FORMAT), Revision(revision))
    };
    write.commit()?;
    Ok(found)
}

fn entry(key: &str, (create, modified, value): Row<'_>) -> Entry {
    Entry {
        key: key.to_owned(),
        value: Bytes::copy_from_slice(value),
        create_revision: Revision(create),
        mod_revision: Revision(modified),
    }
}

/// The store as it was at one revision.
pub(crate) struct Snapshot {
    current: ReadOnlyTable<&'static str, Row<'static>>,
    revision: Revision,
}

impl Snapshot {
    pub(crate) fn new(read: &ReadTransaction) -> Result<Self, redb::Error> {
        let meta = read.open_table(META)?;
        let revision = ReadableTable::get(&meta, REVISION)?.map_or(0, |v| v.value());
        Ok(Self { current: read.open_table(CURRENT)?, revision: Revision(revision) })
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Entry>, redb::Error> {
        Ok(ReadableTable::get(&self.current, key)?.map(|row| entry(key, row.value())))
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
            listing.entries.push(entry(key.value(), row.value()));
        }
        Ok(listing)
    }
}

/// The table of a write under way.
pub(crate) struct Current<'txn>(redb::Table<'txn, &'static str, Row<'static>>);

impl<'txn> Current<'txn> {
    pub(crate) fn open(write: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self(write.open_table(CURRENT)?))
    }
}

impl Table for Current<'_> {
    type Error = redb::Error;

    fn get(&self, key: &str) -> Result<Option<Entry>, redb::Error> {
        Ok(self.0.get(key)?.map(|row| entry(key, row.value())))
    }

    fn put(&mut self, new: &Entry) -> Result<(), redb::Error> {
        let row = (new.create_revision.0, new.mod_revision.0, &new.value[..]);
        self.0.insert(new.key.as_str(), row)?;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), redb::Error> {
        self.0.remove(key)?;
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
