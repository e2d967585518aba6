//! One trace per rollout, from the commit to the last healthy cluster: which spans there are, and their ids.
//!
//! Spans follow from what the store keeps (the FleetRollout, its head, its members' records, what its gates waited
//! for), so that any hub and any restart makes the same ones: an id is a hash of the rollout and of what the span is
//! about. Nothing here is measured; agents add what only they know ([`Context`] travels in the assignment).
//!
//! ```text
//! rollout web-7                                   one trace
//! ├─ commit, resolve, generate, render            what was frozen with the rollout
//! ├─ gate queue, gate approval, gate soak, …      what it waited for, and whom
//! └─ wave canary
//!    └─ member eu-1/web-eu-1                      released until proven
//!       ├─ fetch, hook, apply, wait-healthy       from the agent
//! ```
//! A rollout of more than [`LINKED_ABOVE`] members has a trace for each wave instead, linked with its own in both
//! directions, and for each [`MOST_IN_TRACE`] members of a wave: backends cut traces of more than some megabytes.
//! A rollout that is tried again has another span `rollout` below its first.
//!
//! Invariants, each a property test over random heads:
//! - *The same ids*: the same inputs give the same spans, in the same order;
//! - *Once*: a span is given out when its end is known, and not again;
//! - *Whole*: the parent of each span is one of the spans of its trace; a wave's members are all there, or sampled
//!   out by [`Sampler`]; those that failed and the slowest [`SLOWEST`] of each wave never are;
//! - *Inside*: a span begins and ends inside its parent. Members that joined after the end are the exception.
//!
//! What it refuses to know: exporters, protocols, clocks, and where the records come from.

mod course;
mod ids;
mod sampler;
mod seed;
mod span;
mod waits;

pub use course::{Closed, Course, Wanted, closed};
pub use ids::{Context, InvalidContext, SpanId, TraceId};
pub use sampler::{InvalidSampler, Sampler};
pub use seed::Seed;
pub use span::{Event, Kind, Link, Span, Value};
pub use waits::{MOST_WAITS, Waited, note};

/// Above so many members each wave of a rollout is a trace of its own.
pub const LINKED_ABOVE: usize = 200;
/// Above so many members a wave is several traces.
pub const MOST_IN_TRACE: usize = 2000;
/// How many of the slowest members of each wave are kept whatever is sampled.
pub const SLOWEST: usize = 10;

#[cfg(test)]
mod tests;
