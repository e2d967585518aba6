//! The status: written some time after something changed.

use super::{Engine, Work};
use crate::status::{Application, Status};
use jiff::{SignedDuration, Timestamp};

/// The status is written at most so often.
const CALM: SignedDuration = SignedDuration::from_secs(1);
/// How long after it could not be written it is tried again.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// Whether the status that was written is behind.
#[derive(Debug, Default)]
pub(super) struct Told {
    changed: bool,
    writing: bool,
    next: Option<Timestamp>,
}

impl Told {
    pub(super) const fn change(&mut self) {
        self.changed = true;
    }

    pub(super) fn written(&mut self, kept: bool, now: Timestamp) {
        self.writing = false;
        self.changed |= !kept;
        self.next = now.checked_add(if kept { CALM } else { AGAIN }).ok();
    }

    /// When it is to be written.
    pub(super) fn due(&self) -> Option<Timestamp> {
        (self.changed && !self.writing).then(|| self.next.unwrap_or(Timestamp::MIN))
    }
}

impl Engine {
    /// How the cluster's applications stand.
    pub fn status(&self, now: Timestamp) -> Status {
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
                paused: self.pauses.reason_of(name, now),
            })
        });
        Status {
            cluster: self.known.name.to_string(),
            hub: self.standing.hub.clone(),
            connected: self.outbox.welcome,
            clock_skew_ms: self.standing.clock_skew_ms,
            certificate_until: self.standing.certificate_until,
            problems: self
                .standing
                .refusals
                .values()
                .chain(&self.standing.remedy)
                .chain(&self.lost)
                .cloned()
                .collect(),
            at: now,
            pauses: self.pauses.reasons(now),
            applications: applications.collect(),
        }
    }

    /// Has the status written, if something changed.
    pub(super) fn write_status(&mut self, now: Timestamp) {
        if self.told.due().is_some_and(|due| due <= now) {
            self.told.changed = false;
            self.told.writing = true;
            self.work.push_back(Work::WriteStatus(Box::new(self.status(now))));
        }
    }
}
