//! Which entries of the history were written when: its keys are in the order of what happened, and messages go out in the
//! order in which it was written.
//!
//! Only what some sink has not passed is kept here, by key.

use hub_records::{Records, keys};
use hub_store::{ChangeKind, Page, Revision};
use parking_lot::Mutex;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How many entries one step of the first look reads.
const PAGE: usize = 2000;
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(1);

/// What was written when. Clones share one.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    entries: Arc<Mutex<BTreeSet<(u64, String)>>>,
    tip: watch::Sender<u64>,
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self { entries: Arc::default(), tip: watch::Sender::new(0) }
    }

    /// Waits until everything up to some revision after `after` is known; answers which.
    pub(crate) async fn past(&self, after: u64) -> u64 {
        let mut tip = self.tip.subscribe();
        let found = tip.wait_for(|tip| *tip > after).await;
        // The sender lives in here.
        found.map_or(after, |tip| *tip)
    }

    /// How far it is.
    pub(crate) fn tip(&self) -> u64 {
        *self.tip.borrow()
    }

    /// Up to `most` keys that were created after one revision and up to another, in that order.
    pub(crate) fn range(&self, after: u64, upto: u64, most: usize) -> Vec<(u64, String)> {
        let entries = self.entries.lock();
        let start = (after + 1, String::new());
        entries.range(start..).take_while(|(revision, _)| *revision <= upto).take(most).cloned().collect()
    }

    /// Forgets what every sink has passed.
    pub(crate) fn forget(&self, upto: u64) {
        let mut entries = self.entries.lock();
        *entries = entries.split_off(&(upto + 1, String::new()));
    }

    /// Follows the history for as long as it runs, from what was created after `floor` on.
    pub(crate) async fn follow(self, records: Records, floor: u64) {
        loop {
            if let Err(error) = self.once(&records, floor).await {
                tracing::warn!(%error, "following the history failed and starts again");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn once(&self, records: &Records, floor: u64) -> Result<(), hub_store::Error> {
        let from = records.store().revision().await?;
        let floor = floor.max(self.tip());
        // Nothing was written since: there is nothing to look for.
        if from.0 > floor {
            self.scan(records, floor).await?;
        }
        self.tip.send_if_modified(|tip| std::mem::replace(tip, (*tip).max(from.0)) < from.0);
        let mut watch = records.store().watch(keys::HISTORY, from).await?;
        while let Some(changes) = watch.next().await {
            for change in changes? {
                let mut entries = self.entries.lock();
                match (change.kind, change.previous) {
                    (ChangeKind::Put(entry), _) if entry.create_revision == entry.mod_revision => {
                        entries.insert((entry.create_revision.0, entry.key));
                    }
                    (ChangeKind::Delete, Some(gone)) => {
                        entries.remove(&(gone.create_revision.0, gone.key));
                    }
                    (ChangeKind::Put(_) | ChangeKind::Delete, _) => {}
                }
            }
            let Revision(upto) = watch.position();
            self.tip.send_if_modified(|tip| std::mem::replace(tip, (*tip).max(upto)) < upto);
        }
        Ok(())
    }

    /// Looks for what was created after `floor`.
    async fn scan(&self, records: &Records, floor: u64) -> Result<(), hub_store::Error> {
        let mut after = None;
        loop {
            let page = Page { after: after.take(), limit: Some(PAGE) };
            let listing = records.store().list(keys::HISTORY, page).await?;
            after = listing.entries.last().map(|entry| entry.key.clone());
            let new = listing.entries.into_iter().filter(|entry| entry.create_revision.0 > floor);
            self.entries.lock().extend(new.map(|entry| (entry.create_revision.0, entry.key)));
            if !listing.more {
                return Ok(());
            }
        }
    }
}
