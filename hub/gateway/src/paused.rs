//! Which applications the hub pauses, and whom that concerns: in memory, of paused ones alone.
//!
//! [`crate::dispatch`] keeps it up to date from the store's watch. Whom a pause concerns is what the hub's status of the
//! application says, and every cluster that was assigned it since; who was told of a pause is told of its end.
//!
//! What it refuses to know: when a pause ends by itself (the agents count, the planner counts).

use hub_records::{Records, keys};
use hub_store::Revision;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use shared_model::{AppKey, ClusterName, Kind, PauseRequest, pause};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::watch;

/// The hub's pauses of single applications. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Paused {
    applications: Arc<Mutex<BTreeMap<AppKey, Entry>>>,
    loaded: Arc<watch::Sender<bool>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    asked: PauseRequest,
    clusters: BTreeSet<ClusterName>,
}

impl Default for Paused {
    fn default() -> Self {
        Self { applications: Arc::default(), loaded: Arc::new(watch::Sender::new(false)) }
    }
}

/// What a session is told: its cluster, and the pause or its end.
pub(crate) type News = (ClusterName, Option<PauseRequest>);

impl Paused {
    /// Reads all that is paused; answers up to which revision it is complete at least.
    pub(crate) async fn load(
        &self,
        records: &Records,
        now: Timestamp,
    ) -> Result<Revision, hub_records::Error> {
        let (all, revision) = records.list(Kind::Application, None).await?;
        let mut found = BTreeMap::new();
        for stored in &all {
            let Some(asked) = pause::of_object(&stored.value, now) else { continue };
            let application = AppKey::new(stored.namespace(), stored.name());
            let clusters = placed(records, &application).await?.into_iter().collect();
            found.insert(application, Entry { asked: asked.request, clusters });
        }
        *self.applications.lock() = found;
        self.loaded.send_replace(true);
        Ok(revision)
    }

    /// What is known may be old: sessions that begin wait for the next [`Paused::load`].
    pub(crate) fn unload(&self) {
        self.loaded.send_replace(false);
    }

    /// Whether it is known that the application is paused.
    pub(crate) fn has(&self, application: &AppKey) -> bool {
        self.applications.lock().contains_key(application)
    }

    /// The Application changed, or is gone.
    pub(crate) async fn changed(
        &self,
        records: &Records,
        application: &AppKey,
        object: Option<&Value>,
        now: Timestamp,
    ) -> Result<Vec<News>, hub_records::Error> {
        let asked = object.and_then(|object| pause::of_object(object, now)).map(|asked| asked.request);
        let before = self.applications.lock().get(application).cloned();
        if before.as_ref().map(|before| &before.asked) == asked.as_ref() {
            return Ok(Vec::new());
        }
        let mut clusters = before.map(|before| before.clusters).unwrap_or_default();
        match &asked {
            Some(asked) => {
                clusters.extend(placed(records, application).await?);
                let entry = Entry { asked: asked.clone(), clusters: clusters.clone() };
                self.applications.lock().insert(application.clone(), entry);
            }
            None => drop(self.applications.lock().remove(application)),
        }
        Ok(clusters.into_iter().map(|cluster| (cluster, asked.clone())).collect())
    }

    /// The application goes to this cluster: its pause, if that is news there.
    pub(crate) fn goes_to(&self, application: &AppKey, cluster: &ClusterName) -> Option<News> {
        let mut applications = self.applications.lock();
        let entry = applications.get_mut(application)?;
        entry.clusters.insert(cluster.clone()).then(|| (cluster.clone(), Some(entry.asked.clone())))
    }

    /// The pauses that concern a cluster with these applications, once they are known.
    pub(crate) async fn of_cluster<'a>(
        &self,
        cluster: &ClusterName,
        assigned: impl Iterator<Item = &'a AppKey>,
    ) -> BTreeMap<AppKey, PauseRequest> {
        // The sender lives as long as this does.
        let mut loaded = self.loaded.subscribe();
        drop(loaded.wait_for(|loaded| *loaded).await);
        let mut applications = self.applications.lock();
        for application in assigned {
            if let Some(entry) = applications.get_mut(application) {
                entry.clusters.insert(cluster.clone());
            }
        }
        let concerned = applications.iter().filter(|(_, entry)| entry.clusters.contains(cluster));
        concerned.map(|(application, entry)| (application.clone(), entry.asked.clone())).collect()
    }
}

/// The cluster that the hub's status of an application names.
async fn placed(records: &Records, application: &AppKey) -> Result<Option<ClusterName>, hub_records::Error> {
    let key = keys::status(Kind::Application, &application.namespace, &application.name);
    let status = records.read::<Value>(&key).await?;
    Ok(status.and_then(|(status, _)| cluster_of(&status)))
}

/// The cluster that a status of an application names.
pub(crate) fn cluster_of(status: &Value) -> Option<ClusterName> {
    status["cluster"].as_str().filter(|name| !name.is_empty()).map(ClusterName::new)
}
