//! What a connected agent must be told: a plain state machine, one per session.
//!
//! It knows what the agent holds (from its hello) and what the store says (assignments, the Cluster
//! object), and gives out what differs. Nothing here reads a clock, a socket or the store.
//!
//! An agent *differs* from the store when it holds a newer order than the store knows, or another one at the
//! same position; it is held then, and so is every agent while the store is an older copy of itself. A held
//! agent is told nothing that makes it act: no order, no mode, no end of a pause, and not `InSync`. A person's
//! request to adopt ([`adoption`]) ends that.

mod adoption;
mod apps;
#[cfg(test)]
mod tests;

use crate::Unacceptable;
pub use adoption::Known;
use adoption::{Adoption, Step};

use jiff::Timestamp;
use proto::v1;
use shared_model::{
    AppKey, Cluster, ClusterName, Digest, Mode, PauseRequest, Position, ReleaseId, ReleaseSpec, RolloutName,
};
use shared_rollout::{Assigned, Hold, Order};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// How the ids of comparisons begin.
pub(crate) const COMPARE: &str = "compare/";

/// What a session is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// The agent sent this.
    Message(v1::agent_message::Message),
    /// An assignment of the cluster changed.
    Assigned(AppKey, Assigned),
    /// The hub pauses one application, or lifts that.
    Paused(AppKey, Option<PauseRequest>),
    /// The Cluster object changed; `None`: it is gone.
    Cluster(Option<Arc<Cluster>>),
    /// What the hub has of a release that is to be adopted.
    Looked(AppKey, Option<Known>),
    /// The agent uploaded a bundle.
    Given(Digest),
    /// A person asks for something.
    Command(v1::Command),
    /// Say this.
    Say(v1::hub_message::Message),
    /// The agent may not be here any more: the word of the protocol and the text.
    Refused(&'static str, String),
    /// The session is to end, and why.
    Cut(String),
}

/// What a session asks of its shell, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send a release of a rollout, with its spec from the store.
    Assign { application: AppKey, position: Position, release: ReleaseId, rollout: RolloutName },
    /// Send this.
    Send(v1::hub_message::Message),
    /// Keep these observations.
    Observe(Vec<v1::Observation>),
    /// What the agent saw while it was away has been given to [`Action::Observe`]: once that is kept,
    /// the cluster counts as connected.
    Arrived,
    /// Log these events of the agent, and how many it lost.
    Events(Vec<v1::Event>, u64),
    /// Hand these spans on.
    Spans(v1::Spans),
    /// The cluster's facts changed.
    Facts(v1::Facts),
    /// The agent's pauses changed.
    Paused { acknowledged: String, local: Option<v1::Pause>, applications: BTreeMap<AppKey, String> },
    /// Hold the cluster, or stop holding it.
    Hold(Option<Hold>),
    /// The cluster is held: this is where its agent and the store differ.
    Differs(Behind),
    /// Look what the hub has of a release; answered by [`Input::Looked`].
    Look(AppKey, ReleaseId),
    /// Keep this release, which an agent described.
    Keep(Box<ReleaseSpec>),
    /// Take this bundle of so many bytes if the agent uploads it.
    Want(Digest, u64),
    /// Hand on what the agent holds, as truth.
    Adopt(hub_records::Adoption),
    /// The adoption waits for something that a person must see.
    Stuck(String),
    /// The answer to a comparison that was asked for, by its command's id.
    Compared(String, Result<bytes::Bytes, String>),
    /// End the session.
    End(String),
}

/// The state of one session.
#[derive(Debug)]
pub struct Session {
    cluster: ClusterName,
    held: BTreeMap<AppKey, Held>,
    standing: Standing,
    hold: Option<Hold>,
    /// What the agent holds otherwise than the store says.
    differs: BTreeMap<AppKey, Held>,
    adoption: Option<Adoption>,
    arrived: bool,
    pause: String,
    /// The pauses of single applications that the agent was told, by id.
    paused: BTreeMap<AppKey, String>,
    mode: Mode,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub position: Position,
    pub release: Option<ReleaseId>,
}

/// Where a held agent and the store differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Behind {
    /// What the agent holds, and what the store says of it.
    pub applications: Vec<(AppKey, Held, Option<Held>)>,
    /// The agent obeys a pause that the store does not know.
    pub unknown_pause: bool,
}

