//! How applications stand: what becomes an event, what the hub is told, and the talk with the hub.

use super::{Engine, Note, Work, app::Gone, orders::Wish, outbox::Next, wire};
use crate::journal::What;
use jiff::{SignedDuration, Timestamp};
use proto::v1::{self, agent_message, hub_message::Message};
use shared_model::{AppKey, Mode, Observation, SyncPhase};
use shared_sync::{Event, Report};

/// A removal that was reported counts as known to the hub when the session lasts so long after it.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// Objects in one message, worst first within each application: keeps it well below what the hub takes.
const MOST_RESOURCES: usize = 10_000;
/// Spans in one message.
const SPANS: usize = 200;
/// Versions of API groups that the hub is told of, and kinds of each.
const MOST_SERVED: usize = 1_000;
const MOST_KINDS: usize = 500;

impl Engine {
    /// A connection is up.
    pub(super) fn up(&mut self) {
        self.outbox.up();
        self.pauses.mode_told = false;
        self.told.change();
    }

    /// The connection is gone.
    pub(super) fn down(&mut self) {
        if self.outbox.is_up() {
            tracing::info!("the link to the hub is down");
        }
        self.outbox.down();
        for gone in self.apps.values_mut().filter_map(|app| app.gone.as_mut()) {
            gone.said = None;
        }
        self.told.change();
    }

