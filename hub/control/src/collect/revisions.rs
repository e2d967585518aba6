//! What a revision was last, of revisions that nobody follows any more: branches that were merged, tags of old.
//!
//! A revision is needed while an owner follows it, or a rollout that is kept ships it: its history says by whom the commit
//! is. One that is followed again is told anew.

use super::{BATCH, PAGE};
use crate::{index::Index, line::Evaluation};
use hub_records::{Records, history::seen_key, keys};
use hub_store::{Compare, Outcome, Page, Revision, Txn};
use jiff::Timestamp;
use shared_model::Owner;
use std::collections::{BTreeMap, BTreeSet};

/// The keys of the revisions that somebody needs.
pub(super) fn needed(index: &Index, evaluations: &BTreeMap<Owner, Evaluation>) -> BTreeSet<String> {
    let followed = evaluations.values().flat_map(|known| &known.references);
    let followed = followed.map(|(url, revision)| seen_key(url, revision));
    let pins = index.rollouts.values().flat_map(|rollout| &rollout.spec.commits);
    followed.chain(pins.map(|pin| seen_key(&pin.repo_url, &pin.revision))).collect()
}

/// Which were not needed when it was last looked, and since when.
#[derive(Debug, Default)]
pub(super) struct Revisions(BTreeMap<String, Timestamp>);

impl Revisions {
    /// Deletes those that were not needed for long; answers how many.
    pub(super) async fn collect(
        &mut self,
        records: &Records,
        needed: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<usize, hub_store::Error> {
        let before = std::mem::take(&mut self.0);
        let mut old: Vec<(String, Revision)> = Vec::new();
        let mut page = Page { after: None, limit: Some(PAGE) };
        loop {
            let listing = records.store().list(keys::SEEN, page.clone()).await?;
            for entry in listing.entries.iter().filter(|entry| !needed.contains(&entry.key)) {
                let since = before.get(&entry.key).copied().unwrap_or(now);
                if super::is_old(since, now) {
                    old.push((entry.key.clone(), entry.mod_revision));
                } else {
                    self.0.insert(entry.key.clone(), since);
                }
            }
            let Some(last) = listing.entries.last().filter(|_| listing.more) else { break };
            page.after = Some(last.key.clone());
        }
        let mut count = 0;
        for part in old.chunks(BATCH) {
            // One that is another commit by now is followed again.
            let txn = part.iter().fold(Txn::new(), |txn, (key, revision)| {
                let same = Compare::ModRevision { key: key.clone(), revision: *revision };
                txn.when(same).delete(key.as_str())
            });
            match records.store().commit(txn).await? {
                Outcome::Committed(_) => count += part.len(),
                Outcome::Conflict { .. } => {}
            }
        }
        Ok(count)
    }
}
