//! Pauses and the mode: what forbids every write.

use super::{Engine, Work};
use crate::journal::{self, Control, HubPause, LocalPause};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use shared_model::{AppKey, Mode};
use shared_sync::Event;
use std::collections::BTreeSet;

/// The pauses in force. One suffices; each is lifted where it was set.
#[derive(Debug)]
pub(super) struct Pauses {
    pub(super) control: Control,
    local: Option<LocalPause>,
    /// The journal has the present control.
    kept: bool,
    /// The journal is being told, and whether what it is told is not the newest any more.
    keeping: Option<Stale>,
    /// The hub is to be told what is obeyed.
    pub(super) untold: bool,
    /// Pauses of single applications that are not acknowledged yet.
    pub(super) unobeyed: BTreeSet<AppKey>,
    /// This session's hub named a mode.
    pub(super) mode_told: bool,
    /// What machines were told last.
    told: Option<(bool, Mode)>,
}

/// Whether something newer is to be kept next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    No,
    Yes,
}

impl Pauses {
    pub(super) fn new(control: Result<Control, journal::Error>, local: Option<LocalPause>) -> Self {
        let control = control.unwrap_or_else(|error| {
            tracing::error!(%error, "whether the cluster is paused is not known: nothing is written before the hub tells");
            // No hub gives this id, so every hub that connects says what holds.
            let (id, reason) = ("unknown".to_owned(), error.to_string());
            let pause = Some(HubPause { id, reason, by: String::new(), until: None });
            Control { pause, ..Control::default() }
        });
        Self {
            control,
            local,
            kept: true,
            keeping: None,
            untold: false,
            unobeyed: BTreeSet::new(),
            mode_told: false,
            told: None,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.control.mode
    }

    fn hub(&self, now: Timestamp) -> Option<&HubPause> {
        self.control.pause.as_ref().filter(|pause| pause.is_active(now))
    }

    fn local(&self, now: Timestamp) -> Option<&LocalPause> {
        self.local.as_ref().filter(|pause| pause.until.is_none_or(|until| now < until))
    }

    pub(super) fn is_paused(&self, now: Timestamp) -> bool {
        self.hub(now).is_some() || self.local(now).is_some()
    }

    /// Why nothing is written, for people.
    pub(super) fn reasons(&self, now: Timestamp) -> Vec<String> {
        let hub = self.hub(now).map(|pause| {
            format!("paused on the hub{}{}: {}", asked_by(&pause.by), until(pause.until), pause.reason)
        });
        let local = self.local(now).map(|pause| {
            format!("paused here{}{}: {}", asked_by(&pause.by), until(pause.until), pause.reason)
        });
        hub.into_iter().chain(local).collect()
    }

    /// What the hub is told.
    pub(super) fn state(&self, now: Timestamp) -> v1::PauseState {
        let local = self.local(now).map(|pause| v1::Pause {
            id: "local".to_owned(),
            reason: pause.reason.clone(),
            by: pause.by.clone(),
            remaining_ms: pause.until.map_or(0, |until| milliseconds(until.duration_since(now))),
        });
        v1::PauseState {
            acknowledged: self.hub(now).map(|pause| pause.id.clone()).unwrap_or_default(),
            local,
            applications: self.acknowledged(now),
        }
    }

    /// Lets go of pauses of the cluster that are over; whether one was.
    pub(super) fn expire(&mut self, now: Timestamp) -> bool {
        let hub = self.control.pause.is_some() && self.hub(now).is_none();
        let local = self.local.is_some() && self.local(now).is_none();
        if hub {
            tracing::info!("the hub's pause is over");
            self.control.pause = None;
        }
        if local {
            tracing::info!("the pause that was set here is over");
            self.local = None;
        }
        self.untold |= hub || local;
        hub || local
    }

    /// When the next pause ends by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let hub = self.control.pause.as_ref().and_then(|pause| pause.until);
        let local = self.local.as_ref().and_then(|pause| pause.until);
        let applications = self.control.applications.values().filter_map(|pause| pause.until);
        hub.into_iter().chain(local).chain(applications).min()
    }

