//! The hub's pauses of single applications: nothing is written for them, they are observed as ever.
//!
//! They stand beside the pauses of the whole cluster; one suffices. Each is acknowledged once the journal has it and every
//! write of the application that had started has its answer.

use super::{
    Engine,
    pauses::{Pauses, asked_by, hub_pause, until},
};
use crate::journal::HubPause;
use jiff::Timestamp;
use proto::v1;
use shared_model::AppKey;
use shared_sync::Event;

impl HubPause {
    /// As in `by ada until 2026-11-21T19:00:00Z: INC-7`.
    fn told(&self) -> String {
        let text = format!("{}{}: {}", asked_by(&self.by), until(self.until), self.reason);
        text.trim_start().to_owned()
    }
}

impl Pauses {
    fn application(&self, application: &AppKey, now: Timestamp) -> Option<&HubPause> {
        self.control.applications.get(application).filter(|pause| pause.is_active(now))
    }

    /// Whether nothing may be written for an application, because of it or of the whole cluster.
    pub(super) fn stops(&self, application: &AppKey, now: Timestamp) -> bool {
        self.is_paused(now) || self.application(application, now).is_some()
    }

    /// The applications with a pause of their own.
    pub(super) fn applications(&self, now: Timestamp) -> impl Iterator<Item = &AppKey> {
        let paused = self.control.applications.iter().filter(move |(_, pause)| pause.is_active(now));
        paused.map(|(application, _)| application)
    }

    /// Why nothing is written for an application alone, for people.
    pub(super) fn reason_of(&self, application: &AppKey, now: Timestamp) -> Option<String> {
        Some(format!("paused on the hub {}", self.application(application, now)?.told()))
    }

    /// The pauses of single applications that are obeyed, for the hub.
    pub(super) fn acknowledged(&self, now: Timestamp) -> Vec<v1::PausedApplication> {
        let paused = self.control.applications.iter();
        paused
            .filter(|(application, pause)| pause.is_active(now) && !self.unobeyed.contains(*application))
            .map(|(application, pause)| v1::PausedApplication {
                application: Some(proto::application_to_wire(application)),
                acknowledged: pause.id.clone(),
            })
            .collect()
    }
}

impl Engine {
    /// The hub asks for a pause of one application, or lifts it.
    pub(super) fn pause_application(&mut self, asked: v1::PauseApplication, now: Timestamp) {
        let application = match proto::application_from_wire(asked.application, "PauseApplication") {
            Ok(application) => application,
            Err(problem) => {
                tracing::error!(%problem, "a pause of the hub cannot be read and is left out");
                return;
            }
        };
        match hub_pause(asked.pause.unwrap_or_default(), now) {
            Some(pause) => {
                let told = pause.told();
                let before = self.pauses.control.applications.insert(application.clone(), pause);
                let after = self.pauses.control.applications.get(&application);
                if before.map(|before| before.id) != after.map(|after| after.id.clone()) {
                    self.outbox.event(&application, "Paused", told, now);
                }
                self.pauses.unobeyed.insert(application.clone());
            }
            None => {
                if self.pauses.control.applications.remove(&application).is_some() {
                    let message = "the hub lifted its pause of the application".to_owned();
                    self.outbox.event(&application, "Resumed", message, now);
                }
                self.pauses.unobeyed.remove(&application);
            }
        }
        self.pauses.untold = true;
        self.obey_pause_of(&application, now);
        self.keep_control();
        self.acknowledge();
    }

    /// Lets go of pauses of single applications that are over.
    pub(super) fn end_application_pauses(&mut self, now: Timestamp) {
        let paused = &self.pauses.control.applications;
        let over: Vec<AppKey> = paused
            .iter()
            .filter(|(_, pause)| !pause.is_active(now))
            .map(|(application, _)| application.clone())
            .collect();
        for application in &over {
            self.pauses.control.applications.remove(application);
            self.pauses.unobeyed.remove(application);
            self.pauses.untold = true;
            let message = "the time of its pause is over".to_owned();
            self.outbox.event(application, "PauseEnded", message, now);
            self.obey_pause_of(application, now);
        }
        if !over.is_empty() {
            self.acknowledge();
        }
    }

    /// Tells the gate and the machine of an application whether it is paused.
    fn obey_pause_of(&mut self, application: &AppKey, now: Timestamp) {
        self.gate.close_for(application, self.pauses.application(application, now).is_some());
        self.told.change();
        let paused = self.pauses.stops(application, now);
        if let Some(app) = self.apps.get_mut(application) {
            app.with_machine(application, |machine| machine.handle(Event::Paused(paused), now));
        }
        self.pump(application, now);
    }

    /// Those that no write of is under way any more are obeyed from now on, if a restart cannot forget them.
    pub(super) fn obeyed(&mut self) {
        let (before, apps) = (self.pauses.unobeyed.len(), &self.apps);
        self.pauses.unobeyed.retain(|application| apps.get(application).is_some_and(|app| app.writing > 0));
        self.pauses.untold |= self.pauses.unobeyed.len() != before;
    }
}
