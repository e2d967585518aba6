//! The status of a Cluster, as far as its session tells it.

use crate::session::{Behind, pause_id};
use hub_records::{Adoption, AdoptionState, Identity, Records};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use serde_json::{Value, json};
use shared_model::{Cluster, ClusterName, Kind, duration};
use std::collections::BTreeMap;

/// Clocks that differ by more are worth a person's look.
const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// Versions of API groups of one cluster, kinds of each, and bytes of a name that are kept.
const MOST_SERVED: usize = 1_000;
const MOST_KINDS: usize = 500;
const LONGEST_NAME: usize = 320;
/// The most bytes that all of it takes in the Cluster's status: no agent makes that too large to be written.
const MOST_FACTS: usize = 256 << 10;
/// The condition of a cluster that the hub does not work with.
const HELD: &str = "Held";
/// The condition of a cluster as which two agents dial.
const DUPLICATE: &str = "DuplicateAgent";
/// The condition of a cluster whose clock differs.
const SKEWED: &str = "ClockSkewed";

/// Reads a Cluster's status, changes it, writes it if it differs; again when another writer came in
/// between. A Cluster that was deleted gets none.
pub(crate) async fn update(records: &Records, cluster: &ClusterName, change: impl FnMut(&mut Value) + Send) {
    if let Err(error) = records.modify_status(Kind::Cluster, "", cluster.as_str(), change).await {
        tracing::error!(%cluster, %error, "the Cluster's status could not be written");
    }
}

/// What a connection tells of the identity that it uses.
#[derive(Debug)]
pub(crate) struct Used {
    /// When its certificate ends.
    pub(crate) expires: Timestamp,
    /// SHA-256 of the authority that issued it, in hex.
    pub(crate) authority: String,
}

pub(crate) fn connected(status: &mut Value, hello: &v1::Hello, used: &Used, now: Timestamp) {
    status["connection"] = json!({"state": "Connected", "since": now, "agentVersion": hello.agent_version});
    clock(status, hello.clock_ms, now);
    if let Some(mut identity) = Identity::of(status) {
        identity.expires_at = Some(used.expires);
        identity.authority.clone_from(&used.authority);
        identity.trusts.clone_from(&hello.authorities);
        identity.put(status);
    }
    if let Some(facts) = &hello.facts {
        self::facts(status, facts);
    }
}

/// What the agent says of its cluster.
pub(crate) fn facts(status: &mut Value, facts: &v1::Facts) {
    // An agent that cannot read them, or an older one, tells none.
    let before = status["facts"]["served"].take();
    status["facts"] = json!({
        "kubernetesVersion": short(&facts.kubernetes_version),
        "platform": short(&facts.platform),
        "nodes": facts.nodes,
    });
    let served = served(&facts.served);
    if !served.is_empty() {
        status["facts"]["served"] = json!(served);
    } else if !before.is_null() {
        status["facts"]["served"] = before;
    }
}

fn short(told: &str) -> String {
    told.chars().take(LONGEST_NAME).collect()
}

/// The kinds that a cluster serves, by `group/version`, as far as names are such.
fn served(told: &[v1::Served]) -> BTreeMap<&str, Vec<&str>> {
    let is_name = |name: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./-".contains(&byte);
        !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(plain)
    };
    let mut kept = BTreeMap::new();
    let mut left = MOST_FACTS;
    // With quotes and a comma.
    let mut fits = |name: &&str| {
        let rest = left.checked_sub(name.len() + 6);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    for v1::Served { api_version, kinds } in told.iter().take(MOST_SERVED) {
        if is_name(&api_version.as_str()) && fits(&api_version.as_str()) {
            let kinds = kinds.iter().map(String::as_str).filter(is_name).take(MOST_KINDS);
            kept.insert(api_version.as_str(), kinds.filter(&mut fits).collect());
        }
    }
    kept
}

/// How far the agent's clock is from the hub's, as in `-1m30s`: behind by so much. The hello's way is in it.
fn clock(status: &mut Value, clock_ms: i64, now: Timestamp) {
    let skew = Timestamp::from_millisecond(clock_ms).map(|clock| clock.duration_since(now));
    let (true, Ok(skew)) = (clock_ms != 0, skew) else {
        lift(status, SKEWED);
        return;
    };
    let skew = SignedDuration::from_secs(skew.as_secs());
    let length = duration(skew.unsigned_abs());
    status["connection"]["clockSkew"] =
        json!(if skew.is_negative() { format!("-{length}") } else { length.clone() });
    if skew.abs() <= SKEW {
        lift(status, SKEWED);
        return;
    }
    let side = if skew.is_negative() { "behind" } else { "ahead of" };
    let message = format!(
        "the agent's clock is {length} {side} the hub's: the times that it reports are off by that, and it may take \
         certificates for expired or not valid yet; rollouts go by the hub's clock alone; set the clock of the machine \
         where the agent runs"
    );
    condition(status, SKEWED, true, "ClocksDiffer", &message, now);
}

pub(crate) fn disconnected(status: &mut Value, reason: &str, now: Timestamp) {
    let version = status["connection"]["agentVersion"].clone();
    let skew = status["connection"].get("clockSkew").cloned();
    status["connection"] =
        json!({"state": "Disconnected", "since": now, "reason": reason, "agentVersion": version});
    if let Some(skew) = skew {
        status["connection"]["clockSkew"] = skew;
    }
}

