//! Plans become transactions: fenced by the planning lease, the rollouts' heads, the seats' assignments, and
//! the Clusters that are told something, so that a pause counts from the moment it is requested.
//!
//! The transactions of a plan go to the store in rows: each is made only when the one before it was, and a store that
//! can makes a whole row durable at once.

use crate::{
    index::Index,
    metrics::{Ended, Metrics, ended},
    notices,
};
use hub_records::{Records, keys};
use hub_store::{Compare, Op, Outcome, Revision, Turn, Txn, lease::Lease};
use serde::Serialize;
use shared_model::Kind;
use shared_rollout::{Fleet, Plan, apply_step};
use std::collections::{BTreeMap, BTreeSet};

/// One transaction holds at most so many writes (etcd's limit is 128).
const LARGEST: usize = 90;
/// So many transactions are handed over together.
const ROW: usize = 32;

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
    /// Keys that earlier batches of the row write.
    ours: BTreeSet<String>,
    ops: BTreeMap<String, Op>,
    /// What the log is told once it is written.
    lines: Vec<notices::Line>,
    /// What is over once this is in the store.
    ended: Vec<Ended>,
}

/// Batches on their way to the store, in order, and what those before them wrote.
#[derive(Debug, Default)]
struct Row {
    batches: Vec<Batch>,
    /// What these batches write.
    keys: BTreeSet<String>,
    written: BTreeMap<String, Revision>,
    last: Revision,
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
    let (mut row, mut batch) = (Row::default(), Batch::default());
    for step in &plan.steps {
        let Some(writes) = step.writes(fleet, plan.at) else {
            tracing::error!(?step, "a plan names what its fleet does not have");
            return Ok(Progress::Overtaken(row.last));
        };
        if batch.ops.len() + 3 + notices::MOST > LARGEST {
            row.add(std::mem::take(&mut batch));
            if row.batches.len() >= ROW && !row.flush(records, metrics, lease).await? {
                return Ok(Progress::Overtaken(row.last));
            }
        }
        let ns = &step.owner.namespace;
        let head_key = keys::head(ns, &step.rollout);
        let head_revision =
            index.heads.get(&(ns.clone(), step.rollout.clone())).map(|(_, revision)| *revision);
        // Whoever wants to stop the rollout changes its head: then this batch does not go through.
        batch.expect(&head_key, head_revision, &row);
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
            batch.expect(&key, known.map(|(_, revision)| *revision), &row);
            if known.is_none_or(|(known, _)| known.order != assigned.order) {
                let stored = index.object(Kind::Cluster, "", seat.0.as_str());
                let key = keys::object(Kind::Cluster, "", seat.0.as_str());
                batch.expect(&key, stored.map(|stored| stored.revision), &row);
            }
            batch.put(key, assigned);
        }
        if apply_step(fleet, step, plan.at).is_none() {
            return Ok(Progress::Overtaken(row.last));
        }
    }
    row.add(batch);
    let whole = row.flush(records, metrics, lease).await?;
    Ok(if whole { Progress::Whole(row.last) } else { Progress::Overtaken(row.last) })
}

impl Batch {
    fn expect(&mut self, key: &str, known: Option<Revision>, Row { keys, written, .. }: &Row) {
        if keys.contains(key) {
            self.ours.insert(key.to_owned());
            return;
        }
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

impl Row {
    fn add(&mut self, batch: Batch) {
        if !batch.ops.is_empty() {
            self.keys.extend(batch.ops.keys().cloned());
            self.batches.push(batch);
        }
    }

    /// Hands the batches over; answers whether all went through. Otherwise somebody else came first.
    async fn flush(
        &mut self,
        records: &Records,
        metrics: &Metrics,
        lease: &Lease,
    ) -> Result<bool, hub_store::Error> {
        self.keys.clear();
        let (mut turns, mut told) = (Vec::new(), Vec::new());
        for Batch { compares, ours, ops, lines, ended } in std::mem::take(&mut self.batches) {
            told.push((ops.keys().cloned().collect::<Vec<_>>(), lines, ended));
            let compares = compares.into_values().chain([lease.fence()]).collect();
            let txn = Txn { compares, ops: ops.into_values().collect() };
            turns.push(Turn { txn, ours: ours.into_iter().collect() });
        }
        if turns.is_empty() {
            return Ok(true);
        }
        for (outcome, (keys, lines, ended)) in records.store().commit_row(turns).await?.into_iter().zip(told)
        {
            match outcome {
                Outcome::Committed(revision) => {
                    lines.iter().for_each(notices::Line::log);
                    metrics.took(&ended);
                    self.written.extend(keys.into_iter().map(|key| (key, revision)));
                    self.last = revision;
                }
                Outcome::Conflict { key, .. } => {
                    tracing::debug!(key, "a plan was overtaken");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
