//! When a line needs another rollout, and which of its rollouts still matter.

use crate::{line::Members, pins::Reference};
use serde_json::{Value, json};
use shared_model::{
    CommitId, Digest, FleetRollout, FleetRolloutSpec, Owner, OwnerKind, PinnedCommit, RolloutName,
    fleet_rollout::{PlanSpec, Timings},
};
use shared_rollout::{Head, Phase};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many finished rollouts of a line stay expanded, as baselines for joiners.
const BASELINES: usize = 3;
/// How many rollouts of a line are kept as history.
pub(crate) const HISTORY: usize = 10;

/// Whether what the inputs give now is anything that the newest rollout does not ship.
pub(crate) fn is_needed(newest: Option<&Members>, head: &Members) -> bool {
    let ships = |app, member: &crate::line::MemberInput| {
        newest
            .and_then(|members| members.get(app))
            .is_some_and(|known| known.release == member.release && known.cluster == member.cluster)
    };
    head.iter().any(|(app, member)| !ships(app, member))
}

/// Whether a member of both would get another release than it does, where it is.
pub(crate) fn differs(newest: &Members, head: &Members) -> bool {
    head.iter().any(|(app, member)| {
        let known = newest.get(app).filter(|known| known.cluster == member.cluster);
        known.is_some_and(|known| known.release != member.release)
    })
}

/// Whether a rollout froze exactly what its owner and Git say now, without the same generators. Then there is nothing
/// new, whatever could or could not be read of it this time.
pub(crate) fn froze(
    newest: &FleetRolloutSpec,
    object: &Value,
    commits: &BTreeMap<Reference, CommitId>,
    standing: &BTreeSet<String>,
) -> bool {
    let pinned = newest.commits.iter().map(|pin| ((&pin.repo_url, &pin.revision), &pin.commit));
    let now = commits.iter().map(|((url, revision), commit)| ((url, revision), commit));
    newest.object["spec"] == object["spec"]
        && newest.standing == *standing
        && pinned.collect::<BTreeMap<_, _>>() == now.collect::<BTreeMap<_, _>>()
}

/// Which rollouts of a line (oldest first) must be expanded: the newest, those under way, those that
/// seats still run, and the latest finished ones.
pub(crate) fn retained(
    line: &[Arc<FleetRollout>],
    head: impl Fn(&FleetRollout) -> Head,
    runs: impl Fn(&RolloutName) -> bool,
) -> Vec<Arc<FleetRollout>> {
    let mut finished = 0;
    let mut kept: Vec<_> = line
        .iter()
        .rev()
        .enumerate()
        .filter(|(age, rollout)| {
            let phase = head(rollout).phase;
            if phase == Phase::Done {
                finished += 1;
            }
            *age == 0
                || matches!(
                    phase,
                    Phase::Queued
                        | Phase::Progressing
                        | Phase::Halted
                        | Phase::RollingBack
                        | Phase::RolledBack
                )
                || (phase == Phase::Done && finished <= BASELINES)
                || runs(&RolloutName::new(rollout.metadata.name.clone()))
        })
        .map(|(_, rollout)| Arc::clone(rollout))
        .collect();
    kept.reverse();
    kept
}

/// The name of an owner's rollout. Sets and Applications of one name cannot meet.
pub(crate) fn name(owner: &Owner, sequence: u64) -> RolloutName {
    match owner.kind {
        OwnerKind::ApplicationSet => RolloutName::new(format!("{}-{sequence}", owner.name)),
        OwnerKind::Application => RolloutName::new(format!("{}.app.{sequence}", owner.name)),
    }
}

/// The FleetRollout that follows `line`.
pub(crate) fn next(
    owner: &Owner,
    object: &Value,
    (commits, standing): (Vec<PinnedCommit>, BTreeSet<String>),
    plan: PlanSpec,
    line: &[Arc<FleetRollout>],
) -> Value {
    let parent = line.last();
    let sequence = parent.map_or(0, |parent| parent.spec.sequence) + 1;
    let name = name(owner, sequence);
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    let trace_id = Digest::of(format!("rollout/{uid}/{sequence}").as_bytes()).hex()[..32].to_owned();
    let spec = FleetRolloutSpec {
        owner: owner.clone(),
        sequence,
        object: trimmed(object),
        commits,
        standing,
        plan,
        parent: parent.map(|parent| RolloutName::new(parent.metadata.name.clone())),
        trace_id,
        timings: None,
    };
    json!({
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {"flotilla.dev/owner-kind": format!("{:?}", owner.kind), "flotilla.dev/owner-name": owner.name},
        },
        "spec": spec,
    })
}

/// Adds when what a FleetRollout ships came about.
pub(crate) fn timed(rollout: &mut Value, timings: &Timings) {
    rollout["spec"]["timings"] = json!(timings);
}

/// The parts of an owner that its rollout freezes.
pub(crate) fn trimmed(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut kept = json!({});
    for field in ["name", "namespace", "uid", "labels", "annotations", "finalizers"] {
        if let Some(value) = metadata.get(field) {
            kept[field] = value.clone();
        }
    }
    if let Some(annotations) = kept["annotations"].as_object_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": kept, "spec": object["spec"]})
}
