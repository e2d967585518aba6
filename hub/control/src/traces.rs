//! The trace of each rollout under way: derived after each pass, and given to the exporter.
//!
//! Spans follow from the store (shared/trace), so nothing is kept of what was sent but in memory: after a start the
//! spans of rollouts under way, and of those that ended lately, are sent again, with the same ids. What the exporter
//! has no room for is not sent, and is offered again; the planner never waits for a collector. What gates waited for
//! is the one thing that the store would not know otherwise: it is noted under `waits/` when it changes.
//!
//! Without a collector none of this is done.

use crate::{index::Index, pace::Pace};
use hub_gateway::Links;
use hub_records::{Records, keys};
use hub_store::{Op, Txn, lease::Lease};
use jiff::{SignedDuration, Timestamp};
use shared_model::{ClusterName, FleetRolloutSpec, Owner, RolloutName};
use shared_rollout::{Fleet, Phase, Report, Rollout};
use shared_runtime::otlp::{Exporter, Tracing};
use shared_trace::{Context, Course, Sampler, Seed, SpanId, Waited};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What ended longer ago is not sent again after a start.
const LATELY: SignedDuration = SignedDuration::from_mins(10);
/// Notes in one transaction.
const BATCH: usize = 90;

type Key = (Owner, RolloutName);

/// What was sent of the traces.
#[derive(Debug)]
pub(crate) struct Traces {
    tracing: Tracing,
    links: Links,
    known: BTreeMap<Key, Known>,
    /// Whose rollouts are to be looked at.
    owners: BTreeSet<Owner>,
    pace: Pace,
}

#[derive(Debug, Default)]
struct Known {
    sent: BTreeSet<SpanId>,
    waits: Vec<Waited>,
    /// The attempt that is over and sent; a rollout that decides nothing any more is not looked at again.
    over: Option<u32>,
}

impl Traces {
    pub(crate) fn new(tracing: Tracing, links: Links) -> Self {
        let pace = Pace::new(10, Duration::from_secs(3));
        Self { tracing, links, known: BTreeMap::new(), owners: BTreeSet::new(), pace }
    }

    /// These lines were planned: something about them may be otherwise.
    pub(crate) fn planned(&mut self, owners: &BTreeSet<Owner>) {
        if self.tracing.exporter.is_some() {
            self.owners.extend(owners.iter().cloned());
        }
    }

    /// When there is something to do, if that is not now.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.owners.is_empty() { None } else { self.pace.next(now) }
    }

    /// Sends what has ended since, and notes what gates wait for.
    pub(crate) async fn update(
        &mut self,
        records: &Records,
        lease: &Lease,
        index: &Index,
        (fleet, report): (&Fleet, &Report),
        now: Timestamp,
    ) {
        let Some(exporter) = self.tracing.exporter.clone() else { return };
        if self.owners.is_empty() || !self.pace.is_due() {
            return;
        }
        let began = tokio::time::Instant::now();
        let mut notes = Vec::new();
        for owner in std::mem::take(&mut self.owners) {
            let Some(line) = fleet.lines.get(&owner) else { continue };
            for rollout in &line.rollouts {
                let name = (owner.namespace.clone(), rollout.name.clone());
                let Some(frozen) = index.rollouts.get(&name) else { continue };
                let Some(seed) = Seed::of(&frozen.spec) else { continue };
                let key = (owner.clone(), rollout.name.clone());
                if !self.known.contains_key(&key) {
                    let known =
                        first(records, &name, (seed, &frozen.spec, rollout), exporter.sampler(), now).await;
                    self.known.insert(key.clone(), known);
                }
                let Some(known) = self.known.get_mut(&key) else { continue };
                let leads = line.lead().is_some_and(|lead| lead.name == rollout.name);
                if !leads && known.over == Some(rollout.head.attempt) {
                    continue;
                }
                let told = report.rollouts.get(&key);
                if rollout.head.phase != Phase::Queued
                    && shared_trace::note(&mut known.waits, rollout, told, now)
                {
                    let value = serde_json::to_vec(&known.waits).expect("notes have string keys only").into();
                    notes.push(Op::Put { key: keys::waits(&name.0, &name.1), value });
                }
                if !known.send((seed, &frozen.spec, rollout), &exporter, &self.links) {
                    self.owners.insert(owner.clone());
                }
            }
        }
        // A line that is not known for a moment is not new afterwards.
        self.known
            .retain(|(owner, name), _| index.rollouts.contains_key(&(owner.namespace.clone(), name.clone())));
        for part in notes.chunks(BATCH) {
            let txn = Txn { compares: vec![lease.fence()], ops: part.to_vec() };
            if let Err(error) = records.store().commit(txn).await {
                tracing::warn!(%error, "what gates wait for could not be noted: it is missing in the trace");
            }
        }
        self.pace.took(began.elapsed());
    }
}

/// What a trace follows from, but for the waits.
type Sources<'a> = (Seed, &'a FleetRolloutSpec, &'a Rollout);

/// What is known of a rollout at first sight: what ended long ago was sent by whoever saw it end.
async fn first(
    records: &Records,
    (ns, name): &(String, RolloutName),
    (seed, spec, rollout): Sources<'_>,
    sampler: Sampler,
    now: Timestamp,
) -> Known {
    let waits = match records.read::<Vec<Waited>>(&keys::waits(ns, name)).await {
        Ok(waits) => waits.map(|(waits, _)| waits).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(rollout = %name, %error, "what its gates waited for cannot be read");
            Vec::new()
        }
    };
    let mut known = Known { sent: BTreeSet::new(), waits, over: None };
    let course = Course { seed, spec, rollout, waits: &known.waits };
    let long_ago = |end: Timestamp| now.duration_since(end) >= LATELY;
    if course.ended().is_some_and(long_ago) {
        let closed = shared_trace::closed(&course, sampler, |_| false);
        known.sent = closed.spans.iter().map(|span| span.id).collect();
    }
    known
}

impl Known {
    /// Sends what is new; whether there was room for all of it.
    fn send(&mut self, (seed, spec, rollout): Sources<'_>, exporter: &Exporter, links: &Links) -> bool {
        let course = Course { seed, spec, rollout, waits: &self.waits };
        let closed = shared_trace::closed(&course, exporter.sampler(), |id| self.sent.contains(&id));
        if closed.spans.is_empty() {
            self.over = course.ended().map(|_| rollout.head.attempt);
            return true;
        }
        let ids: Vec<SpanId> = closed.spans.iter().map(|span| span.id).collect();
        let taken = exporter.send(closed.spans);
        self.sent.extend(&ids[..taken]);
        let mut wanted: BTreeMap<&ClusterName, Vec<Context>> = BTreeMap::new();
        for member in closed.wanted.iter().filter(|wanted| self.sent.contains(&wanted.context.span)) {
            wanted.entry(&member.cluster).or_default().push(member.context);
        }
        for (cluster, contexts) in wanted {
            links.keep_spans(cluster, &contexts);
        }
        taken == ids.len()
    }
}
