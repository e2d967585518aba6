//! Who is connected: the planner's view of the fleet's links, and the way to each session.

use hub_store::Revision;
use parking_lot::Mutex;
use proto::v1::{self, hub_message::Message};
use shared_model::{AppKey, ClusterName, Digest};
use shared_rollout::{Hold, Link};
use shared_trace::Context;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::sync::{Semaphore, mpsc, watch};

mod compare;

use compare::Waiting;
pub use compare::{Compare, Uncompared};

use crate::{Certificate, Verdict, judge, peer::Peer, session::Input};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// For how many spans an agent that is away is asked when it is back; those of the newest count.
const OWED: usize = 1000;
/// A second agent that was not heard of for so long is gone.
const QUIET: SignedDuration = SignedDuration::from_mins(3);

/// What is known of one cluster's link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkState {
    /// Whether its agent is there.
    pub link: Link,
    /// The id of the hub's pause that the agent obeys; empty without one.
    pub acknowledged_pause: String,
    /// The ids of the hub's pauses of single applications that the agent obeys.
    pub acknowledged_applications: BTreeMap<AppKey, String>,
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
            acknowledged_applications: BTreeMap::new(),
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
    /// What agents that were away are to be asked when they are back.
    owed: BTreeMap<ClusterName, VecDeque<String>>,
    next: u64,
}

#[derive(Debug)]
struct Session {
    number: u64,
    present: Present,
    inputs: mpsc::Sender<Box<Input>>,
    /// Bundles that this agent was asked for, and their sizes.
    wanted: BTreeMap<Digest, u64>,
    /// The bundles of what this session was told to run.
    told: BTreeMap<AppKey, Digest>,
    /// When somebody else last wanted its place.
    rival: Option<Timestamp>,
    /// Who waits for comparisons, by the command's id.
    comparing: BTreeMap<String, Waiting>,
}

/// An agent that is there.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    /// The id of its process.
    pub(crate) instance: String,
    /// Its certificate and where it comes from.
    pub(crate) peer: Peer,
    /// Since when.
    pub(crate) since: Timestamp,
}

impl std::fmt::Display for Present {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instance {}", self.instance)?;
        if let Some(address) = self.peer.address {
            write!(f, " from {address}")?;
        }
        write!(f, " since {:.0}", self.since)
    }
}

/// The fleet's links. Clones share one state.
#[derive(Debug, Clone)]
pub struct Links {
    inner: Arc<Mutex<Inner>>,
    version: Arc<watch::Sender<u64>>,
    /// Answers of comparisons take memory.
    unpacking: Arc<Semaphore>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            inner: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
            unpacking: compare::unpacking(),
        }
    }
}

/// Proof that a session is registered; ended by [`Links::leave`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    number: u64,
}

impl Links {
    /// Asks a cluster's agent for spans that it left out, now or when it is back: a member fails most often because its
    /// cluster is away. It may be too old to know them.
    pub fn keep_spans(&self, cluster: &ClusterName, contexts: &[Context]) {
        let mut inner = self.inner.lock();
        let owed = inner.owed.entry(cluster.clone()).or_default();
        owed.extend(contexts.iter().map(ToString::to_string));
        let beyond = owed.len().saturating_sub(OWED);
        owed.drain(..beyond);
        let is_there = inner.sessions.contains_key(cluster);
        drop(inner);
        if is_there {
            self.ask_owed(cluster);
        }
    }

    fn ask_owed(&self, cluster: &ClusterName) {
        let mut inner = self.inner.lock();
        let Some(owed) = inner.owed.remove(cluster) else { return };
        drop(inner);
        let traceparents = owed.into();
        self.tell(cluster, Input::Say(Message::KeepSpans(v1::KeepSpans { traceparents })));
    }

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

    /// The session tells its agent to run this bundle as an application.
    pub(crate) fn told(&self, cluster: &ClusterName, seat: &Seat, application: AppKey, bundle: Digest) {
        let mut inner = self.inner.lock();
        if let Some(session) = inner.sessions.get_mut(cluster).filter(|session| session.number == seat.number)
        {
            session.told.insert(application, bundle);
        }
    }

    /// What a cluster was told of an application holds no more.
    pub(crate) fn untold(&self, cluster: &ClusterName, application: &AppKey) {
        if let Some(session) = self.inner.lock().sessions.get_mut(cluster) {
            session.told.remove(application);
        }
    }

