//! Files of the data folder, readable by the hub's user only.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A file or folder that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FolderError {
    path: PathBuf,
    what: &'static str,
    source: io::Error,
}

pub(crate) fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { path, what, source }
}

/// Makes a folder, and those above it, for this user only.
pub(crate) fn make(path: &Path) -> Result<(), FolderError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed(path, "the folder cannot be made"))
}

/// Writes a file whole or not at all, for this user only.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), FolderError> {
    let temporary = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync(path));
    written.map_err(failed(path, "cannot be written"))
}

/// Writes a file whole, for this user only, unless there is one already; whether it did.
pub(crate) fn write_once(path: &Path, text: &str) -> Result<bool, FolderError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{:016x}", rand::random::<u64>()));
    let temporary = Path::new(&temporary);
    let written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(temporary).and_then(
            |mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                // Unlike a rename it takes no place that is taken.
                fs::hard_link(temporary, path)
            },
        );
    let written = match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    };
    let removed = fs::remove_file(temporary);
    let made = written.and_then(|made| {
        removed?;
        sync(path)?;
        Ok(made)
    });
    made.map_err(failed(path, "cannot be written"))
}

/// A new name survives a power cut only once its folder is on disk.
fn sync(path: &Path) -> io::Result<()> {
    match path.parent().filter(|above| !above.as_os_str().is_empty()) {
        Some(above) => fs::File::open(above)?.sync_all(),
        None => fs::File::open(".")?.sync_all(),
    }
}
