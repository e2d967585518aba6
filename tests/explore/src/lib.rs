//! Every story of a small fleet, breadth first: the real planner, linter and steps of `shared/rollout`, four
//! clusters in three waves, two commits, and whatever trouble a [`Setup`] allows.
//!
//! It decides nothing. From each moment it takes everything that can happen next: Git moves, agents
//! take orders and report (healthy, degraded, failed), links break and come back, clusters are paused, people decide,
//! time passes; the hub plans and writes all of it, dies after any step, has its plan on the way while
//! other things happen, or loses the planning lease to another hub.
//!
//! Judged in every moment: the linter finds nothing; an onlooker who knows only reports and orders finds nothing; planning again
//! changes nothing; a hub that died goes on to the same end; everything that waits says why; and with
//! everything up and healthy from here on, the story ends or waits for a person. A broken invariant is
//! told as the shortest story that breaks it.
//!
//! Left out: members that move, join or leave; two lines; sync windows. The random stories of `shared/rollout` have those.

mod action;
mod canon;
mod ending;
mod ghost;
mod judge;
mod search;
mod setup;
mod setups;
mod state;

pub use search::{Counterexample, Explored, explore};
pub use setup::{Quota, Setup};
pub use setups::{Expected, setups};
pub use state::Fences;

#[cfg(test)]
mod tests;
