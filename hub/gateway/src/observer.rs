//! Keeps what agents report: batched, on change only, in at most [`LARGEST`] bytes each.

mod told;

use crate::{Links, Metrics, links::Seat, session::Input};
use hub_records::{Event, Events, Records, keys};
use hub_store::{Compare, MAX_OPS, Op, Turn, Txn};
use jiff::Timestamp;
use proto::v1;
use shared_model::{ClusterName, Kind, Observation};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;
use told::{Before, Degraded, Gathered};

/// The largest record of an observation, in bytes (design §8).
pub(crate) const LARGEST: usize = 2048;
/// How many sentences of what an agent does not do are kept.
const UNSUPPORTED: usize = 3;
const QUEUE: usize = 4096;
/// So many reports are kept together at most.
const TOGETHER: usize = 800;
const GATHER: Duration = Duration::from_millis(20);

/// What the observer is given, in order.
#[derive(Debug)]
pub(crate) enum Report {
    /// Keep this.
    Observation(Box<Observation>),
    /// Keep what an agent told of what happened, and how much of it was lost.
    Events(ClusterName, Vec<Event>, u64),
    /// All that this session's agent saw while it was away has been given.
    Arrived(ClusterName, Seat),
}

/// The way to the observer.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    queue: mpsc::Sender<Report>,
}

impl Observer {
    pub(crate) fn channel(metrics: &Metrics) -> (Self, mpsc::Receiver<Report>) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        metrics.queue.of(&queue);
        (Self { queue }, receiver)
    }

    /// Hands an observation over; waits while the queue is full, which slows that agent's stream.
    pub(crate) async fn observe(&self, observation: Observation) {
        self.give(Report::Observation(Box::new(observation))).await;
    }

    /// Hands over what an agent told of what happened in its cluster, in order.
    pub(crate) async fn events(&self, cluster: &ClusterName, events: Vec<v1::Event>, dropped: u64) {
        self.give(Report::Events(cluster.clone(), events.into_iter().map(kept).collect(), dropped)).await;
    }

    /// Tells that a session's backlog has been handed over.
    pub(crate) async fn arrived(&self, cluster: &ClusterName, seat: &Seat) {
        self.give(Report::Arrived(cluster.clone(), *seat)).await;
    }

    async fn give(&self, report: Report) {
        if self.queue.send(report).await.is_err() {
            tracing::debug!("a report came while the hub stops");
        }
    }
}

/// Writes observations until the queue closes.
pub(crate) async fn run(records: Records, links: Links, metrics: Metrics, mut queue: mpsc::Receiver<Report>) {
    let mut batch = Vec::new();
    let mut degraded = Degraded::load(&records).await;
    let mut gathered = Gathered::default();
    while queue.recv_many(&mut batch, TOGETHER).await > 0 {
        if batch.len() < TOGETHER {
            // A little patience makes one durable write of many.
            tokio::time::sleep(GATHER).await;
            while batch.len() < TOGETHER {
                let Ok(more) = queue.try_recv() else { break };
                batch.push(more);
            }
        }
        let (mut observations, mut arrived, mut events) = (Vec::new(), Vec::new(), BTreeMap::new());
        for report in batch.drain(..) {
            match report {
                Report::Observation(observation) => {
                    metrics.observations.inc();
                    observations.push(*observation);
                }
                Report::Events(cluster, told, dropped) => {
                    let (all, lost): &mut (Vec<Event>, u64) = events.entry(cluster).or_default();
                    metrics.events.inc_by(told.len() as u64);
                    metrics.lost_events.inc_by(dropped);
                    all.extend(told);
                    *lost += dropped;
                }
                Report::Arrived(cluster, seat) => arrived.push((cluster, seat)),
            }
        }
        let mut adding = Vec::with_capacity(events.len());
        for (cluster, (told, dropped)) in events {
            match events_of((&records, &mut gathered), &cluster, told, dropped).await {
                Ok(row) => adding.push(add(&records, cluster, row)),
                Err(error) => untold(&cluster, &error),
            }
        }
        // Side by side they share the disk's next write.
        futures::future::join_all(adding).await;
        let kept = async {
            metrics.healed.inc_by(write(&records, &mut degraded, observations).await?);
            Ok::<_, hub_records::Error>(records.store().revision().await?)
        };
        match kept.await {
            Ok(revision) => {
                let now = shared_runtime::now();
                arrived.into_iter().for_each(|(cluster, seat)| links.arrived(&cluster, seat, revision, now));
            }
            Err(error) => {
                tracing::error!(%error, "observations could not be kept; agents report again when they reconnect");
                let reason = "the hub could not keep what the agent reported".to_owned();
                arrived.into_iter().for_each(|(cluster, _)| links.tell(&cluster, Input::Cut(reason.clone())));
            }
        }
    }
}

/// An event within its bound.
fn kept(event: v1::Event) -> Event {
    let mut event = Event {
        at: Timestamp::from_millisecond(event.at_ms).unwrap_or_default(),
        application: proto::application_from_wire(event.application, "Event").ok(),
        reason: event.reason,
        message: event.message,
    };
    cut(&mut event.reason, 60);
    cut(&mut event.message, 300);
    event
}

