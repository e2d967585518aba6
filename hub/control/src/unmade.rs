//! Why something could not be made, and when it is worth trying again.
//!
//! What was too slow, or was not there for a moment, may work later by itself. What is wrong, what a project does not
//! permit, and a folder that is not there stay so until an input changes, and whoever waits hears of that: it follows
//! [`Unmade::references`], and Secrets, settings, projects and clusters wake all that depend on them. So does a
//! revision that cannot be resolved: who asks the server has a schedule of his own, and tells of each other answer.

use crate::pins::Reference;
use hub_render::{Failure, Unfetched};
use std::{collections::BTreeSet, fmt};

/// Why something could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmade {
    pub(crate) message: String,
    /// Whether it may work later though nothing is changed.
    pub(crate) later: bool,
    /// What was asked for on the way, beside what it says itself.
    pub(crate) references: BTreeSet<Reference>,
}

impl Unmade {
    /// It stays so until an input changes.
    pub(crate) fn until_changed(message: impl Into<String>) -> Self {
        Self { message: message.into(), later: false, references: BTreeSet::new() }
    }

    /// It may work later.
    pub(crate) fn for_now(message: impl Into<String>) -> Self {
        Self { later: true, ..Self::until_changed(message) }
    }

    /// The same, having asked for these.
    #[must_use]
    pub(crate) fn asked(mut self, references: impl IntoIterator<Item = Reference>) -> Self {
        self.references.extend(references);
        self
    }
}

/// Whatever says no more than that it failed may work later.
impl From<String> for Unmade {
    fn from(message: String) -> Self {
        Self::for_now(message)
    }
}

impl From<Failure> for Unmade {
    fn from(failure: Failure) -> Self {
        let later = matches!(failure, Failure::Circumstance(_));
        Self { later, ..Self::until_changed(failure.to_string()) }
    }
}

impl From<Unmade> for Unfetched {
    fn from(unmade: Unmade) -> Self {
        match unmade.later {
            true => Self::Now(unmade.message),
            false => Self::Never(unmade.message),
        }
    }
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
