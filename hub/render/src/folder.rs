//! A folder of this machine as a tree: what is on disk now, tracked by Git or not.
//!
//! Decides nothing but what is there. `.git` is left out at every depth, and so is what is neither file, folder nor
//! symbolic link, and what has no name in UTF-8. Links are links: they are followed inside the folder only
//! ([`tree::follow`](crate::tree::follow)), as in a commit.
//!
//! # Invariants
//! - The list of files is that of the moment in which it was opened; contents are read when they are asked for.
//! - An entry's id says which file it is and when it was changed last, not what is in it: it holds in this process and is
//!   good for no cache that outlives it.

use crate::tree::{Entry, Mode, Tree};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// Files and folders of one folder.
const MOST: usize = 1_000_000;
/// Folders inside one another.
const DEEPEST: usize = 256;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not there, or not to be read.
    #[error("{path} cannot be read")]
    Io {
        /// What.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is a file.
    #[error("{0} is not a folder")]
    NotAFolder(String),
    /// There is more in it than a repository has.
    #[error("{path} {what}: name the folder of one repository")]
    TooMuch {
        /// The folder.
        path: String,
        /// By which measure.
        what: String,
    },
}

/// A folder of this machine.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Sorted by path.
    entries: Vec<Entry>,
}

impl Folder {
    /// Lists a folder. Blocks.
    ///
    /// # Errors
    /// See [`Unreadable`]; a folder below that may not be read is one too, since what is in it would be missing in silence.
    pub fn open(root: &Path) -> Result<Self, Unreadable> {
        let failed = |source| Unreadable::Io { path: root.display().to_string(), source };
        let root = fs::canonicalize(root).map_err(failed)?;
        if !fs::metadata(&root).map_err(failed)?.is_dir() {
            return Err(Unreadable::NotAFolder(root.display().to_string()));
        }
        let mut walk = Walk { root: &root, entries: Vec::new(), seen: 0 };
        walk.folder(&root, "", 0)?;
        let mut entries = walk.entries;
        entries.sort();
        Ok(Self { root, entries })
    }

    /// Where it is, without links.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

struct Walk<'a> {
    root: &'a Path,
    entries: Vec<Entry>,
    /// Files and folders so far.
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Unreadable> {
        let too_much = |what: String| Unreadable::TooMuch { path: self.root.display().to_string(), what };
        if depth > DEEPEST {
            return Err(too_much(format!("has folders inside one another more than {DEEPEST} deep")));
        }
        let failed = |source| Unreadable::Io { path: folder.display().to_string(), source };
        for item in fs::read_dir(folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            self.seen += 1;
            if self.seen > MOST {
                let path = self.root.display().to_string();
                return Err(Unreadable::TooMuch { path, what: format!("holds more than {MOST} files") });
            }
            let name = item.file_name();
            let Some(name) = name.to_str().filter(|name| *name != ".git") else { continue };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let kind = item.file_type().map_err(failed)?;
            if kind.is_dir() {
                self.folder(&item.path(), &path, depth + 1)?;
            } else if kind.is_file() || kind.is_symlink() {
                let mode = if kind.is_symlink() { Mode::Symlink } else { Mode::File };
                // One that went away meanwhile is not there.
                let Ok(about) = item.metadata() else { continue };
                let (at, nanos) = (about.mtime(), about.mtime_nsec());
                let id = format!("disk:{}:{}:{}:{at}.{nanos}", about.dev(), about.ino(), about.size());
                self.entries.push(Entry { path, mode, id });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Tree for Folder {
    fn name(&self) -> String {
        format!("{} as it is on disk", self.root.display())
    }

    fn get(&self, path: &str) -> Option<Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        Some(self.entries[at].clone())
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        let folder = folder.trim_matches('/');
        let inside = |entry: &&Entry| {
            folder.is_empty() || entry.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let from = self.entries.partition_point(|entry| entry.path.as_str() < folder);
        let near = self.entries[from..].iter().take_while(|entry| entry.path.starts_with(folder));
        near.filter(inside).cloned().collect()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        let wanted: Vec<(PathBuf, Mode, u64)> = entries
            .iter()
            .map(|entry| (self.root.join(&entry.path), entry.mode, size_of(&entry.id)))
            .collect();
        let work = move || wanted.iter().map(|(path, mode, size)| contents(path, *mode, *size)).collect();
        tokio::task::spawn_blocking(work).await.map_err(|_| "reading was interrupted".to_owned())?
    }
}

/// The size that an id was made with.
fn size_of(id: &str) -> u64 {
    id.split(':').nth(3).and_then(|size| size.parse().ok()).unwrap_or(0)
}

fn contents(path: &Path, mode: Mode, size: u64) -> Result<Bytes, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    if mode == Mode::Symlink {
        let target = fs::read_link(path).map_err(failed)?;
        return Ok(Bytes::copy_from_slice(target.as_os_str().as_bytes()));
    }
    let about = fs::symlink_metadata(path).map_err(failed)?;
    if !about.is_file() || about.size() != size {
        return Err(format!("{} was changed while it was read; try again", path.display()));
    }
    fs::read(path).map(Bytes::from).map_err(failed)
}

#[cfg(test)]
mod tests;
