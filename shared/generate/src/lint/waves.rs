//! Steps and waves without Applications, Applications without a wave, and steps that are not followed.

use super::{Finding, Look, Placed, Rule, Severity, Staging};
use serde_json::Value;
use shared_model::POLICY_ANNOTATION;

/// How many names a message lists.
const LISTED: usize = 5;

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    let strategy = look.spec.get("strategy").unwrap_or(&Value::Null);
    let steps = strategy.pointer("/rollingSync/steps").and_then(Value::as_array);
    let steps = steps.map(Vec::as_slice).unwrap_or_default();
    ignored(look, strategy, steps, found);
    for (index, step) in steps.iter().enumerate() {
        operators(index, step, found);
    }
    match look.known.staging {
        Staging::Immediate | Staging::Unknown { .. } => {}
        Staging::Steps(placed) => {
            for (index, name) in empty(placed.as_ref()) {
                let message = format!("step {name} takes none of the Applications, and passes at once");
                let remedy = format!(
                    "mend its matchExpressions: they match labels of spec.template.metadata.labels; {}",
                    labels(look)
                );
                let path = format!("spec.strategy.rollingSync.steps[{index}]");
                found.push(Finding::new(Rule::EmptyWave, path, message, remedy));
            }
            let remedy =
                format!("add a step that takes them, last one without matchExpressions; {}", labels(look));
            nowhere(placed.as_ref(), "spec.strategy.rollingSync.steps", "no step", &remedy, found);
        }
        Staging::Policy { policy, placed } => {
            let path = format!("metadata.annotations.{POLICY_ANNOTATION}");
            for (_, name) in empty(placed.as_ref()) {
                let message = format!(
                    "wave {name} of RolloutPolicy {policy} takes none of the clusters, and holds the rollout: nothing is proven there"
                );
                let remedy = "mend the wave's match, or the clusters' labels";
                let finding = Finding::new(Rule::EmptyWave, &path, message, remedy);
                found.push(finding.milder(Severity::Error));
            }
            let what = format!("no wave of RolloutPolicy {policy}");
            let remedy = "add a last wave without match";
            nowhere(placed.as_ref(), &path, &what, remedy, found);
        }
    }
}

fn empty(placed: Option<&Placed>) -> Vec<(usize, &str)> {
    let Some(placed) = placed else { return Vec::new() };
    // Without any Application every wave is empty, and that has another cause.
    if placed.nowhere.is_empty() && placed.waves.iter().all(|(_, members)| *members == 0) {
        return Vec::new();
    }
    let waves = placed.waves.iter().enumerate().filter(|(_, (_, members))| *members == 0);
    waves.map(|(index, (name, _))| (index, name.as_str())).collect()
}

fn nowhere(placed: Option<&Placed>, path: &str, what: &str, remedy: &str, found: &mut Vec<Finding>) {
    let Some(placed) = placed.filter(|placed| !placed.nowhere.is_empty()) else { return };
    let named = placed.nowhere.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = placed.nowhere.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("{what} takes {named}{more}: they get no release");
    found.push(Finding::new(Rule::InNoWave, path, message, remedy));
}

/// The label keys that the Applications have.
fn labels(look: &Look<'_>) -> String {
    let applications = &look.known.expansion.applications;
    let keys: std::collections::BTreeSet<String> = applications
        .iter()
        .filter_map(|made| made.object().pointer("/metadata/labels")?.as_object().cloned())
        .flatten()
        .map(|(key, _)| key)
        .collect();
    if keys.is_empty() {
        "the Applications have no labels".to_owned()
    } else {
        format!("the Applications have {}", keys.into_iter().collect::<Vec<_>>().join(", "))
    }
}

fn ignored(look: &Look<'_>, strategy: &Value, steps: &[Value], found: &mut Vec<Finding>) {
    if steps.is_empty() {
        return;
    }
    let path = "spec.strategy.rollingSync";
    let kind = strategy["type"].as_str().unwrap_or_default();
    let annotation = look.set.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let policy =
        annotation.and_then(|annotations| annotations.get(POLICY_ANNOTATION)).and_then(Value::as_str);
    let (message, remedy) = match (policy, kind) {
        (Some(policy), _) => (
            format!("RolloutPolicy {policy} rules, and the steps are not followed"),
            "remove the steps, or the annotation",
        ),
        (None, "RollingSync") => return,
        (None, "") => (
            "the steps are not followed without type: RollingSync".to_owned(),
            "write type: RollingSync beside them",
        ),
        (None, other) => (
            format!("the steps are not followed with type: {other}"),
            "write type: RollingSync, or remove the steps",
        ),
    };
    found.push(Finding::new(Rule::StepsIgnored, path, message, remedy));
}

fn operators(index: usize, step: &Value, found: &mut Vec<Finding>) {
    let expressions = step["matchExpressions"].as_array().into_iter().flatten();
    for (at, expression) in expressions.enumerate() {
        let path = format!("spec.strategy.rollingSync.steps[{index}].matchExpressions[{at}]");
        let operator = expression["operator"].as_str().unwrap_or_default();
        if operator != "In" && operator != "NotIn" {
            let message = format!(
                "steps know In and NotIn only: with `{operator}` the step takes every Application that lacks the label"
            );
            let remedy = "write In or NotIn with values";
            found.push(Finding::new(Rule::StepOperator, format!("{path}.operator"), message, remedy));
        } else if expression["values"].as_array().is_none_or(Vec::is_empty) {
            let takes = if operator == "In" { "no Application" } else { "every Application" };
            let message = format!("without values it takes {takes}");
            found.push(Finding::new(Rule::StepOperator, path, message, "add values"));
        }
    }
}
