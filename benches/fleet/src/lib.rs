//! What a fleet costs: time of rollouts, memory and CPU of the hub, with thousands of agents that speak the real protocol.
//!
//! ```text
//! cargo bench-fleet                    every workload, one after the other
//! cargo bench-fleet staged idle        these
//! cargo bench-fleet --scale 0.05       a twentieth of the clusters and rollouts
//! ```
//! The hub is the real program with its store on disk, Git a real server on loopback. An agent is the agent's own
//! library, joined by a token over mTLS, in a process of its own ([`swarm`]); its cluster is a simulated one
//! (`hub_demo::Simulated`) and its journal memory, because a thousand real agents have a thousand disks.
//!
//! Invariants:
//! 1. Nothing is asserted of times: figures depend on the machine, so they are printed with it, beside what bounds them
//!    ([`floors`]). What a workload came to is asserted: every cluster runs what Git says, no plan broke an invariant.
//! 2. The truth is asked of the clusters, the times of the hub's own records; who measures asks the hub for nothing
//!    while something is measured.
//!
//! What it refuses to know: how the hub works inside.

pub mod args;
mod charts;
mod client;
mod floors;
mod ground;
mod hub;
mod idle;
mod measure;
mod run;
mod sample;
pub mod swarm;
mod swarms;
mod workload;

pub use run::run;
