//! What deletes more than was meant.
//!
//! Pruning by itself is what GitOps is for. It hurts where one bad commit is enough: behind a branch, everywhere at once. Waves stop that at the
//! canary and a pinned revision needs somebody to move it, so that with either nothing is said. That an Application takes its objects along when
//! it leaves the set is worth knowing where labels or folders decide who leaves; the brake on deletions holds the big slips, not a single one.

use super::{Finding, Look, Rule, Staging};
use crate::generators::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    let template = look.template();
    let automated = &template["spec"]["syncPolicy"]["automated"];
    let on = automated.is_object() && automated["enabled"] != Value::Bool(false);
    let prunes = on && automated["prune"] == Value::Bool(true);
    let at = "spec.template.spec.syncPolicy.automated";
    if prunes && automated["allowEmpty"] == Value::Bool(true) {
        let message = "with prune, a source that comes out empty (a moved folder, a chart that is off) deletes everything of the Application";
        let remedy = "leave allowEmpty out";
        found.push(Finding::new(Rule::PruneToNothing, format!("{at}.allowEmpty"), message, remedy));
    }
    if prunes && *look.known.staging == Staging::Immediate {
        unpinned(look, &format!("{at}.prune"), found);
    }
    cascades(look, found);
}

fn unpinned(look: &Look<'_>, path: &str, found: &mut Vec<Finding>) {
    let applications = &look.known.expansion.applications;
    let template = look.template();
    let specs: Vec<Value> = if applications.is_empty() {
        vec![template["spec"].clone()]
    } else {
        applications.iter().map(|made| made.object()["spec"].take()).collect()
    };
    let moving: BTreeSet<&str> = specs.iter().flat_map(sources).filter_map(moving).collect();
    let Some(revision) = moving.iter().next() else { return };
    let shown = if revision.is_empty() { "HEAD" } else { revision };
    let many = match applications.len() {
        0 | 1 => String::new(),
        many => format!(" of all {many} Applications at once"),
    };
    let message = format!(
        "`{shown}` moves: a commit there that loses manifests deletes their objects{many}, and nothing stages it"
    );
    let remedy = "give the set waves (strategy.rollingSync, or the annotation flotilla.dev/rollout-policy), or pin targetRevision to a tag or commit";
    found.push(Finding::new(Rule::UnpinnedPrune, path, message, remedy));
}

fn sources(spec: &Value) -> Vec<&Value> {
    match spec["sources"].as_array() {
        Some(sources) if !sources.is_empty() => sources.iter().collect(),
        Some(_) | None => spec.get("source").into_iter().collect(),
    }
}

/// The revision of a source that follows something: no commit id, nothing that reads as a version, and no template.
fn moving(source: &Value) -> Option<&str> {
    let revision = source["targetRevision"].as_str().unwrap_or_default();
    if revision.contains("{{") {
        return None;
    }
    let is_commit = matches!(revision.len(), 40 | 64) && revision.bytes().all(|b| b.is_ascii_hexdigit());
    let bare = revision.strip_prefix("refs/tags/").unwrap_or(revision);
    // `v1.2.3` and `chart-1.2.3` end with a version; `1.*` and `>=1.2` are ranges.
    let version = bare.rsplit_once('-').map_or(bare, |(_, end)| end);
    let is_version = [bare, version].iter().any(|text| shared_template::semver::matches("*", text).is_some());
    let is_tag = revision.starts_with("refs/tags/");
    (!is_commit && !is_version && !is_tag).then_some(revision)
}

fn cascades(look: &Look<'_>, found: &mut Vec<Finding>) {
    let policy = look.spec.get("syncPolicy").unwrap_or(&Value::Null);
    let sync = policy["applicationsSync"].as_str().unwrap_or_default();
    let keeps = policy["preserveResourcesOnDeletion"] == Value::Bool(true)
        || matches!(sync, "create-only" | "create-update");
    let finalizers = look.template()["metadata"]["finalizers"].as_array();
    let own = finalizers.filter(|own| !own.is_empty()).is_some_and(|own| {
        !own.iter().filter_map(Value::as_str).any(|name| name.starts_with(shared_model::RESOURCES_FINALIZER))
    });
    let outside = look.nodes.iter().find(|node| matches!(node.kind, Kind::Clusters | Kind::Git));
    let (Some(outside), false, false) = (outside, keeps, own) else { return };
    let what =
        if outside.kind == Kind::Git { "a folder or file that goes" } else { "a label that is changed" };
    let message = format!(
        "{what} takes the Application and its objects along (only more than a tenth of the set at once is held)"
    );
    let remedy = "set spec.syncPolicy.preserveResourcesOnDeletion: true where the objects must outlive that";
    found.push(Finding::new(Rule::CascadingDeletion, &outside.path, message, remedy));
}
