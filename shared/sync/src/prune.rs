//! What is deleted because the release no longer has it.

use crate::assignment::Assignment;
use crate::live::{Facts, World};
use shared_manifest::ObjectId;
use std::collections::BTreeSet;

/// Objects of the inventory that the release no longer has and that may be deleted, with their waves.
///
/// Only with `prune`; only what is there, carries our marks, is no hook and does not say `Prune=false`.
pub(crate) fn candidates(
    assignment: &Assignment,
    world: &World,
    extras: &BTreeSet<ObjectId>,
) -> Vec<(ObjectId, i64)> {
    if !assignment.spec.prune || refusal(assignment, world, extras).is_some() {
        return Vec::new();
    }
    leftovers(world, extras)
        .filter(|(_, facts)| {
            !facts.keep_on_prune && !assignment.options.keep_on_prune && facts.deleting.is_none()
        })
        .map(|(id, facts)| (id.clone(), facts.wave))
        .collect()
}

/// Objects of ours that are in the cluster and not in the release.
pub(crate) fn leftovers<'a>(
    world: &'a World,
    extras: &'a BTreeSet<ObjectId>,
) -> impl Iterator<Item = (&'a ObjectId, &'a Facts)> {
    extras.iter().filter_map(|id| {
        let facts = world.get(id)?.facts()?;
        (facts.ours && !facts.hook).then_some((id, facts))
    })
}

/// Why nothing is pruned although `prune` is on: a release of no objects empties an application only with
/// `allowEmpty` (Argo CD's `automated.allowEmpty`).
pub(crate) fn refusal(assignment: &Assignment, world: &World, extras: &BTreeSet<ObjectId>) -> Option<String> {
    let allowed =
        assignment.spec.sync_policy.automated.as_ref().is_some_and(|automated| automated.allow_empty);
    let count = leftovers(world, extras).count();
    let empties = assignment.spec.prune && !allowed && assignment.resources().next().is_none() && count > 0;
    empties.then(|| {
        format!(
            "the release has no objects and would delete all {count}: set syncPolicy.automated.allowEmpty to allow it"
        )
    })
}
