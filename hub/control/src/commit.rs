//! Plans become transactions: fenced by the planning lease, the rollouts' heads, the seats' assignments, and
//! the Clusters that are told something, so that a pause counts from the moment it is requested.
//!
//! The transactions of a plan go to the store in rows: each is made only when the one before it was, and a store that
//! can makes a whole row durable at once.
//!
//! No transaction of more than one step exceeds what the store takes: writes, compares (those of keys that earlier
//! transactions of the row write, and the fence, among them) and bytes. One step that does by itself is refused with
//! its line's name, so that the others can go on without it.

use crate::{
    index::Index,
    metrics::{Ended, Metrics, ended},
    notices,
};
use hub_records::{Records, keys};
use hub_store::{Compare, MAX_OPS, MAX_TXN_BYTES, Op, Outcome, Revision, Turn, Txn, lease::Lease};
use jiff::Timestamp;
use serde::Serialize;
use shared_model::{Kind, Owner};
use shared_rollout::{Fleet, Plan, Step, Writes, apply_step};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// So many transactions are handed over together.
const ROW: usize = 32;

/// How far a plan came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it is in the store, at the latest at this revision.
    Whole(Revision),
    /// Somebody else changed something first: the rest is planned anew.
    Overtaken(Revision),
    /// What comes before a step of this owner's line is in the store. The step is more than the store takes, and why.
    Refused(Revision, Owner, String),
}

/// What one step asks of the store.
#[derive(Debug, Default)]
struct Part {
    /// Keys, and when they were written last as far as it was planned for.
    expects: Vec<(String, Option<Revision>)>,
    ops: Vec<Op>,
    lines: Vec<notices::Line>,
    ended: Vec<Ended>,
}

#[derive(Debug, Default)]
struct Batch {
    compares: BTreeMap<String, Compare>,
    /// Keys that earlier batches of the row write.
    ours: BTreeSet<String>,
    ops: BTreeMap<String, Op>,
    /// Of all keys and values.
    bytes: usize,
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
        let mut part = Part::of(step, &writes, (index, fleet), plan.at);
        if let Err(error) = part.check() {
            row.add(batch);
            let before = row.flush(records, metrics, lease).await?;
            let refused = Progress::Refused(row.last, step.owner.clone(), error.to_string());
            return Ok(if before { refused } else { Progress::Overtaken(row.last) });
        }
        if !batch.has_room(&part) {
            row.add(std::mem::take(&mut batch));
            if row.batches.len() >= ROW && !row.flush(records, metrics, lease).await? {
                return Ok(Progress::Overtaken(row.last));
            }
        }
        batch.take(part, &row);
        if apply_step(fleet, step, plan.at).is_none() {
            return Ok(Progress::Overtaken(row.last));
        }
    }
    row.add(batch);
    let whole = row.flush(records, metrics, lease).await?;
    Ok(if whole { Progress::Whole(row.last) } else { Progress::Overtaken(row.last) })
}

impl Part {
    fn of(step: &Step, writes: &Writes, (index, fleet): (&Index, &Fleet), at: Timestamp) -> Self {
        let ns = &step.owner.namespace;
        let mut part = Self::default();
        let head_key = keys::head(ns, &step.rollout);
        let head = index.heads.get(&(ns.clone(), step.rollout.clone()));
        let rollout = fleet.lines.get(&step.owner).and_then(|line| line.get(&step.rollout));
        if let Some(rollout) = rollout {
            part.ended.extend(ended(index, step, rollout, writes, at));
        }
        if let Some(head) = &writes.head {
            if let Some(rollout) = rollout {
                let told = notices::of_step(index, step, rollout, head, at);
                part.lines.extend(told.lines);
                part.ops.extend(told.ops);
            }
            part.put(head_key.clone(), head);
        }
        // Whoever wants to stop the rollout changes its head: then this step does not go through.
        part.expects.push((head_key, head.map(|(_, revision)| *revision)));
        if let Some((app, record)) = &writes.record {
            part.put(keys::member(ns, &step.rollout, app), record);
        }
        if let Some((seat, assigned)) = &writes.assigned {
            let key = keys::assignment(&seat.0, &seat.1);
            let known = index.assigned.get(seat);
            part.put(key.clone(), assigned);
            part.expects.push((key, known.map(|(_, revision)| *revision)));
            if known.is_none_or(|(known, _)| known.order != assigned.order) {
                let stored = index.object(Kind::Cluster, "", seat.0.as_str());
                let key = keys::object(Kind::Cluster, "", seat.0.as_str());
                part.expects.push((key, stored.map(|stored| stored.revision)));
            }
        }
        part
    }

    fn put<T: Serialize>(&mut self, key: String, record: &T) {
        let value = serde_json::to_vec(record).expect("records have string keys only").into();
        self.ops.push(Op::Put { key, value });
    }

    /// Whether the store takes it by itself.
    fn check(&mut self) -> Result<(), hub_store::Error> {
        let txn = Txn { compares: Vec::new(), ops: std::mem::take(&mut self.ops) };
        let checked = txn.check();
        self.ops = txn.ops;
        checked
    }
}

impl Batch {
    /// Whether the store takes both as one transaction, with the fence. An empty one has room for any step.
    fn has_room(&self, part: &Part) -> bool {
        let known = |key: &str| self.compares.contains_key(key) || self.ours.contains(key);
        let expects = || part.expects.iter().filter(|(key, _)| !known(key));
        let compares = self.compares.len() + self.ours.len() + expects().count() + 1;
        let ops = part.ops.iter().filter(|op| !self.ops.contains_key(op.key()));
        let bytes = expects().map(|(key, _)| key.len()).sum::<usize>()
            + part.ops.iter().map(size).sum::<usize>()
            + keys::PLANNER_LEASE.len();
        let is_empty = self.compares.is_empty() && self.ours.is_empty();
        is_empty
            || (compares <= MAX_OPS
                && self.ops.len() + ops.count() <= MAX_OPS
                && self.bytes + bytes <= MAX_TXN_BYTES)
    }

    fn take(&mut self, part: Part, row: &Row) {
        for (key, known) in part.expects {
            self.expect(key, known, row);
        }
        for op in part.ops {
            self.bytes += size(&op);
            if let Some(old) = self.ops.insert(op.key().to_owned(), op) {
                self.bytes -= size(&old);
            }
        }
        self.lines.extend(part.lines);
        self.ended.extend(part.ended);
    }

    fn expect(&mut self, key: String, known: Option<Revision>, Row { keys, written, .. }: &Row) {
        let bytes = key.len();
        if keys.contains(&key) {
            if self.ours.insert(key) {
                self.bytes += bytes;
            }
        } else if let Entry::Vacant(place) = self.compares.entry(key) {
            let key = place.key().clone();
            place.insert(match written.get(&key).copied().or(known) {
                Some(revision) => Compare::ModRevision { key, revision },
                None => Compare::Absent { key },
            });
            self.bytes += bytes;
        }
    }
}

/// The bytes of a write.
fn size(op: &Op) -> usize {
    match op {
        Op::Put { key, value } => key.len() + value.len(),
        Op::Delete { key } => key.len(),
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
        for Batch { compares, ours, ops, lines, ended, .. } in std::mem::take(&mut self.batches) {
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
