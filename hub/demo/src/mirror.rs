//! The hub's records as they change, read into what the demo shows: the same that the API serves.
//!
//! Invariant: only what changed is read again, so that watching thousands of clusters stays cheap.

use crate::sample::SET;
use anyhow::Context as _;
use hub_records::{Records, keys};
use hub_show::{Cluster, Halt, Rollout, State, Wave, natural, short};
use hub_store::{ChangeKind, Page, Revision, Watch};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{AppKey, HealthStatus, Kind, Observation};
use std::collections::BTreeMap;

/// An Application as the hub decided it.
#[derive(Debug, Clone, PartialEq)]
struct Decided {
    cluster: String,
    release: String,
    rollout: String,
    wave: String,
    state: State,
    message: String,
}

/// What its cluster reports.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    release: String,
    health: HealthStatus,
    healthy_since: Option<Timestamp>,
}

/// What the records say of the sample set.
#[derive(Debug)]
pub(crate) struct Mirror {
    records: Records,
    watch: Option<Watch>,
    /// By name: sequence and commit.
    rollouts: BTreeMap<String, (u64, String)>,
    statuses: BTreeMap<String, Value>,
    applications: BTreeMap<AppKey, Decided>,
    seen: BTreeMap<AppKey, Seen>,
    /// Releases by the newest commit that they were rendered from.
    commits: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Mirror {
    pub(crate) fn new(records: Records) -> Self {
        Self {
            records,
            watch: None,
            rollouts: BTreeMap::new(),
            statuses: BTreeMap::new(),
            applications: BTreeMap::new(),
            seen: BTreeMap::new(),
            commits: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Waits for changes and takes them in. Safe to cancel.
    pub(crate) async fn changed(&mut self) -> anyhow::Result<()> {
        let Some(watch) = &mut self.watch else { return self.read_all().await };
        match watch.next().await {
            Some(Ok(changes)) => {
                for change in changes {
                    match change.kind {
                        ChangeKind::Put(entry) => self.put(&entry.key, &entry.value),
                        ChangeKind::Delete => self.delete(&change.key),
                    }
                }
            }
            // Too slow: from the start again.
            Some(Err(_)) => self.watch = None,
            None => anyhow::bail!("the hub's store was closed"),
        }
        Ok(())
    }

    async fn read_all(&mut self) -> anyhow::Result<()> {
        let fresh = Self::new(self.records.clone());
        let store = self.records.store();
        let mut revision: Option<Revision> = None;
        let mut entries = Vec::new();
        for prefix in [keys::OBJECTS, keys::STATUSES, keys::OBSERVATIONS] {
            let listing = store.list(prefix, Page::default()).await.context("the hub's store")?;
            revision = Some(revision.map_or(listing.revision, |first| first.min(listing.revision)));
            entries.extend(listing.entries);
        }
        let watch = store.watch("", revision.unwrap_or_default()).await.context("the hub's store")?;
        let commits = std::mem::take(&mut self.commits);
        *self = Self { watch: Some(watch), commits, ..fresh };
        entries.iter().for_each(|entry| self.put(&entry.key, &entry.value));
        Ok(())
    }

    fn put(&mut self, key: &str, value: &[u8]) {
        if let Some((_, application)) = keys::parse_on_cluster(key) {
            // Assignments have such keys too.
            if let Ok(observation) = serde_json::from_slice::<Observation>(value)
                && key.starts_with(keys::OBSERVATIONS)
            {
                self.seen.insert(application, seen(&observation));
            }
            return;
        }
        let Some((kind, ns, name)) = keys::parse_object(key) else { return };
        let is_status = key.starts_with(keys::STATUSES);
        if !is_status && kind != Kind::FleetRollout {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(value) else { return };
        match (kind, is_status) {
            (Kind::FleetRollout, false)
                if value.pointer("/spec/owner/name").is_some_and(|owner| owner == SET) =>
            {
                let sequence = value.pointer("/spec/sequence").and_then(Value::as_u64).unwrap_or(0);
                let commit = text(&value, "/spec/commits/0/commit");
                self.rollouts.insert(name.to_owned(), (sequence, commit));
            }
            (Kind::FleetRollout, true) => drop(self.statuses.insert(name.to_owned(), value)),
            (Kind::Application, true) => self.put_application(AppKey::new(ns, name), &value),
            (Kind::ApplicationSet, true) if name == SET => self.problems = problems(&value),
            _ => {}
        }
    }

    fn put_application(&mut self, application: AppKey, status: &Value) {
        let release = text(status, "/target/release");
        self.commits.insert(release.clone(), text(status, "/target/revisions/0"));
        let decided = Decided {
            cluster: text(status, "/cluster"),
            release,
            rollout: text(status, "/rollout/name"),
            wave: text(status, "/rollout/wave"),
            state: State::of(&text(status, "/rollout/state")),
            message: text(status, "/rollout/message"),
        };
        self.applications.insert(application, decided);
    }

    fn delete(&mut self, key: &str) {
        if let Some((kind, ns, name)) = keys::parse_object(key) {
            if kind == Kind::FleetRollout {
                self.rollouts.remove(name);
                self.statuses.remove(name);
            } else if kind == Kind::Application {
                self.applications.remove(&AppKey::new(ns, name));
            }
        } else if let Some((_, application)) =
            keys::parse_on_cluster(key).filter(|_| key.starts_with(keys::OBSERVATIONS))
        {
            self.seen.remove(&application);
        }
    }

    /// What is wrong with the set, a sentence each.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The newest rollout, or the newest that ships this commit.
    pub(crate) fn rollout(&self, commit: Option<&str>) -> Option<Rollout> {
        let ships =
            |(_, (_, shipped)): &(&String, &(u64, String))| commit.is_none_or(|commit| shipped == commit);
        let (name, (_, commit)) =
            self.rollouts.iter().filter(ships).max_by_key(|(_, (sequence, _))| *sequence)?;
        let status = self.statuses.get(name).unwrap_or(&Value::Null);
        Some(Rollout {
            name: name.clone(),
            commit: short(commit),
            phase: serde_json::from_value(status["phase"].clone()).unwrap_or_default(),
            waits_for: text(status, "/waitsFor"),
            halted: status.get("halted").filter(|halted| halted.is_object()).map(|halted| Halt {
                wave: text(halted, "/waveName"),
                cluster: text(halted, "/cluster"),
                reason: text(halted, "/reason"),
            }),
            waves: status["waves"].as_array().into_iter().flatten().map(Wave::read).collect(),
            clusters: self.clusters(name),
        })
    }

    /// The clusters of a rollout: each as its member that is furthest behind.
    fn clusters(&self, rollout: &str) -> Vec<Cluster> {
        let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
        // One that was generated a moment ago has no cluster yet.
        let of_it = |decided: &Decided| decided.rollout == rollout && !decided.cluster.is_empty();
        for (application, decided) in self.applications.iter().filter(|(_, decided)| of_it(decided)) {
            let member = self.member(application, decided);
            match clusters.get_mut(decided.cluster.as_str()) {
                Some(cluster) => cluster.merge(member),
                None => drop(clusters.insert(&decided.cluster, member)),
            }
        }
        let mut clusters: Vec<Cluster> = clusters.into_values().collect();
        clusters.sort_by_key(|cluster| natural(&cluster.name));
        clusters
    }

    fn member(&self, application: &AppKey, decided: &Decided) -> Cluster {
        let seen = self.seen.get(application);
        let release = seen.map(|seen| &seen.release).filter(|release| !release.is_empty());
        let runs = release.map(|release| {
            self.commits.get(release).map_or_else(|| "unknown".to_owned(), |commit| short(commit))
        });
        let is_current = seen.is_some_and(|seen| seen.release == decided.release);
        Cluster {
            name: decided.cluster.clone(),
            wave: decided.wave.clone(),
            state: decided.state,
            runs: runs.into_iter().collect(),
            health: seen.map_or(HealthStatus::Missing, |seen| seen.health),
            healthy_since: seen.filter(|_| is_current).and_then(|seen| seen.healthy_since),
            message: decided.message.clone(),
        }
    }
}

fn seen(observation: &Observation) -> Seen {
    Seen {
        release: observation.release.map(|release| release.to_string()).unwrap_or_default(),
        health: observation.health.status,
        healthy_since: observation.healthy_since,
    }
}

/// The messages of conditions that say that something is wrong.
fn problems(status: &Value) -> Vec<String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let wrong =
        conditions.filter(|condition| condition["type"] == "ErrorOccurred" && condition["status"] == "True");
    wrong.map(|condition| text(condition, "/message")).collect()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
