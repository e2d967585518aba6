//! What people decide about a rollout: `POST …/fleetrollouts/NAME/decisions` (design §4, §5).
//!
//! The body is a decision and its reason, as in `{"decision": "approve", "wave": "canary", "reason": "…"}`.
//! What becomes of the rollout's head is `shared_rollout::decide`'s to say. The answer is written only if the
//! head is still the one that was read; the planner's transactions compare it too, so a decision wins over
//! a plan under way. The Events that tell of it are part of the same transaction.
//!
//! What it refuses to know: when a decision makes sense.

mod body;

use crate::{
    access::{self, Verb},
    audit::Line,
    list,
    options::failed,
    view,
    write::Change,
};
use hub_records::{About, Notice, Records, history, keys, resource};
use hub_store::{Compare, Op, Outcome, Page, Revision, Txn};
use serde_json::{Value, json};
use shared_history::{Entry, What};
use shared_model::{ClusterName, FleetRollout, Kind, Owner, OwnerKind, RolloutName};
use shared_objects::{Status, status::MODIFIED};
use shared_rollout::{Decided, Decision, Head, MemberRecord, decide};

/// How often a decision is tried again when the planner comes in between.
const TRIES: usize = 32;

/// Takes a decision; answers the rollout as it stands after it.
pub(crate) async fn post(change: &Change<'_>, body: Value, line: &Line) -> Result<Value, Status> {
    let decided = body::decided(body, &change.subject.user, change.now)?;
    line.action(word(&decided.what));
    take(change, &decided).await
}

async fn take(change: &Change<'_>, decided: &Decided) -> Result<Value, Status> {
    let dry_run = change.dry_run()?;
    let refused = |why: String| {
        let mut status = Status::conflict(resource(Kind::FleetRollout), change.name, "");
        status.message = why;
        status
    };
    let name = RolloutName::new(change.name);
    let records = change.records;
    for _ in 0..TRIES {
        let stored = records.get(Kind::FleetRollout, change.namespace, change.name).await.map_err(failed)?;
        let stored = stored.ok_or_else(|| Status::not_found(resource(Kind::FleetRollout), change.name))?;
        if let Decision::Expedite { clusters } = &decided.what {
            if !access::allowed(change.subject, Verb::Expedite) {
                let why = "expediting is a permission of its own: ask an admin, or somebody in the group flotilla:expedite";
                return Err(Status::forbidden(resource(Kind::FleetRollout), change.name, why));
            }
            check_clusters(records, change.namespace, &name, clusters).await?;
        }
        let rollout = FleetRollout::from_value(&stored.value).map_err(|error| {
            tracing::error!(rollout = change.name, %error, "a rollout cannot be read");
            Status::internal("the rollout cannot be read; the hub's log says why")
        })?;
        let key = keys::head(change.namespace, &name);
        let known: Option<(Head, Revision)> = records.read(&key).await.map_err(failed)?;
        let (head, revision) = known.unwrap_or_default();
        let leads = leads(records, &rollout).await?;
        let next = decide(&rollout.spec.plan, &head, leads, decided).map_err(|why| refused(why.0))?;
        if !dry_run {
            let mut txn = Txn::new()
                .when(Compare::ModRevision { key: key.clone(), revision })
                .when(Compare::Exists {
                    key: keys::object(Kind::FleetRollout, change.namespace, change.name),
                })
                .put(key, json!(next).to_string());
            txn.ops.extend(events(change, &stored, &rollout, decided).await?);
            txn.ops.push(history::put(entry(change, &rollout, &next, decided)));
            match records.store().commit(txn).await.map_err(|error| failed(error.into()))? {
                Outcome::Committed(_) => {}
                Outcome::Conflict { .. } => continue,
            }
        }
        let parts = list::complete(records, Kind::FleetRollout, stored).await.map_err(failed)?;
        return Ok(shown(view::view(Kind::FleetRollout, parts), &next));
    }
    Err(Status::conflict(resource(Kind::FleetRollout), change.name, MODIFIED))
}

/// Whether the rollout is the one that decides for its line: the newest that started and was not superseded.
async fn leads(records: &Records, rollout: &FleetRollout) -> Result<bool, Status> {
    let (owner, ns) = (&rollout.spec.owner, &rollout.metadata.namespace);
    // The names of an owner's rollouts begin with its own; whose each is, its record says.
    let prefix = format!("{}{}", keys::objects_in(Kind::FleetRollout, ns), owner.name);
    let listing =
        records.store().list(&prefix, Page::default()).await.map_err(|error| failed(error.into()))?;
    let of_line = listing.entries.iter().filter_map(hub_records::Stored::from_entry).filter_map(|stored| {
        FleetRollout::from_value(&stored.value).ok().filter(|other| other.spec.owner == *owner)
    });
    let mut lead: Option<(u64, String)> = None;
    for other in of_line {
        let key = keys::head(ns, &RolloutName::new(other.metadata.name.clone()));
        let head: Option<(Head, Revision)> = records.read(&key).await.map_err(failed)?;
        if head.is_some_and(|(head, _)| head.phase.leads()) {
            lead = lead.max(Some((other.spec.sequence, other.metadata.name)));
        }
    }
    Ok(lead.is_some_and(|(_, name)| name == rollout.metadata.name))
}

