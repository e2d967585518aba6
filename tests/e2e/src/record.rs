//! Everything that happened to a cluster's objects, and when: a record of each event of watches on the cluster itself.
//!
//! Times are of the clock on the wall, so that they can be set beside those in logs.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::{Cluster, eventually};

/// Kinds by group and version.
pub type Kinds<'a> = &'a [(&'a str, &'a str, &'a [&'a str])];

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the watch told us.
    pub at: Timestamp,
    /// The cluster.
    pub cluster: String,
    /// `Kind/name`.
    pub object: String,
    /// Its resourceVersion.
    pub version: String,
    /// It was deleted; else it is there, new or changed.
    pub deleted: bool,
}

/// Watches all objects of some kinds in a namespace of some clusters, until it is dropped.
pub struct Record {
    seen: Arc<Mutex<Vec<Change>>>,
    /// Where a watch broke: events in between may have been missed.
    broken: Arc<Mutex<Vec<String>>>,
    _watches: JoinSet<()>,
}

impl Record {
    /// Begins to watch, and waits until every watch is there. The namespace need not be.
    pub async fn watch<'a>(
        clusters: impl IntoIterator<Item = &'a Cluster>,
        namespace: &str,
        kinds: Kinds<'_>,
    ) -> Self {
        let (seen, broken) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (ready, mut wanted) = (Arc::new(AtomicUsize::new(0)), 0);
        let mut watches = JoinSet::new();
        for cluster in clusters {
            for resource in resources(kinds) {
                wanted += 1;
                let (seen, broken, ready) = (Arc::clone(&seen), Arc::clone(&broken), Arc::clone(&ready));
                let objects: Api<DynamicObject> =
                    Api::namespaced_with(cluster.client(), namespace, &resource);
                let (cluster, kind) = (cluster.name().to_owned(), resource.kind);
                let mut events = watcher(objects, watcher::Config::default()).default_backoff().boxed();
                watches.spawn(async move {
                    let change = |object: &DynamicObject, deleted| Change {
                        at: Timestamp::now(),
                        cluster: cluster.clone(),
                        object: format!("{kind}/{}", object.name_any()),
                        version: object.resource_version().unwrap_or_default(),
                        deleted,
                    };
                    while let Some(event) = events.next().await {
                        match event {
                            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                                seen.lock().push(change(&object, false));
                            }
                            Ok(watcher::Event::Delete(object)) => seen.lock().push(change(&object, true)),
                            Ok(watcher::Event::InitDone) => drop(ready.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => broken.lock().push(format!("{kind} on {cluster}: {error}")),
                            Ok(watcher::Event::Init) => {}
                        }
                    }
                });
            }
        }
        eventually(Duration::from_secs(30), "the watches are there", async || {
            let there = ready.load(Ordering::Relaxed);
            ensure!(there >= wanted, "{there} of {wanted}");
            Ok(())
        })
        .await;
        Self { seen, broken, _watches: watches }
    }

    /// All that was seen so far, in order.
    ///
    /// # Panics
    /// When a watch broke meanwhile: not everything may have been seen.
    pub fn changes(&self) -> Vec<Change> {
        let broken = self.broken.lock();
        assert!(broken.is_empty(), "not everything was seen: {broken:?}");
        self.seen.lock().clone()
    }

    /// The deletions on a cluster so far, in order: what, and when.
    pub fn deletions(&self, cluster: &str) -> Vec<(String, Timestamp)> {
        let all = self.changes().into_iter().filter(|change| change.deleted && change.cluster == cluster);
        all.map(|change| (change.object, change.at)).collect()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Change { at, cluster, object, version, deleted } in self.seen.lock().iter() {
            let what = if *deleted { "DELETED" } else { "is" };
            writeln!(f, "{at} {cluster:<6} {object:<32} {what} @{version}")?;
        }
        Ok(())
    }
}

/// The resources of kinds whose plural follows the rules.
fn resources(kinds: Kinds<'_>) -> Vec<ApiResource> {
    let all = kinds.iter().flat_map(|(group, version, kinds)| {
        kinds.iter().map(move |kind| ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)))
    });
    all.collect()
}
