//! One watch for each kind that is managed, on objects that carry our label; others where asked for ([`unlabelled`]).

use super::{Cluster, discovery::Served, failure::meaning, requests::slim, unlabelled};
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

/// Objects in one answer of a watch's first list: what is in memory at once.
const PAGE: u32 = 100;

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

/// A kind in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedPlace {
    /// Kind.
    pub kind: WatchedKind,
    /// Namespace; empty as in [`ObjectId`].
    pub namespace: String,
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
    /// Something happened to an object without our label, or one that just got it. To be read.
    Touched(ObjectId),
    /// Whether objects without our label are followed there; of what happened before nothing is told.
    Following(WatchedPlace, bool),
}

/// The watches under way.
#[derive(Debug)]
pub(crate) struct Watches {
    cluster: Cluster,
    tasks: Tasks,
    told: mpsc::Sender<Watched>,
    running: BTreeMap<WatchedKind, DropGuard>,
    unlabelled: BTreeMap<WatchedPlace, DropGuard>,
}

impl Watches {
    pub(crate) fn new(cluster: Cluster, tasks: Tasks, told: mpsc::Sender<Watched>) -> Self {
        Self { cluster, tasks, told, running: BTreeMap::new(), unlabelled: BTreeMap::new() }
    }

    /// Watches exactly these kinds from now on.
    pub(crate) fn set(&mut self, kinds: &BTreeSet<WatchedKind>) {
        let (cluster, told) = (&self.cluster, &self.told);
        let watch = |kind: &WatchedKind| watch(cluster.clone(), kind.clone(), told.clone());
        run(&mut self.running, kinds, &self.tasks, watch);
    }

    /// Watches what lacks our label in exactly these places from now on.
    pub(crate) fn set_unlabelled(&mut self, places: &BTreeSet<WatchedPlace>) {
        let (cluster, told) = (&self.cluster, &self.told);
        let watch = |place: &WatchedPlace| unlabelled::watch(cluster.clone(), place.clone(), told.clone());
        run(&mut self.unlabelled, places, &self.tasks, watch);
    }
}

/// Ends what is not wanted any more and begins what is new.
fn run<K: Ord + Clone, W: Future<Output = ()> + Send + 'static>(
    running: &mut BTreeMap<K, DropGuard>,
    wanted: &BTreeSet<K>,
    tasks: &Tasks,
    watch: impl Fn(&K) -> W,
) {
    running.retain(|one, _| wanted.contains(one));
    for one in wanted {
        if running.contains_key(one) {
            continue;
        }
        let stop = CancellationToken::new();
        running.insert(one.clone(), stop.clone().drop_guard());
        let watch = watch(one);
        tasks.spawn_until_stopped("watch", async move {
            let _stopped = stop.run_until_cancelled(watch).await;
        });
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
    let config = watcher::Config::default().labels(tracking::OWNER_LABEL).page_size(PAGE);
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
