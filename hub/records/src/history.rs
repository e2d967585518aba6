//! The log of what happened: one key for each [`Entry`], in the order of time.
//!
//! Whoever writes a fact puts its entry into the same transaction ([`put`]); whoever sees one that has none (a link that
//! broke) writes it right after ([`Records::tell`]). There is one log: the timeline and notifications both read it.
//!
//! Why the key is the time: readers ask for a span of time, and the oldest go first. The revision of an entry says in
//! which order entries were written, which is what notifications follow: some are written later than they happened.

use crate::{Error, Records, keys, records::encode};
use hub_store::{Compare, Op, Outcome, Page, Revision, Txn};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_history::{Commit, Entry, Filter, key_at};
use shared_model::{CommitId, Digest, RepoUrl};
use std::collections::BTreeMap;

/// How many entries one step of a scan reads.
const PAGE: usize = 2000;
/// How many writes one transaction takes.
const BATCH: usize = 90;

/// The write that keeps an entry.
pub fn put(entry: Entry) -> Op {
    let entry = entry.bounded();
    Op::Put { key: key(&entry), value: encode(&entry) }
}

/// The writes that keep entries; no key twice, as a transaction demands.
pub fn puts(entries: Vec<Entry>) -> Vec<Op> {
    let ops: BTreeMap<String, Op> =
        entries.into_iter().map(put).map(|op| (op.key().to_owned(), op)).collect();
    ops.into_values().collect()
}

/// Where an entry is kept.
pub fn key(entry: &Entry) -> String {
    format!("{}{}", keys::HISTORY, entry.key())
}

/// Entries as they are kept, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The entries, each with its key and the revision at which it was written last.
    pub entries: Vec<(String, Revision, Entry)>,
    /// The revision at which the first of them was read: a watch from here misses nothing, and may tell again what was
    /// written while the others were read.
    pub revision: Revision,
    /// After which key the next page starts; `None` at the end.
    pub next: Option<String>,
}

/// The commit that something follows, as it was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The commit, for people.
    pub commit: Commit,
    /// When it was seen first.
    pub at: Timestamp,
}

/// Where it is kept what a revision of a repository was last.
pub fn seen_key(url: &RepoUrl, revision: &str) -> String {
    format!("{}{}", keys::SEEN, &Digest::of(format!("{}\n{revision}", url.as_str()).as_bytes()).hex()[..32])
}

impl Records {
    /// Keeps entries that have no transaction of their own. One that is there already stays as it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tell(&self, entries: Vec<Entry>) -> Result<(), Error> {
        for part in entries.chunks(BATCH) {
            let ops = puts(part.to_vec());
            let compares = ops.iter().map(|op| Compare::Absent { key: op.key().to_owned() }).collect();
            match self.store().commit(Txn { compares, ops: ops.clone() }).await? {
                Outcome::Committed(_) => {}
                Outcome::Conflict { .. } => self.one_by_one(ops).await?,
            }
        }
        Ok(())
    }

    async fn one_by_one(&self, ops: Vec<Op>) -> Result<(), Error> {
        for op in ops {
            let compares = vec![Compare::Absent { key: op.key().to_owned() }];
            let _known = self.store().commit(Txn { compares, ops: vec![op] }).await?;
        }
        Ok(())
    }

    /// As [`Records::tell`], where nobody can do anything about a failure but know of it.
    pub async fn note(&self, entries: Vec<Entry>) {
        if let Err(error) = self.tell(entries).await {
            tracing::warn!(%error, "an entry of the history could not be kept");
        }
    }

    /// Up to `limit` entries that the filter takes, oldest first, after the key `after` if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn told(&self, filter: &Filter, after: Option<String>, limit: usize) -> Result<Told, Error> {
        let (mut told, mut revision) = (Told::default(), None);
        let mut after = after.or_else(|| filter.since.map(before));
        let end = filter.until.map(|until| format!("{}{}~", keys::HISTORY, key_at(until)));
        loop {
            let page = Page { after: after.take(), limit: Some(PAGE.min(limit.max(1) * 4)) };
            let listing = self.store().list(keys::HISTORY, page).await?;
            told.revision = *revision.get_or_insert(listing.revision);
            let last = listing.entries.last().map(|entry| entry.key.clone());
            for stored in listing.entries {
                if end.as_ref().is_some_and(|end| stored.key > *end) {
                    told.next = None;
                    return Ok(told);
                }
                let Some(entry) = read(&stored).filter(|entry| filter.matches(entry)) else { continue };
                if told.entries.len() == limit {
                    told.next = told.entries.last().map(|(key, ..)| key.clone());
                    return Ok(told);
                }
                told.entries.push((stored.key, stored.mod_revision, entry));
            }
            if !listing.more {
                return Ok(told);
            }
            after = last;
        }
    }

    /// The newest `count` entries that the filter takes, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn told_last(&self, filter: &Filter, count: usize) -> Result<Told, Error> {
        let (mut all, mut after, mut revision) = (Told::default(), None, None);
        loop {
            let told = self.told(filter, after, PAGE).await?;
            all.entries.extend(told.entries);
            let old = all.entries.len().saturating_sub(count);
            all.entries.drain(..old);
            all.revision = *revision.get_or_insert(told.revision);
            match told.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Keeps that a revision is this commit now, and tells it; nothing when that is known. `before` is the commit that
    /// it was when the caller looked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn see(&self, seen: &Seen, before: Option<&CommitId>, entry: Entry) -> Result<bool, Error> {
        let key = seen_key(&seen.commit.repo_url, &seen.commit.revision);
        let known: Option<(Seen, Revision)> = self.read(&key).await?;
        if known.as_ref().map(|(known, _)| &known.commit.commit) != before {
            return Ok(false);
        }
        let revision = known.map(|(_, revision)| revision).unwrap_or_default();
        let op = put(entry);
        let txn = Txn {
            compares: vec![Compare::ModRevision { key: key.clone(), revision }],
            ops: vec![Op::Put { key, value: encode(seen) }, op],
        };
        Ok(matches!(self.store().commit(txn).await?, Outcome::Committed(_)))
    }
}

/// The key before whatever happened at a time.
fn before(at: Timestamp) -> String {
    // `-` follows the digits of a key, and `,` sorts before it.
    format!("{}{},", keys::HISTORY, key_at(at))
}

/// What an entry of the store says; `None` when it cannot be read.
pub fn read(stored: &hub_store::Entry) -> Option<Entry> {
    match serde_json::from_slice(&stored.value) {
        Ok(entry) => Some(entry),
        Err(error) => {
            tracing::error!(key = stored.key, %error, "an entry of the history cannot be read and is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests;
