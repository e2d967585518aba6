//! The hub's side.

use super::{Happening, World};
use crate::{agent::Incoming, hub::Seat};
use hub_gateway::parts::{Action, Input, Session, Standing};
use jiff::SignedDuration;
use proto::v1::{self, agent_message::Message};
use shared_model::{AppKey, Cluster, ClusterName, Observation, PauseRequest, SyncPhase};
use shared_rollout::Assigned;
use std::{collections::BTreeMap, sync::Arc};

impl Seat {
    pub(super) fn new(object: Arc<Cluster>) -> Self {
        Self {
            object,
            assigned: BTreeMap::new(),
            history: BTreeMap::new(),
            observed: BTreeMap::new(),
            connection: None,
            acknowledged: String::new(),
            paused: BTreeMap::new(),
            acknowledged_applications: BTreeMap::new(),
        }
    }
}

impl Seat {
    fn forget_acknowledged(&mut self) {
        self.acknowledged.clear();
        self.acknowledged_applications.clear();
    }
}

impl World {
    /// A message has come as far as the hub.
    pub(super) fn heard_by_hub(&mut self, connection: u64, message: v1::AgentMessage) {
        if !self.hub.up || !self.network.passes(connection) {
            return;
        }
        let Some(message) = message.message else { return };
        let agent = self.network.connections[&connection].agent;
        let name = self.agents[agent].name.clone();
        if let Message::Hello(hello) = message {
            let now = self.hub_now();
            let Some(seat) = self.hub.seats.get_mut(&name) else { return };
            let standing = Standing { paused: seat.paused.clone(), ..Standing::default() };
            let session = Session::new(&seat.object, hello, seat.assigned.clone(), standing, now);
            let Ok(session) = session else {
                self.verdicts.problem(format!("{name}: the hello is malformed"));
                return;
            };
            // The one before it is dead, or of a process that was killed.
            let before = seat.connection.replace(connection);
            seat.forget_acknowledged();
            if let Some(entry) = self.network.connections.get_mut(&connection) {
                entry.session = Some(session);
            }
            if let Some(before) = before {
                self.cut(before);
            }
            self.act(connection);
        } else {
            self.input(connection, Input::Message(message));
        }
    }

    fn input(&mut self, connection: u64, input: Input) {
        let now = self.hub_now();
        let Some(session) =
            self.network.connections.get_mut(&connection).and_then(|connection| connection.session.as_mut())
        else {
            return;
        };
        session.handle(input, now);
        self.act(connection);
    }

    /// Does what a session asks for.
    fn act(&mut self, connection: u64) {
        loop {
            let Some(entry) = self.network.connections.get_mut(&connection) else { return };
            let agent = entry.agent;
            let Some(action) = entry.session.as_mut().and_then(Session::poll_action) else { return };
            let name = self.agents[agent].name.clone();
            match action {
                Action::Assign { application, position, release, .. } => {
                    let message = self.hub.assign(&application, position, release);
                    self.send(connection, message);
                }
                Action::Send(message) => self.send(connection, message),
                Action::Observe(observations) => self.observed(&name, observations),
                Action::Paused { acknowledged, applications, .. } => {
                    if let Some(seat) = self.hub.seats.get_mut(&name) {
                        seat.acknowledged = acknowledged;
                        seat.acknowledged_applications = applications;
                    }
                    self.control_changed(&name);
                }
                Action::Hold(Some(_)) => {
                    self.verdicts.problem(format!("{name} is ahead of a hub that lost nothing"))
                }
                Action::End(_) => {
                    self.cut(connection);
                    return;
                }
                Action::Events(events, dropped) => {
                    *self.met.entry("events told").or_default() += events.len() as u64;
                    *self.met.entry("events dropped").or_default() += dropped;
                }
                Action::Differs(_)
                | Action::Look(..)
                | Action::Keep(_)
                | Action::Want(..)
                | Action::Adopt(_)
                | Action::Compared(..)
                | Action::Stuck(_) => self.verdicts.problem(format!("{name} is adopted though nobody asked")),
                // Display is not modelled.
                Action::Arrived => self.arrived(&name),
                Action::Hold(None) | Action::Facts(_) | Action::Spans(_) => {}
            }
        }
    }

