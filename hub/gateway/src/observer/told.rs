//! What agents report, as entries of the history: drift that was healed, applications that work no more, and again.
//!
//! Heals of one application within a minute are one entry that counts them: somebody who fights the agent must not flood
//! the log. That an application was told to be degraded is kept beside the log, so that its recovery is told whatever the
//! states in between, and after a restart too.

use hub_records::{Event, Records, history, keys};
use hub_store::{Op, Page};
use jiff::{SignedDuration, Timestamp};
use shared_history::{Entry, What};
use shared_model::{AppKey, ClusterName, HealthStatus, Observation, SyncPhase};
use std::collections::{BTreeMap, BTreeSet};

/// How far back an agent's word of when something happened is taken.
const BELIEVED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many applications have entries of their own in one batch of a cluster's events; of those beyond there is one that
/// counts them.
const MOST: usize = 40;
/// How many applications' last heals are remembered before old ones are forgotten.
const REMEMBERED: usize = 10_000;
/// Heals of so long from the first of them are one entry.
const TOGETHER: SignedDuration = SignedDuration::from_secs(60);

/// Who was told to be degraded.
#[derive(Debug, Default)]
pub(super) struct Degraded(BTreeSet<(ClusterName, AppKey)>);

/// What is known of seats before it is told otherwise, for when that cannot be written.
#[derive(Debug, Default)]
pub(super) struct Before(Vec<((ClusterName, AppKey), bool)>);

impl Degraded {
    /// Remembers what is known of an observation's seat.
    pub(super) fn note(&self, before: &mut Before, of: &Observation) {
        let seat = (of.cluster.clone(), of.application.clone());
        let known = self.0.contains(&seat);
        before.0.push((seat, known));
    }

    /// What was made of those observations is not in the store: it is to be told yet.
    pub(super) fn put_back(&mut self, before: Before) {
        for (seat, known) in before.0 {
            if known {
                self.0.insert(seat)
            } else {
                self.0.remove(&seat)
            };
        }
    }

    /// Reads who was.
    pub(super) async fn load(records: &Records) -> Self {
        match records.store().list(keys::DEGRADED, Page::default()).await {
            Ok(listing) => {
                Self(listing.entries.iter().filter_map(|entry| keys::parse_on_cluster(&entry.key)).collect())
            }
            Err(error) => {
                tracing::warn!(%error, "who was degraded cannot be read");
                Self::default()
            }
        }
    }

    /// The writes that tell of a new observation.
    pub(super) fn of_observation(&mut self, before: Option<&Observation>, now: &Observation) -> Vec<Op> {
        let seat = (now.cluster.clone(), now.application.clone());
        let key = keys::degraded(&seat.0, &seat.1);
        // Nothing is known of the seat: what was told was of another cluster of the name, which is forgotten.
        let other = before.is_none() && self.0.remove(&seat);
        let (cluster, app) = (&now.cluster, now.application.name.as_str());
        let entry = |what, text| Entry {
            cluster: Some(now.cluster.clone()),
            application: Some(now.application.clone()),
            ..Entry::new(what, now.received_at, text)
        };
        let is = |observation: &Observation| match observation.health.status {
            HealthStatus::Degraded => Some(true),
            HealthStatus::Healthy | HealthStatus::Suspended => Some(false),
            HealthStatus::Progressing | HealthStatus::Missing | HealthStatus::Unknown => None,
        };
        let mut ops = Vec::new();
        let failed = |observation: &Observation| observation.phase == SyncPhase::Failed;
        let same = before.filter(|before| before.position == now.position);
        if failed(now) && !same.is_some_and(failed) {
            let text = format!("{app} on {cluster} could not be synced: {}", now.message);
            ops.push(history::put(entry(What::SyncFailed, text)));
        }
        match is(now) {
            Some(true) if !now.removed => {
                if self.0.insert(seat) {
                    let why = if now.health.message.is_empty() {
                        String::new()
                    } else {
                        format!(": {}", now.health.message)
                    };
                    ops.push(history::put(entry(
                        What::Degraded,
                        format!("{app} on {cluster} is degraded{why}"),
                    )));
                    ops.push(Op::Put { key: key.clone(), value: "1".into() });
                }
            }
            Some(false) => {
                if self.0.remove(&seat) {
                    let text = format!("{app} on {cluster} is {} again", now.health.status);
                    ops.push(history::put(entry(What::Healthy, text)));
                    ops.push(Op::Delete { key: key.clone() });
                }
            }
            Some(true) | None => {
                if now.removed && self.0.remove(&seat) {
                    ops.push(Op::Delete { key: key.clone() });
                }
            }
        }
        if other && ops.iter().all(|op| op.key() != key) {
            ops.push(Op::Delete { key });
        }
        ops
    }
}

