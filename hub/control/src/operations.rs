//! Manual syncs: an Application's top-level `operation.sync`, as kubectl and Argo CD's CLI write it.
//!
//! A manual sync applies the *released* release (design §4). Where a release awaits a person, the
//! planner releases it first; then the agent is asked to apply it, and the operation is taken away.

use crate::{git::chain, index::Index, line::Evaluation};
use hub_gateway::Links;
use hub_records::Records;
use serde_json::Value;
use shared_model::{AppKey, ClusterName, Kind, Owner};
use shared_rollout::Order;
use std::collections::{BTreeMap, BTreeSet};

/// Hands the operations that can be carried out to their agents.
pub(crate) async fn perform(
    records: &Records,
    links: &Links,
    index: &Index,
    evaluations: &BTreeMap<Owner, Evaluation>,
    held: &BTreeSet<ClusterName>,
) {
    for (app, cluster) in ready(index, evaluations) {
        if held.contains(&cluster) || !links.sync(&cluster, &app) {
            continue;
        }
        tracing::info!(application = %app, %cluster, "a manual sync is carried out");
        let change = |object: &Value| {
            let mut object = object.clone();
            object.as_object_mut()?.remove("operation")?;
            Some(object)
        };
        let changed = records.modify(Kind::Application, &app.namespace, &app.name, change).await;
        if let Err(error) = changed {
            tracing::warn!(application = %app, error = chain(&error), "the operation could not be taken away");
        }
    }
}

/// Applications whose sync is asked for and whose seat runs what their inputs give now.
fn ready(index: &Index, evaluations: &BTreeMap<Owner, Evaluation>) -> Vec<(AppKey, ClusterName)> {
    index
        .asked()
        .filter_map(|app| {
            let member = evaluations.values().find_map(|evaluation| evaluation.head.get(&app))?;
            let (assigned, _) = index.assigned.get(&(member.cluster.clone(), app.clone()))?;
            let runs = matches!(assigned.order, Order::Run { release, .. } if release == member.release);
            runs.then(|| (app, member.cluster.clone()))
        })
        .collect()
}
