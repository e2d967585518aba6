//! The garbage collector: what goes because its owners did, and what waits for what it owns.
//!
//! Kubernetes' rules (its `garbagecollector` and the page "Owners and dependents"): an object whose owners are all gone goes;
//! while one is there it only loses the references to the others; an owner that is deleted in the foreground takes what it
//! owns first, and waits for those that say so. An owner is in the object's own namespace, or in none; another object of
//! its name, with another uid, is not it. Of owners of kinds that are elsewhere nothing is known, so they count as there.
//!
//! Invariant: who is looked at and whose owners are looked for are of one revision, so nothing goes because its owner is
//! not known yet. A Cluster never goes this way: people retire it.

use super::Removal;
use crate::index::{Index, Name, Object, OwnerRef};
use shared_model::{Kind, gvk};

/// How the owner of an object stands.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    There,
    /// It goes, and takes what it owns first.
    TakesIts,
    Gone,
}

/// What goes, or goes on, by who owns it.
pub(super) fn removals(index: &Index) -> Vec<Removal> {
    let owned = index.owned.owned.iter().filter_map(|(kind, name)| of_owned(index, *kind, name));
    let waiting = index.owned.waiting.iter().filter_map(|(kind, name)| of_waiting(index, *kind, name));
    owned.chain(waiting).collect()
}

fn of_owned(index: &Index, kind: Kind, name: &Name) -> Option<Removal> {
    let object = index.object(kind, &name.0, &name.1).filter(|object| !object.is_deleted)?;
    let (namespace, name) = name.clone();
    let standing = object.owners.iter().map(|owner| (owner, stands(index, object, owner)));
    let (there, others): (Vec<_>, Vec<_>) = standing.partition(|(_, owner)| *owner == Owner::There);
    if others.is_empty() || kind == Kind::Cluster {
        return None;
    }
    if !there.is_empty() {
        let owners = others.into_iter().map(|(owner, _)| owner.uid.to_string()).collect();
        return Some(Removal::Disown { kind, namespace, name, owners });
    }
    let in_turn =
        others.iter().any(|(_, owner)| *owner == Owner::TakesIts) && keeps_waiting(index, kind, object);
    Some(Removal::Collect { kind, namespace, name, in_turn })
}

fn of_waiting(index: &Index, kind: Kind, name: &Name) -> Option<Removal> {
    let object = index.object(kind, &name.0, &name.1)?;
    let (namespace, name) = name.clone();
    (!keeps_waiting(index, kind, object)).then_some(Removal::Outlived { kind, namespace, name })
}

fn stands(index: &Index, object: &Object, owner: &OwnerRef) -> Owner {
    let Some(kind) = owner.kind else { return Owner::There };
    let namespace = if gvk(kind).namespaced { object.namespace() } else { "" };
    if gvk(kind).namespaced && namespace.is_empty() {
        // It could be anywhere; the API server of Kubernetes does not look for it either.
        return Owner::There;
    }
    match index.object(kind, namespace, &owner.name).filter(|found| found.uid() == &*owner.uid) {
        None => Owner::Gone,
        Some(found) if found.is_deleted && found.waits_for_owned => Owner::TakesIts,
        Some(_) => Owner::There,
    }
}

/// Whether something is there whose owner an object is, and that its deletion waits for.
fn keeps_waiting(index: &Index, kind: Kind, object: &Object) -> bool {
    if kind == Kind::ApplicationSet && !index.made_by(object).is_empty() {
        return true;
    }
    let is_it = |owner: &OwnerRef| owner.blocks && owner.kind == Some(kind) && *owner.uid == *object.uid();
    index.owned.owned.iter().any(|(kind, name)| {
        let owned = index.object(*kind, &name.0, &name.1);
        owned.is_some_and(|owned| owned.owners.iter().any(is_it))
    })
}

#[cfg(test)]
mod tests;
