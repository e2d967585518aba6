//! How an owner's changes go through the fleet, and what is said when that cannot be used.

use super::Evaluation;
use crate::{conditions, index::Index};
use serde_json::Value;
use shared_model::{
    AppKey, ApplicationSet, Kind, Owner, OwnerKind, POLICY_ANNOTATION, RolloutPolicy, fleet_rollout::PlanSpec,
};
use shared_project::{Scope, windows};

/// How an owner's changes go through the fleet. A policy that is named and cannot be used holds the line.
pub(super) fn plan(index: &Index, owner: &Owner, object: &Value) -> Result<PlanSpec, String> {
    let annotations = &object["metadata"]["annotations"];
    if let Some(name) = annotations[POLICY_ANNOTATION].as_str() {
        let Some(stored) = index.object(Kind::RolloutPolicy, &owner.namespace, name) else {
            return Err(format!(
                "annotation {POLICY_ANNOTATION}: there is no RolloutPolicy `{name}` in namespace {}; nothing is rolled out until there is",
                owner.namespace
            ));
        };
        let policy = RolloutPolicy::from_value(&stored.value())
            .map_err(|error| format!("RolloutPolicy {name}: {error}"))?;
        let mut problems = policy.spec.problems();
        problems.extend(windows::problems(&policy.spec.windows, Scope::Policy, "spec.windows"));
        return if problems.is_empty() {
            Ok(PlanSpec::Policy(policy.spec))
        } else {
            Err(format!("RolloutPolicy {name}: {}", problems.join("; ")))
        };
    }
    if owner.kind == OwnerKind::ApplicationSet {
        let set = ApplicationSet::from_value(object).map_err(|error| error.to_string())?;
        if let Some(strategy) = set.spec.strategy
            && strategy.kind == "RollingSync"
            && let Some(rolling) = strategy.rolling_sync
            && !rolling.steps.is_empty()
        {
            return Ok(PlanSpec::RollingSync(rolling));
        }
    }
    Ok(PlanSpec::Immediate)
}

/// Says that the line is held because its policy cannot be used.
pub(super) fn held(owner: &Owner, evaluation: &mut Evaluation, problem: &str) {
    match owner.kind {
        OwnerKind::ApplicationSet => {
            evaluation.set.push(conditions::of_set(
                "InvalidRolloutConfig",
                true,
                "RolloutPolicyInvalid",
                problem,
            ));
        }
        OwnerKind::Application => {
            let key = AppKey::new(owner.namespace.clone(), owner.name.clone());
            let known = evaluation.applications.entry(key).or_default();
            known.push(conditions::of_application("InvalidRolloutConfig", problem));
        }
    }
}