/// What the store says besides assignments: of earlier losses, and of pauses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when the store is known as an older copy, and this cluster's word was not adopted since.
    pub restored: Option<Timestamp>,
    /// The last request to adopt that was answered for the cluster.
    pub answered: String,
    /// The pauses of single applications that concern the cluster.
    pub paused: BTreeMap<AppKey, PauseRequest>,
    /// Whether spans are handed on.
    pub takes_spans: bool,
}

impl Session {
    /// A session from the agent's hello: gives out what differs from the store.
    ///
    /// # Errors
    /// When the hello breaks the protocol.
    pub fn new(
        cluster: &Cluster,
        hello: v1::Hello,
        assignments: BTreeMap<AppKey, Assigned>,
        standing: Standing,
        now: Timestamp,
    ) -> Result<Self, proto::Malformed> {
        let mut held = BTreeMap::new();
        for entry in hello.held {
            let application = proto::application_from_wire(entry.application, "Hello")?;
            let position = proto::position_from_wire(entry.position);
            let release = match entry.release.as_str() {
                "" => None,
                text => Some(proto::release_from_wire(text, "Hello")?),
            };
            held.insert(application, Held { position, release });
        }
        let pause = hello.pause.unwrap_or_default();
        let paused = apps::acknowledged(pause.applications)?;
        let nothing_to_tell = held.is_empty();
        let mut session = Self {
            cluster: cluster.name(),
            held,
            standing,
            hold: None,
            differs: BTreeMap::new(),
            adoption: None,
            arrived: false,
            pause: pause.acknowledged.clone(),
            paused: paused.clone(),
            mode: Mode::Enforce,
            actions: VecDeque::new(),
        };
        let clock_ms = now.as_millisecond();
        let hub_version = env!("CARGO_PKG_VERSION").to_owned();
        let takes_spans = session.standing.takes_spans;
        session.send(v1::hub_message::Message::Welcome(v1::Welcome { hub_version, clock_ms, takes_spans }));
        session.actions.push_back(Action::Paused {
            acknowledged: pause.acknowledged,
            local: pause.local,
            applications: paused,
        });
        let behind = session.compare(&assignments, cluster, now);
        // Pauses go first: what follows is not acted on. Those of applications before the end of one of the cluster.
        let asked = session.standing.paused.clone();
        asked
            .iter()
            .for_each(|(application, asked)| session.pause_application(application, Some(asked), now));
        session.obey(cluster, now);
        session.actions.push_back(Action::Hold(session.hold.clone()));
        if session.hold.is_some() {
            session.actions.push_back(Action::Differs(behind));
        } else {
            for (application, assigned) in assignments {
                session.assign(&application, &assigned);
            }
            session.lift_others(now);
            session.send(v1::hub_message::Message::InSync(v1::InSync {}));
        }
        session.adopt(cluster);
        if nothing_to_tell {
            session.arrive();
        }
        Ok(session)
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Assigned(application, assigned) => self.assign(&application, &assigned),
            Input::Paused(application, asked) => self.pause_application(&application, asked.as_ref(), now),
            Input::Cluster(Some(cluster)) => {
                self.obey(&cluster, now);
                self.adopt(&cluster);
            }
            Input::Looked(application, known) => {
                let step = self.adoption.as_mut().and_then(|adoption| adoption.looked(&application, known));
                self.steps(step.into_iter().collect());
            }
            Input::Given(digest) => {
                if let Some(adoption) = &mut self.adoption {
                    adoption.given(digest);
                }
                self.steps(Vec::new());
            }
            Input::Cluster(None) => {
                let why = Unacceptable::Deleted(self.cluster.to_string());
                self.end(why.reason(), &why.to_string());
            }
            Input::Command(command) => self.send(v1::hub_message::Message::Command(command)),
            Input::Say(message) => self.send(message),
            Input::Refused(reason, message) => self.end(reason, &message),
            Input::Cut(reason) => self.actions.push_back(Action::End(reason)),
            Input::Message(message) => self.message(message),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() {
            // Most sessions have nothing to do for days.
            self.actions = VecDeque::new();
        }
        action
    }

