//! `clusters`: one parameter set per cluster.
//!
//! The implicit local cluster (`in-cluster`) is one of them when the selector is empty and no cluster has its address; it has no `metadata`.
//! Clusters come in the order of their names, the local one last (Argo CD's order is random).

use super::Emit;
use super::values::Values;
use crate::memo::Node;
use crate::params::{Params, normalize};
use crate::run::{Run, Stop};
use crate::selector::Selector;
use crate::{ClusterInput, fields};
use serde_json::{Map, Value};
use shared_model::{IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
use std::sync::Arc;

/// The label by which Argo CD knows cluster Secrets; sets select on it to leave the local cluster out.
pub(crate) const SECRET_TYPE: (&str, &str) = ("argocd.argoproj.io/secret-type", "cluster");
/// Kubectl's and Argo CD's own marks on a cluster Secret (`applicationset/generators/cluster.go`).
const HIDDEN_ANNOTATIONS: [&str; 5] = [
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
];

pub(super) fn generate(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    config: &Map<String, Value>,
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    run.note_unknown_fields(path, config, &["selector", "values", "flatList", "template"]);
    let selector = Selector::of_clusters(&format!("{path}.selector"), config.get("selector"))?;
    let values = Values::compile(run.engine, path, config)?;
    run.reads.clusters = true;

    let is_flat_list = fields::boolean(path, config, "flatList")?;
    let (mut clusters, mut all) = (Vec::new(), Vec::new());
    let mut give = |params: &Arc<Params>| match is_flat_list {
        true => all.push(Arc::clone(params)),
        false => emit(Arc::clone(params)),
    };
    let mut known = node.clusters.iter().peekable();
    for cluster in run.clusters {
        while known.next_if(|(known, _)| known.name < cluster.name).is_some() {}
        let same = |(known, _): &&(Arc<ClusterInput>, _)| Arc::ptr_eq(known, cluster) || known == cluster;
        let params = match known.peek().copied().filter(same) {
            Some((_, params)) => params.clone(),
            None => made(run, cluster, &selector, &values)?,
        };
        params.iter().for_each(&mut give);
        if run.keeps {
            clusters.push((Arc::clone(cluster), params));
        }
    }
    let local =
        if selector.is_empty() && !run.clusters.iter().any(|cluster| cluster.server == IN_CLUSTER_SERVER) {
            Some(match &node.local {
                Some(known) => Arc::clone(known),
                None => {
                    let mut params = Params::new(identity(IN_CLUSTER_NAME, IN_CLUSTER_SERVER, ""));
                    values.add_to(run.engine, &mut params)?;
                    Arc::new(params)
                }
            })
        } else {
            None
        };
    local.iter().for_each(give);
    (node.clusters, node.local, node.selector) = (clusters, local, Some(selector));
    if is_flat_list {
        let all = flat_list(&all);
        let before = node.result().and_then(|before| before.first()).filter(|before| ***before == all);
        emit(before.cloned().unwrap_or_else(|| Arc::new(all)));
    }
    Ok(())
}

/// The parameters of a cluster, if it is selected.
fn made(
    run: &Run<'_>,
    cluster: &ClusterInput,
    selector: &Selector,
    values: &Values,
) -> Result<Option<Arc<Params>>, Stop> {
    if !is_selected(cluster, selector) {
        return Ok(None);
    }
    let mut params = params(cluster, secret_type(cluster), run.engine.go_template);
    values.add_to(run.engine, &mut params)?;
    Ok(Some(Arc::new(params)))
}

/// Whether a selector selects a cluster.
pub(crate) fn is_selected(cluster: &ClusterInput, selector: &Selector) -> bool {
    let label = |key: &str| match key == SECRET_TYPE.0 {
        true => Some(secret_type(cluster)),
        false => cluster.labels.get(key).map(String::as_str),
    };
    selector.selects(label)
}

fn secret_type(cluster: &ClusterInput) -> &str {
    cluster.labels.get(SECRET_TYPE.0).map_or(SECRET_TYPE.1, String::as_str)
}

/// The clusters in the order of their names, each name once.
pub(crate) fn by_name(clusters: &[Arc<ClusterInput>]) -> Vec<Arc<ClusterInput>> {
    let mut sorted = clusters.to_vec();
    if !sorted.is_sorted_by(|a, b| a.name < b.name) {
        let order = |cluster: &ClusterInput| {
            let ClusterInput { name, server, project, labels, annotations } = cluster.clone();
            (name, server, project, labels, annotations)
        };
        sorted.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| order(a).cmp(&order(b))));
        sorted.dedup_by(|a, b| a.name == b.name);
    }
    sorted
}

fn identity(name: &str, server: &str, project: &str) -> Map<String, Value> {
    let pairs =
        [("name", name), ("nameNormalized", &normalize(name)), ("project", project), ("server", server)];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn params(cluster: &ClusterInput, typed: &str, go_template: bool) -> Params {
    let mut params = Params::new(identity(&cluster.name, &cluster.server, &cluster.project));
    let shown = |(key, _): &(&String, &String)| !HIDDEN_ANNOTATIONS.contains(&key.as_str());
    let annotations = cluster.annotations.iter().filter(shown);
    let secret_type = SECRET_TYPE.0.to_owned();
    if go_template {
        let map = |entries: &mut dyn Iterator<Item = (&String, &String)>| -> Map<String, Value> {
            entries.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
        };
        let annotations = map(&mut annotations.into_iter());
        let mut labels = map(&mut cluster.labels.iter());
        labels.insert(secret_type, Value::from(typed));
        let mut metadata = Map::new();
        // Those that are hidden leave an empty map behind.
        if !cluster.annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations));
        }
        metadata.insert("labels".to_owned(), Value::Object(labels));
        params.map.insert("metadata".to_owned(), Value::Object(metadata));
        params.typed.metadata = true;
    } else {
        let add = |kind: &str, key: &str, value: &str| {
            params.map.insert(format!("metadata.{kind}.{key}"), Value::from(value));
        };
        flat(add, cluster.labels.iter(), annotations, typed);
    }
    params
}

fn flat<'a>(
    mut add: impl FnMut(&str, &str, &str),
    labels: impl Iterator<Item = (&'a String, &'a String)>,
    annotations: impl Iterator<Item = (&'a String, &'a String)>,
    typed: &str,
) {
    add("labels", SECRET_TYPE.0, typed);
    labels.for_each(|(key, value)| add("labels", key, value));
    annotations.for_each(|(key, value)| add("annotations", key, value));
}

/// All clusters in one parameter set, even when there are none.
fn flat_list(clusters: &[Arc<Params>]) -> Params {
    let items = clusters.iter().map(|params| Value::Object(params.map.clone())).collect();
    let mut all = Params::new(Map::from_iter([("clusters".to_owned(), Value::Array(items))]));
    all.typed.clusters = true;
    all
}
