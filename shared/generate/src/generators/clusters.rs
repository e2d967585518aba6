//! `clusters`: one parameter set per cluster.
//!
//! The implicit local cluster (`in-cluster`) is one of them when the selector is empty and no cluster has its address; it has no `metadata`.
//! Clusters come in the order of their names (Argo CD's order is random).

use super::values::Values;
use crate::params::{Params, normalize};
use crate::run::{Run, Stop};
use crate::selector::Selector;
use crate::{ClusterInput, fields};
use serde_json::{Map, Value, json};
use shared_model::{IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
use std::collections::BTreeMap;

/// The label by which Argo CD knows cluster Secrets; sets select on it to leave the local cluster out.
const SECRET_TYPE: (&str, &str) = ("argocd.argoproj.io/secret-type", "cluster");
/// Kubectl's and Argo CD's own marks on a cluster Secret (`util/db/cluster.go`).
const HIDDEN_ANNOTATIONS: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "managed-by"];

pub(super) fn generate(
    run: &mut Run<'_>,
    path: &str,
    config: &Map<String, Value>,
) -> Result<Vec<Params>, Stop> {
    run.note_unknown_fields(path, config, &["selector", "values", "flatList", "template"]);
    let selector = Selector::parse(&format!("{path}.selector"), config.get("selector"))?;
    let values = Values::compile(&run.engine, path, config)?;
    let go_template = run.engine.go_template;

    let mut found = Vec::new();
    for cluster in by_name(&run.inputs.clusters) {
        let labels = with_secret_type(&cluster.labels);
        if selector.matches(&labels) {
            found.push(params(cluster, &labels, go_template));
        }
    }
    if selector.is_empty() && !run.inputs.clusters.iter().any(|cluster| cluster.server == IN_CLUSTER_SERVER) {
        found.push(Params::new(identity(IN_CLUSTER_NAME, IN_CLUSTER_SERVER, "")));
    }
    for params in &mut found {
        values.add_to(&run.engine, params)?;
    }
    Ok(if fields::boolean(path, config, "flatList")? { vec![flat_list(found)] } else { found })
}

fn by_name(clusters: &[ClusterInput]) -> Vec<&ClusterInput> {
    let mut sorted: Vec<_> = clusters.iter().collect();
    sorted.sort_by_key(|cluster| {
        (&cluster.name, &cluster.server, &cluster.project, &cluster.labels, &cluster.annotations)
    });
    sorted.dedup_by_key(|cluster| &cluster.name);
    sorted
}

fn with_secret_type(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels = labels.clone();
    labels.entry(SECRET_TYPE.0.to_owned()).or_insert_with(|| SECRET_TYPE.1.to_owned());
    labels
}

fn identity(name: &str, server: &str, project: &str) -> Map<String, Value> {
    let pairs =
        [("name", name), ("nameNormalized", &normalize(name)), ("server", server), ("project", project)];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn params(cluster: &ClusterInput, labels: &BTreeMap<String, String>, go_template: bool) -> Params {
    let mut params = Params::new(identity(&cluster.name, &cluster.server, &cluster.project));
    let shown = |(key, _): &(&String, &String)| !HIDDEN_ANNOTATIONS.contains(&key.as_str());
    let annotations: BTreeMap<_, _> = cluster.annotations.iter().filter(shown).collect();
    if go_template {
        let mut metadata = Map::new();
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), json!(annotations));
        }
        metadata.insert("labels".to_owned(), json!(labels));
        params.map.insert("metadata".to_owned(), Value::Object(metadata));
        params.typed.metadata = true;
    } else {
        let labels = labels.iter().map(|(key, value)| (format!("metadata.labels.{key}"), value));
        let annotations =
            annotations.into_iter().map(|(key, value)| (format!("metadata.annotations.{key}"), value));
        params.map.extend(labels.chain(annotations).map(|(key, value)| (key, Value::from(value.as_str()))));
    }
    params
}

/// All clusters in one parameter set, even when there are none.
fn flat_list(clusters: Vec<Params>) -> Params {
    let items = clusters.into_iter().map(|params| Value::Object(params.map)).collect();
    let mut all = Params::new(Map::from_iter([("clusters".to_owned(), Value::Array(items))]));
    all.typed.clusters = true;
    all
}
