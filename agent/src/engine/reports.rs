//! How applications stand: what becomes an event, what the hub is told, and the talk with the hub.

use super::{Engine, app::Gone, orders::Wish, outbox::Next};
use crate::{journal::What, link::News};
use jiff::Timestamp;
use proto::v1::{self, agent_message, hub_message::Message};
use shared_model::{AppKey, Mode, Observation, ReleaseSpec, SyncPhase};
use shared_sync::{Event, Report};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A removal that was reported counts as known to the hub when the session lasts so long after it.
const KNOWN_AFTER: Duration = Duration::from_secs(30);

/// Objects in one message, worst first within each application: keeps it well below what the hub takes.
const MOST_RESOURCES: usize = 10_000;

impl Engine {
    pub(super) fn news(&mut self, news: News, now: Timestamp) {
        match news {
            News::Up { outbound, bundles } => {
                self.outbox.up(outbound);
                self.bundles = Some(bundles);
                self.pauses.mode_told = false;
            }
            News::Down => {
                if self.outbox.is_up() {
                    tracing::info!("the link to the hub is down");
                }
                self.outbox.down();
                self.bundles = None;
                for gone in self.apps.values_mut().filter_map(|app| app.gone.as_mut()) {
                    gone.said = None;
                }
            }
            News::Said(message) => self.hear(message, now),
        }
        self.status.changed = true;
    }

    fn hear(&mut self, message: Message, now: Timestamp) {
        match message {
            Message::Welcome(welcome) => {
                tracing::info!(hub_version = welcome.hub_version, "the link to the hub is up");
                self.outbox.welcome = true;
                let at = Instant::now();
                let told = |app: &super::app::App| app.gone.is_some_and(|gone| gone.told);
                for application in self.apps.iter().filter(|(_, app)| !told(app)).map(|(name, _)| name) {
                    self.outbox.report(application, true, at);
                }
                self.retry_wishes(now);
            }
            Message::Assign(assign) => match read_assign(assign) {
                Ok((application, wish)) => self.order(&application, wish, now),
                Err(problem) => {
                    tracing::error!(problem, "an assignment of the hub cannot be read and is left out")
                }
            },
            Message::Remove(remove) => {
                let position = proto::position_from_wire(remove.position);
                match proto::application_from_wire(remove.application, "Remove") {
                    Ok(application) => {
                        let wish = Wish::Remove { position, cascade: remove.cascade };
                        self.order(&application, wish, now);
                    }
                    Err(error) => {
                        tracing::error!(%error, "a removal of the hub cannot be read and is left out")
                    }
                }
            }
            Message::Pause(pause) => self.pause(pause, now),
            Message::Mode(mode) => {
                self.pauses.mode_told = true;
                let observe = mode == i32::from(v1::Mode::Observe);
                self.set_mode(if observe { Mode::Observe } else { Mode::Enforce }, now);
            }
            Message::Command(command) => self.command(command, now),
            Message::InSync(_) => {
                // A hub names the mode before this only when it is not the usual one.
                if !self.pauses.mode_told {
                    self.set_mode(Mode::Enforce, now);
                }
            }
            // The link's business: it hangs up, trusts, renews.
            Message::Refused(_) | Message::Authorities(_) | Message::RenewNow(_) => {}
        }
    }

    fn command(&mut self, command: v1::Command, now: Timestamp) {
        let error = match (proto::application_from_wire(command.application, "Command"), command.command) {
            (Ok(application), Some(v1::command::Command::Sync(_))) => {
                let runs = self.apps.get(&application).is_some_and(|app| app.machine.is_some());
                if runs {
                    tracing::info!(%application, "a person asked for a sync");
                    self.tell(&application, Event::SyncRequested, now);
                    String::new()
                } else {
                    format!("{application} does not run here")
                }
            }
            (Ok(_), Some(v1::command::Command::Describe(_) | v1::command::Command::Give(_)) | None) => {
                "this agent does not know the command; it is older than the hub".to_owned()
            }
            (Err(error), _) => error.to_string(),
        };
        self.outbox.result(v1::CommandResult { id: command.id, error });
    }

