//! The hub's loops: from what people wrote and Git says to what each agent is told.
//!
//! ```text
//! store ──watch──> index ──dirty owners──> line (expand, render, write Applications, freeze rollouts)
//!                    │                        │ members of every live rollout
//!                    └────────> fleet <───────┘
//!                                 │ shared/rollout: plan, check
//!                               commit (fenced transactions) ──> asg/ ──> hub/gateway
//!                                 │ report
//!                               statuses
//! ```
//! Every pass derives its work anew from the index, so start, restart and normal running are one code path.
//!
//! Invariants:
//! 1. Only [`commit`], [`removal`] and [`adopt`] write assignments, and only under the planning lease.
//! 2. A line whose rollouts' members are not all known (after a start, before they are expanded again)
//!    is not planned at all: an incomplete fleet would look like an empty wave.
//! 3. A release's record and bundle are durable before a rollout names it.
//! 4. One owner's failure, however slow, holds up no other owner.
//!
//! 5. On a store that is an older copy of itself nothing is told to a cluster, not even a removal, until a
//!    person adopted what its agent holds.
//!
//! What it refuses to know: which member goes next (shared/rollout), what a set expands to
//! (shared/generate), how agents are reached (hub/gateway).

mod adopt;
mod argocd;
mod chronicle;
mod collect;
mod commit;
mod commits;
mod conditions;
mod control;
mod credentials;
mod expand;
mod fleet;
mod git;
mod history;
mod index;
mod line;
mod live;
mod metrics;
mod mirrors;
mod modules;
mod notices;
mod operations;
mod pace;
mod pauses;
mod pins;
mod questions;
mod releases;
mod removal;
mod retention;
mod rollouts;
mod settings;
mod sources;
mod statuses;
mod traces;
mod trees;
mod trouble;
mod turns;
mod unmade;
mod webhooks;
mod windows;

pub use control::{Config, Control, Deps, Error};
pub use metrics::Metrics;
pub use questions::Questions;
pub use retention::Retention;
pub use webhooks::{Unheard, Webhooks};

#[cfg(test)]
mod tests;
