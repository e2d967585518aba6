//! The search for what carries our marks: once for each data folder, and after an inventory was lost.

use super::{Done, Engine};
use jiff::Timestamp;
use shared_manifest::{ObjectId, tracking};
use shared_model::AppKey;
use shared_sync::{Event, Failure};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const AGAIN: Duration = Duration::from_secs(10);

impl Engine {
    /// Starts the search after a wait.
    pub(super) fn search(&self, wait: Duration) {
        let (cluster, done) = (self.deps.cluster.clone(), self.done.clone());
        self.deps.tasks.spawn_until_stopped("survey", async move {
            tokio::time::sleep(wait).await;
            let _stopping = done.send(Done::Surveyed(cluster.survey().await));
        });
    }

    pub(super) fn take_survey(
        &mut self,
        found: Result<BTreeMap<String, Vec<ObjectId>>, Failure>,
        now: Timestamp,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "objects with our marks could not be searched for; nothing is pruned before that");
                self.search(AGAIN);
                return;
            }
        };
        let (journal, kept) = (Arc::clone(&self.deps.journal), found.clone());
        self.deps.tasks.spawn("journal", async move {
            let saved = tokio::task::spawn_blocking(move || journal.save_survey(&kept)).await;
            if let Ok(Err(error)) = saved {
                tracing::warn!(%error, "the survey could not be kept; it is made again at the next start");
            }
        });
        let applications: Vec<AppKey> = self.apps.keys().cloned().collect();
        for application in applications {
            let owner = tracking::owner_hash(&application.namespace, &application.name);
            let ids = found.get(&owner).cloned().unwrap_or_default();
            let Some(app) = self.apps.get_mut(&application) else { continue };
            let kept = app.inventory.get_or_insert_default();
            kept.extend(ids.iter().cloned());
            kept.sort();
            kept.dedup();
            self.tell(&application, Event::InventoryLoaded(ids), now);
        }
        self.survey = Some(found);
    }
}
