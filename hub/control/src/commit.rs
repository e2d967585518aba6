//! Plans become transactions: fenced by the planning lease, the rollouts' heads, the seats' assignments, and
//! the Clusters that are told something, so that a pause counts from the moment it is requested.

use crate::{
    index::Index,
    metrics::{Ended, Metrics, ended},
    notices,
};
use hub_records::{Records, keys};
use hub_store::{Compare, Op, Outcome, Revision, Txn, lease::Lease};
use serde::Serialize;
use shared_model::Kind;
use shared_rollout::{Fleet, Plan, apply_step};
use std::collections::BTreeMap;

/// One transaction holds at most so many writes (etcd's limit is 128).
const LARGEST: usize = 90;

/// How far a plan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it is in the store, at the latest at this revision.
    Whole(Revision),
    /// Somebody else changed something first: the rest is planned anew.
    Overtaken(Revision),
}

#[derive(Debug, Default)]
struct Batch {
    compares: BTreeMap<String, Compare>,
    ops: BTreeMap<String, Op>,
    /// What the log is told once it is written.
    lines: Vec<notices::Line>,
    /// What is over once this is in the store.
    ended: Vec<Ended>,
}

/// Commits a plan in batches, each safe alone. `fleet` is what the plan was made for, and is what the
/// store says afterwards as far as the plan went.
pub(crate) async fn commit(
    (records, metrics): (&Records, &Metrics),
    lease: &Lease,
    index: &Index,
    fleet: &mut Fleet,
    plan: &Plan,
) -> Result<Progress, hub_store::Error> {
    let mut written: BTreeMap<String, Revision> = BTreeMap::new();
    let mut last = Revision::default();
    let mut batch = Batch::default();
    for step in &plan.steps {
        let Some(writes) = step.writes(fleet, plan.at) else {
            tracing::error!(?step, "a plan names what its fleet does not have");
            return Ok(Progress::Overtaken(last));
        };
        if batch.ops.len() + 3 + notices::MOST > LARGEST {
            match flush((records, metrics), lease, std::mem::take(&mut batch), &mut written).await? {
                Some(revision) => last = revision,
                None => return Ok(Progress::Overtaken(last)),
            }
        }
        let ns = &step.owner.namespace;
        let head_key = keys::head(ns, &step.rollout);
        let head_revision =
            index.heads.get(&(ns.clone(), step.rollout.clone())).map(|(_, revision)| *revision);
        // Whoever wants to stop the rollout changes its head: then this batch does not go through.
        batch.expect(&head_key, head_revision, &written);
        let rollout = fleet.lines.get(&step.owner).and_then(|line| line.get(&step.rollout));
        if let Some(rollout) = rollout {
            batch.ended.extend(ended(index, step, rollout, &writes, plan.at));
        }
        if let Some(head) = &writes.head {
            if let Some(rollout) = rollout {
                batch.tell(notices::of_step(index, step, rollout, head, plan.at));
            }
            batch.put(head_key, head);
        }
        if let Some((app, record)) = &writes.record {
            batch.put(keys::member(ns, &step.rollout, app), record);
        }
        if let Some((seat, assigned)) = &writes.assigned {
            let key = keys::assignment(&seat.0, &seat.1);
            let known = index.assigned.get(seat);
            batch.expect(&key, known.map(|(_, revision)| *revision), &written);
            if known.is_none_or(|(known, _)| known.order != assigned.order) {
                let stored = index.object(Kind::Cluster, "", seat.0.as_str());
                let key = keys::object(Kind::Cluster, "", seat.0.as_str());
                batch.expect(&key, stored.map(|stored| stored.revision), &written);
            }
            batch.put(key, assigned);
        }
        if apply_step(fleet, step, plan.at).is_none() {
            return Ok(Progress::Overtaken(last));
        }
    }
    match flush((records, metrics), lease, batch, &mut written).await? {
        Some(revision) => Ok(Progress::Whole(revision.max(last))),
        None => Ok(Progress::Overtaken(last)),
    }
}

impl Batch {
    fn expect(&mut self, key: &str, known: Option<Revision>, written: &BTreeMap<String, Revision>) {
        let compare = match written.get(key).copied().or(known) {
            Some(revision) => Compare::ModRevision { key: key.to_owned(), revision },
            None => Compare::Absent { key: key.to_owned() },
        };
        self.compares.entry(key.to_owned()).or_insert(compare);
    }

    fn tell(&mut self, told: notices::Told) {
        self.lines.extend(told.lines);
        self.ops.extend(told.ops.into_iter().map(|op| (op.key().to_owned(), op)));
    }

    fn put<T: Serialize>(&mut self, key: String, record: &T) {
        let value = serde_json::to_vec(record).expect("records have string keys only").into();
        self.ops.insert(key.clone(), Op::Put { key, value });
    }
}

/// Commits a batch; `None` when it was overtaken.
async fn flush(
    (records, metrics): (&Records, &Metrics),
    lease: &Lease,
    batch: Batch,
    written: &mut BTreeMap<String, Revision>,
) -> Result<Option<Revision>, hub_store::Error> {
    if batch.ops.is_empty() {
        return Ok(Some(Revision::default()));
    }
    let touched: Vec<String> = batch.ops.keys().cloned().collect();
    let Batch { compares, ops, lines, ended } = batch;
    let compares = compares.into_values().chain([lease.fence()]).collect();
    let ops = ops.into_values().collect();
    match records.store().commit(Txn { compares, ops }).await? {
        Outcome::Committed(revision) => {
            lines.iter().for_each(notices::Line::log);
            metrics.took(&ended);
            written.extend(touched.into_iter().map(|key| (key, revision)));
            Ok(Some(revision))
        }
        Outcome::Conflict { key, .. } => {
            tracing::debug!(key, "a plan was overtaken");
            Ok(None)
        }
    }
}