    /// Says the next thing to the hub.
    pub(super) fn say(&mut self, permit: Option<mpsc::OwnedPermit<v1::AgentMessage>>) {
        let Some(permit) = permit else {
            // The session ended; the link says so next.
            self.outbox.down();
            return;
        };
        let (at, now) = (Instant::now(), shared_runtime::now());
        let Some(next) = self.outbox.take(at) else { return };
        let message = match next {
            Next::Hello => agent_message::Message::Hello(self.hello(now)),
            Next::Pause => agent_message::Message::Pause(self.pauses.state(now)),
            Next::Result(result) => agent_message::Message::Result(result),
            Next::Events(events) => agent_message::Message::Events(events),
            Next::Reports(applications) => {
                let most = MOST_RESOURCES / applications.len().max(1);
                let reports = applications.iter().filter_map(|name| self.observation(name, at, now));
                let mut observations: Vec<v1::Observation> = reports.collect();
                observations.iter_mut().for_each(|observation| observation.resources.truncate(most));
                agent_message::Message::Observations(v1::Observations { observations })
            }
        };
        permit.send(v1::AgentMessage { message: Some(message) });
    }

    fn hello(&self, now: Timestamp) -> v1::Hello {
        let facts = &self.deps.facts;
        let held = self.apps.iter().filter(|(_, app)| app.current.is_some() || app.gone.is_some());
        let held = held.map(|(application, app)| v1::Held {
            application: Some(proto::application_to_wire(application)),
            position: Some(proto::position_to_wire(app.held)),
            release: app.release().map(|release| release.to_string()).unwrap_or_default(),
        });
        v1::Hello {
            cluster_uid: facts.uid.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.clone(),
            held: held.collect(),
            facts: Some(v1::Facts {
                kubernetes_version: facts.version.clone(),
                platform: facts.platform.clone(),
                nodes: facts.nodes,
            }),
            pause: Some(self.pauses.state(now)),
            clock_ms: now.as_millisecond(),
            authorities: Vec::new(),
        }
    }

    fn observation(&mut self, application: &AppKey, at: Instant, now: Timestamp) -> Option<v1::Observation> {
        let app = self.apps.get_mut(application)?;
        let report = app.report(application)?;
        if let Some(gone) = app.gone.as_mut().filter(|_| report.removed) {
            gone.said.get_or_insert(at);
        }
        let observation = Observation {
            application: report.application,
            cluster: self.deps.name.clone(),
            position: report.position,
            release: report.release,
            phase: report.phase,
            message: report.message,
            sync: report.sync,
            health: report.health,
            drift: report.drift,
            resources: report.resources,
            healed: report.healed,
            removed: report.removed,
            pin: None,
            unsupported: report.unsupported,
            received_at: now,
            healthy_since: None,
        };
        Some(v1::Observation::to_wire(&observation))
    }

    /// An application's report may be new: what changed becomes events, and the hub is told.
    pub(super) fn look_at_report(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let Some(report) = app.report(application) else { return };
        let before = app.last.replace(report.clone());
        if before.as_ref() == Some(&report) {
            return;
        }
        self.status.changed = true;
        let urgent = before.as_ref().is_none_or(|before| {
            before.position != report.position
                || before.phase != report.phase
                || before.health != report.health
                || before.sync != report.sync
                || before.removed != report.removed
        });
        self.outbox.report(application, urgent, Instant::now());
        for (reason, message) in happened(before.as_ref(), &report) {
            self.outbox.event(application, reason, message, now);
        }
        if report.phase == SyncPhase::Succeeded
            && report.release.is_some()
            && app.synced != Some(report.position)
        {
            app.synced = Some(report.position);
            self.note(application, "the sync's success", {
                let (application, position) = (application.clone(), report.position);
                move |journal| journal.save_synced(&application, position)
            });
        }
        if report.removed {
            self.removed(application);
        }
    }

    /// Nothing of the application is left to do.
    fn removed(&mut self, application: &AppKey) {
        let Some(app) = self.apps.get_mut(application).filter(|app| app.gone.is_none()) else { return };
        app.gone = Some(Gone::default());
        app.machine = None;
        app.current = None;
        app.inventory = Some(Vec::new());
        self.note_gone(application, false);
    }

