//! What an agent decides: owns a machine for each application, is told what happened, says what to do.
//!
//! A sans-IO state machine: [`Engine::handle`] takes one closed [`Event`], [`Engine::poll_work`] gives out plain
//! [`Work`], [`Engine::poll_message`] what the hub is to be told next, [`Engine::poll_timeout`] says when to wake
//! it. The shell (`crate::shell`) does the work; a simulation may as well.
//!
//! Work of one application is begun one after the other ([`Done::Started`]), that of different ones side by side.
//!
//! Invariants:
//! 1. An order reaches its machine only after the journal has it.
//! 2. While a pause or Observe holds, no write starts: machines give none out, and the gate stops those on their way.
//!    The hub's pause is acknowledged when every write that had started has its answer; so is that of one application,
//!    for which the same holds of its own writes.
//! 3. A machine that panics is made again from the journal; the others never notice.
//! 4. Towards the hub the newest report of an application wins; events keep their order, and what is lost is counted.
//! 5. A local pin holds against every order of the hub, removals included, until it is lifted where it was set.
//!
//! What it refuses to know: how to decide about objects (the machines do), how to speak to cluster, hub and disk, the clock.

mod app;
mod app_pauses;
mod ceiling;
mod compare;
mod gate;
mod looks;
mod orders;
mod outbox;
mod pauses;
mod perform;
mod pins;
mod preparing;
mod reports;
mod routes;
mod survey;
mod told;
mod traces;
mod unlabelled;
mod wire;

pub use ceiling::{Ceiling, NotProtectable, Protected};
pub use compare::Comparison;
pub use gate::Gate;
pub use orders::Failure;
pub use preparing::{Order, Preparation, Prepared};
pub(crate) use traces::Way;

use crate::{
    cluster::{Facts, Watched, WatchedKind, WatchedPlace},
    journal::{self, Control, Local, What},
    link::Standing,
    status::Status,
};
use app::App;
use jiff::Timestamp;
use outbox::Outbox;
use pauses::Pauses;
use proto::v1;
use routes::Routes;
use shared_manifest::ObjectId;
use shared_model::{AppKey, ClusterName, Digest, Position};
use shared_trace::Span;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};
use survey::Survey;

/// What an engine knows from the start.
#[derive(Debug, Clone)]
pub struct Known {
    /// The cluster's name on the hub.
    pub name: ClusterName,
    pub facts: Facts,
    /// Random per process, so that the hub can tell a reconnect from a second agent.
    pub instance: String,
    /// What no order may change.
    pub ceiling: Ceiling,
}

/// What the journal had at the start.
#[derive(Debug)]
pub struct Restored {
    pub apps: Vec<journal::App>,
    /// Records that were lost.
    pub damaged: Vec<journal::Error>,
    pub control: Result<Control, journal::Error>,
    pub local: Local,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A connection to the hub is up: the hello goes first.
    Up,
    /// The hub said this.
    Said(v1::hub_message::Message),
    /// The connection is gone.
    Down,
    /// A watch told this.
    Watched(Watched),
    /// Work ended.
    Done(Done),
    /// What was decided in the cluster itself: pauses and pins.
    Local(Local),
    /// How the link stands.
    Standing(Standing),
    /// The cluster's facts were read again.
    Facts(Facts),
    /// What these hold encrypted could not be opened before and may be now.
    Openable(BTreeSet<AppKey>),
    /// Time has passed.
    Tick,
}

/// Work that ended.
#[derive(Debug)]
pub enum Done {
    /// The application's last work has begun: the next one may.
    Started(AppKey),
    /// A request was answered; whether it was a write.
    Answered { application: AppKey, event: Box<shared_sync::Event>, write: bool },
    /// A read was answered.
    Read { application: AppKey, id: ObjectId, event: Box<shared_sync::Event> },
    /// An order is in the journal, or could not be carried out.
    Ordered { application: AppKey, wish: Position, result: Result<Prepared, Failure> },
    /// The hub's pauses and mode are in the journal.
    ControlKept,
    /// Everything that carries our marks was searched for.
    Surveyed(Result<BTreeMap<String, Vec<ObjectId>>, shared_sync::Failure>),
    /// The status is written, or there was no room for it.
    StatusWritten { kept: bool },
    /// The hub has the bundle that it asked for by this command, or why it has not.
    Given { command: String, error: Option<String> },
    /// What an apply would change, for the hub that asked by this command, or why that is not known.
    Compared { command: String, application: AppKey, result: Result<Vec<u8>, String> },
}

