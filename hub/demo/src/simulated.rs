//! A simulated cluster: as much of the Kubernetes API as an agent needs, in memory, behind a tower
//! service that is handed to the agent's client in the place of a connection.
//!
//! Discovery, get, list, watch (label selectors, bookmarks), create, update, JSON, merge and
//! server-side apply patches, delete with finalizers, by the rules of `shared/objects`. Deployments become
//! ready after a while, or never when their image's tag starts with `broken` ([`controller`]).
//!
//! It serves the demo, the simulation and scale benches only. What it is not: admission, defaulting,
//! RBAC, garbage collection; those are what real control planes in `tests/e2e` are for.

mod controller;
mod kinds;
mod log;
mod objects;
mod request;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use controller::Workload;
pub use service::Simulated;