    pub(super) fn hear(&mut self, message: Message, now: Timestamp) {
        match message {
            Message::Welcome(welcome) => {
                tracing::info!(hub_version = welcome.hub_version, "the link to the hub is up");
                self.outbox.welcome = true;
                self.traces.welcome(welcome.takes_spans);
                self.told.change();
                let told = |app: &super::app::App| app.gone.is_some_and(|gone| gone.told);
                for application in self.apps.iter().filter(|(_, app)| !told(app)).map(|(name, _)| name) {
                    self.outbox.report(application, true, now);
                }
                self.retry_wishes(now);
            }
            Message::Assign(assign) => match wire::read_assign(assign) {
                Ok((application, wish, context)) => self.order(&application, wish, context, now),
                Err(problem) => {
                    tracing::error!(problem, "an assignment of the hub cannot be read and is left out")
                }
            },
            Message::Remove(remove) => match wire::read_remove(remove) {
                Ok((application, wish)) => self.order(&application, wish, None, now),
                Err(problem) => {
                    tracing::error!(problem, "a removal of the hub cannot be read and is left out")
                }
            },
            Message::Pause(pause) => self.pause(pause, now),
            Message::PauseApplication(asked) => self.pause_application(asked, now),
            Message::Mode(mode) => {
                self.pauses.mode_told = true;
                let observe = mode == i32::from(v1::Mode::Observe);
                self.set_mode(if observe { Mode::Observe } else { Mode::Enforce }, now);
            }
            Message::KeepSpans(keep) => self.trace_keep(&keep.traceparents),
            Message::Command(command) => self.command(command, now),
            Message::InSync(_) => {
                self.lost.clear();
                self.told.change();
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
        use v1::command::Command as What;
        let error = match (proto::application_from_wire(command.application, "Command"), command.command) {
            (Ok(application), Some(What::Describe(_))) => {
                self.describe(command.id, &application);
                return;
            }
            (Ok(application), Some(What::Sync(_))) => {
                let runs = self.apps.get(&application).is_some_and(|app| app.machine.is_some());
                if runs {
                    tracing::info!(%application, "a person asked for a sync");
                    self.tell(&application, Event::SyncRequested, now);
                    String::new()
                } else {
                    format!("{application} does not run here")
                }
            }
            (Ok(_), Some(What::Give(give))) => match give.digest.parse() {
                Ok(digest) => {
                    self.work.push_back(Work::Give { command: command.id, digest });
                    return;
                }
                Err(error) => format!("`{}` names no bundle: {error}", give.digest),
            },
            (Ok(application), Some(What::Compare(compare))) => {
                match self.comparison(command.id.clone(), &application, &compare) {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            (Ok(_), None) => "this agent does not know the command; it is older than the hub".to_owned(),
            (Err(error), _) => error.to_string(),
        };
        self.outbox.result(v1::CommandResult { id: command.id, error });
    }

    /// Tells what is held of an application, whole.
    fn describe(&mut self, id: String, application: &AppKey) {
        let app = self.apps.get(application);
        let spec = match app.and_then(|app| app.current.as_ref()) {
            Some(Wish::Run { spec, .. }) => serde_json::to_vec(spec).expect("a release has only string keys"),
            Some(Wish::Remove { .. }) | None => Vec::new(),
        };
        self.outbox.holding(v1::Holding {
            id,
            application: Some(proto::application_to_wire(application)),
            position: app.map(|app| proto::position_to_wire(app.held)),
            spec: spec.into(),
        });
    }

    /// What the hub is to be told next; `None` when there is nothing now, or nobody listens.
    pub fn poll_message(&mut self, now: Timestamp) -> Option<v1::AgentMessage> {
        let Some(next) = self.outbox.take(now) else {
            if !self.outbox.welcome {
                return None;
            }
            // Whatever else there is to say went first.
            let spans = self.traces.take(SPANS)?;
            return Some(v1::AgentMessage { message: Some(agent_message::Message::Spans(spans)) });
        };
        let message = match next {
            Next::Hello => agent_message::Message::Hello(self.hello(now)),
            Next::Pause => agent_message::Message::Pause(self.pauses.state(now)),
            Next::Facts => agent_message::Message::Facts(self.facts()),
            Next::Result(result) => agent_message::Message::Result(result),
            Next::Holding(holding) => agent_message::Message::Holding(holding),
            Next::Compared(compared) => agent_message::Message::Compared(compared),
            Next::Events(events) => agent_message::Message::Events(events),
            Next::Reports(applications) => {
                let most = MOST_RESOURCES / applications.len().max(1);
                let reports = applications.iter().filter_map(|name| self.observation(name, now));
                let mut observations: Vec<v1::Observation> = reports.collect();
                observations.iter_mut().for_each(|observation| observation.resources.truncate(most));
                agent_message::Message::Observations(v1::Observations { observations })
            }
        };
        Some(v1::AgentMessage { message: Some(message) })
    }

    /// Whether there is something to tell the hub now.
    pub fn has_message(&self, now: Timestamp) -> bool {
        self.outbox.due(now).is_some_and(|due| due <= now) || (self.outbox.welcome && self.traces.has_spans())
    }

    fn facts(&self) -> v1::Facts {
        let facts = &self.known.facts;
        v1::Facts {
            kubernetes_version: facts.version.clone(),
            platform: facts.platform.clone(),
            nodes: facts.nodes,
            served: facts
                .served
                .iter()
                .take(MOST_SERVED)
                .map(|(version, kinds)| v1::Served {
                    api_version: version.clone(),
                    kinds: kinds.iter().take(MOST_KINDS).cloned().collect(),
                })
                .collect(),
        }
    }

    fn hello(&self, now: Timestamp) -> v1::Hello {
        let held = self.apps.iter().filter(|(_, app)| app.current.is_some() || app.gone.is_some());
        let held = held.map(|(application, app)| v1::Held {
            application: Some(proto::application_to_wire(application)),
            position: Some(proto::position_to_wire(app.held)),
            release: app.release().map(|release| release.to_string()).unwrap_or_default(),
        });
        v1::Hello {
            cluster_uid: self.known.facts.uid.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.known.instance.clone(),
            held: held.collect(),
            facts: Some(self.facts()),
            pause: Some(self.pauses.state(now)),
            clock_ms: now.as_millisecond(),
            // The link's to say.
            authorities: Vec::new(),
        }
    }

    fn observation(&mut self, application: &AppKey, now: Timestamp) -> Option<v1::Observation> {
        let app = self.apps.get_mut(application)?;
        let (report, pin) = app.report(application)?;
        if let Some(gone) = app.gone.as_mut().filter(|_| report.removed) {
            gone.said.get_or_insert(now);
        }
        let observation = Observation {
            application: report.application,
            cluster: self.known.name.clone(),
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
            pin,
            unsupported: report.unsupported,
            received_at: now,
            healthy_since: None,
        };
        Some(v1::Observation::to_wire(&observation))
    }

    /// An application's report may be new: what changed becomes events, and the hub is told.
    pub(super) fn look_at_report(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let Some((report, pin)) = app.report(application) else { return };
        let before = app.last.replace(report.clone());
        if before.as_ref() == Some(&report) {
            return;
        }
        self.told.change();
        let known = before.as_ref().filter(|before| before.position == report.position);
        self.healed += report.healed.saturating_sub(known.map_or(0, |before| before.healed));
        let urgent = before.as_ref().is_none_or(|before| {
            before.position != report.position
                || before.phase != report.phase
                || before.health != report.health
                || before.sync != report.sync
                || before.removed != report.removed
        });
        self.outbox.report(application, urgent, now);
        // Under a pin it is the pinned release that was synced.
        let synced =
            app.follows.as_ref().filter(|_| pin.is_some()).map_or(report.position, |pin| pin.position);
        // It was told before the restart.
        let context = app.course.as_ref().map(|course| course.context);
        let resumed = before.is_none() && app.synced == Some(synced);
        for (reason, message) in happened(before.as_ref(), &report, resumed) {
            self.outbox.event_of(application, context, reason, message, now);
        }
        let succeeded = report.phase == SyncPhase::Succeeded && report.release.is_some();
        if succeeded && app.synced != Some(synced) {
            app.synced = Some(synced);
            self.note(application, Note::Synced(synced));
        }
        self.trace_report(application, &report, now);
        if report.removed {
            self.removed(application);
        }
    }

    /// Nothing of the application is left to do.
    fn removed(&mut self, application: &AppKey) {
        let Some(app) = self.apps.get_mut(application).filter(|app| app.gone.is_none()) else { return };
        app.gone = Some(Gone::default());
        app.machine = None;
        // What stays in the cluster is known when the application comes back.
        if matches!(app.current.take(), Some(Wish::Remove { cascade: true, .. })) {
            app.inventory = Some(Vec::new());
        }
        self.note_gone(application, false);
    }

    fn note_gone(&mut self, application: &AppKey, told: bool) {
        let Some(app) = self.apps.get(application) else { return };
        let note = Note::Removal(app.held, What::Remove { cascade: false, done: true, told });
        self.note(application, note);
    }

    /// When the hub surely knows of a removal.
    pub(super) fn removal_known_at(&self) -> Option<Timestamp> {
        let untold = self.apps.values().filter_map(|app| app.gone.filter(|gone| !gone.told)?.said);
        untold.min().and_then(|said| said.checked_add(KNOWN_AFTER).ok())
    }

    /// Removals that the hub surely knows of are not told again.
    pub(super) fn tell_removals_done(&mut self, now: Timestamp) {
        if self.removal_known_at().is_none_or(|due| due > now) {
            return;
        }
        let mut known = Vec::new();
        for (application, app) in &mut self.apps {
            let Some(gone) = app.gone.as_mut().filter(|gone| !gone.told) else { continue };
            if gone.said.is_some_and(|said| now.duration_since(said) >= KNOWN_AFTER) {
                gone.told = true;
                known.push(application.clone());
            }
        }
        for application in known {
            self.note_gone(&application, true);
        }
    }

    /// Keeps something that can be derived again.
    fn note(&mut self, application: &AppKey, note: Note) {
        self.work.push_back(Work::Note { application: application.clone(), note });
    }
}

/// What happened between two reports, for people to read later.
fn happened(before: Option<&Report>, now: &Report, resumed: bool) -> Vec<(&'static str, String)> {
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
            SyncPhase::Succeeded if now.release.is_some() && !resumed => {
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
