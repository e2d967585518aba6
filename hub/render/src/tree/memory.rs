//! A tree whose files are all there: an unpacked chart.

use super::{Entry, Mode, Tree, content_id};
use async_trait::async_trait;
use bytes::Bytes;
use std::{collections::BTreeMap, fmt};

/// A tree whose files are all there.
pub struct Memory {
    name: String,
    files: BTreeMap<String, (Entry, Bytes)>,
}

impl Memory {
    /// Of files by their paths, which have neither `.` nor `..` in them.
    pub fn new(name: impl Into<String>, files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| {
            let entry = Entry { path: path.clone(), mode: Mode::File, id: content_id(&bytes) };
            (path, (entry, bytes))
        });
        Self { name: name.into(), files: files.collect() }
    }

    /// With a symbolic link to `target`, as it is written in it.
    #[must_use]
    pub fn with_link(mut self, path: &str, target: &str) -> Self {
        let entry = Entry { path: path.to_owned(), mode: Mode::Symlink, id: format!("link:{target}") };
        self.files.insert(path.to_owned(), (entry, Bytes::from(target.to_owned())));
        self
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({}, {} files)", self.name, self.files.len())
    }
}

#[async_trait]
impl Tree for Memory {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn get(&self, path: &str) -> Option<Entry> {
        self.files.get(path).map(|(entry, _)| entry.clone())
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = self.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        below.map(|(_, (entry, _))| entry.clone()).collect()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        let read = |entry: &Entry| {
            let found = self.files.get(&entry.path).filter(|(known, _)| known.id == entry.id);
            found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| format!("`{}` is not there", entry.path))
        };
        entries.iter().map(read).collect()
    }
}
