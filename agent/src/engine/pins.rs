//! Releases chosen in the cluster itself: they hold against the hub's orders until they are lifted there.
//!
//! While a pin holds, orders of the hub (removals included) are made durable and wait. A machine that runs a pinned
//! release does so at the position that was held when it was made; reports name the newest one.

use super::{Engine, preparing::Prepared};
use crate::journal::{Local, Pin};
use jiff::Timestamp;
use shared_model::{AppKey, LocalPin};
use shared_sync::{Machine, Report};

impl super::app::App {
    /// A pin that the machine does not bring about yet.
    pub(super) fn pin_to_follow(&self) -> Option<&Pin> {
        let holds = self.pin.as_ref().filter(|_| self.current.is_some());
        holds.filter(|pin| self.follows.as_ref() != Some(*pin) || self.machine.is_none())
    }

    /// What a report says of the pin that it was made under.
    pub(super) fn under_pin(&self, mut report: Report) -> (Report, Option<LocalPin>) {
        let Some(pin) = self.follows.as_ref() else { return (report, None) };
        report.position = self.held;
        report.removed = false;
        if report.message.is_empty() {
            let waits = match self.current.as_ref().map(super::orders::Wish::release) {
                Some(None) => "the removal that the hub ordered waits for it".to_owned(),
                Some(Some(release)) if Some(release) != report.release => {
                    format!("release {} of the hub waits for it", release.0.short())
                }
                Some(Some(_)) | None => "it is also the hub's".to_owned(),
            };
            report.message = format!("rolled back in the cluster{}; {waits}", said(pin));
        }
        let pin = LocalPin { reason: pin.reason.clone(), by: pin.by.clone(), at: pin.at };
        (report, Some(pin))
    }
}

fn said(pin: &Pin) -> String {
    let by = if pin.by.is_empty() { String::new() } else { format!(" by {}", pin.by) };
    let why = if pin.reason.is_empty() { String::new() } else { format!(": {}", pin.reason) };
    format!("{by}{why}")
}

impl Engine {
    /// What holds in the cluster itself is new.
    pub(super) fn take_local(&mut self, local: Local, now: Timestamp) {
        if self.pauses.set_local(local.pause) {
            self.obey_pauses(now);
        }
        let before = std::mem::replace(&mut self.pins, local.pins);
        let concerned: Vec<AppKey> = before
            .keys()
            .chain(self.pins.keys())
            .filter(|app| before.get(*app) != self.pins.get(*app))
            .cloned()
            .collect();
        for application in concerned {
            let pin = self.pins.get(&application).cloned();
            let Some(app) = self.apps.get_mut(&application) else { continue };
            if app.pin == pin {
                continue;
            }
            match &pin {
                Some(pin) => self.outbox.event(
                    &application,
                    "RolledBack",
                    format!("to the release at {}{}", pin.position, said(pin)),
                    now,
                ),
                None => self.outbox.event(
                    &application,
                    "RollbackReleased",
                    "the hub's order counts again".to_owned(),
                    now,
                ),
            }
            app.pin = pin;
            app.retry = None;
            app.trouble = None;
            let other = app.follows.is_some() || app.machine.is_none();
            if app.pin.is_none() && app.wish.is_none() && other {
                app.wish = app.current.clone();
            }
            self.prepare(&application, now);
        }
    }

    /// The release that a pin names is here.
    pub(super) fn follow_pin(&mut self, application: &AppKey, prepared: Prepared, now: Timestamp) {
        let Prepared::Pinned { pin, assignment, versions } = prepared else { return };
        let Some(app) = self.apps.get_mut(application).filter(|app| app.pin.as_ref() == Some(&pin)) else {
            return;
        };
        let known = app.inventory.clone();
        app.versions = versions;
        app.machine = Some(if app.synced == Some(pin.position) {
            Machine::resume(assignment, known, now)
        } else {
            Machine::new(assignment, known, now)
        });
        app.follows = Some(pin);
        self.begin(application, now);
    }
}