/// What is to be done. Each names the [`Done`] that it owes.
#[derive(Debug)]
pub enum Work {
    /// Ask the cluster. Owes [`Done::Started`] when it has its turn, then [`Done::Answered`].
    Request(Request),
    /// Read an object for whoever holds it. Owes [`Done::Read`].
    Read { application: AppKey, id: ObjectId, version: Option<String> },
    /// Make an order durable and ready. Owes [`Done::Ordered`].
    Prepare(Order),
    /// Keep the inventory: tried until it is durable. Owes [`Done::Started`].
    SaveInventory { application: AppKey, ids: Vec<ObjectId> },
    /// Keep something that can be derived again. Owes nothing.
    Note { application: AppKey, note: Note },
    /// Keep what the hub asks of the whole cluster: tried until it is durable. Owes [`Done::ControlKept`].
    KeepControl(Control),
    /// Search for what carries our marks, after a wait. Owes [`Done::Surveyed`].
    Search { after: Duration },
    /// Watch exactly these kinds from now on: what carries our label. Owes nothing.
    Watch(BTreeSet<WatchedKind>),
    /// Watch exactly these places from now on: the names of what does not carry our label. Owes nothing.
    WatchUnlabelled(BTreeSet<WatchedPlace>),
    /// Upload a bundle that the hub lost. Owes [`Done::Given`].
    Give { command: String, digest: Digest },
    /// Say what an apply would change, and change nothing. Owes [`Done::Compared`].
    Compare(Comparison),
    /// Hand spans to this agent's own exporter. Owes nothing.
    Export(Vec<Span>),
    /// Write the status. Owes [`Done::StatusWritten`].
    WriteStatus(Box<Status>),
}

/// A request to the cluster.
#[derive(Debug)]
pub struct Request {
    pub application: AppKey,
    pub action: shared_sync::Action,
    /// The version in which the object is desired; `None`: the preferred one.
    pub version: Option<String>,
    /// It goes before others: the application was as wished before.
    pub heals: bool,
    pub write: bool,
    /// Why it must not be made: it is answered without asking the cluster.
    pub forbidden: Option<String>,
}

/// What is kept behind the engine's back.
#[derive(Debug, Clone)]
pub enum Note {
    /// The sync of this position succeeded.
    Synced(Position),
    /// How far a removal got.
    Removal(Position, What),
}

/// The state.
#[derive(Debug)]
pub struct Engine {
    known: Known,
    apps: BTreeMap<AppKey, App>,
    timers: BTreeSet<(Timestamp, AppKey)>,
    routes: Routes,
    looks: looks::Looks,
    unlabelled: unlabelled::Unlabelled,
    pauses: Pauses,
    pins: BTreeMap<AppKey, journal::Pin>,
    /// Closed for what is paused.
    gate: Gate,
    /// Writes without an answer.
    writing: usize,
    outbox: Outbox,
    /// How the link stands, for the status.
    standing: Standing,
    survey: Survey,
    told: told::Told,
    traces: traces::Traces,
    /// Records of the journal that were lost, until the hub has told everything again.
    lost: Vec<String>,
    work: VecDeque<Work>,
    healed: u64,
}

/// What an engine has counted since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects put back to what their release says.
    pub healed: u64,
    /// Events for which there was no room.
    pub lost_events: u64,
}

impl Engine {
    /// An engine that goes on from the journal.
    pub fn new(known: Known, restored: Restored, now: Timestamp) -> Self {
        for error in &restored.damaged {
            tracing::error!(%error, "a record of the journal was lost");
        }
        let mut engine = Self {
            known,
            apps: BTreeMap::new(),
            timers: BTreeSet::new(),
            routes: Routes::default(),
            looks: looks::Looks::default(),
            unlabelled: unlabelled::Unlabelled::default(),
            pauses: Pauses::new(restored.control, restored.local.pause),
            pins: restored.local.pins,
            gate: Gate::default(),
            writing: 0,
            outbox: Outbox::default(),
            standing: Standing::default(),
            survey: Survey::default(),
            told: told::Told::default(),
            traces: traces::Traces::default(),
            lost: restored.damaged.iter().map(|error| format!("a record was lost: {error}")).collect(),
            work: VecDeque::new(),
            healed: 0,
        };
        // Before any machine is made: none may write while a pause holds.
        engine.obey_pauses(now);
        for application in engine.pauses.applications(now) {
            engine.gate.close_for(application, true);
        }
        for app in restored.apps {
            engine.restore(app, now);
        }
        engine
    }

