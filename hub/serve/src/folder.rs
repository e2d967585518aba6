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
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(failed(path, "cannot be written"))
}
