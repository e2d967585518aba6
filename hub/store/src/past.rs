//! What the store held at a revision that is not the newest any more.
//!
//! The window keeps what each change replaced, so what was is what is, with the changes since taken back. That costs
//! nothing while nobody asks, and needs no version of a value kept beside it. As far back as the window goes; further
//! back a reader is told so, as by a watch.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::{Entry, Error, Listing, Page, Revision, Store};

/// The store as it was at one revision.
#[derive(Debug, Clone, Copy)]
pub struct Past<'s> {
    store: &'s dyn Store,
    at: Revision,
}

/// The keys that a reader asks about.
#[derive(Debug, Clone)]
pub struct Keys {
    /// What all of them start with.
    pub(crate) prefix: String,
    pub(crate) after: Bound<String>,
    /// The last one; to the end of the prefix without one.
    pub(crate) upto: Option<String>,
}

impl Keys {
    pub(crate) fn has(&self, key: &str) -> bool {
        let is_after = match &self.after {
            Bound::Included(start) => key >= start.as_str(),
            Bound::Excluded(start) => key > start.as_str(),
            Bound::Unbounded => true,
        };
        is_after
            && key.starts_with(&self.prefix)
            && self.upto.as_ref().is_none_or(|upto| key <= upto.as_str())
    }
}

/// What keys held before, as far as they were changed since; `None` for those that were not there.
pub type Before = BTreeMap<String, Option<Entry>>;

impl<'s> Past<'s> {
    /// The store at `at`, which it has reached.
    pub fn new(store: &'s dyn Store, at: Revision) -> Self {
        Self { store, at }
    }

    /// The revision.
    pub const fn revision(&self) -> Revision {
        self.at
    }

    /// What a key held.
    ///
    /// # Errors
    /// [`Error::Compacted`] when the window does not go back that far, or the storage cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let keys = Keys {
            prefix: key.to_owned(),
            after: Bound::Included(key.to_owned()),
            upto: Some(key.to_owned()),
        };
        let now = self.store.get(key).await?;
        // Whatever was seen there is of this revision at the latest.
        let upto = self.store.revision().await?;
        let mut before = self.store.before(&keys, self.at, upto).await?;
        Ok(before.remove(key).unwrap_or(now))
    }

    /// As [`Store::list`], at this revision.
    ///
    /// # Errors
    /// [`Error::Compacted`] when the window does not go back that far, or the storage cannot be read.
    pub async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        let wanted = page.limit.unwrap_or(usize::MAX);
        let limit = page.limit.map(|limit| limit.saturating_add(1));
        let (mut start, mut found) = (page.start(prefix), Vec::new());
        let mut next = page;
        loop {
            let part = self.store.list(prefix, Page { limit, ..next }).await?;
            let last = part.entries.last().map(|entry| entry.key.clone());
            let upto = last.filter(|_| part.more);
            let keys = Keys { prefix: prefix.to_owned(), after: start, upto: upto.clone() };
            let before = self.store.before(&keys, self.at, part.revision).await?;
            found.extend(taken_back(part.entries, before));
            match upto {
                Some(last) if found.len() <= wanted => {
                    start = Bound::Excluded(last.clone());
                    next = Page { after: Some(last), limit };
                }
                Some(_) | None => break,
            }
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        Ok(Listing { entries: found, revision: self.at, more })
    }
}

/// Entries as they were; both are in the order of keys.
fn taken_back(now: Vec<Entry>, mut before: Before) -> Vec<Entry> {
    if before.is_empty() {
        return now;
    }
    let mut entries: BTreeMap<String, Entry> = now
        .into_iter()
        .filter(|entry| !before.contains_key(&entry.key))
        .map(|entry| (entry.key.clone(), entry))
        .collect();
    while let Some((key, entry)) = before.pop_first() {
        if let Some(entry) = entry {
            entries.insert(key, entry);
        }
    }
    entries.into_values().collect()
}
