//! Who is connected: the planner's view of the fleet's links, and the way to each session.

use hub_store::Revision;
use parking_lot::Mutex;
use proto::v1;
use shared_model::{AppKey, ClusterName, Digest};
use shared_rollout::{Hold, Link};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{mpsc, watch};

use crate::session::Input;
use jiff::Timestamp;

/// What is known of one cluster's link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkState {
    /// Whether its agent is there.
    pub link: Link,
    /// The id of the hub's pause that the agent obeys; empty without one.
    pub acknowledged_pause: String,
    /// A pause set in the cluster itself.
    pub local_pause: Option<shared_rollout::Pause>,
    /// Why it must not be told anything.
    pub hold: Option<Hold>,
    /// What the agent saw while it was away is in the store up to this revision: whoever reads an
    /// older one must not take it for connected.
    pub arrived: Revision,
}

impl LinkState {
    fn lost(since: Timestamp) -> Self {
        Self {
            link: Link::LostSince(since),
            acknowledged_pause: String::new(),
            local_pause: None,
            hold: None,
            arrived: Revision::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    states: BTreeMap<ClusterName, LinkState>,
    sessions: BTreeMap<ClusterName, Session>,
    next: u64,
}

#[derive(Debug)]
struct Session {
    number: u64,
    instance: String,
    inputs: mpsc::Sender<Input>,
    /// Bundles that this agent was asked for, and their sizes.
    wanted: BTreeMap<Digest, u64>,
}

/// The fleet's links. Clones share one state.
#[derive(Debug, Clone)]
pub struct Links {
    inner: Arc<Mutex<Inner>>,
    version: Arc<watch::Sender<u64>>,
}

impl Default for Links {
    fn default() -> Self {
        Self { inner: Arc::default(), version: Arc::new(watch::Sender::new(0)) }
    }
}

/// Proof that a session is registered; ended by [`Links::leave`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    number: u64,
}

impl Links {
    /// Links without anyone connected.
    pub fn new() -> Self {
        Self::default()
    }

    /// All that is known, by cluster. A cluster that is not here was never connected since the hub started.
    pub fn snapshot(&self) -> BTreeMap<ClusterName, LinkState> {
        self.inner.lock().states.clone()
    }

    /// Changes whenever a link does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Asks a connected agent to apply an application's release again. Answers whether one is connected.
    pub fn sync(&self, cluster: &ClusterName, application: &AppKey) -> bool {
        let connected = self.inner.lock().sessions.contains_key(cluster);
        if connected {
            let command = v1::Command {
                id: format!("sync/{application}"),
                application: Some(proto::application_to_wire(application)),
                command: Some(v1::command::Command::Sync(v1::Sync {})),
            };
            self.tell(cluster, Input::Command(command));
        }
        connected
    }

    /// What the cluster is assigned was taken from its agent: its session starts anew, and compares anew.
    pub fn adopted(&self, cluster: &ClusterName) {
        self.tell(cluster, Input::Cut("what the agent holds was adopted; connect again".to_owned()));
    }

    /// The session asks its agent for a bundle.
    pub(crate) fn want(&self, cluster: &ClusterName, seat: &Seat, digest: Digest, bytes: u64) {
        let mut inner = self.inner.lock();
        if let Some(session) = inner.sessions.get_mut(cluster).filter(|session| session.number == seat.number)
        {
            session.wanted.insert(digest, bytes);
        }
    }

    /// The size of a bundle that the cluster's agent was asked for.
    pub(crate) fn wants(&self, cluster: &ClusterName, digest: &Digest) -> Option<u64> {
        self.inner.lock().sessions.get(cluster)?.wanted.get(digest).copied()
    }

    /// How many agents are connected.
    pub fn connected(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Registers a session. A second agent of the cluster is refused; the same agent returning
    /// replaces its dead session.
    pub(crate) fn join(
        &self,
        cluster: &ClusterName,
        instance: &str,
        inputs: mpsc::Sender<Input>,
    ) -> Option<Seat> {
        let mut inner = self.inner.lock();
        if let Some(present) = inner.sessions.get(cluster) {
            if present.instance != instance && !present.inputs.is_closed() {
                return None;
            }
            let _gone = present.inputs.try_send(Input::Cut("the agent connected again".to_owned()));
        }
        inner.next += 1;
        let number = inner.next;
        let instance = instance.to_owned();
        let session = Session { number, instance, inputs, wanted: BTreeMap::new() };
        inner.sessions.insert(cluster.clone(), session);
        Some(Seat { number })
    }

    /// Changes what is known of a cluster's link.
    pub(crate) fn update(&self, cluster: &ClusterName, now: Timestamp, change: impl FnOnce(&mut LinkState)) {
        let mut inner = self.inner.lock();
        let state = inner.states.entry(cluster.clone()).or_insert_with(|| LinkState::lost(now));
        let before = state.clone();
        change(state);
        let differs = *state != before;
        drop(inner);
        if differs {
            self.changed();
        }
    }

    /// The backlog of a session is in the store: the cluster counts as connected, unless the session
    /// is not the present one any more.
    pub(crate) fn arrived(&self, cluster: &ClusterName, seat: Seat, revision: Revision, now: Timestamp) {
        let present =
            self.inner.lock().sessions.get(cluster).is_some_and(|session| session.number == seat.number);
        if present {
            self.update(cluster, now, |state| {
                state.link = Link::Connected;
                state.arrived = revision;
            });
        }
    }

    /// Ends a session, unless another has taken its place. Answers whether it was the present one.
    pub(crate) fn leave(&self, cluster: &ClusterName, seat: &Seat, now: Timestamp) -> bool {
        let mut inner = self.inner.lock();
        // A session that did not keep up is not listed any more, but nobody has taken its place.
        let present = inner.sessions.get(cluster).is_none_or(|session| session.number == seat.number);
        if present {
            inner.sessions.remove(cluster);
            if let Some(state) = inner.states.get_mut(cluster) {
                state.link = Link::LostSince(now);
            }
        }
        drop(inner);
        if present {
            self.changed();
        }
        present
    }

    /// Forgets a cluster that is no more, and cuts its session.
    pub(crate) fn forget(&self, cluster: &ClusterName, reason: &str) {
        let mut inner = self.inner.lock();
        inner.states.remove(cluster);
        let session = inner.sessions.get(cluster).map(|session| session.inputs.clone());
        drop(inner);
        if let Some(inputs) = session {
            let _gone = inputs.try_send(Input::Cut(reason.to_owned()));
        }
        self.changed();
    }

    /// Hands an input to a cluster's session, if it has one. A session that does not keep up is cut:
    /// when it returns it gets what differs.
    pub(crate) fn tell(&self, cluster: &ClusterName, input: Input) {
        let mut inner = self.inner.lock();
        let Some(session) = inner.sessions.get(cluster) else { return };
        if session.inputs.try_send(input).is_err() {
            tracing::warn!(%cluster, "the session does not keep up and is cut");
            inner.sessions.remove(cluster);
        }
    }
}