    fn message(&mut self, message: v1::agent_message::Message) {
        match message {
            v1::agent_message::Message::Hello(_) => self.end("Protocol", "hello is sent once, first"),
            v1::agent_message::Message::Observations(batch) => {
                self.actions.push_back(Action::Observe(batch.observations));
                self.arrive();
            }
            v1::agent_message::Message::Pause(pause) => match apps::acknowledged(pause.applications) {
                Ok(applications) => self.actions.push_back(Action::Paused {
                    acknowledged: pause.acknowledged,
                    local: pause.local,
                    applications,
                }),
                Err(error) => self.end("Protocol", &error.to_string()),
            },
            v1::agent_message::Message::Events(batch) => {
                self.actions.push_back(Action::Events(batch.events, batch.dropped));
            }
            v1::agent_message::Message::Spans(spans) => self.actions.push_back(Action::Spans(spans)),
            v1::agent_message::Message::Facts(facts) => self.actions.push_back(Action::Facts(facts)),
            v1::agent_message::Message::Holding(holding) => {
                match self.adoption.as_mut().map(|adoption| adoption.described(holding)) {
                    None => {}
                    Some(Ok(steps)) => self.steps(steps),
                    Some(Err(problem)) => self.actions.push_back(Action::Stuck(problem)),
                }
            }
            v1::agent_message::Message::Compared(compared) => {
                self.actions.push_back(Action::Compared(compared.id, Ok(compared.changes)));
            }
            v1::agent_message::Message::Result(result) if result.id.starts_with(COMPARE) => {
                self.actions.push_back(Action::Compared(result.id, Err(result.error)));
            }
            v1::agent_message::Message::Result(result) => {
                let about = result.id.split_once('/').filter(|(what, _)| ["describe", "give"].contains(what));
                if let Some((_, application)) = about.filter(|_| !result.error.is_empty()) {
                    let problem =
                        format!("the agent cannot tell what it holds of {application}: {}", result.error);
                    self.actions.push_back(Action::Stuck(problem));
                }
                tracing::debug!(cluster = %self.cluster, id = %result.id, error = %result.error, "command answered");
            }
        }
    }

    /// The first report of a session is everything that the agent holds.
    fn arrive(&mut self) {
        if !self.arrived {
            self.arrived = true;
            self.actions.push_back(Action::Arrived);
        }
    }

    /// Everything the store assigns against everything the agent holds.
    fn compare(
        &mut self,
        assignments: &BTreeMap<AppKey, Assigned>,
        cluster: &Cluster,
        now: Timestamp,
    ) -> Behind {
        let mut behind = Behind::default();
        for (application, held) in &self.held {
            let told = assignments.get(application);
            let differs = told.map_or(held.release.is_some(), |told| {
                let release = told.running().map(|(_, release)| release);
                told.position < held.position || (told.position == held.position && release != held.release)
            });
            if differs {
                self.differs.insert(application.clone(), *held);
                let told = told.map(|told| Held {
                    position: told.position,
                    release: told.running().map(|(_, release)| release),
                });
                behind.applications.push((application.clone(), *held, told));
            }
        }
        let wanted = cluster.pause(now).as_ref().map(pause_id);
        behind.unknown_pause = (!self.pause.is_empty() && wanted.as_ref() != Some(&self.pause))
            || self.paused.keys().any(|application| !self.standing.paused.contains_key(application));
        self.hold = if !self.differs.is_empty() {
            Some(Hold::HubBehindAgent)
        } else {
            self.standing.restored.map(|_| Hold::HubRestored)
        };
        if let Some(hold) = &self.hold {
            tracing::warn!(
                cluster = %self.cluster, differs = self.differs.len(), %hold,
                "nothing is released to the agent until a person adopts what it holds"
            );
        }
        behind
    }

    /// A person's request to take what the agent holds as truth. One that was answered, or that is older
    /// than the loss of the store, asks for nothing. Where nothing differs it is answered at once: it must
    /// not lie in wait for the next loss.
    fn adopt(&mut self, cluster: &Cluster) {
        let asked = cluster.spec.adopt.as_ref().filter(|asked| {
            !asked.request.is_empty()
                && asked.request != self.standing.answered
                && self.standing.restored.is_none_or(|since| asked.at.is_some_and(|at| at >= since))
        });
        let Some(asked) = asked else {
            self.adoption = None;
            return;
        };
        if self.adoption.as_ref().is_some_and(|adoption| adoption.request == *asked) {
            return;
        }
        let adoption = Adoption::new(asked.clone(), &self.differs);
        self.actions.extend(adoption.looks().into_iter().map(|(app, release)| Action::Look(app, release)));
        self.adoption = Some(adoption);
        self.steps(Vec::new());
    }

