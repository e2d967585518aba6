//! One watch for each kind that is managed, on objects that carry our label.

use super::{Cluster, discovery::Served, failure::meaning, requests::slim};
use futures::StreamExt as _;
use kube::{
    Api,
    core::DynamicObject,
    runtime::watcher::{self, Event},
};
use serde_json::Value;
use shared_manifest::{ObjectId, tracking};
use shared_runtime::{Backoff, Tasks};
use shared_sync::Failure;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A kind in the version in which it is desired; `None`: the preferred one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedKind {
    /// API group, empty for core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Version.
    pub version: Option<String>,
}

/// What a watch tells.
#[derive(Debug)]
pub enum Watched {
    /// The object is so now.
    Changed(ObjectId, Arc<Value>),
    /// The object left the watch: gone, or without our label. To be confirmed by a read.
    Left(ObjectId),
    /// The watch began anew and saw these; what else was known of the kind is to be read.
    Listed(WatchedKind, BTreeSet<ObjectId>),
}

/// The watches under way.
#[derive(Debug)]
pub(crate) struct Watches {
    cluster: Cluster,
    tasks: Tasks,
    told: mpsc::Sender<Watched>,
    running: BTreeMap<WatchedKind, DropGuard>,
}

impl Watches {
    pub(crate) fn new(cluster: Cluster, tasks: Tasks, told: mpsc::Sender<Watched>) -> Self {
        Self { cluster, tasks, told, running: BTreeMap::new() }
    }

    /// Watches exactly these kinds from now on.
    pub(crate) fn set(&mut self, kinds: &BTreeSet<WatchedKind>) {
        self.running.retain(|kind, _| kinds.contains(kind));
        for kind in kinds {
            if self.running.contains_key(kind) {
                continue;
            }
            let stop = CancellationToken::new();
            self.running.insert(kind.clone(), stop.clone().drop_guard());
            let (cluster, told, kind) = (self.cluster.clone(), self.told.clone(), kind.clone());
            self.tasks.spawn_until_stopped("watch", async move {
                let _stopped = stop.run_until_cancelled(watch(cluster, kind, told)).await;
            });
        }
    }
}

/// Watches a kind for ever.
async fn watch(cluster: Cluster, kind: WatchedKind, told: mpsc::Sender<Watched>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        let found =
            cluster.discovery.find(&cluster.client, &kind.group, &kind.kind, kind.version.as_deref()).await;
        let why = match found {
            Ok(served) if served.watchable => {
                match follow(&cluster, &kind, &served, &told, &mut backoff).await {
                    Some(failure) => failure,
                    None => return,
                }
            }
            Ok(_) => {
                tracing::warn!(
                    kind = kind.kind,
                    "objects of this kind cannot be watched: their drift is not seen"
                );
                return;
            }
            Err(failure) => failure,
        };
        let wait = backoff.next_wait();
        if let Failure::Forbidden(message) = &why {
            tracing::warn!(
                kind = kind.kind,
                message,
                "this kind may not be watched: its drift is not seen before the agent's role allows list and watch"
            );
        } else if !matches!(why, Failure::KindUnknown(_)) {
            // An unknown kind's definition may come later; the machine reads its objects meanwhile.
            tracing::info!(kind = kind.kind, reason = %why, "the watch broke off and starts again");
        }
        tokio::time::sleep(wait).await;
    }
}

/// Follows a kind until the watch fails; `None` when nobody listens any more.
async fn follow(
    cluster: &Cluster,
    kind: &WatchedKind,
    served: &Served,
    told: &mpsc::Sender<Watched>,
    backoff: &mut Backoff,
) -> Option<Failure> {
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &served.resource);
    let config = watcher::Config::default().labels(tracking::OWNER_LABEL);
    let mut events = std::pin::pin!(watcher::watcher(api, config));
    let mut seen = BTreeSet::new();
    while let Some(event) = events.next().await {
        let news = match event {
            Ok(Event::Init) => {
                seen.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                let (id, object) = read(kind, served, object);
                seen.insert(id.clone());
                Watched::Changed(id, object)
            }
            Ok(Event::InitDone) => {
                backoff.reset();
                Watched::Listed(kind.clone(), std::mem::take(&mut seen))
            }
            Ok(Event::Apply(object)) => {
                backoff.reset();
                let (id, object) = read(kind, served, object);
                Watched::Changed(id, object)
            }
            Ok(Event::Delete(object)) => Watched::Left(read(kind, served, object).0),
            Err(error) => return Some(of_watch(&error)),
        };
        told.send(news).await.ok()?;
    }
    Some(Failure::Unreachable("the watch ended".to_owned()))
}

fn read(kind: &WatchedKind, served: &Served, object: DynamicObject) -> (ObjectId, Arc<Value>) {
    let mut value = serde_json::to_value(object).expect("an object that was JSON is JSON");
    // Items of lists carry neither.
    value["apiVersion"] = Value::from(served.resource.api_version.clone());
    value["kind"] = Value::from(served.resource.kind.clone());
    slim(&mut value);
    let id = ObjectId { group: kind.group.clone(), kind: kind.kind.clone(), ..ObjectId::of(&value) };
    (id, Arc::new(value))
}

fn of_watch(error: &watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => {
            let failure = meaning(error);
            if let Failure::NotFound(message) = failure { Failure::KindUnknown(message) } else { failure }
        }
        other @ (watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion) => {
            Failure::Unreachable(other.to_string())
        }
    }
}
