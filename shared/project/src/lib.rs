//! The limits of an AppProject.
//!
//! Decides, from the AppProject object and one Application or one Kubernetes object, whether the project permits it: sources and destination
//! ([`allow`]), a namespace ([`allow_namespace`]), a kind of object ([`allow_resource`]), and when changes may go out ([`windows`]; those
//! of the whole fleet are the hub's [`settings`]). The rules are
//! those of Argo CD's `pkg/apis/application/v1alpha1/app_project_types.go`.
//!
//! Invariants:
//! - deny wins: a pattern with `!` that holds refuses, whatever else permits;
//! - a deny pattern that cannot be read refuses everything in its list, with a message that says so; an allow pattern like that permits nothing;
//! - no pattern makes matching slow: the time is pattern length times text length.
//!
//! Refuses to know: whether the project, cluster or repository exists, roles. Fields without effect yet: [`unsupported`].
//!
//! # Why
//! A field of the wrong type counts as absent here, which permits nothing for sources, destinations and cluster objects; the API refuses
//! such objects before they get here.

mod glob;
mod place;
mod resource;
pub mod settings;
pub mod windows;

use serde_json::{Value, json};
use shared_model::ApplicationSpec;
use shared_model::unsupported::Unsupported;

pub use resource::allow_resource;
pub use settings::Settings;
pub use windows::{Gate, Scope, Windows};

/// The project that Applications without limits name. It exists even when no object of that name does.
pub const DEFAULT_PROJECT: &str = "default";

/// Something that the project does not permit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}: {remedy}")]
pub struct Problem {
    /// Field path in the Application; for Kubernetes objects, the list in the AppProject that decides.
    pub path: String,
    /// What is refused, in Argo CD's words where it has them.
    pub message: String,
    /// How to permit it.
    pub remedy: String,
}

/// A refusal of one Kubernetes object.
pub type Denied = Problem;

/// The cluster of a destination, once it is known: both forms, since rules may name either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The Cluster's name.
    pub cluster: &'a str,
    /// Its `spec.server`.
    pub server: &'a str,
    /// The namespace.
    pub namespace: &'a str,
}

/// What `project` (the AppProject object) does not permit of an Application on the cluster `cluster`, whose address is `server`. Empty when all
/// is permitted.
pub fn allow(project: &Value, application: &ApplicationSpec, cluster: &str, server: &str) -> Vec<Problem> {
    let mut problems = place::sources(project, application);
    let namespace = application.destination.namespace.as_str();
    problems.extend(place::destination(project, Place { cluster, server, namespace }));
    problems
}

/// Whether what an Application is made of may come from a repository too: a submodule, say. `called` is all that people
/// may call it, at least one: a rule that permits any of these permits it, one that denies any refuses it.
///
/// # Errors
/// Why not.
pub fn allow_source(project: &Value, called: &[shared_model::RepoUrl]) -> Result<(), Denied> {
    place::source(project, called, "spec.sourceRepos".to_owned()).map_or(Ok(()), Err)
}

/// Whether a rule of the project is about this repository's host, rather than about any host's (`*`).
pub fn names_source(project: &Value, called: &[shared_model::RepoUrl]) -> bool {
    place::names(project, called)
}

/// What people may call the repository of a source, or of a chart's dependency: registries are written with and without
/// their scheme.
pub fn called(repository: &str, is_chart: bool) -> Vec<shared_model::RepoUrl> {
    place::called(repository, is_chart)
}

/// Whether an object of an Application may go to a namespace other than the Application's own.
///
/// # Errors
/// Why not.
pub fn allow_namespace(project: &Value, place: Place<'_>) -> Result<(), Denied> {
    match place::destination(project, place) {
        None => Ok(()),
        Some(problem) => {
            let message =
                format!("namespace {} is not permitted in project '{}'", place.namespace, name(project));
            Err(Problem { path: "spec.destinations".to_owned(), message, ..problem })
        }
    }
}

/// The project `default` as Argo CD makes it: everything is permitted.
pub fn default_project() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": DEFAULT_PROJECT, "namespace": shared_model::DEFAULT_NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    })
}

const WITHOUT_EFFECT: [(&str, &str); 7] = [
    ("destinationServiceAccounts", "the agent acts as itself; limit it by Kubernetes RBAC"),
    ("orphanedResources", "objects outside Applications are not looked at"),
    ("permitOnlyProjectScopedClusters", "name the clusters in spec.destinations"),
    ("roles", "grant access by the hub's own tokens"),
    ("signatureKeys", "commit signatures are not checked; protect the branch"),
    ("sourceIntegrity", "commit signatures are not checked; protect the branch"),
    ("sourceNamespaces", "Applications live in the hub's namespace"),
];

/// The fields of `project` that have no effect yet, in path order.
pub fn unsupported(project: &Value) -> Vec<Unsupported> {
    let set = |key: &str| match project.pointer(&format!("/spec/{key}")) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let named = WITHOUT_EFFECT.iter().filter(|(key, _)| set(key));
    named.map(|(key, remedy)| Unsupported { path: format!("spec.{key}"), remedy }).collect()
}

/// Whether a name matches one of Argo CD's globs, without a separator; `None` for a pattern that is none.
pub fn matches_glob(pattern: &str, name: &str) -> Option<bool> {
    glob::matches(pattern, name, None)
}

pub(crate) fn name(project: &Value) -> &str {
    project.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list<'a>(project: &'a Value, key: &str) -> &'a [Value] {
    project.get("spec").and_then(|spec| spec.get(key)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
