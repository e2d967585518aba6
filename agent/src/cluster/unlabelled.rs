//! A watch of the names of what lacks our label: one kind in one namespace.
//!
//! It begins with one small list, for the version to watch from: what is there already is read by whoever asks for it,
//! so a place with many objects costs no more than one with few. What it tells is where and what, never the object.
//!
//! A watch that may not or cannot be is told of once, and tried again each [`AGAIN`].

use super::{
    Cluster,
    discovery::Served,
    failure::meaning,
    requests::{ANSWER_WITHIN, collection},
    watches::{Watched, WatchedPlace},
};
use futures::StreamExt as _;
use http::{Method, Request, header::ACCEPT};
use kube::core::WatchEvent;
use serde::Deserialize;
use shared_manifest::{ObjectId, tracking};
use shared_runtime::Backoff;
use shared_sync::Failure;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Until a watch that was refused is tried again.
const AGAIN: Duration = Duration::from_secs(300);
/// The API server ends a watch after so long, and it goes on with the next.
const LASTS: Duration = Duration::from_secs(290);
/// A watch that said nothing for so long after its end is dead.
const DEAD_AFTER: Duration = Duration::from_secs(300);
/// A watch that ends sooner has failed.
const STEADY: Duration = Duration::from_secs(5);

/// All that is kept of an object.
#[derive(Debug, Clone, Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    resource_version: String,
}

/// Watches a place for ever.
pub(super) async fn watch(cluster: Cluster, place: WatchedPlace, told: mpsc::Sender<Watched>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    let mut warned = false;
    loop {
        let Some(why) = follow(&cluster, &place, &told, &mut backoff, &mut warned).await else { return };
        if told.send(Watched::Following(place.clone(), false)).await.is_err() {
            return;
        }
        let wait = backoff.next_wait();
        let refused = matches!(
            why,
            Failure::Forbidden(_) | Failure::Invalid(_) | Failure::Other(_) | Failure::NotFound(_)
        );
        let (kind, namespace) = (&place.kind.kind, &place.namespace);
        if refused && !std::mem::replace(&mut warned, true) {
            tracing::warn!(
                kind, namespace, %why,
                "objects without our label cannot be watched here: they are read now and then"
            );
        } else {
            tracing::debug!(kind, namespace, %why, "the watch of objects without our label starts again");
        }
        tokio::time::sleep(if refused { AGAIN } else { wait }).await;
    }
}

/// Follows a place until that fails; `None` when nobody listens any more.
async fn follow(
    cluster: &Cluster,
    place: &WatchedPlace,
    told: &mpsc::Sender<Watched>,
    backoff: &mut Backoff,
    warned: &mut bool,
) -> Option<Failure> {
    let kind = &place.kind;
    let found =
        cluster.discovery.find(&cluster.client, &kind.group, &kind.kind, kind.version.as_deref()).await;
    let served = match found {
        Ok(served) if served.watchable => served,
        Ok(_) => return Some(Failure::Other("objects of this kind cannot be watched".to_owned())),
        Err(failure) => return Some(failure),
    };
    let mut version = match begin(cluster, place, &served).await {
        Ok(version) => version,
        Err(failure) => return Some(failure),
    };
    let mut follows = false;
    loop {
        let began = Instant::now();
        let events = cluster.client.request_events::<Named>(request(place, &served, &version)).await;
        let events = match events {
            Ok(events) => events,
            Err(error) => return Some(meaning(&error)),
        };
        let mut events = std::pin::pin!(events);
        if !std::mem::replace(&mut follows, true) {
            *warned = false;
            told.send(Watched::Following(place.clone(), true)).await.ok()?;
        }
        while let Ok(Some(event)) = tokio::time::timeout(DEAD_AFTER, events.next()).await {
            let named = match event {
                Ok(WatchEvent::Added(named) | WatchEvent::Modified(named) | WatchEvent::Deleted(named)) => {
                    named
                }
                Ok(WatchEvent::Bookmark(mark)) => {
                    version = mark.metadata.resource_version;
                    continue;
                }
                Ok(WatchEvent::Error(status)) => return Some(Failure::Unreachable(status.message.clone())),
                Err(error) => return Some(meaning(&error)),
            };
            let name = named.metadata;
            version = name.resource_version;
            let id = ObjectId {
                group: kind.group.clone(),
                kind: kind.kind.clone(),
                namespace: name.namespace,
                name: name.name,
            };
            told.send(Watched::Touched(id)).await.ok()?;
        }
        if began.elapsed() < STEADY {
            return Some(Failure::Unreachable("the watch ended at once".to_owned()));
        }
        backoff.reset();
    }
}

fn selected(place: &WatchedPlace, served: &Served, rest: &str) -> String {
    // `!key`: the label is absent (Kubernetes, "Labels and Selectors").
    let absent = format!("%21{}", tracking::OWNER_LABEL.replace('/', "%2F"));
    format!("{}?labelSelector={absent}&{rest}", collection(served, &place.namespace))
}

/// The version to watch from.
async fn begin(cluster: &Cluster, place: &WatchedPlace, served: &Served) -> Result<String, Failure> {
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    let uri = selected(place, served, "limit=1");
    let page =
        cluster.send_within(ANSWER_WITHIN, Method::GET, &uri, ["application/json", accept], None).await?;
    let version = page["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty());
    version.map(str::to_owned).ok_or_else(|| Failure::Other("its lists have no resourceVersion".to_owned()))
}

fn request(place: &WatchedPlace, served: &Served, version: &str) -> Request<Vec<u8>> {
    let rest = format!(
        "watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={version}",
        LASTS.as_secs()
    );
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    let request = Request::get(selected(place, served, &rest)).header(ACCEPT, accept);
    request.body(Vec::new()).expect("names of kinds and namespaces, and versions, can stand in a request")
}
