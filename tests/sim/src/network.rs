//! The network between the agents and the hub.

use hub_gateway::parts::Session;
use std::collections::BTreeMap;

/// How long until a silent connection is noticed (HTTP/2 keepalive: 30 s and 20 s).
pub(crate) const NOTICED_AFTER_S: i64 = 50;

/// A connection of an agent to the hub.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) agent: usize,
    /// The hub's side, once it has the hello.
    pub(crate) session: Option<Session>,
    /// Nothing arrives any more, and nobody has noticed yet.
    pub(crate) silent: bool,
    /// Told everything that differed.
    pub(crate) in_sync: bool,
}

/// All connections, by number.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) connections: BTreeMap<u64, Connection>,
    next: u64,
}

impl Network {
    pub(crate) fn open(&mut self, agent: usize) -> u64 {
        self.next += 1;
        self.connections
            .insert(self.next, Connection { agent, session: None, silent: false, in_sync: false });
        self.next
    }

    /// Whether messages pass.
    pub(crate) fn passes(&self, connection: u64) -> bool {
        self.connections.get(&connection).is_some_and(|connection| !connection.silent)
    }
}
