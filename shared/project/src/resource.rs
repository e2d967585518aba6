//! Which kinds of objects an Application may put into a cluster.

use crate::glob::matches;
use crate::{Denied, Problem, list, name};
use serde_json::Value;

/// Whether `project` permits the object `kind`/`object` of API group `group` (empty for core). `namespaced` says whether the kind lives in
/// namespaces.
///
/// Cluster-wide kinds need an entry in `clusterResourceWhitelist`, which may name the object; namespaced kinds are all permitted unless
/// `namespaceResourceWhitelist` is there (an empty list permits none). Blacklists win.
///
/// # Errors
/// Why not.
pub fn allow_resource(
    project: &Value,
    group: &str,
    kind: &str,
    object: &str,
    namespaced: bool,
) -> Result<(), Denied> {
    let (white, black) = if namespaced {
        ("namespaceResourceWhitelist", "namespaceResourceBlacklist")
    } else {
        ("clusterResourceWhitelist", "clusterResourceBlacklist")
    };
    let object = if namespaced { None } else { Some(object) };
    let denied = |list: &str, remedy: String| {
        let message = format!("resource {group}:{kind} is not permitted in project {}", name(project));
        Err(Problem { path: format!("spec.{list}"), message, remedy })
    };
    if list(project, black).iter().any(|entry| covers(entry, group, kind, object, true)) {
        return denied(black, "the list refuses it; remove the entry or choose another project".to_owned());
    }
    let all = namespaced && project.pointer(&format!("/spec/{white}")).is_none_or(Value::is_null);
    if all || list(project, white).iter().any(|entry| covers(entry, group, kind, object, false)) {
        return Ok(());
    }
    denied(white, format!("add {{group: '{group}', kind: {kind}}} to it"))
}

/// Whether an entry means this object. A pattern that cannot be read counts as `unreadable`.
fn covers(entry: &Value, group: &str, kind: &str, object: Option<&str>, unreadable: bool) -> bool {
    let part = |key: &str, value: &str| {
        let pattern = entry.get(key).and_then(Value::as_str).unwrap_or_default();
        pattern == "*" || matches(pattern, value, None).unwrap_or(unreadable)
    };
    let named = |object: &str| {
        entry.get("name").and_then(Value::as_str).is_none_or(str::is_empty) || part("name", object)
    };
    part("group", group) && part("kind", kind) && object.is_none_or(named)
}
