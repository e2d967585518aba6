//! Argo CD's ApplicationSet language.
//!
//! Decides which Applications an ApplicationSet stands for ([`generate`], and [`Expander`] for a set that is expanded again
//! and again), from the set, the clusters and Git's answers; what writing them changes ([`reconcile`]); what the set's
//! conditions say ([`conditions`]); and what in a set will not do what its author thinks ([`lint`]). The semantics are those
//! of Argo CD 3.5's `applicationset/`
//! packages, quirks included, since sets depend on them.
//!
//! Invariants:
//! - output is the same to the byte for the same set and inputs, in whatever order clusters and paths come; nothing panics, whatever the JSON;
//! - a failure of any generator or template changes nothing at all, or where the set asks for it nothing of that generator's Applications; an
//!   Application that is not valid stands still alone;
//! - every string of a template is compiled once per call, however many Applications it gives; an [`Expander`] does only what follows from
//!   what has changed, and gives what [`generate`] gives;
//! - nothing is deleted that a person would not expect: an empty expansion, a tenth of the set, or a generator that we do not act on hold
//!   every deletion until it is approved.
//!
//! Refuses to know: where Git's answers come from (it asks, [`Outcome::Needs`]), whether clusters and projects exist, clocks, storage.
//!
//! # Why
//! Deviations from Argo CD, each towards what was meant: a tag left in a name, destination or project is an error instead of an Application
//! called `{{name}}`; `<no value>` and `map[…]` there too; a name that Kubernetes refuses rejects its Application before it is written; clusters
//! and merge come in a fixed order; an unknown generator is an error, and one that we do not act on is named, instead of generating nothing in
//! silence; a template or an option that can never work is an error though nothing is to be rendered; deletions are held by the brake.
//! `tests/argocd.rs` holds the rest to recorded answers of Argo CD 3.5.7, and lists each case that differs.

mod check;
mod condition;
mod engine;
mod expand;
mod expander;
mod fields;
mod frame;
mod generators;
mod glob;
mod input;
pub mod lint;
mod memo;
mod outcome;
mod params;
mod prepared;
mod reconcile;
mod remedy;
mod render;
mod run;
mod selector;
mod shape;

pub use condition::conditions;
pub use expand::{generate, repositories};
pub use expander::{Expander, Update};
pub use input::{ClusterInput, GitAnswer, GitRequest, Inputs, Repository};
pub use outcome::{
    Changes, Expansion, Failed, Frozen, Generated, Held, Outcome, Problem, Reason, Rejected, Unsupported,
};
pub use reconcile::{Existing, reconcile};

#[cfg(test)]
mod tests;