/// When the first of what is told together happened. After a restart the next one is the first.
#[derive(Debug, Default)]
pub(super) struct Gathered(BTreeMap<(ClusterName, Option<AppKey>, What), Timestamp>);

impl Gathered {
    /// When the entry that tells of this begins.
    fn begins(&mut self, about: (ClusterName, Option<AppKey>, What), at: Timestamp) -> Timestamp {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, first| at.duration_since(*first) < TOGETHER);
        }
        let first = self.0.entry(about).or_insert(at);
        // What was told late may have happened before.
        if at.duration_since(*first).abs() >= TOGETHER {
            *first = at;
        }
        *first
    }
}

/// The writes that tell of heals and of drift that is not healed.
pub(super) async fn of_events(
    (records, gathered): (&Records, &mut Gathered),
    cluster: &ClusterName,
    told: &[Event],
    now: Timestamp,
) -> Result<Vec<Op>, hub_records::Error> {
    let mut entries: BTreeMap<String, (Entry, u64)> = BTreeMap::new();
    let mut beyond: BTreeMap<What, (Timestamp, u64)> = BTreeMap::new();
    for event in told {
        let what = match event.reason.as_str() {
            "DriftHealed" => What::DriftHealed,
            "DriftFound" => What::DriftFound,
            _ => continue,
        };
        let about = (cluster.clone(), event.application.clone(), what);
        let at = gathered.begins(about, happened(event.at, now));
        let app = event.application.as_ref();
        let name = app.map(|app| app.name.as_str()).unwrap_or_default();
        let done = if what == What::DriftHealed { "drift was healed" } else { "there is drift" };
        let entry = Entry {
            cluster: Some(cluster.clone()),
            application: app.cloned(),
            ..Entry::new(what, at, format!("{name} on {cluster}: {done}: {}", event.message))
        };
        if entries.len() >= MOST && !entries.contains_key(&history::key(&entry)) {
            let (first, count) = beyond.entry(what).or_insert((at, 0));
            (*first, *count) = (at.min(*first), *count + 1);
            continue;
        }
        let (kept, count) = entries.entry(history::key(&entry)).or_insert_with(|| (entry.clone(), 0));
        *count += 1;
        kept.text = entry.text;
    }
    for (what, (first, count)) in beyond {
        let at = gathered.begins((cluster.clone(), None, what), first);
        let done = if what == What::DriftHealed { "drift was healed" } else { "there is drift" };
        let text = format!(
            "{cluster}: {done} in more applications; `flotilla cluster events {cluster}` names the last"
        );
        let entry = Entry { cluster: Some(cluster.clone()), ..Entry::new(what, at, text) };
        entries.insert(history::key(&entry), (entry, count));
    }
    let mut ops = Vec::new();
    for (key, (mut entry, count)) in entries {
        let known: Option<(Entry, _)> = records.read(&key).await?;
        entry.count = count + known.map_or(0, |(known, _)| known.count);
        ops.push(history::put(entry));
    }
    Ok(ops)
}

/// When an agent says that something happened: its own time for what it tells late, never one to come.
fn happened(said: Timestamp, now: Timestamp) -> Timestamp {
    if now.duration_since(said) <= BELIEVED { said.min(now) } else { now }
}
