//! What a push moved, and whether that could be what somebody follows.

use super::Place;
use crate::{CommitId, refs::Revision};

/// References of one repository that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The repository's name, for people.
    pub name: String,
    /// Every address that the payload gives it.
    pub places: Vec<Place>,
    /// The branch that `HEAD` is, where the payload says so.
    pub default_branch: Option<String>,
    /// What moved.
    pub changes: Vec<Change>,
}

/// A reference that moved, appeared or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its full name: `refs/heads/main`, `refs/tags/v1`, or `HEAD` when the default branch was changed.
    pub reference: String,
    /// The commit that it was; absent for a new one.
    pub before: Option<CommitId>,
    /// The commit, or the annotated tag, that it is; absent for one that went.
    pub after: Option<CommitId>,
}

impl Change {
    /// A change as payloads tell it: ids of zeros stand for none.
    pub(super) fn new(reference: impl Into<String>, before: Option<&str>, after: Option<&str>) -> Self {
        let id = |text: Option<&str>| {
            text.filter(|text| text.bytes().any(|digit| digit != b'0')).and_then(|text| text.parse().ok())
        };
        Self { reference: reference.into(), before: id(before), after: id(after) }
    }

    /// The branch that moved.
    fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }
}

impl Push {
    /// Whether the repository at `place` is the one that was pushed to.
    pub fn is_to(&self, place: &Place) -> bool {
        place.is_among(&self.places)
    }

    /// Whether what moved could be what `revision` means: that branch or tag, `HEAD`, a full reference, a range of versions. A commit's id
    /// never moves.
    pub fn could_move(&self, revision: &str) -> bool {
        let of_head = |change: &Change| {
            let is_head = |branch| self.default_branch.as_deref().is_none_or(|head| head == branch);
            change.reference == "HEAD" || change.branch().is_some_and(is_head)
        };
        match revision {
            "" | "HEAD" => self.changes.iter().any(of_head),
            other => {
                let other = Revision::parse(other);
                self.changes.iter().any(|change| concerns(&change.reference, &other))
            }
        }
    }
}

impl Push {
    /// The commit that a branch is now, for a revision that names that branch and no tag can stand for.
    pub(crate) fn commit_of(&self, revision: &str) -> Option<&CommitId> {
        let of =
            |name: &str| self.changes.iter().find(|change| change.branch() == Some(name))?.after.as_ref();
        match revision {
            "" | "HEAD" => of(self.default_branch.as_deref()?),
            full if full.starts_with("refs/") => of(full.strip_prefix("refs/heads/")?),
            short => of(short),
        }
    }
}

/// Whether a change of the reference may change what the revision is.
fn concerns(reference: &str, revision: &Revision) -> bool {
    match revision {
        Revision::Commit(_) | Revision::Invalid => false,
        Revision::Names(names) => names.iter().any(|name| name == reference),
        Revision::Newest(range, names) => {
            names.iter().any(|name| name == reference)
                || reference.strip_prefix("refs/tags/").is_some_and(|tag| range.accepts(tag))
        }
    }
}
