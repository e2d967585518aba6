//! What a push moved, and whether that could be what somebody follows.

use super::Place;
use crate::CommitId;

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

    fn tag(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/tags/")
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
        if revision.parse::<CommitId>().is_ok() {
            return false;
        }
        let is = |change: &Change, name: &str| change.reference == name;
        let head = |change: &Change| {
            let of_head = |branch| self.default_branch.as_deref().is_none_or(|head| head == branch);
            is(change, "HEAD") || change.branch().is_some_and(of_head)
        };
        match revision {
            "" | "HEAD" => self.changes.iter().any(head),
            full if full.starts_with("refs/") => self.changes.iter().any(|change| is(change, full)),
            short => self.changes.iter().any(|change| {
                change.branch() == Some(short)
                    || change
                        .tag()
                        .is_some_and(|tag| tag == short || (may_be_range(short) && is_version(tag)))
            }),
        }
    }
}

/// Whether a revision can be a range of versions: which tags it takes in is decided when it is resolved.
fn may_be_range(revision: &str) -> bool {
    let numbers = |c: char| c.is_ascii_digit() || "vVxX.*".contains(c);
    let operators = revision.contains(['*', '^', '~', '<', '>', '=', '!', '|', ',', ' ']);
    operators || revision.chars().all(numbers)
}

fn is_version(tag: &str) -> bool {
    tag.strip_prefix('v').unwrap_or(tag).starts_with(|c: char| c.is_ascii_digit())
}
