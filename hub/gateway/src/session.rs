//! What a connected agent must be told: a plain state machine, one per session.
//!
//! It knows what the agent holds (from its hello) and what the store says (assignments, the Cluster
//! object), and gives out what differs. Nothing here reads a clock, a socket or the store.

#[cfg(test)]
mod tests;

use crate::Unacceptable;
use jiff::Timestamp;
use proto::v1;
use shared_model::{AppKey, Cluster, ClusterName, Mode, PauseRequest, Position, ReleaseId};
use shared_rollout::{Assigned, Hold, Order};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// What a session is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// The agent sent this.
    Message(v1::agent_message::Message),
    /// An assignment of the cluster changed.
    Assigned(AppKey, Assigned),
    /// The Cluster object changed; `None`: it is gone.
    Cluster(Option<Arc<Cluster>>),
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
    /// Send a release, with its spec from the store.
    Assign { application: AppKey, position: Position, release: ReleaseId },
    /// Send this.
    Send(v1::hub_message::Message),
    /// Keep these observations.
    Observe(Vec<v1::Observation>),
    /// What the agent saw while it was away has been given to [`Action::Observe`]: once that is kept,
    /// the cluster counts as connected.
    Arrived,
    /// Log these events of the agent, and how many it lost.
    Events(Vec<v1::Event>, u64),
    /// The cluster's facts changed.
    Facts(v1::Facts),
    /// The agent's pauses changed.
    Paused { acknowledged: String, local: Option<v1::Pause> },
    /// Hold the cluster, or stop holding it.
    Hold(Option<Hold>),
    /// End the session.
    End(String),
}

/// The state of one session.
#[derive(Debug)]
pub struct Session {
    cluster: ClusterName,
    held: BTreeMap<AppKey, Held>,
    behind: bool,
    arrived: bool,
    pause: String,
    mode: Mode,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    position: Position,
    release: Option<ReleaseId>,
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
        let nothing_to_tell = held.is_empty();
        let mut session = Self {
            cluster: cluster.name(),
            held,
            behind: false,
            arrived: false,
            pause: pause.acknowledged.clone(),
            mode: Mode::Enforce,
            actions: VecDeque::new(),
        };
        let clock_ms = now.as_millisecond();
        let hub_version = env!("CARGO_PKG_VERSION").to_owned();
        session.send(v1::hub_message::Message::Welcome(v1::Welcome { hub_version, clock_ms }));
        session.actions.push_back(Action::Paused { acknowledged: pause.acknowledged, local: pause.local });
        // A pause goes first: what follows is not acted on.
        session.obey(cluster, now);
        session.compare(assignments);
        session.send(v1::hub_message::Message::InSync(v1::InSync {}));
        if nothing_to_tell {
            session.arrive();
        }
        Ok(session)
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Assigned(application, assigned) => self.assign(&application, &assigned),
            Input::Cluster(Some(cluster)) => self.obey(&cluster, now),
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
        self.actions.pop_front()
    }

    fn message(&mut self, message: v1::agent_message::Message) {
        match message {
            v1::agent_message::Message::Hello(_) => self.end("Protocol", "hello is sent once, first"),
            v1::agent_message::Message::Observations(batch) => {
                self.actions.push_back(Action::Observe(batch.observations));
                self.arrive();
            }
            v1::agent_message::Message::Pause(pause) => {
                self.actions
                    .push_back(Action::Paused { acknowledged: pause.acknowledged, local: pause.local });
            }
            v1::agent_message::Message::Events(batch) => {
                self.actions.push_back(Action::Events(batch.events, batch.dropped));
            }
            v1::agent_message::Message::Facts(facts) => self.actions.push_back(Action::Facts(facts)),
            // Nothing asks for it yet.
            v1::agent_message::Message::Holding(_) => {}
            v1::agent_message::Message::Result(result) => {
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
    fn compare(&mut self, assignments: BTreeMap<AppKey, Assigned>) {
        let ahead = self.held.iter().find(|(application, held)| {
            assignments.get(application).map_or(held.release.is_some(), |told| told.position < held.position)
        });
        if let Some((application, held)) = ahead {
            tracing::warn!(
                cluster = %self.cluster, %application, position = %held.position,
                "the agent is ahead of this hub's store (HubBehindAgent): nothing is released to it"
            );
            self.behind = true;
        }
        self.actions.push_back(Action::Hold(self.behind.then_some(Hold::HubBehindAgent)));
        for (application, assigned) in assignments {
            self.assign(&application, &assigned);
        }
    }

    fn assign(&mut self, application: &AppKey, assigned: &Assigned) {
        let held = self.held.get(application).copied();
        if self.behind || held.is_some_and(|held| held.position >= assigned.position) {
            return;
        }
        match assigned.order {
            Order::Run { release, .. } => {
                let position = assigned.position;
                self.held.insert(application.clone(), Held { position, release: Some(release) });
                self.actions.push_back(Action::Assign {
                    application: application.clone(),
                    position,
                    release,
                });
            }
            Order::Remove { cascade, .. } => {
                self.held.insert(application.clone(), Held { position: assigned.position, release: None });
                self.send(v1::hub_message::Message::Remove(v1::Remove {
                    application: Some(proto::application_to_wire(application)),
                    position: Some(proto::position_to_wire(assigned.position)),
                    cascade,
                }));
            }
        }
    }

    /// The pause and mode that the Cluster object asks for.
    fn obey(&mut self, cluster: &Cluster, now: Timestamp) {
        let wanted = cluster.spec.pause.as_ref().filter(|pause| pause.is_active(now));
        let id = wanted.map(pause_id).unwrap_or_default();
        if id != self.pause {
            self.pause.clone_from(&id);
            let pause = wanted.map_or_else(v1::Pause::default, |pause| to_wire(pause, id, now));
            self.send(v1::hub_message::Message::Pause(pause));
        }
        if cluster.spec.mode != self.mode {
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
    shared_model::Digest::of(format!("{at}/{length}/{}/{}", pause.reason, pause.by).as_bytes()).short()
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
