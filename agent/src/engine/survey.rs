//! The search for what carries our marks: before anything is pruned of an application whose inventory the journal
//! does not have, because it was lost or the application is new to it. At most one search for each process.
//!
//! Until it has ended the inventory need not be kept: what is written carries our marks, and is found by the next search.

use super::{Engine, Work};
use jiff::Timestamp;
use shared_manifest::{ObjectId, tracking};
use shared_model::AppKey;
use shared_sync::{Event, Failure};
use std::{collections::BTreeMap, time::Duration};

const AGAIN: Duration = Duration::from_secs(10);

/// The search.
#[derive(Debug, Default)]
pub(super) enum Survey {
    /// Nobody needed one.
    #[default]
    No,
    Running,
    /// What was found of applications that are not here, by owner.
    Found(BTreeMap<String, Vec<ObjectId>>),
}

fn owner(application: &AppKey) -> String {
    tracking::owner_hash(&application.namespace, &application.name)
}

impl Engine {
    /// The inventory of an application that the journal does not know; `None` until a search has ended.
    pub(super) fn look_for(&mut self, application: &AppKey) -> Option<Vec<ObjectId>> {
        match &mut self.survey {
            Survey::Found(found) => Some(found.remove(&owner(application)).unwrap_or_default()),
            Survey::Running => None,
            Survey::No => {
                self.survey = Survey::Running;
                self.work.push_back(Work::Search { after: Duration::ZERO });
                None
            }
        }
    }

    /// A search has ended.
    pub(super) fn take_survey(
        &mut self,
        found: Result<BTreeMap<String, Vec<ObjectId>>, Failure>,
        now: Timestamp,
    ) {
        let mut found = match found {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "objects with our marks could not be searched for; nothing is pruned before that");
                self.work.push_back(Work::Search { after: AGAIN });
                return;
            }
        };
        let applications: Vec<AppKey> = self.apps.keys().cloned().collect();
        for application in applications {
            let ids = found.remove(&owner(&application)).unwrap_or_default();
            let Some(app) = self.apps.get_mut(&application) else { continue };
            let kept = app.inventory.get_or_insert_default();
            kept.extend(ids.iter().cloned());
            kept.sort();
            kept.dedup();
            self.tell(&application, Event::InventoryLoaded(ids), now);
        }
        self.survey = Survey::Found(found);
    }
}