    /// Whether the cluster's session was told to run this bundle. What an agent holds since before its session was
    /// never told in it.
    pub(crate) fn was_told(&self, cluster: &ClusterName, bundle: &Digest) -> bool {
        let inner = self.inner.lock();
        inner.sessions.get(cluster).is_some_and(|session| session.told.values().any(|told| told == bundle))
    }

    /// How many agents are connected.
    pub fn connected(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    /// Those of `clusters` without a session, and since when; `since` is when this hub began to listen.
    pub(crate) fn absent<'a>(
        &self,
        clusters: impl Iterator<Item = &'a ClusterName>,
        since: Timestamp,
    ) -> Vec<(Timestamp, ClusterName)> {
        let inner = self.inner.lock();
        let away = clusters.filter(|cluster| !inner.sessions.contains_key(*cluster));
        let lost = |cluster: &ClusterName| inner.states.get(cluster)?.link.lost_since();
        away.map(|cluster| (lost(cluster).unwrap_or(since), cluster.clone())).collect()
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Registers a session. The same agent returning replaces its dead session.
    ///
    /// # Errors
    /// The agent that is there already, when this is a second one.
    pub(crate) fn join(
        &self,
        cluster: &ClusterName,
        arriving: Present,
        inputs: mpsc::Sender<Box<Input>>,
    ) -> Result<Seat, Box<Present>> {
        let mut inner = self.inner.lock();
        if let Some(session) = inner.sessions.get_mut(cluster) {
            if session.present.instance != arriving.instance && !session.inputs.is_closed() {
                session.rival = Some(arriving.since);
                return Err(Box::new(session.present.clone()));
            }
            let _gone = session.inputs.try_send(Box::new(Input::Cut("the agent connected again".to_owned())));
        }
        inner.next += 1;
        let number = inner.next;
        let session = Session {
            number,
            present: arriving,
            inputs,
            rival: None,
            wanted: BTreeMap::new(),
            told: BTreeMap::new(),
            comparing: BTreeMap::new(),
        };
        inner.sessions.insert(cluster.clone(), session);
        Ok(Seat { number })
    }

    /// The agent of a cluster that is there; somebody else, who may not be, wants its place.
    pub(crate) fn rival(&self, cluster: &ClusterName, now: Timestamp) -> Option<Present> {
        let mut inner = self.inner.lock();
        let session = inner.sessions.get_mut(cluster).filter(|session| !session.inputs.is_closed())?;
        session.rival = Some(now);
        Some(session.present.clone())
    }

    /// The clusters whose place nobody else has wanted for a while, since it was last asked.
    pub(crate) fn quiet(&self, now: Timestamp) -> Vec<ClusterName> {
        let mut inner = self.inner.lock();
        let quiet = |rival: Timestamp| now.duration_since(rival) >= QUIET;
        let sessions = inner.sessions.iter_mut();
        sessions
            .filter_map(|(cluster, session)| {
                session.rival.take_if(|rival| quiet(*rival)).map(|_| cluster.clone())
            })
            .collect()
    }

    /// The certificate that a connected agent uses.
    pub(crate) fn certificate(&self, cluster: &ClusterName) -> Option<Certificate> {
        let inner = self.inner.lock();
        inner.sessions.get(cluster).map(|session| session.present.peer.certificate.clone())
    }

    /// Cuts the session of a cluster if its certificate is worth nothing by this status.
    pub(crate) fn judge(&self, cluster: &ClusterName, status: &Value, now: Timestamp) {
        let Some(certificate) = self.certificate(cluster) else { return };
        if let Verdict::Refused(why) = judge(&certificate, Some(status), now) {
            tracing::warn!(%cluster, %why, "a session is cut");
            self.tell(cluster, Input::Refused(why.reason(), why.to_string()));
        }
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
            self.ask_owed(cluster);
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
        inner.owed.remove(cluster);
        let session = inner.sessions.get(cluster).map(|session| session.inputs.clone());
        drop(inner);
        if let Some(inputs) = session {
            let _gone = inputs.try_send(Box::new(Input::Cut(reason.to_owned())));
        }
        self.changed();
    }

    /// Hands an input to a cluster's session, if it has one. A session that does not keep up is cut:
    /// when it returns it gets what differs.
    pub(crate) fn tell(&self, cluster: &ClusterName, input: Input) {
        let mut inner = self.inner.lock();
        let Some(session) = inner.sessions.get(cluster) else { return };
        if session.inputs.try_send(Box::new(input)).is_err() {
            tracing::warn!(%cluster, "the session does not keep up and is cut");
            inner.sessions.remove(cluster);
        }
    }
}
