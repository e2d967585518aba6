//! Where an Application's manifests come from (`ApplicationSource` of argoproj.io/v1alpha1).
//!
//! Every field that changes what is rendered is typed; whatever else a source carries is kept as JSON.

use crate::meta::nullable;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One source of manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// The repository: Git, a Helm repository, or an OCI registry.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// The folder in it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Branch, tag, commit or range; of a chart its version or a range. Empty means `HEAD`, or the newest version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_revision: String,
    /// A chart in a Helm repository or an OCI registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chart: String,
    /// The name by which other sources refer to this one.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Options for plain directories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
    /// Options for Helm charts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<Helm>,
    /// Options for Kustomize overlays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Kustomize>,
    /// A config management plugin; those are not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Value>,
    /// Whatever else the source carries.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Options for plain directories of YAML and JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Directory {
    /// Whether sub-directories are read too.
    #[serde(skip_serializing_if = "is_false")]
    pub recurse: bool,
    /// Glob of the paths to leave out (`{a,b}` alternatives allowed).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exclude: String,
    /// Glob of the paths to read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub include: String,
    /// Jsonnet options and whatever else it carries.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Options for Helm charts (`ApplicationSourceHelm`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Helm {
    /// Value files, later ones win: paths from the chart, globs, `$ref/path`, or addresses.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub value_files: Vec<String>,
    /// Single values, over all else (`--set`, `--set-string`).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub parameters: Vec<HelmParameter>,
    /// Values that are the contents of files (`--set-file`).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub file_parameters: Vec<HelmFileParameter>,
    /// The release's name; the Application's when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_name: String,
    /// Values as a block of YAML, over the value files.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub values: String,
    /// Values as an object; `values` is then not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_object: Option<Value>,
    /// Of the tool; without effect, as in Argo CD.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Whether a repository's login goes along to other hosts that its index names.
    #[serde(skip_serializing_if = "is_false")]
    pub pass_credentials: bool,
    /// Whether value files that are not there are left out.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_missing_value_files: bool,
    /// Whether `crds/` is left out.
    #[serde(skip_serializing_if = "is_false")]
    pub skip_crds: bool,
    /// Whether tests are left out.
    #[serde(skip_serializing_if = "is_false")]
    pub skip_tests: bool,
    /// Whether values are not held against `values.schema.json`.
    #[serde(skip_serializing_if = "is_false")]
    pub skip_schema_validation: bool,
    /// The release's namespace; the destination's when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The Kubernetes version; the cluster's when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// `group/version[/Kind]`; the cluster's when empty.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub api_versions: Vec<String>,
    /// Whatever else it carries.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A single value of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmParameter {
    /// Its path, as `--set` takes it.
    pub name: String,
    /// The value; build environment variables are filled in.
    pub value: String,
    /// Whether it is text whatever it looks like (`--set-string`).
    #[serde(skip_serializing_if = "is_false")]
    pub force_string: bool,
}

/// A value of a chart that is a file's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HelmFileParameter {
    /// Its path, as `--set-file` takes it.
    pub name: String,
    /// The file: a path from the chart, or `$ref/path`.
    pub path: String,
}

/// Options for Kustomize overlays (`ApplicationSourceKustomize`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kustomize {
    /// Before every name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_prefix: String,
    /// After every name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_suffix: String,
    /// `[old=]name[:tag][@digest]`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub images: Vec<String>,
    /// Labels of every object.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub common_labels: BTreeMap<String, String>,
    /// Of the tool, where several are set up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Annotations of every object.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub common_annotations: BTreeMap<String, String>,
    /// Whether labels replace those that the overlay sets.
    #[serde(skip_serializing_if = "is_false")]
    pub force_common_labels: bool,
    /// Whether annotations replace those that the overlay sets.
    #[serde(skip_serializing_if = "is_false")]
    pub force_common_annotations: bool,
    /// The namespace of every object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Whether build environment variables are filled into the annotations.
    #[serde(skip_serializing_if = "is_false")]
    pub common_annotations_envsubst: bool,
    /// How many of a workload.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub replicas: Vec<KustomizeReplica>,
    /// Patches over those of the overlay.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub patches: Vec<Value>,
    /// Components beside those of the overlay.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub components: Vec<String>,
    /// Whether components that are not there are left out.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_missing_components: bool,
    /// Whether common labels stay out of selectors.
    #[serde(skip_serializing_if = "is_false")]
    pub label_without_selector: bool,
    /// Whether common labels go into templates though they stay out of selectors.
    #[serde(skip_serializing_if = "is_false")]
    pub label_include_templates: bool,
    /// The Kubernetes version; the cluster's when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// `group/version[/Kind]`; the cluster's when empty.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub api_versions: Vec<String>,
    /// Whatever else it carries.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How many of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KustomizeReplica {
    /// The workload's name.
    pub name: String,
    /// A number, or one written as text.
    pub count: Value,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
