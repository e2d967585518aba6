//! A store is sealed anew: one that was not sealed, or whose data key is replaced.
//!
//! A sealed copy is made beside the file (`store.making`, then, complete and durable, `store.copy`), and written over the
//! file. Whatever moment the process dies at, the next opening begins again or goes on with the copy.
//!
//! Why the copy is written over the file and not put in its place: what was plain is overwritten, as far as the disk does
//! that; and the file stays the same one, by which a hub knows its own folder from a copy of it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use redb::{Database, Durability, ReadableDatabase as _};

use super::{
    file::{self, failure, io_failure},
    sealing::Sealing,
    table::{self, Current, Found, Snapshot},
};
use crate::{Error, apply::Table as _};

const MAKING: &str = "store.making";
const COPY: &str = "store.copy";
/// So many bytes of values are in memory at once.
const STEP: usize = 8 << 20;
/// What the database needs while it is read once.
const CACHE: usize = 8 << 20;

/// Goes on where sealing anew was interrupted.
pub(crate) fn go_on(folder: &Path) -> Result<(), Error> {
    let Some(copy) = claim(folder)? else { return Ok(()) };
    tracing::info!(folder = %folder.display(), "sealing the store goes on");
    put_over(copy, folder)
}

/// Seals all that is in the database with the newest key. Blocks for as long as it takes to read and write it.
pub(crate) fn seal(database: Database, found: Found, folder: &Path, sealing: &Sealing) -> Result<(), Error> {
    tracing::info!(folder = %folder.display(), "the store is sealed now: it is written anew");
    let making = folder.join(MAKING);
    let count = copy(&database, found, &making, folder, sealing)?;
    fs::rename(&making, folder.join(COPY)).map_err(|e| io_failure("rename", &making, e))?;
    file::sync(folder)?;
    // Claimed before the file is let go: nobody comes in between.
    let copy = claim(folder)?;
    drop(database);
    copy.map_or(Ok(()), |copy| put_over(copy, folder))?;
    tracing::info!(folder = %folder.display(), records = count, "the store is sealed");
    Ok(())
}

/// A file with the same entries at the same revisions, sealed with the newest key; how many they are.
fn copy(
    database: &Database,
    found: Found,
    to: &Path,
    folder: &Path,
    sealing: &Sealing,
) -> Result<usize, Error> {
    file::private(to)?;
    let made = Database::builder().set_cache_size(CACHE).create(to).map_err(|e| failure(folder, e))?;
    table::prepare(&made, folder, sealing)?;
    let copied = || -> Result<usize, redb::Error> {
        let from = Snapshot::new(&database.begin_read()?, sealing.of(found.sealed))?;
        let mut entries = from.each()?;
        let mut count = 0;
        loop {
            let mut write = made.begin_write()?;
            let mut bytes = 0;
            let mut current = Current::open(&write, sealing)?;
            while bytes < STEP
                && let Some(entry) = entries.next().transpose()?
            {
                bytes += entry.key.len() + entry.value.len();
                count += 1;
                current.put(&entry)?;
            }
            drop(current);
            if bytes == 0 {
                table::set_revision(&write, found.revision)?;
                write.commit()?;
                return Ok(count);
            }
            write.set_durability(Durability::None)?;
            write.commit()?;
        }
    };
    copied().map_err(|e| failure(folder, e))
}

/// The complete copy, if there is one, for this process alone.
fn claim(folder: &Path) -> Result<Option<File>, Error> {
    let path = folder.join(COPY);
    let failed = |e: io::Error| io_failure("read", &path, e);
    let copy = match OpenOptions::new().read(true).write(true).open(&path) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    copy.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Error::InUse { folder: folder.to_owned() },
        TryLockError::Error(e) => failed(e),
    })?;
    // Another process may have used it up before it could be locked.
    let ours = copy.metadata().map_err(failed)?.ino();
    match fs::metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        found => Ok(Some(copy).filter(|_| found.is_ok_and(|found| found.ino() == ours))),
    }
}

/// Writes the copy over the file, durably, and removes the copy.
fn put_over(mut copy: File, folder: &Path) -> Result<(), Error> {
    let path = folder.join(file::NAME);
    let mut written = || -> io::Result<()> {
        let mut to = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        let length = io::copy(&mut copy, &mut to)?;
        to.set_len(length)?;
        to.sync_all()
    };
    written().map_err(|e| io_failure("write the sealed copy over", &path, e))?;
    let copy = folder.join(COPY);
    fs::remove_file(&copy).map_err(|e| io_failure("remove", &copy, e))?;
    file::sync(folder)
}

#[cfg(test)]
mod tests;