    /// Does what an adoption needs next; hands it on when nothing is missing.
    fn steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Ask(command) => self.send(v1::hub_message::Message::Command(command)),
                Step::Want(digest, bytes, command) => {
                    self.actions.push_back(Action::Want(digest, bytes));
                    self.send(v1::hub_message::Message::Command(command));
                }
                Step::Keep(spec) => self.actions.push_back(Action::Keep(spec)),
                Step::Look(release) => {
                    let of = self.adoption.as_ref().and_then(|adoption| adoption.of(release));
                    self.actions.extend(of.map(|application| Action::Look(application, release)));
                }
            }
        }
        if let Some(record) = self.adoption.as_mut().and_then(Adoption::whole) {
            self.actions.push_back(Action::Adopt(record));
        }
    }

    fn assign(&mut self, application: &AppKey, assigned: &Assigned) {
        let held = self.held.get(application).copied();
        if self.hold.is_some() || held.is_some_and(|held| held.position >= assigned.position) {
            return;
        }
        match &assigned.order {
            Order::Run { release, rollout, .. } => {
                let position = assigned.position;
                self.held.insert(application.clone(), Held { position, release: Some(*release) });
                self.actions.push_back(Action::Assign {
                    application: application.clone(),
                    position,
                    release: *release,
                    rollout: rollout.clone(),
                });
            }
            Order::Remove { cascade, .. } => {
                self.held.insert(application.clone(), Held { position: assigned.position, release: None });
                self.send(v1::hub_message::Message::Remove(v1::Remove {
                    application: Some(proto::application_to_wire(application)),
                    position: Some(proto::position_to_wire(assigned.position)),
                    cascade: *cascade,
                }));
            }
        }
    }

    /// The pause and mode that the Cluster object asks for.
    fn obey(&mut self, cluster: &Cluster, now: Timestamp) {
        let wanted = cluster.pause(now);
        let id = wanted.as_ref().map(pause_id).unwrap_or_default();
        // What a lost store does not know of is not lifted or changed; a pause makes nobody act.
        let held = self.hold.is_some();
        if id != self.pause && !(held && (id.is_empty() || !self.pause.is_empty())) {
            self.pause.clone_from(&id);
            let pause = wanted.map_or_else(v1::Pause::default, |pause| to_wire(&pause, id, now));
            self.send(v1::hub_message::Message::Pause(pause));
        }
        if cluster.spec.mode != self.mode && !held {
            self.mode = cluster.spec.mode;
            let mode = match self.mode {
                Mode::Enforce => v1::Mode::Enforce,
                Mode::Observe => v1::Mode::Observe,
            };
            self.send(v1::hub_message::Message::Mode(mode.into()));
        }
    }

    fn send(&mut self, message: v1::hub_message::Message) {
        self.actions.push_back(Action::Send(message));
    }

    fn end(&mut self, reason: &str, message: &str) {
        let refused = v1::Refused { reason: reason.to_owned(), message: message.to_owned() };
        self.send(v1::hub_message::Message::Refused(refused));
        self.actions.push_back(Action::End(format!("{reason}: {message}")));
    }
}

/// Names a pause request: a changed one has another id.
pub fn pause_id(pause: &PauseRequest) -> String {
    let at = pause.at.map(|at| at.to_string()).unwrap_or_default();
    let length = pause.duration.map(|length| length.as_secs().to_string()).unwrap_or_default();
    Digest::of(format!("{at}/{length}/{}/{}", pause.reason, pause.by).as_bytes()).short()
}

fn to_wire(pause: &PauseRequest, id: String, now: Timestamp) -> v1::Pause {
    let remaining = pause.ends().map(|end| end.duration_since(now).as_millis().max(1));
    v1::Pause {
        id,
        reason: pause.reason.clone(),
        by: pause.by.clone(),
        remaining_ms: remaining.map_or(0, |milliseconds| u64::try_from(milliseconds).unwrap_or(1)),
    }
}