    /// Takes in what was set in the cluster itself; whether that is new.
    pub(super) fn set_local(&mut self, local: Option<LocalPause>) -> bool {
        let new = local != self.local;
        self.local = local;
        self.untold |= new;
        new
    }
}

/// As in ` by ada`.
pub(super) fn asked_by(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!(" by {by}") }
}

/// As in ` until 2026-11-21T19:00:00Z`.
pub(super) fn until(end: Option<Timestamp>) -> String {
    let end = end.map(|end| end.round(jiff::Unit::Second).unwrap_or(end));
    end.map(|end| format!(" until {end}")).unwrap_or_default()
}

/// What the hub asks for, its end by the agent's clock; `None` when it lifts its pause.
pub(super) fn hub_pause(asked: v1::Pause, now: Timestamp) -> Option<HubPause> {
    let until = Some(asked.remaining_ms).filter(|remaining| *remaining > 0).and_then(|remaining| {
        let remaining = SignedDuration::from_millis(i64::try_from(remaining).unwrap_or(i64::MAX));
        now.checked_add(remaining).ok()
    });
    (!asked.id.is_empty()).then_some(HubPause { until, id: asked.id, reason: asked.reason, by: asked.by })
}

fn milliseconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0).max(1)
}

impl Engine {
    /// The hub asks for a pause, or lifts its own.
    pub(super) fn pause(&mut self, asked: v1::Pause, now: Timestamp) {
        self.pauses.control.pause = hub_pause(asked, now);
        self.pauses.untold = true;
        self.obey_pauses(now);
        self.keep_control();
    }

    /// The hub says whether the agent acts or only looks.
    pub(super) fn set_mode(&mut self, mode: Mode, now: Timestamp) {
        if self.pauses.control.mode != mode {
            tracing::info!(?mode, "the hub set the mode");
            self.pauses.control.mode = mode;
            self.obey_pauses(now);
            self.keep_control();
        }
    }

    /// Tells every machine what holds, before anything else is done.
    pub(super) fn obey_pauses(&mut self, now: Timestamp) {
        let (paused, mode) = (self.pauses.is_paused(now), self.pauses.mode());
        self.gate.close(paused || mode == Mode::Observe);
        if self.pauses.told.replace((paused, mode)) != Some((paused, mode)) {
            if paused {
                tracing::warn!(
                    why = self.pauses.reasons(now).join("; "),
                    "the cluster is paused: nothing is written to it"
                );
            } else {
                tracing::info!(?mode, "the cluster is not paused");
            }
            let applications: Vec<AppKey> = self.apps.keys().cloned().collect();
            // All first, then what they do about it.
            for (application, app) in &mut self.apps {
                let paused = self.pauses.stops(application, now);
                app.with_machine(application, |machine| {
                    machine.handle(Event::Paused(paused), now);
                    machine.handle(Event::Mode(mode), now);
                });
            }
            for application in &applications {
                self.pump(application, now);
            }
        }
        self.acknowledge();
    }

    /// One write after the other: an older word must never be the last one that is written.
    pub(super) fn keep_control(&mut self) {
        self.pauses.kept = false;
        if self.pauses.keeping.is_some() {
            self.pauses.keeping = Some(Stale::Yes);
            return;
        }
        self.pauses.keeping = Some(Stale::No);
        self.work.push_back(Work::KeepControl(self.pauses.control.clone()));
    }

    /// What the hub asked of the whole cluster was written.
    pub(super) fn control_kept(&mut self) {
        if self.pauses.keeping.take() == Some(Stale::Yes) {
            self.keep_control();
        } else {
            self.pauses.kept = true;
        }
        self.acknowledge();
    }

    /// Tells the hub which pauses are obeyed, once that is true: every write that had started has its answer.
    pub(super) fn acknowledge(&mut self) {
        if !self.pauses.kept {
            return;
        }
        self.obeyed();
        if self.pauses.untold && (self.writing == 0 || !self.gate.is_closed()) {
            self.pauses.untold = false;
            self.outbox.tell_pause();
        }
    }
}
