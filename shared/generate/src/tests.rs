//! Expansion as a whole: sets in YAML, a small world, and the Applications as lines.

mod clusters;
mod git;
mod incremental;
mod isolation;
mod list;
mod matrix;
mod merge;
mod properties;
mod reconcile;
mod speed;
mod status;
mod strict;
mod template;
mod tutorials;

use crate::{ClusterInput, Expansion, GitAnswer, GitRequest, Inputs, Outcome, generate};
use expect_test::Expect;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The repository that the sets of the tests read.
pub(super) const REPO: &str = "https://git.example/fleet.git";

/// Clusters, and files of [`REPO`] by path.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) clusters: Vec<ClusterInput>,
    pub(super) files: BTreeMap<String, String>,
}

impl World {
    pub(super) fn cluster(mut self, name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let server = format!("https://{name}.example");
        self.clusters.push(ClusterInput { name: name.to_owned(), server, labels, ..ClusterInput::default() });
        self
    }

    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// The clusters, and no answers yet.
    pub(super) fn inputs(&self) -> Inputs {
        let clusters = self.clusters.iter().cloned().map(Arc::new).collect();
        Inputs { clusters, git: BTreeMap::new() }
    }

    pub(super) fn answer(&self, request: &GitRequest) -> GitAnswer {
        if request.repo_url() != REPO {
            return GitAnswer::Failed("repository not found".to_owned());
        }
        match request {
            GitRequest::Paths { .. } => GitAnswer::Paths(Arc::new(self.files.keys().cloned().collect())),
            GitRequest::Directories { .. } => {
                let parents = |path: &String| {
                    let ends: Vec<_> = path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect();
                    ends
                };
                let all: BTreeSet<_> = self.files.keys().flat_map(parents).collect();
                GitAnswer::Directories(Arc::new(all.into_iter().collect()))
            }
            GitRequest::File { path, .. } => GitAnswer::File(Arc::from(self.files[path].as_str())),
        }
    }
}

/// Expands a set, answering what it asks, as the hub does.
pub(super) fn expand(set: &Value, world: &World) -> Expansion {
    let mut inputs = world.inputs();
    for _ in 0..6 {
        match generate(set, &inputs) {
            Outcome::Done(expansion) => return expansion,
            Outcome::Needs(requests) => {
                assert!(
                    requests.iter().all(|request| !inputs.git.contains_key(request)),
                    "asked twice: {requests:?}"
                );
                inputs
                    .git
                    .extend(requests.into_iter().map(|request| (request.clone(), world.answer(&request))));
            }
        }
    }
    panic!("asks without end");
}

/// A set from the YAML of its spec.
pub(super) fn set(spec: &str) -> Value {
    let spec = shared_manifest::yaml::parse(spec).unwrap();
    serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "fleet", "namespace": "argocd", "uid": "u-1"},
        "spec": spec,
    })
}

/// The spec with these generators, and a template for the given name, path, destination and namespace.
pub(super) fn spec(generators: &str, name: &str, path: &str, server: &str) -> String {
    format!(
        "generators:\n{generators}\ntemplate:\n  metadata: {{name: '{name}'}}\n  spec:\n    project: default\n    source: {{repoURL: {REPO}, path: '{path}', targetRevision: main}}\n    destination: {{server: '{server}', namespace: web}}\n"
    )
}

/// One line per Application, rejection, problem and unsupported field.
pub(super) fn show(expansion: &Expansion) -> String {
    let mut out = String::new();
    for one in &expansion.applications {
        let object = one.object();
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
        let (server, name) = (text("/spec/destination/server"), text("/spec/destination/name"));
        let to = if server == "-" { name } else { server };
        let _ = writeln!(
            out,
            "{} {} -> {to}/{} [{}]",
            one.name,
            text("/spec/source/path"),
            text("/spec/destination/namespace"),
            one.origin
        );
    }
    for one in &expansion.rejected {
        let _ = writeln!(out, "rejected {:?}: {}", one.name, one.problem);
    }
    for problem in &expansion.problems {
        let _ = writeln!(out, "problem: {problem}");
    }
    for one in &expansion.frozen {
        let problems: Vec<String> = one.problems.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "frozen {}: {}", one.origin, problems.join("; "));
    }
    for one in &expansion.unsupported {
        let hides = if one.hides_applications { " (hides Applications)" } else { "" };
        let _ = writeln!(out, "unsupported: {one}{hides}");
    }
    out
}

#[expect(clippy::needless_pass_by_value, reason = "expect_test's values are made in place")]
#[track_caller]
pub(super) fn check(spec: &str, world: &World, expect: Expect) {
    let expansion = expand(&set(spec), world);
    expect.assert_eq(&show(&expansion));
    if !expansion.problems.is_empty() {
        assert!(expansion.applications.is_empty() && expansion.rejected.is_empty());
    }
}
