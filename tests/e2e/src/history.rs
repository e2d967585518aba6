//! What clusters ran, and when: a record of every state that a Deployment was in, taken from watches on the clusters
//! themselves.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::{Cluster, Kubectl, eventually, fleet::waited};

/// One state of the Deployment on one cluster.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When the watch told us.
    pub at: Instant,
    /// The cluster.
    pub cluster: String,
    /// The image of its first container; empty once it was deleted.
    pub image: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Whether every replica of this very spec is ready.
    pub ready: bool,
}

/// Watches one Deployment on several clusters, until it is dropped.
pub struct History {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Where a watch broke: states in between may have been missed.
    broken: Arc<Mutex<Vec<String>>>,
    began: Instant,
    hub: Kubectl,
    _watches: JoinSet<()>,
}

impl History {
    /// Begins to watch, and waits until every watch is there. The hub is asked when something is waited for in vain.
    pub async fn watch<'a>(
        hub: &Kubectl,
        clusters: impl IntoIterator<Item = &'a Cluster>,
        namespace: &str,
        name: &str,
    ) -> Self {
        let (seen, broken) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (ready, mut wanted) = (Arc::new(AtomicUsize::new(0)), 0);
        let mut watches = JoinSet::new();
        for cluster in clusters {
            wanted += 1;
            let (seen, broken, ready, cluster_name) =
                (Arc::clone(&seen), Arc::clone(&broken), Arc::clone(&ready), cluster.name().to_owned());
            let deployments: Api<Deployment> = Api::namespaced(cluster.client(), namespace);
            let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
            let mut events = watcher(deployments, config).default_backoff().boxed();
            watches.spawn(async move {
                while let Some(event) = events.next().await {
                    let at = Instant::now();
                    match event {
                        Ok(watcher::Event::Apply(it) | watcher::Event::InitApply(it)) => {
                            seen.lock().push(state(at, &cluster_name, &it));
                        }
                        Ok(watcher::Event::Delete(_)) => seen.lock().push(gone(at, &cluster_name)),
                        Ok(watcher::Event::InitDone) => drop(ready.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => {
                            broken.lock().push(format!("the watch on {cluster_name} broke: {error}"))
                        }
                        Ok(watcher::Event::Init) => {}
                    }
                }
            });
        }
        eventually(Duration::from_secs(30), "the watches are there", async || {
            let there = ready.load(Ordering::Relaxed);
            ensure!(there >= wanted, "{there} of {wanted}");
            Ok(())
        })
        .await;
        Self { seen, broken, began: Instant::now(), hub: hub.clone(), _watches: watches }
    }

    /// All that was seen so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// The newest state on a cluster.
    pub fn last(&self, cluster: &str) -> Option<Seen> {
        self.seen.lock().iter().rev().find(|seen| seen.cluster == cluster).cloned()
    }

    /// The first state, from `after` on, for which `is` holds.
    pub fn first(&self, after: Instant, is: impl Fn(&Seen) -> bool) -> Option<Seen> {
        self.seen.lock().iter().find(|seen| seen.at >= after && is(seen)).cloned()
    }

    /// Waits until the newest state on each of these clusters is this image, ready.
    pub async fn runs(&self, within: Duration, clusters: &[&str], image: &str) {
        waited(&self.hub, within, &format!("{clusters:?} run {image}"), async || {
            for cluster in clusters {
                let last = self.last(cluster);
                ensure!(last.as_ref().is_some_and(|last| last.image == image && last.ready), "{self:?}");
            }
            Ok(())
        })
        .await;
    }

    /// Panics if one of `others` ever ran an image that the canary had not been ready with before.
    pub fn assert_canary_first(&self, canary: &str) {
        let (all, broken) = (self.seen(), self.broken.lock());
        assert!(broken.is_empty(), "not everything was seen: {broken:?}");
        for (index, seen) in all.iter().enumerate().filter(|(_, seen)| seen.cluster != canary) {
            let proven = all[..index]
                .iter()
                .any(|earlier| earlier.cluster == canary && earlier.image == seen.image && earlier.ready);
            assert!(
                proven || seen.image.is_empty(),
                "{} ran {} before {canary} was ready with it:\n{self:?}",
                seen.cluster,
                seen.image
            );
        }
    }

    /// The images of a cluster in the order in which it ran them.
    pub fn images(&self, cluster: &str) -> Vec<String> {
        let mut images: Vec<String> =
            self.seen().into_iter().filter(|seen| seen.cluster == cluster).map(|seen| seen.image).collect();
        images.dedup();
        images
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Seen { at, cluster, image, replicas, ready } in self.seen() {
            let at = at.saturating_duration_since(self.began).as_secs_f32();
            let ready = if ready { "ready" } else { "" };
            writeln!(f, "{at:8.3}s {cluster:<8} {image:<20} x{replicas} {ready}")?;
        }
        Ok(())
    }
}

fn state(at: Instant, cluster: &str, deployment: &Deployment) -> Seen {
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    let replicas = spec.replicas.unwrap_or(1);
    let containers = spec.template.spec.unwrap_or_default().containers;
    let image = containers.into_iter().next().and_then(|container| container.image).unwrap_or_default();
    let all = Some(replicas);
    let ready = deployment.metadata.deletion_timestamp.is_none()
        && status.observed_generation >= deployment.metadata.generation
        && [status.replicas, status.updated_replicas, status.available_replicas] == [all; 3];
    Seen { at, cluster: cluster.to_owned(), image, replicas, ready }
}

fn gone(at: Instant, cluster: &str) -> Seen {
    Seen { at, cluster: cluster.to_owned(), image: String::new(), replicas: 0, ready: false }
}
