//! One application: its machine, and what is known around it.

use super::{orders::Wish, traces::Course};
use crate::journal::Pin;
use jiff::Timestamp;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Health, HealthStatus, LocalPin, Position, ReleaseId, SyncPhase, SyncState};
use shared_sync::{Machine, Report};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// One application.
#[derive(Debug)]
pub(super) struct App {
    /// What the journal has.
    pub(super) held: Position,
    /// The order at that position, kept so that a machine can be made again.
    pub(super) current: Option<Wish>,
    /// What is, or may be, in the cluster because of us, as the journal has it; `None` when that was lost.
    pub(super) inventory: Option<Vec<ObjectId>>,
    /// Absent before its first order is prepared, after a panic, and once it is removed.
    pub(super) machine: Option<Machine>,
    /// The next order, not durable yet (or durable, with its machine to be made).
    pub(super) wish: Option<Wish>,
    /// Work on an order is under way.
    pub(super) preparing: bool,
    /// How often in a row that failed.
    pub(super) tries: u32,
    /// When it is due again.
    pub(super) retry: Option<Timestamp>,
    /// Why the wish failed, for the report.
    pub(super) trouble: Option<Trouble>,
    /// The machine is to be made again.
    pub(super) panicked: bool,
    /// An action is on its way to being started.
    pub(super) starting: bool,
    /// Its writes without an answer.
    pub(super) writing: usize,
    /// The entry of this application in the engine's timers.
    pub(super) timer: Option<Timestamp>,
    /// The versions in which the release names its kinds.
    pub(super) versions: BTreeMap<(String, String), String>,
    /// The last report that was looked at.
    pub(super) last: Option<Report>,
    /// The journal's note that the sync of this position succeeded.
    pub(super) synced: Option<Position>,
    /// A removal that is done.
    pub(super) gone: Option<Gone>,
    /// The release chosen in the cluster.
    pub(super) pin: Option<Pin>,
    /// How far the order is, for its trace.
    pub(super) course: Option<Course>,
    /// The pin that the machine brings about; `None` while it follows the hub.
    pub(super) follows: Option<Pin>,
}

/// Why what is wished is not being done.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The journal does not take it, for want of room or of its API server: it waits, and the release is not to blame.
    Journal(String),
    Failed(String),
}

/// A removal that is done, and whether the hub knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gone {
    /// When it was said in this session.
    pub(super) said: Option<Timestamp>,
    pub(super) told: bool,
}

impl App {
    pub(super) fn new() -> Self {
        Self {
            held: Position::default(),
            current: None,
            inventory: None,
            machine: None,
            wish: None,
            preparing: false,
            tries: 0,
            retry: None,
            trouble: None,
            panicked: false,
            starting: false,
            writing: 0,
            timer: None,
            versions: BTreeMap::new(),
            last: None,
            synced: None,
            gone: None,
            pin: None,
            course: None,
            follows: None,
        }
    }

    /// The newest position that is known, durable or not.
    pub(super) fn newest(&self) -> Position {
        self.wish.as_ref().map_or(self.held, |wish| wish.position().max(self.held))
    }

    /// Lets the machine work; `None` when there is none, or it panicked and is gone.
    pub(super) fn with_machine<T>(
        &mut self,
        application: &AppKey,
        work: impl FnOnce(&mut Machine) -> T,
    ) -> Option<T> {
        let machine = self.machine.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| work(machine))) {
            Ok(done) => Some(done),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_default();
                tracing::error!(%application, text, "this application failed inside the agent; it is started again, others go on");
                self.machine = None;
                self.trouble = Some(Trouble::Failed(format!("internal error: {text}")));
                self.starting = false;
                if self.wish.is_none() {
                    self.wish = self.current.clone();
                    self.panicked = true;
                }
                None
            }
        }
    }

    /// The release that the journal has.
    pub(super) fn release(&self) -> Option<ReleaseId> {
        self.current.as_ref().and_then(Wish::release)
    }

    /// How it stands.
    pub(super) fn report(&mut self, application: &AppKey) -> Option<(Report, Option<LocalPin>)> {
        self.bare_report(application).map(|report| self.under_pin(report))
    }

    fn bare_report(&mut self, application: &AppKey) -> Option<Report> {
        if let Some(trouble) = self.trouble.clone() {
            let wish = self.wish.as_ref();
            let position = wish.map_or(self.held, Wish::position);
            let release = wish.or(self.current.as_ref()).and_then(Wish::release);
            let (phase, message) = match trouble {
                Trouble::Journal(message) => (SyncPhase::Pending, message),
                Trouble::Failed(message) => (SyncPhase::Failed, message),
            };
            return Some(bare(application, position, release, phase, message));
        }
        if self.gone.is_some() {
            let done = bare(application, self.held, None, SyncPhase::Succeeded, String::new());
            return Some(Report { removed: true, ..done });
        }
        self.with_machine(application, |machine| machine.report())
    }
}

/// A report of an application without a machine.
fn bare(
    application: &AppKey,
    position: Position,
    release: Option<ReleaseId>,
    phase: SyncPhase,
    message: String,
) -> Report {
    Report {
        application: application.clone(),
        position,
        release,
        phase,
        message,
        sync: SyncState::Unknown,
        health: Health::new(HealthStatus::Unknown, ""),
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        inventory: 0,
        removed: false,
        unsupported: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_sync::Machine;

    #[test]
    fn a_machine_that_panics_is_to_be_made_again_from_its_order() {
        let name = AppKey::new("argocd", "web");
        let position = Position { incarnation: 1, generation: 3 };
        let mut app = App::new();
        app.held = position;
        app.current = Some(Wish::Remove { position, cascade: true });
        app.machine = Some(Machine::removing(name.clone(), position, true, None, Timestamp::UNIX_EPOCH));
        assert_eq!(app.with_machine(&name, |_| 1), Some(1));
        assert_eq!(app.with_machine(&name, |_| -> u8 { panic!("a bug") }), None);
        assert!(app.machine.is_none() && app.panicked);
        assert_eq!(app.wish.as_ref().map(Wish::position), Some(position));
        let (report, _) = app.report(&name).unwrap();
        assert_eq!((report.position, report.phase), (position, SyncPhase::Failed));
        assert_eq!(report.message, "internal error: a bug");
    }
}
