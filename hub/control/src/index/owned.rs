//! Which objects belong to others, by their ownerReferences, as the garbage collector looks at them.
//!
//! The Applications of an ApplicationSet are not among them: those go by the rules of sets, staged and under the budget
//! of deletions.

use super::{Name, Object};
use serde_json::Value;
use shared_model::{Kind, gvk};
use std::collections::BTreeSet;

/// The finalizer of an object that waits until what it owns is gone (Kubernetes' `FinalizerDeleteDependents`).
pub(crate) const FOREGROUND: &str = "foregroundDeletion";

/// An owner as an object names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnerRef {
    /// `None` for a kind that is not the hub's: such an owner is elsewhere, and nothing is known of it.
    pub(crate) kind: Option<Kind>,
    pub(crate) name: Box<str>,
    pub(crate) uid: Box<str>,
    /// Whether its deletion in the foreground waits for this one.
    pub(crate) blocks: bool,
}

impl OwnerRef {
    /// The owners that an object's metadata names.
    pub(super) fn of(kind: Kind, metadata: &Value) -> Box<[Self]> {
        let references = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
        let by_set = |reference: &Value| reference["kind"] == "ApplicationSet";
        if kind == Kind::Application && references.iter().any(by_set) {
            return Box::default();
        }
        let text = |reference: &Value, field: &str| reference[field].as_str().unwrap_or_default().into();
        let one = |reference: &Value| Self {
            kind: Kind::ALL.into_iter().find(|kind| is_of(*kind, reference)),
            name: text(reference, "name"),
            uid: text(reference, "uid"),
            blocks: reference["blockOwnerDeletion"] == true,
        };
        references.iter().map(one).collect()
    }
}

/// Whether a reference is to a kind, whatever its version.
fn is_of(kind: Kind, reference: &Value) -> bool {
    let version = reference["apiVersion"].as_str().unwrap_or_default();
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let gvk = gvk(kind);
    gvk.group == group && reference["kind"] == gvk.kind
}

/// The objects that the garbage collector looks at.
#[derive(Debug, Default, Clone)]
pub(crate) struct Owned {
    /// Those that name owners.
    pub(crate) owned: BTreeSet<(Kind, Name)>,
    /// Those that wait until what they own is gone.
    pub(crate) waiting: BTreeSet<(Kind, Name)>,
}

impl Owned {
    pub(super) fn put(&mut self, kind: Kind, name: &Name, object: Option<&Object>) {
        let key = (kind, name.clone());
        let mut note = |set: fn(&mut Self) -> &mut BTreeSet<(Kind, Name)>, is: bool| {
            if is {
                set(self).insert(key.clone());
            } else {
                set(self).remove(&key);
            }
        };
        note(|all| &mut all.owned, object.is_some_and(|object| !object.owners.is_empty()));
        note(
            |all| &mut all.waiting,
            object.is_some_and(|object| object.is_deleted && object.waits_for_owned),
        );
    }

    /// Whether a change may make something go, or go on.
    pub(super) fn concerns(&self, kind: Kind, before: Option<&Object>, after: Option<&Object>) -> bool {
        let is_looked_at = |object: &Object| !object.owners.is_empty() || object.waits_for_owned;
        let is_owner = after.is_none() && kind != Kind::Event;
        before.into_iter().chain(after).any(is_looked_at)
            || is_owner && !(self.owned.is_empty() && self.waiting.is_empty())
    }
}