/// What the agent says of its pauses, beside what the Cluster asks for.
pub(crate) fn paused(
    status: &mut Value,
    cluster: Option<&Cluster>,
    acknowledged: &str,
    local: Option<&v1::Pause>,
    now: Timestamp,
) {
    let wanted = cluster.and_then(|cluster| cluster.pause(now));
    let mut pause = json!({});
    if wanted.is_some_and(|wanted| pause_id(&wanted) == acknowledged) {
        let since = status.pointer("/pause/acknowledgedAt").filter(|_| status["pause"]["id"] == acknowledged);
        pause["acknowledgedAt"] = since.cloned().unwrap_or_else(|| json!(now));
        pause["id"] = json!(acknowledged);
    }
    if let Some(local) = local {
        pause["local"] = json!({"reason": local.reason, "by": local.by});
        if let Some(until) = ends(local, now) {
            // The agent counts; said again a moment later it is the same end.
            let known = status.pointer("/pause/local/until").and_then(Value::as_str);
            let known = known.and_then(|known| known.parse::<Timestamp>().ok());
            let close = |known: &Timestamp| until.duration_since(*known).as_secs().abs() <= 5;
            pause["local"]["until"] = json!(known.filter(close).unwrap_or(until));
        }
    }
    let nothing = pause.as_object().is_some_and(serde_json::Map::is_empty);
    match status.as_object_mut() {
        Some(status) if nothing => drop(status.remove("pause")),
        _ => status["pause"] = pause,
    }
}

/// When a pause that was set in the cluster ends, by the hub's clock.
pub(crate) fn ends(local: &v1::Pause, now: Timestamp) -> Option<Timestamp> {
    let left = std::time::Duration::from_millis(local.remaining_ms);
    let end = now.checked_add(left).ok().filter(|_| local.remaining_ms > 0)?;
    Timestamp::from_second(end.as_second()).ok()
}

/// How many applications are listed of those that differ.
const LISTED: usize = 20;

/// Where the agent and the store differ, and what to run; the list is what `--dry-run` shows.
pub(crate) fn behind(
    status: &mut Value,
    cluster: &ClusterName,
    reason: &str,
    behind: &Behind,
    now: Timestamp,
) {
    let count = behind.applications.len();
    let what = match behind.applications.first() {
        None => {
            "this hub runs on a copy of its data and may have forgotten what it told the agent".to_owned()
        }
        Some((application, held, told)) => {
            let told = told.map_or("nothing of it".to_owned(), |told| told.position.to_string());
            let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            format!(
                "the agent is ahead of this hub's store: it holds {application} at {}, the hub knows {told}{others}",
                held.position
            )
        }
    };
    let pause = if behind.unknown_pause {
        "; it obeys a pause that this hub does not know: to keep it, pause the cluster here first"
    } else {
        ""
    };
    let message = format!(
        "{what}{pause}; nothing is released to it until what it holds is adopted: `flotilla hub restore --adopt --cluster {cluster}` (with --dry-run to see what that is)"
    );
    let short = |release: Option<shared_model::ReleaseId>| release.map(|release| release.0.short());
    let listed = behind.applications.iter().take(LISTED).map(|(application, held, told)| {
        json!({
            "application": application,
            "holds": {"position": held.position.to_string(), "release": short(held.release)},
            "known": told.map(|told| json!({"position": told.position.to_string(), "release": short(told.release)})),
        })
    });
    status["behind"] = json!({"applications": listed.collect::<Vec<_>>(), "count": count});
    refused(status, reason, &message, now);
}

/// Something keeps what the agent holds from being adopted.
pub(crate) fn stuck(status: &mut Value, problem: &str, now: Timestamp) {
    condition(status, "Adopting", true, "WaitsForAgent", problem, now);
}

/// The agent told all that it holds.
pub(crate) fn handed_on(status: &mut Value, now: Timestamp) {
    condition(status, "Adopting", true, "Told", "the agent told what it holds; the hub takes it over", now);
}

/// The last adoption, for a session that starts; it clears what a session before it said.
pub(crate) fn adopted(status: &mut Value, adoption: Option<&Adoption>) {
    if let Some(fields) = status.as_object_mut() {
        fields.remove("behind");
    }
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| condition["type"] != "Adopting");
    }
    if let Some(Adoption { request, state: AdoptionState::Done { at, changed } }) = adoption {
        status["adopted"] =
            json!({"at": at, "by": request.by, "request": request.request, "applications": changed});
    }
}

/// Sets the condition that explains why the hub does not work with the agent.
pub(crate) fn refused(status: &mut Value, reason: &str, message: &str, now: Timestamp) {
    condition(status, HELD, true, reason, message, now);
}

/// The agent that the hub expects is there: nothing holds it, and no other one is in its place.
pub(crate) fn accepted(status: &mut Value, now: Timestamp) {
    condition(status, HELD, false, "Accepted", "", now);
    lift(status, DUPLICATE);
}

/// A second agent dials, while the first one is served.
pub(crate) fn duplicated(status: &mut Value, reason: &str, message: &str, now: Timestamp) {
    condition(status, DUPLICATE, true, reason, message, now);
}

/// The second agent has not been heard of for a while.
pub(crate) fn alone(status: &mut Value) {
    lift(status, DUPLICATE);
}

fn lift(status: &mut Value, kind: &str) {
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| condition["type"] != kind);
    }
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

#[cfg(test)]
mod tests;
