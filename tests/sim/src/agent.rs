//! One agent: the real engine and journal, and a model of the shell, the link and the machine around them.

use crate::cluster::Cluster;
use ::agent::parts::{
    Ceiling, Control, Engine, Facts, Journal, Known, Memory, Order, Place, Request, Restored,
    hubs::Hubs,
    renewal::{Life, Renewal},
};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use shared_manifest::ObjectId;
use shared_model::{AppKey, ClusterName, Position};
use std::sync::Arc;

/// One agent with all that surrounds it.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) name: ClusterName,
    /// Its clock minus the hub's.
    pub(crate) skew: SignedDuration,
    /// It outlives every process.
    pub(crate) disk: Memory,
    pub(crate) cluster: Cluster,
    pub(crate) certificate: Certificate,
    pub(crate) process: Option<Process>,
    /// Counts processes: what was on its way in an earlier one is lost.
    pub(crate) life: u32,
    /// No way to the hub.
    pub(crate) cut: bool,
}

/// What counts of a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificate {
    /// Microseconds, by the hub's clock.
    pub(crate) issued: i64,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Certificate {
    pub(crate) const fn life(self) -> Life {
        Life { from: self.from, to: self.to, trusted: true }
    }
}

/// A process of the agent.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) journal: Arc<Journal>,
    pub(crate) connection: Option<u64>,
    pub(crate) hubs: Hubs,
    pub(crate) renewal: Renewal,
    /// The wake-up that counts.
    pub(crate) wake: Option<Timestamp>,
}

/// What comes to an agent.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Its time has come.
    Wake(Timestamp),
    /// Work has ended.
    Done(::agent::parts::Done),
    /// A request has its turn; with the order that was held when it was sent.
    Ask(Request, Position),
    /// A read has its turn.
    Read { application: AppKey, id: ObjectId },
    /// An order is to be made durable.
    Prepare(Order),
    /// Its bundle is here, or is not.
    Fetched(Order, Option<Vec<u8>>),
    /// The hub's pause or mode is to be kept.
    KeepControl(Control),
    /// The inventory is to be kept.
    Save { application: AppKey, ids: Vec<ObjectId> },
    /// Marks are to be searched for.
    Search,
    /// Watches have news.
    News,
    /// The hub is to be tried.
    Dial,
    /// The hub answered.
    Up(u64),
    /// A message of the hub.
    Said(u64, v1::HubMessage),
    /// The connection is gone.
    Down(u64),
    /// The certificate is to be looked at.
    Renew,
    /// A person decided something in the cluster.
    Decided,
}

impl Agent {
    pub(crate) fn new(number: usize, certificate: Certificate, skew: SignedDuration) -> Self {
        Self {
            name: ClusterName::new(format!("edge-{number:04}")),
            skew,
            disk: Memory::new(),
            cluster: Cluster::default(),
            certificate,
            process: None,
            life: 0,
            cut: false,
        }
    }

    /// Where its journal is, for people beside it.
    pub(crate) fn place(&self) -> Place {
        Place::Memory(self.disk.clone())
    }

    /// The time by its own clock.
    pub(crate) fn clock(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.skew).unwrap_or(now)
    }

    /// Starts a process on what the disk has.
    pub(crate) fn start(&mut self, random: f64, now: Timestamp) -> Result<(), ::agent::JournalError> {
        let journal = Journal::open(&Place::Memory(self.disk.clone()))?;
        let (apps, damaged) = journal.apps()?;
        let control = journal.control();
        let restored = Restored { apps, damaged, control, local: journal.local() };
        self.life += 1;
        let known = Known {
            name: self.name.clone(),
            facts: Facts { uid: format!("uid-{}", self.name), ..Facts::default() },
            instance: format!("{}-{}", self.name, self.life),
            ceiling: Ceiling::default(),
        };
        self.process = Some(Process {
            engine: Engine::new(known, restored, self.clock(now)),
            journal: Arc::new(journal),
            connection: None,
            hubs: Hubs::new(1),
            renewal: Renewal::new(self.certificate.life(), random),
            wake: None,
        });
        Ok(())
    }
}
