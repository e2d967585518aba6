//! Forgets releases, bundles and revisions that nobody needs any more, so that disk and memory follow the fleet and not
//! its past.
//!
//! A release is needed while a seat runs it or ran it last (`proof`), a rollout that is kept as history released it
//! or may go back to it, or a line has it as a member. A bundle is needed while a release that is kept names it, as what
//! it ships or as a part of that. When a revision is, [`revisions`] says.
//!
//! Flow: the loop says what is needed ([`needed`]); what was not needed for [`GRACE`] is deleted, then the bundles that no
//! release names. Rarely, a page at a time.
//!
//! Invariants:
//! 1. What somebody names right now stays: whoever makes or finds a release takes note of it first ([`Recent`]), and
//!    whoever makes or finds a bundle renews it ([`Bundles::renew`]).
//! 2. A release goes before its bundle, so that no release ever names one that is gone.
//! 3. Time alone makes no release another one: the parts that it was joined from stay with it, since rendered again they
//!    may come to something else.
//! 4. Only the hub that has the store for itself collects: of another one's notes it would not know.
//!
//! What it refuses to know: what is in a release.

mod revisions;

use crate::{index::Index, line::Evaluation, releases::Noted};
use hub_records::{Bundles, Recent, Records, keys};
use hub_store::{Op, Outcome, Page, Txn};
use jiff::{SignedDuration, Timestamp};
use revisions::Revisions;
use shared_model::{Digest, Owner, ReleaseId};
use shared_rollout::Order;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How long something must not have been needed until it is deleted.
const GRACE: Duration = Duration::from_hours(1);
/// How often it is looked.
const EVERY: SignedDuration = SignedDuration::from_mins(20);
/// Records read at once.
const PAGE: usize = 1_000;
/// Records deleted by one transaction.
const BATCH: usize = 90;

/// Looks now and then.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// Which releases were not needed when it was last looked, and since when.
    unneeded: BTreeMap<ReleaseId, Timestamp>,
    revisions: Revisions,
    looked: Option<Timestamp>,
}

/// The collector at work beside the loop.
#[derive(Debug)]
pub(crate) struct Collection {
    /// Absent where another hub may name what this one deletes.
    collector: Option<Arc<tokio::sync::Mutex<Collector>>>,
    records: Records,
    bundles: Bundles,
}

impl Collection {
    pub(crate) fn new(exclusive: bool, records: Records, bundles: Bundles) -> Self {
        Self { collector: exclusive.then(Arc::default), records, bundles }
    }

    /// Begins to look when it is time, and everybody has said what he needs. The hub plans since `since`.
    pub(crate) fn begin(
        &self,
        index: &Index,
        evaluations: &BTreeMap<Owner, Evaluation>,
        since: Timestamp,
        now: Timestamp,
    ) {
        let free = self.collector.as_ref().and_then(|collector| Arc::clone(collector).try_lock_owned().ok());
        let Some(mut collector) = free.filter(|collector| collector.is_due(since, now)) else { return };
        if index.owners().iter().any(|owner| !evaluations.contains_key(owner)) {
            return;
        }
        let needed = needed(index, evaluations);
        let (records, bundles) = (self.records.clone(), self.bundles.clone());
        shared_runtime::spawn("collect", async move {
            match collector.collect(&records, &bundles, &needed, now).await {
                Ok(Collected { releases: 0, bundles: 0, revisions: 0 }) => {}
                Ok(Collected { releases, bundles, revisions }) => {
                    tracing::info!(releases, bundles, revisions, "what nobody needs any more was deleted");
                }
                Err(error) => {
                    tracing::warn!(%error, "what nobody needs any more could not be deleted");
                }
            }
        });
    }
}

/// What one look came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    pub(crate) releases: usize,
    pub(crate) bundles: usize,
    pub(crate) revisions: usize,
}

/// What somebody needs.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    releases: BTreeSet<ReleaseId>,
    /// By their keys.
    revisions: BTreeSet<String>,
}

