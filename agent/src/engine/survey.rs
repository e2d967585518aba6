//! The search for what carries our marks: once for each data folder, and after an inventory was lost.

use super::{Engine, Work};
use jiff::Timestamp;
use shared_manifest::{ObjectId, tracking};
use shared_model::AppKey;
use shared_sync::{Event, Failure};
use std::{collections::BTreeMap, time::Duration};

const AGAIN: Duration = Duration::from_secs(10);

impl Engine {
    /// A search has ended.
    pub(super) fn take_survey(
        &mut self,
        found: Result<BTreeMap<String, Vec<ObjectId>>, Failure>,
        now: Timestamp,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "objects with our marks could not be searched for; nothing is pruned before that");
                self.work.push_back(Work::Search { after: AGAIN });
                return;
            }
        };
        self.work.push_back(Work::KeepSurvey(found.clone()));
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
