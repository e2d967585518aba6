//! The planner, broken on purpose: each [`Mutant`] is a change of one place of `shared/rollout/src` that
//! breaks a rule of the design. A test or the explorer has to catch every one; which does is in the
//! README of this package, written by `cargo mutants-rollout --write`.
//!
//! That takes long, so the tests of this package only hold the list to the sources: a text that is not there
//! any more, or twice, is a mutant that nobody can make.

mod list;
mod table;

pub use list::MUTANTS;
pub use table::{Row, parse, write};

/// One change of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutant {
    /// What it does, as a name.
    pub name: &'static str,
    /// The invariant that it breaks, as `shared_rollout::Rule` spells it.
    pub rule: &'static str,
    /// The file below `shared/rollout/src`.
    pub file: &'static str,
    /// What is there, exactly once.
    pub text: &'static str,
    /// What is put in its place.
    pub instead: &'static str,
}

#[cfg(test)]
mod tests;
