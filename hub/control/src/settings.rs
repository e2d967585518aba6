//! Tells of settings that cannot be read: a warning in the log, and a Warning Event on the ConfigMap for as long as it is so.
//!
//! The API refuses such contents when they are written; these were written before this version of the hub, or put into its store.

use crate::index::Object;
use hub_records::{Notice, Records};
use hub_store::{Outcome, Txn};
use jiff::Timestamp;
use shared_model::Kind;
use shared_project::Settings;
use std::time::Duration;

/// How often it is told: Events are kept for an hour.
const EVERY: Duration = Duration::from_secs(50 * 60);

/// What was told last, so that nothing is told twice.
#[derive(Debug, Default)]
pub(crate) struct Told {
    problems: Vec<String>,
    at: Option<Timestamp>,
}

impl Told {
    /// Tells what is wrong with the settings, if that is news.
    pub(crate) async fn tell(
        &mut self,
        records: &Records,
        settings: &Settings,
        source: Option<&Object>,
        now: Timestamp,
    ) {
        let what =
            "settings that cannot be read count as closed and as the smallest limit until they are mended";
        self.tell_of(records, (what, &settings.problems), source, now).await;
    }

    /// Tells what is wrong with a ConfigMap, after what that means, if that is news.
    pub(crate) async fn tell_of(
        &mut self,
        records: &Records,
        (what, problems): (&str, &[String]),
        source: Option<&Object>,
        now: Timestamp,
    ) {
        let recent = self.at.is_some_and(|at| now < at + EVERY);
        if problems.is_empty() || (recent && problems == self.problems) {
            return;
        }
        let Some(source) = source else { return };
        let message = format!("{what}: {}", problems.join("; "));
        tracing::warn!(config_map = %format!("{}/{}", source.namespace(), source.name()), "{message}");
        let notice = Notice { reason: "SettingsInvalid", warning: true, key: message.clone(), message };
        let op = notice.put(source.about(Kind::ConfigMap), now);
        match records.store().commit(Txn { compares: Vec::new(), ops: op.into_iter().collect() }).await {
            Ok(Outcome::Committed(_) | Outcome::Conflict { .. }) => {
                self.problems = problems.to_vec();
                self.at = Some(now);
            }
            Err(error) => tracing::warn!(%error, "the event about the hub's settings could not be written"),
        }
    }
}
