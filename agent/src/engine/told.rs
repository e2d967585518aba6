//! The status file.

use super::Engine;
use crate::status::{Application, Status};
use jiff::Timestamp;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether the status file is behind.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) changed: bool,
    writing: Arc<AtomicBool>,
}

impl Engine {
    fn status(&self, now: Timestamp) -> Vec<u8> {
        let applications = self.apps.iter().filter_map(|(name, app)| {
            let report = app.last.as_ref().filter(|report| !report.removed)?;
            Some(Application {
                name: name.clone(),
                position: report.position,
                phase: report.phase,
                message: report.message.clone(),
                sync: report.sync,
                health: report.health.status,
                drift: report.drift.clone(),
                healed: report.healed,
            })
        });
        let status = Status {
            cluster: self.deps.name.to_string(),
            hub: self.deps.hub.clone(),
            connected: self.outbox.welcome,
            at: now,
            pauses: self.pauses.reasons(now),
            applications: applications.collect(),
        };
        serde_json::to_vec(&status).expect("a status has only string keys")
    }

    /// Writes the status file, if something changed, without waiting for it.
    pub(super) fn write_status_behind(&mut self, now: Timestamp) {
        if !self.status.changed || self.status.writing.swap(true, Ordering::SeqCst) {
            return;
        }
        self.status.changed = false;
        let (journal, status, writing) =
            (Arc::clone(&self.deps.journal), self.status(now), Arc::clone(&self.status.writing));
        self.deps.tasks.spawn("status", async move {
            let written = tokio::task::spawn_blocking(move || journal.write_status(&status)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "the status file could not be written");
            }
            writing.store(false, Ordering::SeqCst);
        });
    }

    /// Writes the status file for the last time.
    pub(super) async fn write_status(&mut self, now: Timestamp) {
        self.outbox.down();
        let (journal, status) = (Arc::clone(&self.deps.journal), self.status(now));
        let written = tokio::task::spawn_blocking(move || journal.write_status(&status)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the status file could not be written");
        }
    }
}
