//! A tree in memory. Contents that start with `-> ` are symbolic links.

use crate::{Entry, Tree, tree::Mode};
use async_trait::async_trait;
use bytes::Bytes;
use shared_model::Digest;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(BTreeMap<String, String>);

impl Memory {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }

    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.0.insert(path.to_owned(), text.to_owned());
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn entry(path: &str, text: &str) -> Entry {
        let mode = if text.starts_with("-> ") { Mode::Symlink } else { Mode::File };
        Entry { path: path.to_owned(), mode, id: Digest::of(text.as_bytes()).to_string() }
    }
}

#[async_trait]
impl Tree for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn get(&self, path: &str) -> Option<Entry> {
        self.0.get(path).map(|text| Self::entry(path, text))
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        let inside = |path: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.0.iter().filter(|(path, _)| inside(path)).map(|(path, text)| Self::entry(path, text)).collect()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        let text = |entry: &Entry| {
            let text = self.0.get(&entry.path).ok_or_else(|| format!("{} is gone", entry.path))?;
            Ok(Bytes::from(text.strip_prefix("-> ").unwrap_or(text).to_owned()))
        };
        entries.iter().map(text).collect()
    }
}