    /// With this way for spans, and whose they are.
    #[must_use]
    pub(crate) fn with_traces(self, way: Way, resource: Vec<(String, String)>) -> Self {
        Self { traces: traces::Traces::new(way, resource), ..self }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Up => self.up(),
            Event::Said(message) => self.hear(message, now),
            Event::Down => self.down(),
            Event::Watched(watched) => self.take_watched(watched, now),
            Event::Done(done) => self.done(done, now),
            Event::Local(local) => self.take_local(local, now),
            Event::Facts(facts) => {
                if self.known.facts != facts {
                    self.known.facts = facts;
                    self.outbox.tell_facts();
                }
            }
            Event::Openable(applications) => {
                for application in applications {
                    tracing::info!(%application, "synced again: the keys for its encrypted values are others now");
                    self.tell(&application, shared_sync::Event::SyncRequested, now);
                }
            }
            Event::Standing(standing) => {
                self.standing = standing;
                self.told.change();
            }
            Event::Tick => {}
        }
        self.tick(now);
    }

    /// What it has counted.
    pub const fn counts(&self) -> Counts {
        Counts { healed: self.healed, lost_events: self.outbox.lost() }
    }

    /// The next thing to do; `None` when there is nothing until the next event.
    pub fn poll_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// When to call [`Engine::handle`] with [`Event::Tick`], and why.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<(Timestamp, &'static str)> {
        let machine = self.timers.first().map(|(due, _)| (*due, "an application's time has come"));
        // What is due now waits for a place on its way, not for time.
        let report = self.outbox.due(now).filter(|due| *due > now).map(|due| (due, "a report is due"));
        let pause = self.pauses.next_end().map(|due| (due, "a pause ends"));
        let poll = self.routes.poll_due().map(|due| (due, "objects that no watch shows are to be read"));
        let look = self.looks.due().map(|due| (due, "an object may be read again"));
        let review = self.unlabelled.review.map(|due| (due, "what to watch is decided anew"));
        let known = self.removal_known_at().map(|due| (due, "the hub knows of a removal"));
        let status = self.told.due().map(|due| (due, "the status is to be written"));
        [machine, report, pause, poll, look, review, known, status].into_iter().flatten().min()
    }

    /// Asked by each write right before it starts: whether it must not.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// The position of the newest order of an application that the journal has.
    pub fn held(&self, application: &AppKey) -> Position {
        self.apps.get(application).map(|app| app.held).unwrap_or_default()
    }

    /// Whether the application is held to a release that was chosen in the cluster.
    pub(crate) fn is_pinned(&self, application: &AppKey) -> bool {
        self.apps.get(application).is_some_and(|app| app.pin.is_some())
    }

    fn done(&mut self, done: Done, now: Timestamp) {
        match done {
            Done::Started(application) => {
                if let Some(app) = self.apps.get_mut(&application) {
                    app.starting = false;
                }
                self.pump(&application, now);
            }
            Done::Answered { application, event, write } => {
                self.writing -= usize::from(write);
                if let Some(app) = self.apps.get_mut(&application) {
                    app.writing -= usize::from(write);
                }
                self.take_answer(&application, *event, now);
                self.acknowledge();
            }
            Done::Read { application, id, event } => {
                self.take_answer(&application, *event, now);
                self.looked(&id, now);
            }
            Done::Ordered { application, wish, result } => self.ordered(&application, wish, result, now),
            Done::ControlKept => self.control_kept(),
            Done::Surveyed(found) => self.take_survey(found, now),
            Done::StatusWritten { kept } => self.told.written(kept, now),
            Done::Compared { command, application, result } => self.compared(command, &application, result),
            // That it has it the hub knows by the upload itself.
            Done::Given { command, error } => {
                if let Some(error) = error {
                    self.outbox.result(v1::CommandResult { id: command, error });
                }
            }
        }
    }

    /// Looks at the clock.
    fn tick(&mut self, now: Timestamp) {
        // Those due now, once each: one that is due again at once waits for the next event,
        // so that no application can keep the others from being heard.
        let due: Vec<_> = self.timers.iter().take_while(|(at, _)| *at <= now).cloned().collect();
        for timer in due {
            self.timers.remove(&timer);
            if let Some(app) = self.apps.get_mut(&timer.1) {
                app.timer = None;
            }
            self.wake(&timer.1, now);
        }
        if self.pauses.expire(now) {
            self.obey_pauses(now);
        }
        self.end_application_pauses(now);
        self.tell_removals_done(now);
        self.look_again(now);
        self.poll_unshown(now);
        self.review_unlabelled(now);
        self.write_status(now);
    }
}

#[cfg(test)]
mod tests;
