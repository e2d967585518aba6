//! The status of a Cluster, as far as its session tells it.

use crate::session::pause_id;
use hub_records::Records;
use jiff::Timestamp;
use proto::v1;
use serde_json::{Value, json};
use shared_model::{Cluster, ClusterName, Kind};

/// Reads a Cluster's status, changes it, writes it if it differs. A Cluster that was deleted gets none.
pub(crate) async fn update(records: &Records, cluster: &ClusterName, change: impl FnOnce(&mut Value) + Send) {
    let result = async {
        if records.get(Kind::Cluster, "", cluster.as_str()).await?.is_none() {
            return Ok(false);
        }
        let present = records.status(Kind::Cluster, "", cluster.as_str()).await?;
        let mut status = present.map_or_else(|| json!({}), |(status, _)| status);
        change(&mut status);
        records.put_status(Kind::Cluster, "", cluster.as_str(), &status).await
    };
    if let Err(error) = result.await {
        tracing::error!(%cluster, %error, "the Cluster's status could not be written");
    }
}

pub(crate) fn connected(status: &mut Value, hello: &v1::Hello, now: Timestamp) {
    let skew = now.as_millisecond() - hello.clock_ms;
    status["connection"] = json!({"state": "Connected", "since": now, "agentVersion": hello.agent_version});
    if hello.clock_ms != 0 && skew.abs() > 5_000 {
        status["connection"]["clockSkewSeconds"] = json!(skew / 1000);
    }
    if let Some(facts) = &hello.facts {
        self::facts(status, facts);
    }
}

/// What the agent says of its cluster.
pub(crate) fn facts(status: &mut Value, facts: &v1::Facts) {
    status["facts"] = json!({
        "kubernetesVersion": facts.kubernetes_version,
        "platform": facts.platform,
        "nodes": facts.nodes,
    });
}

pub(crate) fn disconnected(status: &mut Value, reason: &str, now: Timestamp) {
    let version = status["connection"]["agentVersion"].clone();
    status["connection"] =
        json!({"state": "Disconnected", "since": now, "reason": reason, "agentVersion": version});
}

/// What the agent says of its pauses, beside what the Cluster asks for.
pub(crate) fn paused(
    status: &mut Value,
    cluster: Option<&Cluster>,
    acknowledged: &str,
    local: Option<&v1::Pause>,
    now: Timestamp,
) {
    let wanted = cluster.and_then(|cluster| cluster.spec.pause.as_ref());
    let mut pause = json!({});
    if wanted.is_some_and(|wanted| pause_id(wanted) == acknowledged) {
        let since = status.pointer("/pause/acknowledgedAt").filter(|_| status["pause"]["id"] == acknowledged);
        pause["acknowledgedAt"] = since.cloned().unwrap_or_else(|| json!(now));
        pause["id"] = json!(acknowledged);
    }
    if let Some(local) = local {
        pause["local"] = json!({"reason": local.reason, "by": local.by});
    }
    let nothing = pause.as_object().is_some_and(serde_json::Map::is_empty);
    match status.as_object_mut() {
        Some(status) if nothing => drop(status.remove("pause")),
        _ => status["pause"] = pause,
    }
}

/// Sets or clears the condition that explains why the hub does not work with the agent.
pub(crate) fn refused(status: &mut Value, reason: &str, message: &str, now: Timestamp) {
    condition(status, "Held", true, reason, message, now);
}

pub(crate) fn accepted(status: &mut Value, now: Timestamp) {
    condition(status, "Held", false, "Accepted", "", now);
}

fn condition(status: &mut Value, kind: &str, holds: bool, reason: &str, message: &str, now: Timestamp) {
    let word = if holds { "True" } else { "False" };
    let mut conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let at = conditions.iter().position(|condition| condition["type"] == kind);
    let since = at
        .filter(|at| conditions[*at]["status"] == word)
        .map_or_else(|| json!(now), |at| conditions[at]["lastTransitionTime"].clone());
    let condition = json!({
        "type": kind, "status": word, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    match at {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    status["conditions"] = Value::Array(conditions);
}
