//! Keeps the history bounded: by age and by number, in small batches, the oldest first.
//!
//! Entries are counted once at the start and followed from there. Deleting twice is no harm, so any hub may do it.

use hub_records::{Records, keys};
use hub_store::{ChangeKind, Op, Page, Txn};
use jiff::{SignedDuration, Timestamp};
use shared_history::key_at;
use std::time::Duration;

/// How many entries one transaction takes away.
const BATCH: usize = 90;
/// How many entries one step of the first count reads.
const PAGE: usize = 2000;
/// How often it is looked for what is too old.
const LOOK: Duration = Duration::from_secs(600);
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(10);

/// How much of the history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// For how long.
    pub age: SignedDuration,
    /// How many entries at most.
    pub entries: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: SignedDuration::from_hours(90 * 24), entries: 200_000 }
    }
}

/// Trims for as long as it runs.
pub(crate) async fn run(records: Records, keep: Retention) {
    loop {
        if let Err(error) = follow(&records, keep).await {
            tracing::warn!(%error, "the history could not be trimmed; it is tried again");
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn follow(records: &Records, keep: Retention) -> Result<(), hub_store::Error> {
    let (mut count, from) = count(records).await?;
    let mut watch = records.store().watch(keys::HISTORY, from).await?;
    let mut look = tokio::time::interval(LOOK);
    // What was taken away here and has not come back through the watch.
    let mut own = 0;
    loop {
        if count > keep.entries {
            let gone = trim(records, oldest(keep, shared_runtime::now()), count - keep.entries).await?;
            count = count.saturating_sub(gone);
            own += gone;
        }
        tokio::select! {
            changes = watch.next() => {
                let Some(changes) = changes else { return Ok(()) };
                for change in changes? {
                    match change.kind {
                        ChangeKind::Put(entry) if entry.create_revision == entry.mod_revision => count += 1,
                        ChangeKind::Put(_) => {}
                        ChangeKind::Delete if own > 0 => own -= 1,
                        ChangeKind::Delete => count = count.saturating_sub(1),
                    }
                }
            }
            _ = look.tick() => {
                let gone = trim(records, oldest(keep, shared_runtime::now()), 0).await?;
                count = count.saturating_sub(gone);
                own += gone;
            }
        }
    }
}

/// How many entries there are, and from where on more are to be counted.
async fn count(records: &Records) -> Result<(usize, hub_store::Revision), hub_store::Error> {
    let (mut count, mut after) = (0, None);
    // What is written while this counts may be counted twice: too many for a moment, never too few.
    let from = records.store().revision().await?;
    loop {
        let page = Page { after: after.take(), limit: Some(PAGE) };
        let listing = records.store().list(keys::HISTORY, page).await?;
        count += listing.entries.len();
        after = listing.entries.last().map(|entry| entry.key.clone());
        if !listing.more {
            return Ok((count, from));
        }
    }
}

/// The key before which everything is too old.
fn oldest(keep: Retention, now: Timestamp) -> String {
    let at = now.checked_sub(keep.age).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}{}", keys::HISTORY, key_at(at))
}

/// Takes away what sorts before a key, and the `over` oldest whatever their age; answers how many.
async fn trim(records: &Records, before: String, over: usize) -> Result<usize, hub_store::Error> {
    let mut taken = 0;
    loop {
        let page = Page { after: None, limit: Some(BATCH) };
        let listing = records.store().list(keys::HISTORY, page).await?;
        let goes = listing.entries.iter().enumerate();
        let goes = goes.take_while(|(index, entry)| taken + index < over || entry.key < before);
        let ops: Vec<Op> = goes.map(|(_, entry)| Op::Delete { key: entry.key.clone() }).collect();
        if ops.is_empty() {
            return Ok(taken);
        }
        let (gone, whole) = (ops.len(), ops.len() == listing.entries.len());
        let _committed = records.store().commit(Txn { compares: Vec::new(), ops }).await?;
        taken += gone;
        if !whole || !listing.more {
            return Ok(taken);
        }
    }
}

#[cfg(test)]
mod tests;
