//! A fleet in virtual time: one hub, a thousand agents, a day of trouble, in one thread.
//!
//! What is real: the agent's engine and journal (`agent::parts`), its machines, the hub's session with each agent
//! (`hub_gateway::parts`), the wire's messages, the rules of certificates. What is modelled: the network, disks, clusters,
//! clocks, and a hub's store that fits in memory. Everything that is random comes from one seed, so the same seed
//! gives the same log; a seed that fails is run again and leaves its log in a file.
//!
//! What must hold during the day: nothing is deleted that the order an agent holds does not give up; no write under a
//! pause that the agent acknowledged; positions that an agent reports never go back; no agent asks its cluster
//! without end. What must hold after it, when all trouble is over: every cluster equals its assignment.

mod agent;
mod chance;
mod cluster;
mod hub;
mod log;
mod network;
mod release;
mod trouble;
mod verdict;
mod waves;
mod world;

pub use waves::Rollouts;
pub use world::{Config, Outcome, run};
