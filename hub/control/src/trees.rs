//! A commit as sources may read it: its tree, with the submodules that are followed in their places.

use crate::{
    git::chain,
    modules::{Mount, Place},
};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::tree::{Entry, Limit, Mode, Tree};
use hub_source::{ReadLimit, Repositories};
use parking_lot::Mutex;
use std::{collections::BTreeMap, fmt};

/// Files up to this size are remembered: many members of a set look into the same small ones to tell what they need.
/// What is read to be rendered is not: it is read once for each rendering.
const SMALL: usize = 64 << 10;
/// The most that is remembered, in bytes.
const REMEMBERED: usize = 2 << 20;
/// The most that is looked into at once, in bytes.
const LARGEST: u64 = 64 << 20;

/// A commit as sources may read it.
pub(crate) struct GitTree {
    repositories: Repositories,
    name: String,
    /// The commit itself first. Where the others are begins at its root and ends with a slash.
    mounts: Vec<Mount>,
    small: Mutex<(usize, BTreeMap<String, Bytes>)>,
}

impl fmt::Debug for GitTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GitTree").field(&self.name).finish()
    }
}

impl GitTree {
    /// A tree from its root, with what is mounted in the folder of the first mount.
    pub(crate) fn new(repositories: Repositories, revision: &str, mut mounts: Vec<Mount>) -> Self {
        let Place { url, commit, path } = &mounts[0].place;
        let name = format!("{url} at {revision} ({})", commit.short());
        let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
        for mount in &mut mounts[1..] {
            mount.at = format!("{folder}{}", mount.at);
        }
        Self { repositories, name, mounts, small: Mutex::default() }
    }

    /// Where a path is: in which mount, and by which path there.
    fn locate<'a>(&self, path: &'a str) -> (usize, &'a str) {
        let deepest = (1..self.mounts.len())
            .filter(|at| path.starts_with(self.mounts[*at].at.as_str()))
            .max_by_key(|at| self.mounts[*at].at.len());
        deepest.map_or((0, path), |at| (at, &path[self.mounts[at].at.len()..]))
    }

    fn is_mounted(&self, path: &str) -> bool {
        self.mounts[1..].iter().any(|mount| mount.at.trim_end_matches('/') == path)
    }

    fn entry(&self, mount: &Mount, entry: &hub_source::Entry) -> Option<Entry> {
        let path = format!("{}{}", if mount.at.is_empty() { "" } else { &mount.at }, entry.path);
        let mode = match entry.mode {
            hub_source::Mode::File | hub_source::Mode::Executable => Mode::File,
            hub_source::Mode::Symlink => Mode::Symlink,
            hub_source::Mode::Submodule if self.is_mounted(&path) => return None,
            hub_source::Mode::Submodule => Mode::Submodule,
        };
        Some(Entry { path, mode, id: entry.id.as_str().to_owned() })
    }

    async fn fetch(&self, entries: &[Entry], limit: Limit, remembers: bool) -> Result<Vec<Bytes>, String> {
        let mut contents = vec![Bytes::new(); entries.len()];
        let mut wanted: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
        let mut left = limit.all;
        {
            let small = self.small.lock();
            for (index, entry) in entries.iter().enumerate() {
                match small.1.get(&entry.id) {
                    Some(known) => {
                        left = left.saturating_sub(known.len() as u64);
                        contents[index] = known.clone();
                    }
                    None => {
                        let (mount, path) = self.locate(&entry.path);
                        wanted.entry(mount).or_default().push((index, path.to_owned()));
                    }
                }
            }
        }
        for (mount, files) in wanted {
            let (indices, paths): (Vec<usize>, Vec<String>) = files.into_iter().unzip();
            let Place { url, commit, .. } = &self.mounts[mount].place;
            let limit = ReadLimit { per_file: limit.each, total: left };
            let read = self.repositories.read(url, commit, &paths, limit).await;
            for (index, (_, bytes)) in indices.into_iter().zip(read.map_err(|error| chain(&error))?) {
                left = left.saturating_sub(bytes.len() as u64);
                if remembers {
                    self.remember(&entries[index].id, &bytes);
                }
                contents[index] = bytes;
            }
        }
        Ok(contents)
    }

    /// The bytes that are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.small.lock().0
    }

    fn remember(&self, id: &str, bytes: &Bytes) {
        let mut small = self.small.lock();
        if bytes.len() <= SMALL && small.0 + bytes.len() <= REMEMBERED {
            small.0 += bytes.len();
            small.1.insert(id.to_owned(), bytes.clone());
        }
    }
}

#[async_trait]
impl Tree for GitTree {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn get(&self, path: &str) -> Option<Entry> {
        let (at, inside) = self.locate(path);
        let mount = &self.mounts[at];
        self.entry(mount, mount.tree.get(inside)?)
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        let mut found = Vec::new();
        for mount in &self.mounts {
            let inside = match folder.strip_prefix(mount.at.trim_end_matches('/')) {
                _ if mount.at.is_empty() => folder,
                Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
                Some(_) | None if folder.is_empty() || mount.at.starts_with(&format!("{folder}/")) => "",
                Some(_) | None => continue,
            };
            found.extend(mount.tree.under(inside).filter_map(|entry| self.entry(mount, entry)));
        }
        if self.mounts.len() > 1 {
            found.sort();
        }
        found
    }

    fn has_folder(&self, folder: &str) -> bool {
        let (at, inside) = self.locate(folder);
        folder.is_empty() || self.is_mounted(folder) || self.mounts[at].tree.under(inside).next().is_some()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        self.fetch(entries, Limit { each: LARGEST, all: LARGEST }, true).await
    }

    async fn read_within(&self, entries: &[Entry], limit: Limit) -> Result<Vec<Bytes>, String> {
        self.fetch(entries, limit, false).await
    }
}