/// Refuses clusters that nobody of the rollout is on.
async fn check_clusters(
    records: &Records,
    ns: &str,
    name: &RolloutName,
    clusters: &[ClusterName],
) -> Result<(), Status> {
    for cluster in clusters {
        let found = records.get(Kind::Cluster, "", cluster.as_str()).await.map_err(failed)?;
        if found.is_none() {
            return Err(Status::bad_request(format!(
                "clusters: there is no Cluster {cluster}; `kubectl get clusters` shows them"
            )));
        }
    }
    let listing = records.store().list(&keys::members(ns, name), Page::default()).await;
    let entries = listing.map_err(|error| failed(error.into()))?.entries;
    let members: Vec<MemberRecord> =
        entries.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect();
    // A rollout that has not started has placed nobody yet.
    let astray = clusters
        .iter()
        .find(|cluster| !members.is_empty() && !members.iter().any(|member| member.cluster == **cluster));
    match astray {
        Some(cluster) => Err(Status::bad_request(format!(
            "clusters: no member of {name} is on {cluster}; its members are at …/fleetrollouts/{name}/members"
        ))),
        None => Ok(()),
    }
}

/// The Events that tell of a decision: on the rollout and on what it rolls out.
async fn events(
    change: &Change<'_>,
    stored: &hub_records::Stored,
    rollout: &FleetRollout,
    decided: &Decided,
) -> Result<Vec<Op>, Status> {
    let Owner { kind, namespace, name } = &rollout.spec.owner;
    let kind = match kind {
        OwnerKind::ApplicationSet => Kind::ApplicationSet,
        OwnerKind::Application => Kind::Application,
    };
    let owner = change.records.get(kind, namespace, name).await.map_err(failed)?;
    let key = format!("{}/{}", word(&decided.what), decided.at);
    let notice =
        |message: String| Notice { reason: reason(&decided.what), warning: false, message, key: key.clone() };
    let said = sentence(decided);
    let own = notice(said.clone()).put(About::of(Kind::FleetRollout, stored), change.now);
    let message = format!("{}: {said}", change.name);
    let owners = owner.and_then(|owner| notice(message).put(About::of(kind, &owner), change.now));
    Ok(own.into_iter().chain(owners).collect())
}

/// The entry of the history.
fn entry(change: &Change<'_>, rollout: &FleetRollout, after: &Head, decided: &Decided) -> Entry {
    let what = match &decided.what {
        Decision::Approve { .. } => What::Approved,
        Decision::Pause { .. } => What::RolloutPaused,
        Decision::Resume => What::RolloutResumed,
        Decision::Abort => What::Aborted,
        Decision::Retry => What::Retried,
        Decision::Undo { .. } => What::Undone,
        Decision::Expedite { .. } => What::Expedited,
    };
    let approved = after.approvals.last().filter(|_| what == What::Approved);
    let wave = approved.map(|given| rollout.spec.plan.wave_name(given.wave)).unwrap_or_default();
    let said = sentence(decided);
    let said = match (approved, &decided.what) {
        (Some(_), Decision::Approve { wave: None }) => {
            said.replacen("the wave that waited for it", &format!("wave {wave}"), 1)
        }
        (_, _) => said,
    };
    let entry = Entry::new(what, change.now, format!("{}: {said}", change.name));
    let entry = entry.of_rollout(&rollout.spec.owner, &RolloutName::new(change.name));
    Entry { wave, trace: rollout.spec.trace_id.clone(), ..entry }.by(&decided.by, &decided.reason)
}

const fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Approve { .. } => "approve",
        Decision::Pause { .. } => "pause",
        Decision::Resume => "resume",
        Decision::Abort => "abort",
        Decision::Retry => "retry",
        Decision::Undo { .. } => "undo",
        Decision::Expedite { .. } => "expedite",
    }
}

const fn reason(decision: &Decision) -> &'static str {
    match decision {
        Decision::Approve { .. } => "RolloutApproved",
        Decision::Pause { .. } => "RolloutPaused",
        Decision::Resume => "RolloutResumed",
        Decision::Abort => "RolloutAborted",
        Decision::Retry => "RolloutRetried",
        Decision::Undo { .. } => "RolloutUndone",
        Decision::Expedite { .. } => "RolloutExpedited",
    }
}

/// As in `ann approved wave canary: looks good`.
fn sentence(decided: &Decided) -> String {
    let what = match &decided.what {
        Decision::Approve { wave: Some(wave) } => format!("approved wave {wave}"),
        Decision::Approve { wave: None } => "approved the wave that waited for it".to_owned(),
        Decision::Pause { until: Some(until) } => format!("paused it until {until:.0}"),
        Decision::Pause { until: None } => "paused it".to_owned(),
        Decision::Resume => "resumed it".to_owned(),
        Decision::Abort => "aborted it: members keep what they run".to_owned(),
        Decision::Retry => "lets it try again".to_owned(),
        Decision::Undo { pin: true } => "takes it back and holds newer commits until a resume".to_owned(),
        Decision::Undo { pin: false } => "takes it back".to_owned(),
        Decision::Expedite { clusters } if clusters.is_empty() => {
            "released every member ahead of its wave".to_owned()
        }
        Decision::Expedite { clusters } => {
            let names: Vec<&str> = clusters.iter().map(ClusterName::as_str).collect();
            format!("released {} ahead of its wave", names.join(", "))
        }
    };
    let because = if decided.reason.is_empty() { String::new() } else { format!(": {}", decided.reason) };
    format!("{} {what}{because}", decided.by)
}

/// The rollout with its head as it is now: the rest of its status follows with the next plan.
fn shown(mut rollout: Value, head: &Head) -> Value {
    const HELD: [&str; 6] = ["paused", "halted", "rollback", "approvals", "expedited", "finished"];
    let fields = if let Value::Object(fields) = json!(head) { fields } else { serde_json::Map::new() };
    if !rollout["status"].is_object() {
        rollout["status"] = json!({});
    }
    if let Some(status) = rollout["status"].as_object_mut() {
        HELD.iter().for_each(|field| drop(status.remove(*field)));
        // Waves carry counts beside the head's part of them.
        status.extend(fields.into_iter().filter(|(field, _)| field != "waves"));
    }
    rollout
}