    fn note_gone(&self, application: &AppKey, told: bool) {
        let Some(app) = self.apps.get(application) else { return };
        let (of, position) = (application.clone(), app.held);
        self.note(application, "the removal", move |journal| {
            let what = What::Remove { cascade: false, done: true, told };
            journal.save_order(&of, position, what, None)
        });
    }

    /// Removals that the hub surely knows of are not told again.
    pub(super) fn tell_removals_done(&mut self) {
        let mut known = Vec::new();
        for (application, app) in &mut self.apps {
            let Some(gone) = app.gone.as_mut().filter(|gone| !gone.told) else { continue };
            if gone.said.is_some_and(|said| said.elapsed() >= KNOWN_AFTER) {
                gone.told = true;
                known.push(application.clone());
            }
        }
        for application in known {
            self.note_gone(&application, true);
        }
    }

    /// Keeps something that can be derived again, behind the loop's back.
    fn note(
        &self,
        application: &AppKey,
        what: &'static str,
        write: impl FnOnce(&crate::journal::Journal) -> Result<(), crate::journal::Error> + Send + 'static,
    ) {
        let (journal, application) = (Arc::clone(&self.deps.journal), application.clone());
        self.deps.tasks.spawn("journal", async move {
            match tokio::task::spawn_blocking(move || write(&journal)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%application, %error, "{what} could not be noted; after a restart it is done again"),
                Err(_) => tracing::error!(%application, "noting {what} failed inside the agent"),
            }
        });
    }

    /// Machines that failed are made again after a while.
    pub(super) fn mend(&mut self, now: Timestamp) {
        let panicked: Vec<AppKey> = self
            .apps
            .iter_mut()
            .filter_map(|(application, app)| std::mem::take(&mut app.panicked).then(|| application.clone()))
            .collect();
        for application in panicked {
            if let Some(app) = self.apps.get_mut(&application) {
                let wait = jiff::SignedDuration::from_secs(30);
                app.retry = now.checked_add(wait).ok();
            }
            self.look_at_report(&application, now);
            self.set_timer(&application);
        }
    }
}

fn read_assign(assign: v1::Assign) -> Result<(AppKey, Wish), String> {
    let application =
        proto::application_from_wire(assign.application, "Assign").map_err(|error| error.to_string())?;
    let spec: ReleaseSpec = serde_json::from_slice(&assign.spec)
        .map_err(|error| format!("the release of {application}: {error}"))?;
    if spec.id().to_string() != assign.release || spec.application != application {
        return Err(format!(
            "the release of {application} is not the one that it is called; hub and agent may be of versions that do not fit"
        ));
    }
    let position = proto::position_from_wire(assign.position);
    Ok((application, Wish::Run { position, spec: Box::new(spec) }))
}

/// What happened between two reports, for people to read later.
fn happened(before: Option<&Report>, now: &Report) -> Vec<(&'static str, String)> {
    let mut events = Vec::new();
    let same = before.filter(|before| before.position == now.position);
    if now.removed {
        if !same.is_some_and(|before| before.removed) {
            events.push(("Removed", "nothing of it is left in the cluster".to_owned()));
        }
        return events;
    }
    let release = now.release.map(|release| release.0.short()).unwrap_or_default();
    if same.is_none_or(|before| before.phase != now.phase) {
        match now.phase {
            SyncPhase::Succeeded if now.release.is_some() => {
                events.push(("SyncSucceeded", format!("release {release} at {} is applied", now.position)));
            }
            SyncPhase::Failed => events.push(("SyncFailed", now.message.clone())),
            SyncPhase::Succeeded | SyncPhase::Pending | SyncPhase::Running => {}
        }
    }
    if same.is_none() {
        events.extend(now.unsupported.iter().map(|what| ("Unsupported", what.clone())));
    }
    if let Some(before) = same {
        if now.healed > before.healed {
            let lines = before.drift.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
            let what = if lines.is_empty() { "an object was written again".to_owned() } else { lines };
            events.push(("DriftHealed", what));
        } else if before.drift.is_empty() && !now.drift.is_empty() && now.phase == SyncPhase::Succeeded {
            events.push(("DriftFound", now.drift.iter().take(3).cloned().collect::<Vec<_>>().join("; ")));
        }
    }
    events
}