    fn observed(&mut self, name: &ClusterName, observations: Vec<v1::Observation>) {
        let now = self.hub_now();
        for observation in observations {
            let Ok(observation) = observation.from_wire(name, now) else {
                self.verdicts.problem(format!("{name}: an observation is malformed"));
                continue;
            };
            let Some(seat) = self.hub.seats.get_mut(name) else { continue };
            let application = observation.application.clone();
            // An order that could not be kept waits or failed, and is nothing after a restart.
            let begun = |seen: &&Observation| !matches!(seen.phase, SyncPhase::Pending | SyncPhase::Failed);
            let previous = seat.observed.get(&application).filter(begun);
            if previous.is_some_and(|previous| previous.position > observation.position) {
                self.verdicts.problem(format!("{name}: {application} went back to {}", observation.position));
            }
            let kept = shared_rollout::observe(seat.observed.get(&application), observation, now);
            self.log.line(
                self.now,
                format_args!(
                    "{name} reports {application} at {}: {:?} {} {}",
                    kept.position, kept.phase, kept.sync, kept.health.status
                ),
            );
            seat.observed.insert(application.clone(), kept.clone());
            self.heard(name, &application, kept);
        }
    }

    fn send(&mut self, connection: u64, message: v1::hub_message::Message) {
        if self.network.passes(connection) {
            let agent = self.network.connections[&connection].agent;
            let message = v1::HubMessage { message: Some(message) };
            self.later(agent, SignedDuration::from_millis(40), Incoming::Said(connection, message));
        }
    }

    /// The store has a new assignment.
    pub(super) fn assigned(&mut self, name: &ClusterName, application: &AppKey, assigned: Assigned) {
        let Some(connection) = self.hub.seats[name].connection.filter(|_| self.hub.up) else { return };
        self.input(connection, Input::Assigned(application.clone(), assigned));
    }

    /// The Cluster object changed.
    pub(super) fn cluster_changed(&mut self, agent: usize, object: Arc<Cluster>) {
        let name = self.agents[agent].name.clone();
        let Some(seat) = self.hub.seats.get_mut(&name) else { return };
        seat.object = Arc::clone(&object);
        self.control_changed(&name);
        let Some(seat) = self.hub.seats.get(&name) else { return };
        if let Some(connection) = seat.connection.filter(|_| self.hub.up) {
            self.input(connection, Input::Cluster(Some(object)));
        }
    }

    /// An application is paused on a cluster, or resumed.
    pub(super) fn application_paused(&mut self, agent: usize, app: &AppKey, asked: Option<PauseRequest>) {
        let name = self.agents[agent].name.clone();
        let Some(seat) = self.hub.seats.get_mut(&name) else { return };
        match &asked {
            Some(asked) => drop(seat.paused.insert(app.clone(), asked.clone())),
            None => drop(seat.paused.remove(app)),
        }
        if let Some(connection) = seat.connection.filter(|_| self.hub.up) {
            self.input(connection, Input::Paused(app.clone(), asked));
        }
    }

    /// Both ends notice that a connection is gone.
    pub(super) fn cut(&mut self, connection: u64) {
        let Some(entry) = self.network.connections.get_mut(&connection) else { return };
        entry.silent = true;
        let agent = entry.agent;
        let after = self.latency();
        self.later(agent, after, Incoming::Down(connection));
        self.closed(connection);
    }

    /// The hub's end of a connection is gone.
    pub(super) fn closed(&mut self, connection: u64) {
        let Some(entry) = self.network.connections.get_mut(&connection) else { return };
        entry.session = None;
        entry.silent = true;
        let agent = entry.agent;
        let name = self.agents[agent].name.clone();
        if let Some(seat) = self.hub.seats.get_mut(&name).filter(|seat| seat.connection == Some(connection)) {
            seat.connection = None;
            seat.forget_acknowledged();
            self.left(&name);
        }
    }

    pub(super) fn hub_down(&mut self) {
        self.say(format_args!("the hub is gone"));
        self.hub.up = false;
        let all: Vec<u64> = self.network.connections.keys().copied().collect();
        for connection in all {
            self.cut(connection);
        }
    }

    pub(super) fn hub_up(&mut self) {
        if !self.hub.up {
            self.say(format_args!("the hub is back"));
            self.hub.up = true;
        }
    }

    /// Nothing passes on a connection any more; it is noticed later.
    pub(super) fn silence(&mut self, connection: u64) {
        let Some(entry) = self.network.connections.get_mut(&connection) else { return };
        entry.silent = true;
        let agent = entry.agent;
        let noticed = SignedDuration::from_secs(crate::network::NOTICED_AFTER_S);
        self.later(agent, noticed, Incoming::Down(connection));
        self.at(self.now + noticed, Happening::Closed(connection));
    }
}
