//! Which Applications a window concerns.

use super::Scope;
use crate::glob;
use shared_model::{LabelSelector, SyncWindow};
use std::collections::BTreeMap;

/// As [`super::Windows::applies`].
pub(super) fn applies(
    window: &SyncWindow,
    application: &str,
    namespace: &str,
    cluster: &str,
    server: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    let any = |patterns: &[String], texts: &[&str]| {
        let one = |pattern: &String| texts.iter().any(|text| matches(pattern, text));
        (!patterns.is_empty()).then(|| patterns.iter().any(one))
    };
    let lists = [
        any(&window.applications, &[application]),
        any(&window.namespaces, &[namespace]),
        any(&window.clusters, &[cluster, server]),
    ];
    let mut given = lists.into_iter().flatten().peekable();
    let listed = match given.peek() {
        None => true,
        Some(_) if window.and_operator => given.all(|holds| holds),
        Some(_) => given.any(|holds| holds),
    };
    listed && window.cluster_selector.as_ref().is_none_or(|selector| selects(selector, labels))
}

/// Whether a window says nothing about what it concerns.
pub(super) fn is_silent(window: &SyncWindow) -> bool {
    let lists = [&window.applications, &window.namespaces, &window.clusters];
    lists.iter().all(|patterns| patterns.is_empty()) && window.cluster_selector.is_none()
}

/// What is wrong with the names of a window, each with the name of the field below it.
pub(super) fn problems(window: &SyncWindow, scope: Scope) -> Vec<String> {
    let lists = [
        ("applications", &window.applications),
        ("namespaces", &window.namespaces),
        ("clusters", &window.clusters),
    ];
    let mut problems = Vec::new();
    for (field, patterns) in lists {
        for (index, pattern) in patterns.iter().enumerate() {
            if glob::matches(pattern, "", None).is_none() {
                problems.push(format!("{field}[{index}]: `{pattern}` is not a pattern; write e.g. prod-*"));
            }
        }
    }
    if let Some(problem) = window.cluster_selector.as_ref().and_then(LabelSelector::problem) {
        problems.push(format!("clusterSelector.{problem}"));
    }
    if scope == Scope::Policy && !window.namespaces.is_empty() {
        problems.push(
            "namespaces: a policy does not know them; name applications, clusters or a clusterSelector"
                .to_owned(),
        );
    }
    if scope == Scope::Project && is_silent(window) {
        problems.push(
            "applications: the window concerns nothing; name applications, namespaces or clusters, e.g. '*'"
                .to_owned(),
        );
    }
    problems
}

/// A pattern that cannot be read takes everything: nothing slips out of a window by a typing error.
fn matches(pattern: &str, text: &str) -> bool {
    glob::matches(pattern, text, None).unwrap_or(true)
}

/// As [`matches`] for selectors.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    selector.problem().is_some() || selector.matches(labels)
}
