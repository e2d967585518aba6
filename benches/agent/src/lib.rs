//! What an agent costs: its memory, CPU, requests and latencies, measured on the real programs.
//!
//! ```text
//! cargo bench-agent                    every figure, ten minutes for CPU
//! cargo bench-agent --quick            the same with one minute for CPU
//! cargo bench-agent --soak 20m         memory over time, under changes and trouble of every kind ([`soak`])
//! ```
//! A real etcd and kube-apiserver hold tens of thousands of objects that are nobody's business; a real hub and the
//! agent's shipped build ([`tests_e2e::programs::small_agent`]) run an application of a thousand more. What is measured of
//! the agent is read from the kernel (`/proc`) and from the API server's own metrics, never from the agent itself.
//!
//! Invariants:
//! 1. Nothing is asserted: figures depend on the machine, so they are printed with it. Budgets stand beside them.
//! 2. The agent is given nothing that a user's agent has not: the build and the environment are those of the container
//!    file, and there is no warm-up.
//! 3. Peaks are those of one phase: the kernel's high-water mark is reset before it.
//!
//! What it refuses to know: how the agent works inside.

pub mod args;
mod bundles;
mod ground;
mod heals;
mod others;
pub mod quantile;
mod requests;
mod run;
mod soak;
pub mod table;
pub mod usage;

pub use run::run;
pub use soak::soak;
