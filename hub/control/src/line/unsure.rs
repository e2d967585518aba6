//! Whether the members of a frozen rollout are known at this moment, all of them.
//!
//! Decides from what its inputs came to, from the members' records, and from how many there were when it was frozen.
//! A member whose files cannot be read for a while is none that left: without it a wave would look done, or empty.
//! One that never was a member, since what it names never could be rendered, keeps nobody waiting.
//!
//! It refuses to know how long it lasts: the owner is evaluated again soon, and its line waits until then.

use super::Resolved;
use crate::{
    fleet::{is_live, is_there},
    index::Index,
};
use shared_model::{FleetRollout, RolloutName};

/// Why not all members of a rollout are known; `None` when they are, or when nothing is decided from them.
pub(super) fn unsure(index: &Index, rollout: &FleetRollout, resolved: &Resolved) -> Option<String> {
    let key = (rollout.metadata.namespace.clone(), RolloutName::new(rollout.metadata.name.clone()));
    let head = index.heads.get(&key).map(|(head, _)| head.clone()).unwrap_or_default();
    let newest = index.line(&rollout.spec.owner).last().map(|newest| newest.spec.sequence);
    if !is_live(&head) && newest.is_some_and(|newest| newest > rollout.spec.sequence) {
        return None;
    }
    let name = &rollout.metadata.name;
    if let Some(problem) = &resolved.problem {
        return Some(format!("rollout {name}: {problem}"));
    }
    let (first, _) = resolved.lost.first_key_value()?;
    let records = index.records.get(&key);
    let is_recorded = |app| records.is_some_and(|known| known.contains_key(app)) && is_there(index, app);
    let recorded = resolved.lost.keys().find(|app| is_recorded(app));
    // All that were frozen have a record before the first wave opens.
    let were = rollout.spec.timings.as_ref().map_or(0, |timings| timings.members);
    let placed =
        head.waves.iter().any(|wave| wave.opened.is_some()) || records.map_or(0, |known| known.len()) >= were;
    let are = resolved.conditions.len() - resolved.lost.len();
    let app = recorded.or_else(|| (!placed && are < were).then_some(first))?;
    Some(format!("rollout {name}, member {}: {}", app.name, resolved.lost[app]))
}

#[cfg(test)]
mod tests;
