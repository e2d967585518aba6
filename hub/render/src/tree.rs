//! Files that a source may read, wherever they are kept: a commit, a folder on disk, an unpacked chart.
//!
//! # Invariants
//! - Paths are relative to the tree's root, with `/` between their parts, and have no `.`, `..` or empty part.
//! - A symbolic link is followed only inside its tree ([`follow`]): what a tool is given has no links in it.

mod memory;

pub use memory::Memory;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Links that lead to links.
const HOPS: usize = 16;
/// A link's target, in bytes.
const LONGEST_TARGET: usize = 4096;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A file.
    File,
    /// A symbolic link: its contents are its target.
    Symlink,
    /// Another repository, which is not read.
    Submodule,
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// From the tree's root.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// Equal ids are equal contents, across trees of one kind too: a Git blob's id, or `sha256:<hex>` of the contents.
    pub id: String,
}

/// Files that a source may read.
#[async_trait]
pub trait Tree: fmt::Debug + Send + Sync {
    /// What it is, for people: `https://git.example.com/fleet.git at main (abc1234)`.
    fn name(&self) -> String;

    /// The entry at exactly `path`.
    fn get(&self, path: &str) -> Option<Entry>;

    /// Everything in the folder and below it, sorted by path (by bytes); all of it for an empty path.
    fn under(&self, folder: &str) -> Vec<Entry>;

    /// Whether something is in the folder or below it.
    fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || !self.under(folder).is_empty()
    }

    /// The contents of entries, in their order.
    ///
    /// # Errors
    /// What could not be read and why; it may work later.
    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String>;

    /// The contents of entries, in their order, if they are no more than that; who can tell before looks at nothing else.
    ///
    /// # Errors
    /// As [`Tree::read`], and what is too large.
    async fn read_within(&self, entries: &[Entry], limit: Limit) -> Result<Vec<Bytes>, String> {
        let read = self.read(entries).await?;
        let mut left = limit.all;
        for (entry, bytes) in entries.iter().zip(&read) {
            let size = bytes.len() as u64;
            if size > limit.each || size > left {
                let (each, all) = (limit.each >> 20, limit.all >> 20);
                return Err(format!(
                    "`{}` is too large: at most {each} MiB each and {all} MiB together are read",
                    entry.path
                ));
            }
            left -= size;
        }
        Ok(read)
    }
}

/// The id of contents that have none yet.
pub(crate) fn content_id(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |id, byte| id + &format!("{byte:02x}"))
}

/// How much is read of one source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of one file.
    pub each: u64,
    /// Of all files together.
    pub all: u64,
}

/// Why a path of a tree is not a file or folder that may be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// There is nothing.
    #[error("`{path}` is not there")]
    Absent {
        /// As it was asked for.
        path: String,
    },
    /// It leads out of the tree.
    #[error("`{path}` leads out of the repository ({how}): keep what is rendered inside it")]
    Outside {
        /// As it was asked for.
        path: String,
        /// Absolute, by `..`, or by the link that it passes.
        how: String,
    },
    /// Links lead to links without an end.
    #[error("`{path}` is a symbolic link that leads nowhere")]
    Circle {
        /// As it was asked for.
        path: String,
    },
    /// A link could not be read; it may work later.
    #[error("`{path}` could not be read: {cause}")]
    Unreadable {
        /// As it was asked for.
        path: String,
        /// What the tree said.
        cause: String,
    },
}

/// Where a path really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(Entry),
    /// A folder, by its path without links.
    Folder(String),
}

/// `path` seen from `folder`, without `.` and `..`; `None` when it leaves the root or is absolute.
pub fn join(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Where `path` of a tree really is: links on the way and at its end are followed, inside the tree only.
///
/// # Errors
/// See [`Astray`].
pub async fn follow(tree: &dyn Tree, path: &str) -> Result<Found, Astray> {
    let outside = |how: &str| Astray::Outside { path: path.to_owned(), how: how.to_owned() };
    let mut at = join("", path).ok_or_else(|| outside("by its `..` or leading `/`"))?;
    for _ in 0..HOPS {
        // The first link on the way to it.
        let ends = at.match_indices('/').map(|(end, _)| end).chain([at.len()]);
        let link = ends
            .filter(|end| *end > 0)
            .find_map(|end| tree.get(&at[..end]).filter(|entry| entry.mode == Mode::Symlink));
        let Some(link) = link else {
            return match tree.get(&at) {
                Some(entry) if entry.mode == Mode::File => Ok(Found::File(entry)),
                Some(_) | None if tree.has_folder(&at) => Ok(Found::Folder(at)),
                Some(_) | None => Err(Astray::Absent { path: path.to_owned() }),
            };
        };
        let target =
            target(tree, &link).await.map_err(|cause| Astray::Unreadable { path: path.to_owned(), cause })?;
        let folder = link.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let rest = at[link.path.len()..].trim_start_matches('/');
        let next = join(folder, &target).and_then(|next| join(&next, rest));
        at = next.ok_or_else(|| outside(&format!("through the link `{}`", link.path)))?;
    }
    Err(Astray::Circle { path: path.to_owned() })
}

async fn target(tree: &dyn Tree, link: &Entry) -> Result<String, String> {
    let read = tree.read(std::slice::from_ref(link)).await?;
    let bytes = read.into_iter().next().unwrap_or_default();
    if bytes.len() > LONGEST_TARGET {
        return Err("the link is longer than any path".to_owned());
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| "the link's target is not UTF-8 text".to_owned())
}
