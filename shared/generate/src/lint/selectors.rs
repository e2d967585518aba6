//! Selectors of the clusters generator on labels, or values of them, that no cluster has.

use super::{Finding, Look, Rule};
use crate::generators::Kind;
use serde_json::Value;
use shared_model::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// The label by which Argo CD knows cluster Secrets; every cluster has it.
const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    if !look.known.fleet {
        return;
    }
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in look.known.inputs.clusters.iter().flat_map(|cluster| &cluster.labels) {
        labels.entry(key).or_default().insert(value);
    }
    for node in look.nodes.iter().filter(|node| node.kind == Kind::Clusters) {
        let Some(selector) = node.config.get("selector") else { continue };
        let path = format!("{}.selector", node.path);
        for (at, key) in keys(selector) {
            let at = format!("{path}.{at}");
            if key.contains("{{") || key == SECRET_TYPE {
                continue;
            }
            let Some(values) = labels.get(key) else {
                // What nobody has, everybody lacks; only a slip of the pen is told.
                if !asks_for_absence(selector, &at[path.len() + 1..])
                    || nearest(key, labels.keys().copied()).is_some()
                {
                    found.push(unknown_label(&at, key, &labels));
                }
                continue;
            };
            let wanted = wanted(selector, key);
            let is_there = |value: &&&str| value.contains("{{") || values.contains(**value);
            let others = wanted.iter().any(|value| is_there(&value));
            for value in wanted.iter().filter(|value| !is_there(value)) {
                let meant = nearest(value, values.iter().copied());
                // Beside one that is there it may be meant for clusters to come.
                if others && meant.is_none() {
                    continue;
                }
                let meant = meant.map(|meant| format!("did you mean `{meant}`; ")).unwrap_or_default();
                let given = listed(values);
                let message = format!("no given cluster has the label {key} with the value `{value}`");
                let remedy = format!("{meant}the clusters have {given}");
                found.push(Finding::new(Rule::UnknownLabel, &at, message, remedy));
            }
        }
    }
}

/// Whether an expression takes clusters that lack the label.
fn asks_for_absence(selector: &Value, at: &str) -> bool {
    let index = at.strip_prefix("matchExpressions[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
    let expression = index.and_then(|index: usize| selector.get("matchExpressions")?.get(index));
    expression.is_some_and(|one| matches!(one["operator"].as_str(), Some("DoesNotExist" | "NotIn")))
}

fn unknown_label(at: &str, key: &str, labels: &BTreeMap<&str, BTreeSet<&str>>) -> Finding {
    let message = format!("no given cluster has the label {key}");
    let remedy = match nearest(key, labels.keys().copied()) {
        Some(meant) => format!("did you mean `{meant}`"),
        None if labels.is_empty() => "the given clusters have no labels".to_owned(),
        None => format!("the clusters have {}", listed(&labels.keys().copied().collect())),
    };
    Finding::new(Rule::UnknownLabel, at, message, remedy)
}

fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = names.iter().copied().take(10).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The keys of a label selector, with the path of each below it.
pub(super) fn keys(selector: &Value) -> Vec<(String, &str)> {
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let labels = labels.map(|(key, _)| (format!("matchLabels.{key}"), key.as_str()));
    let expressions = expressions.enumerate().filter_map(|(index, expression)| {
        Some((format!("matchExpressions[{index}]"), expression.get("key")?.as_str()?))
    });
    labels.chain(expressions).collect()
}

/// The values that a selector asks of a label.
fn wanted<'a>(selector: &'a Value, key: &str) -> BTreeSet<&'a str> {
    let label = selector.get("matchLabels").and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let named = expressions.filter(|expression| expression["key"] == *key && expression["operator"] == "In");
    let values = named.filter_map(|expression| expression["values"].as_array()).flatten();
    label.into_iter().chain(values.filter_map(Value::as_str)).collect()
}