/// Everything that somebody needs.
pub(crate) fn needed(index: &Index, evaluations: &BTreeMap<Owner, Evaluation>) -> Needed {
    let mut needed = BTreeSet::new();
    for (assigned, _) in index.assigned.values() {
        if let Order::Run { release, .. } = &assigned.order {
            needed.insert(*release);
        }
        needed.extend(assigned.proof.map(|proof| proof.release));
    }
    for (record, _) in index.records.values().flat_map(BTreeMap::values) {
        needed.insert(record.release);
        needed.extend(record.before.map(|proof| proof.release));
    }
    needed.extend(index.observed.values().filter_map(|seen| seen.release));
    for evaluation in evaluations.values() {
        let members = evaluation.rollouts.values().chain([&evaluation.head]);
        needed.extend(members.flat_map(BTreeMap::values).map(|member| member.release));
    }
    Needed { releases: needed, revisions: revisions::needed(index, evaluations) }
}

/// Whether it was not needed for long.
fn is_old(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since).unsigned_abs() >= GRACE
}

impl Collector {
    /// Whether it is time to look, for a hub that plans since `since`.
    pub(crate) fn is_due(&self, since: Timestamp, now: Timestamp) -> bool {
        now.duration_since(self.looked.unwrap_or(since)) >= EVERY
    }

    /// Looks at all releases and revisions, deletes those that were not needed for long, then the bundles that no release
    /// names. A crash anywhere leaves what the next look finds.
    pub(crate) async fn collect(
        &mut self,
        records: &Records,
        bundles: &Bundles,
        needed: &Needed,
        now: Timestamp,
    ) -> Result<Collected, hub_store::Error> {
        self.looked = Some(now);
        records.recent().forget(|at| is_old(at, now));
        let (mut named, mut old) = (BTreeSet::new(), Vec::new());
        let before = std::mem::take(&mut self.unneeded);
        let mut page = Page { after: None, limit: Some(PAGE) };
        loop {
            let listing = records.store().list(keys::RELEASES, page.clone()).await?;
            for entry in &listing.entries {
                let noted: Option<Noted> = serde_json::from_slice(&entry.value).ok();
                let bundles = noted.map(|noted| [vec![noted.spec.bundle], noted.parts].concat());
                let bundles = bundles.unwrap_or_default();
                let unneeded = keys::parse_release(&entry.key).filter(|id| !needed.releases.contains(id));
                let since = unneeded.map(|id| (id, before.get(&id).copied().unwrap_or(now)));
                match since {
                    Some((id, since)) if is_old(since, now) => old.push((id, bundles)),
                    Some((id, since)) => {
                        self.unneeded.insert(id, since);
                        named.extend(bundles);
                    }
                    None => named.extend(bundles),
                }
            }
            let Some(last) = listing.entries.last().filter(|_| listing.more) else { break };
            page.after = Some(last.key.clone());
        }
        let mut collected = Collected {
            revisions: self.revisions.collect(records, &needed.revisions, now).await?,
            ..Collected::default()
        };
        for part in old.chunks(BATCH) {
            collected.releases += delete(records, part, &mut named).await?;
        }
        let bundles = bundles.clone();
        let swept = tokio::task::spawn_blocking(move || bundles.sweep(&named, GRACE)).await;
        match swept {
            Ok(Ok(count)) => collected.bundles = count,
            Ok(Err(error)) => tracing::warn!(%error, "bundles that nobody needs could not be deleted"),
            Err(error) => tracing::warn!(%error, "deleting bundles was interrupted"),
        }
        Ok(collected)
    }
}

/// Deletes releases, but those that were noted meanwhile.
async fn delete(
    records: &Records,
    part: &[(ReleaseId, Vec<Digest>)],
    named: &mut BTreeSet<Digest>,
) -> Result<usize, hub_store::Error> {
    // Who notes one from here on looks for it when this is through.
    let recent: &Recent = records.recent();
    let _alone = recent.alone().await;
    let mut ops = Vec::with_capacity(part.len());
    for (id, bundles) in part {
        if recent.is_noted(id) {
            named.extend(bundles);
        } else {
            ops.push(Op::Delete { key: keys::release(id) });
        }
    }
    let count = ops.len();
    if count > 0 {
        let (Outcome::Committed(_) | Outcome::Conflict { .. }) =
            records.store().commit(Txn { compares: Vec::new(), ops }).await?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
