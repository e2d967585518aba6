//! Sinks that are real HTTP servers, which fail for a while.

mod receiver;
mod sending;

use crate::{Config, Deps, Handle, Metrics, build};
use hub_records::Records;
use hub_store::Memory;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_history::{Entry, Filter, What};
use shared_model::{ClusterName, Kind, Owner, OwnerKind, RolloutName};
use shared_runtime::Tasks;
use std::{sync::Arc, time::Duration};

const WITHIN: Duration = Duration::from_secs(20);

/// A hub's notifications over a store in memory.
struct Hub {
    records: Records,
    tasks: Tasks,
    handle: Handle,
    metrics: Metrics,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl Hub {
    fn on(records: Records) -> Self {
        shared_runtime::install_crypto();
        let (tasks, metrics) = (Tasks::new(), Metrics::default());
        let deps = Deps { records: records.clone(), metrics: metrics.clone() };
        let handle = build(Config { exclusive: true }, deps, &tasks);
        Self { records, tasks, handle, metrics }
    }

    async fn start(sinks: &str) -> Self {
        let records = Records::new(Arc::new(Memory::default()));
        write(&records, sinks).await;
        let hub = Self::on(records);
        hub.ready(sinks.matches("- {name:").count()).await;
        hub
    }

    /// Waits until the sinks are in force: what happens from then on they are told.
    async fn ready(&self, sinks: usize) {
        let from = self.records.store().revision().await.unwrap();
        let mut watch = self.records.store().watch("notify/", from).await.unwrap();
        let wished = async {
            while crate::cursor::all(&self.records).await.unwrap().len() != sinks {
                watch.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(WITHIN, wished).await.expect("the sinks are never in force");
    }

    /// Ends as a killed process does: nothing more is written.
    async fn killed(self) -> Records {
        assert!(self.tasks.drain(WITHIN).await);
        self.records.clone()
    }

    async fn tell(&self, entries: Vec<Entry>) {
        self.records.tell(entries).await.unwrap();
    }

    /// Waits for an Event with this reason; answers its message.
    async fn event(&self, reason: &str) -> String {
        let from = self.records.store().revision().await.unwrap();
        let mut watch = self.records.store().watch("obj/events/", from).await.unwrap();
        let wished = async {
            loop {
                let (events, _) = self.records.list(Kind::Event, None).await.unwrap();
                if let Some(found) = events.iter().find(|event| event.value["reason"] == reason) {
                    return found.value["message"].as_str().unwrap().to_owned();
                }
                watch.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(WITHIN, wished).await.unwrap_or_else(|_| panic!("never: {reason}"))
    }

    async fn history(&self, what: What) -> Vec<Entry> {
        let told = self.records.told(&Filter::default(), None, 10_000).await.unwrap();
        told.entries.into_iter().map(|(_, _, entry)| entry).filter(|entry| entry.what == what).collect()
    }
}

/// Writes the settings.
pub(crate) async fn write(records: &Records, sinks: &str) {
    let map = json!({
        "metadata": {"name": "flotilla-cm", "namespace": "argocd"}, "data": {"notifications.yaml": sinks},
    });
    match records.get(Kind::ConfigMap, "argocd", "flotilla-cm").await.unwrap() {
        None => drop(records.create(Kind::ConfigMap, map, shared_runtime::now()).await.unwrap()),
        Some(old) => {
            let mut new = old.value.clone();
            new["data"] = map["data"].clone();
            records.replace(Kind::ConfigMap, &old, new).await.unwrap();
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn lost(seconds: i64, cluster: &str) -> Entry {
    Entry {
        cluster: Some(ClusterName::new(cluster)),
        ..Entry::new(What::ClusterLost, at(seconds), format!("{cluster} is lost"))
    }
}

fn done(seconds: i64, number: usize) -> Entry {
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "shop".into() };
    let entry = Entry::new(What::RolloutDone, at(seconds), format!("shop-{number} is done"));
    entry.of_rollout(&owner, &RolloutName::new(format!("shop-{number}")))
}

fn texts(bodies: &[Value]) -> Vec<String> {
    bodies.iter().map(|body| body["text"].as_str().unwrap_or_default().to_owned()).collect()
}