/// What is kept of a cluster with what its agent told now.
async fn events_of(
    (records, gathered): (&Records, &mut Gathered),
    cluster: &ClusterName,
    told: Vec<Event>,
    dropped: u64,
) -> Result<Vec<Turn>, hub_records::Error> {
    let key = keys::events(cluster);
    let mut events = records.read::<Events>(&key).await?.map(|(events, _)| events).unwrap_or_default();
    let kept = told::of_events((records, gathered), cluster, &told, shared_runtime::now()).await?;
    events.add(told, dropped);
    let value = serde_json::to_vec(&events).expect("events have string keys only").into();
    let object = keys::object(Kind::Cluster, "", cluster.as_str());
    let mut ops = vec![Op::Put { key, value }];
    ops.extend(kept);
    let turn = |ops: &[Op]| {
        let there = Compare::Exists { key: object.clone() };
        Turn { txn: Txn { compares: vec![there], ops: ops.to_vec() }, ours: Vec::new() }
    };
    Ok(ops.chunks(MAX_OPS).map(turn).collect())
}

/// Writes what a cluster's agent told, unless the cluster is gone.
async fn add(records: &Records, cluster: ClusterName, row: Vec<Turn>) {
    if let Err(error) = records.store().commit_row(row).await {
        untold(&cluster, &error.into());
    }
}

fn untold(cluster: &ClusterName, error: &hub_records::Error) {
    tracing::error!(%cluster, %error, "what an agent told of its cluster could not be kept");
}

/// Keeps observations. Answers how often drift was healed since those before them.
async fn write(
    records: &Records,
    degraded: &mut Degraded,
    batch: Vec<Observation>,
) -> Result<u64, hub_records::Error> {
    let mut healed = 0;
    let mut latest: BTreeMap<String, (Option<Observation>, Observation)> = BTreeMap::new();
    for report in batch {
        let key = keys::observation(&report.cluster, &report.application);
        let (stored, previous) = match latest.remove(&key) {
            Some((stored, newer)) => (stored, Some(newer)),
            None => {
                let stored = records.read::<Observation>(&key).await?.map(|(observation, _)| observation);
                (stored.clone(), stored)
            }
        };
        let now = report.received_at;
        healed += healed_since(previous.as_ref(), &report);
        let kept = shared_rollout::observe(previous.as_ref(), bounded(report), now);
        latest.insert(key, (stored, kept));
    }
    let (mut row, mut ops, mut before) = (Vec::<Turn>::new(), Vec::<Op>::new(), Before::default());
    let turn = |ops: Vec<Op>| Turn { txn: Txn { compares: Vec::new(), ops }, ours: Vec::new() };
    for (key, (stored, kept)) in latest {
        if stored.as_ref().is_some_and(|stored| says_the_same(stored, &kept)) {
            continue;
        }
        // With its entries of the history, and whether it was told, it goes into one transaction, or into the next.
        if ops.len() + 4 > MAX_OPS {
            row.push(turn(std::mem::take(&mut ops)));
        }
        degraded.note(&mut before, &kept);
        ops.extend(degraded.of_observation(stored.as_ref(), &kept));
        let value = serde_json::to_vec(&kept).expect("observations have string keys only");
        ops.push(Op::Put { key, value: value.into() });
    }
    if !ops.is_empty() {
        row.push(turn(ops));
    }
    if !row.is_empty()
        && let Err(error) = records.store().commit_row(row).await
    {
        degraded.put_back(before);
        return Err(error.into());
    }
    Ok(healed)
}

/// An agent counts from zero when it applies a release, and when it starts.
fn healed_since(previous: Option<&Observation>, report: &Observation) -> u64 {
    let before =
        previous.filter(|previous| previous.position == report.position && previous.healed <= report.healed);
    report.healed - before.map_or(0, |before| before.healed)
}

/// Whether nothing but the time of receipt differs.
fn says_the_same(stored: &Observation, kept: &Observation) -> bool {
    *stored == Observation { received_at: stored.received_at, ..kept.clone() }
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

/// Cut to the bound: details go first, the verdicts stay.
fn bounded(mut report: Observation) -> Observation {
    cut(&mut report.message, 400);
    cut(&mut report.health.message, 200);
    if let Some(pin) = &mut report.pin {
        cut(&mut pin.reason, 200);
        cut(&mut pin.by, 100);
    }
    let left_out = report.unsupported.len().saturating_sub(UNSUPPORTED);
    report.unsupported.truncate(UNSUPPORTED);
    report.unsupported.iter_mut().for_each(|sentence| cut(sentence, 120));
    if left_out > 0 {
        report.unsupported.push(format!("and {left_out} more"));
    }
    report.drift.truncate(8);
    report.drift.iter_mut().for_each(|line| cut(line, 100));
    for resource in &mut report.resources {
        if let Some(health) = &mut resource.health {
            cut(&mut health.message, 100);
        }
    }
    while !report.resources.is_empty()
        && serde_json::to_vec(&report).map_or(0, |bytes| bytes.len()) > LARGEST - 128
    {
        let keep = report.resources.len() - report.resources.len().div_ceil(8);
        report.resources.truncate(keep);
    }
    while !report.drift.is_empty()
        && serde_json::to_vec(&report).map_or(0, |bytes| bytes.len()) > LARGEST - 128
    {
        report.drift.pop();
    }
    report
}

#[cfg(test)]
mod tests;
