//! The members of rollouts, from what was frozen with them and the clusters there are.

use super::{Lines, Recorded, Resolved, Snapshot};
use crate::{
    expand::{Expanded, expand},
    pins::Pins,
};
use serde_json::Value;
use shared_generate::{Expansion, Frozen};
use shared_model::{FleetRollout, OwnerKind, RolloutName};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Lines {
    /// The members of a rollout, from its frozen inputs and the clusters there are.
    pub(super) async fn frozen(&self, rollout: &FleetRollout, snapshot: &Snapshot) -> Resolved {
        let key = (rollout.metadata.namespace.clone(), RolloutName::new(rollout.metadata.name.clone()));
        let around = (snapshot.surroundings, [snapshot.rendering, snapshot.able]);
        if let Some((then, resolved)) = self.expanded.lock().get(&key) {
            let whole = resolved.problem.is_none() && resolved.lost.is_empty();
            if *then == around || (whole && then.0 == around.0) {
                return resolved.clone();
            }
        }
        let pins = Pins::frozen(&rollout.spec.commits);
        let recorded = self.recorded(&key);
        let resolved = match rollout.spec.owner.kind {
            OwnerKind::ApplicationSet => {
                let (expansion, later) = self.expansion(rollout, snapshot, &pins).await;
                let alone = expansion.frozen.first().and_then(|frozen| frozen.problems.first());
                let problem = expansion.problems.first().or(alone).map(ToString::to_string);
                let objects: Vec<Value> =
                    expansion.applications.iter().map(shared_generate::Generated::object).collect();
                let resolved = self.resolve(&objects, (&pins, &recorded)).await;
                Resolved { retry: resolved.retry || later, problem, ..resolved }
            }
            OwnerKind::Application => {
                self.resolve(std::slice::from_ref(&rollout.spec.object), (&pins, &recorded)).await
            }
        };
        // Its sources are frozen: what they came to is never asked again.
        let able = if resolved.lost.is_empty() { BTreeMap::new() } else { resolved.able };
        let resolved = Resolved { origins: Arc::default(), able, ..resolved };
        if !resolved.retry {
            self.expanded.lock().insert(key, (around, resolved.clone()));
        }
        resolved
    }

    /// What a rollout released, or is to release, to those of its members that were planned once.
    fn recorded(&self, rollout: &(String, RolloutName)) -> Recorded {
        let index = self.index.read();
        let records = index.records.get(rollout).into_iter().flatten();
        records.map(|(app, (record, _))| (app.clone(), (record.cluster.clone(), record.release))).collect()
    }

    /// What a rollout's set gives by its frozen inputs, and whether that may be more later. What gave nothing when it was
    /// frozen gives nothing of it for ever.
    async fn expansion(&self, rollout: &FleetRollout, snapshot: &Snapshot, pins: &Pins) -> (Expansion, bool) {
        let (set, standing) = (Arc::new(rollout.spec.object.clone()), &rollout.spec.standing);
        let Expanded { mut expansion, later, .. } = expand(&self.git, &set, &snapshot.clusters, pins).await;
        expansion.applications.retain(|generated| !standing.contains(&*generated.origin));
        expansion.frozen.retain(|frozen| !standing.contains(&frozen.origin));
        let is_whole = expansion.problems.is_empty() && expansion.frozen.is_empty();
        (expansion, later && !is_whole)
    }

    /// Whether the rollout of a set may go on without the members of generators that fail alone: whether it is known
    /// which those were, and nobody else gives them now.
    pub(super) async fn is_apart(&self, snapshot: &Snapshot, expansion: &Expansion) -> bool {
        let mut unknown: BTreeSet<&str> = BTreeSet::new();
        let mut theirs: BTreeSet<String> = BTreeSet::new();
        for Frozen { origin, applications, .. } in &expansion.frozen {
            match applications {
                Some(names) => theirs.extend(names.iter().cloned()),
                None => drop(unknown.insert(origin)),
            }
        }
        // After a restart nobody remembers what they gave; what was frozen with rollouts tells.
        for rollout in snapshot.line.iter().rev() {
            if unknown.is_empty() {
                break;
            }
            let (then, now) = (&rollout.spec.object["spec"], &snapshot.object.value()["spec"]);
            if then["generators"] != now["generators"] {
                break;
            }
            let (then, _) = self.expansion(rollout, snapshot, &Pins::frozen(&rollout.spec.commits)).await;
            if !then.problems.is_empty() {
                continue;
            }
            let told = |origin: &&str| {
                !rollout.spec.standing.contains(*origin)
                    && !then.frozen.iter().any(|one| one.origin == **origin)
            };
            let told: BTreeSet<&str> = unknown.iter().copied().filter(told).collect();
            let given = then.applications.iter().filter(|given| told.contains(&*given.origin));
            theirs.extend(given.map(|given| given.name.clone()));
            unknown.retain(|origin| !told.contains(origin));
        }
        unknown.is_empty() && !expansion.applications.iter().any(|given| theirs.contains(&given.name))
    }
}
