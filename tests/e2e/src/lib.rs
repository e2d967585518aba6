//! The harness of the end-to-end tests: real Kubernetes control planes, our own programs as real processes, real Git
//! servers. It decides nothing about Flotilla; it starts things, waits for them, and takes them away again.
//!
//! A test reads like this:
//! ```no_run
//! use tests_e2e::{Cluster, Options, control_plane, eventually};
//! # async fn test() -> anyhow::Result<()> {
//! let Some(control_plane) = control_plane() else { return Ok(()) };
//! let cluster = Cluster::start(control_plane, "eu-1", Options { controllers: true }).await?;
//! cluster.kubectl(&["create", "namespace", "orders"]).await?;
//! # Ok(()) }
//! ```
//!
//! Invariants:
//! 1. Every process ends with the test: when it returns, when it panics, and when it is killed ([`process`]).
//! 2. Nobody sleeps to let something happen: a test waits for a condition with a deadline, and only by [`eventually`].
//! 3. The control plane is built at most once per version, whatever runs at the same time ([`binaries`]).
//! 4. Without Go only the tests `control_plane_binaries` and `tools_of_the_tests` fail; every other test returns at once
//!    ([`control_plane`], [`Tool::path`]).

pub mod binaries;
pub mod charts;
pub mod cluster;
pub mod collector;
mod eventually;
pub mod fleet;
pub mod git;
pub mod history;
mod kubectl;
pub mod pod;
mod port;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod record;
mod terminal;
pub mod way;

pub use binaries::{ControlPlane, Tool, control_plane};
pub use cluster::{Cluster, Options};
pub use collector::Collector;
pub use eventually::eventually;
pub use fleet::Fleet;
pub use history::History;
pub use kubectl::Kubectl;
pub use pod::Pod;
pub use port::free_port;
pub use process::Process;
pub use programs::programs;
pub use proxy::{Network, Proxy};
pub use record::Record;
pub use way::Way;
