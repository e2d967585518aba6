//! Carries removals out: each is safe alone, and one that fails is found again at the next pass.

use super::Removal;
use crate::{
    conditions,
    git::chain,
    index::{FOREGROUND, Index, Object},
};
use hub_records::{Error, Identity, Records, Stored, keys};
use hub_store::{Compare, Op, Txn, lease::Lease};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, HOLD_FINALIZER, Kind, RESOURCES_FINALIZER, RolloutName, gvk};
use shared_rollout::{Assigned, Order, Seat};

/// The condition of a cluster on its way out.
const RETIRING: &str = "Retiring";
/// The condition of an object that is kept.
const HELD: &str = "DeletionHeld";
/// Where events of objects without a namespace are.
const EVENTS: &str = "default";

/// Carries removals out.
pub(crate) async fn perform(
    records: &Records,
    lease: &Lease,
    index: &Index,
    removals: &[Removal],
    now: Timestamp,
) {
    for removal in removals {
        if let Err(error) = one(records, lease, index, removal, now).await {
            tracing::error!(?removal, error = chain(&error), "a removal failed and is tried again");
        }
    }
}

async fn one(
    records: &Records,
    lease: &Lease,
    index: &Index,
    removal: &Removal,
    now: Timestamp,
) -> Result<(), Error> {
    match removal {
        Removal::Tell { seat, cascade } => tell(records, lease, index, seat, *cascade, now).await,
        Removal::Forget { seat } => forget(records, lease, seat).await,
        Removal::Finish { app } => give_up(records, app).await,
        Removal::Orphan { app } => {
            found(records.delete(Kind::Application, &app.namespace, &app.name, now).await)
        }
        Removal::Drop { app } => {
            give_up(records, app).await?;
            tracing::info!(application = %app, "deleted: its cluster leaves; what it put there stays");
            found(records.delete(Kind::Application, &app.namespace, &app.name, now).await)
        }
        Removal::Rollout { namespace, name } => rollout(records, lease, namespace, name).await,
        Removal::Draining { cluster, message, stuck } => {
            draining(records, cluster, message, *stuck, now).await
        }
        Removal::Revoke { cluster, by } => revoke(records, cluster, by, now).await,
        Removal::Gone { cluster } => {
            tracing::info!(%cluster, "a cluster left the fleet");
            let gone = without_hold(records, Kind::Cluster, "", cluster.as_str()).await;
            found(gone)?;
            found(records.delete(Kind::Cluster, "", cluster.as_str(), now).await)?;
            records.note(vec![crate::chronicle::gone(cluster, now)]).await;
            Ok(())
        }
        Removal::Stays { cluster } => {
            let lift = |status: &mut Value| retiring(status, None);
            records.modify_status(Kind::Cluster, "", cluster.as_str(), lift).await?;
            found(without_hold(records, Kind::Cluster, "", cluster.as_str()).await)
        }
        Removal::Hold { kind, namespace, name, message } => {
            let object = index.object(*kind, namespace, name);
            match object {
                Some(object) => hold(records, *kind, object, message, now).await,
                None => Ok(()),
            }
        }
        Removal::LetGo { kind, namespace, name } => {
            if let Some(object) = index.object(*kind, namespace, name) {
                let (place, event) = event_of(object);
                found(records.delete(Kind::Event, place, &event, now).await)?;
            }
            found(without_hold(records, *kind, namespace, name).await)
        }
        Removal::Collect { kind, namespace, name, in_turn } => {
            tracing::info!(kind = gvk(*kind).kind, namespace, name, "deleted: its owners are gone");
            // Who still needs one of these keeps it, as when a person deletes it.
            let is_held =
                [Kind::AppProject, Kind::RolloutPolicy, Kind::Secret, Kind::Namespace].contains(kind);
            for finalizer in
                in_turn.then_some(FOREGROUND).into_iter().chain(is_held.then_some(HOLD_FINALIZER))
            {
                let mark = |object: &Value| with_finalizer(object, finalizer);
                found(records.modify(*kind, namespace, name, mark).await)?;
            }
            delete(records, *kind, namespace, name, now).await
        }
        Removal::Disown { kind, namespace, name, owners } => {
            found(records.modify(*kind, namespace, name, |object| disowned(object, owners)).await)
        }
        Removal::Outlived { kind, namespace, name } => {
            let outlived = |object: &Value| without(object, |finalizer| finalizer == FOREGROUND);
            found(records.modify(*kind, namespace, name, outlived).await)
        }
        Removal::Delete { kind, namespace, name } => delete(records, *kind, namespace, name, now).await,
    }
}

async fn tell(
    records: &Records,
    lease: &Lease,
    index: &Index,
    seat: &Seat,
    cascade: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let Some((assigned, revision)) = index.assigned.get(seat) else { return Ok(()) };
    let mut position = assigned.position;
    position.incarnation = position.incarnation.max(index.incarnation());
    let order = Order::Remove { cascade, at: now };
    let told = Assigned { position: position.next(), order, proof: None, adopted: None };
    let key = keys::assignment(&seat.0, &seat.1);
    let value = serde_json::to_vec(&told).expect("records have string keys only").into();
    tracing::info!(cluster = %seat.0, application = %seat.1, cascade, "the agent is told to give it up");
    let compares = vec![lease.fence(), Compare::ModRevision { key: key.clone(), revision: *revision }];
    let _overtaken = records.store().commit(Txn { compares, ops: vec![Op::Put { key, value }] }).await?;
    Ok(())
}

async fn forget(records: &Records, lease: &Lease, seat: &Seat) -> Result<(), Error> {
    let (adoption, events) = (keys::adoption(&seat.0), keys::events(&seat.0));
    let (assignment, observation) = (keys::assignment(&seat.0, &seat.1), keys::observation(&seat.0, &seat.1));
    let degraded = keys::degraded(&seat.0, &seat.1);
    let ops = [assignment, observation, degraded, adoption, events].map(|key| Op::Delete { key }).into();
    let _overtaken = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
    Ok(())
}

/// The Application waits for no cluster any more.
async fn give_up(records: &Records, app: &AppKey) -> Result<(), Error> {
    let change = |object: &Value| without(object, |name| name.starts_with(RESOURCES_FINALIZER));
    found(records.modify(Kind::Application, &app.namespace, &app.name, change).await)
}

async fn without_hold(records: &Records, kind: Kind, ns: &str, name: &str) -> Result<Stored, Error> {
    records.modify(kind, ns, name, |object| without(object, |name| name == HOLD_FINALIZER)).await
}

/// The object without some of its finalizers; `None` when it has none of them.
fn without(object: &Value, goes: impl Fn(&str) -> bool) -> Option<Value> {
    let mut object = object.clone();
    let finalizers = object.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut)?;
    let before = finalizers.len();
    finalizers.retain(|finalizer| !finalizer.as_str().is_some_and(&goes));
    (finalizers.len() < before).then_some(object)
}

async fn draining(
    records: &Records,
    cluster: &ClusterName,
    message: &str,
    stuck: bool,
    now: Timestamp,
) -> Result<(), Error> {
    // The finalizer says that it began: whoever calls it off is told from one who never asked.
    let begin = |object: &Value| with_finalizer(object, HOLD_FINALIZER);
    found(records.modify(Kind::Cluster, "", cluster.as_str(), begin).await)?;
    let say = |status: &mut Value| retiring(status, Some((message, stuck, now)));
    records.modify_status(Kind::Cluster, "", cluster.as_str(), say).await.map(|_| ())
}

/// The object with a finalizer; `None` when it has it.
fn with_finalizer(object: &Value, finalizer: &str) -> Option<Value> {
    let mut object = object.clone();
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut)?;
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if !finalizers.is_array() {
        *finalizers = json!([]);
    }
    let finalizers = finalizers.as_array_mut()?;
    let missing = !finalizers.iter().any(|one| one == finalizer);
    finalizers.push(json!(finalizer));
    missing.then_some(object)
}

/// The object without some of its owners; `None` when it has none of them.
fn disowned(object: &Value, owners: &[String]) -> Option<Value> {
    let mut object = object.clone();
    let references = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut)?;
    let before = references.len();
    references.retain(|reference| !owners.iter().any(|owner| reference["uid"] == owner.as_str()));
    (references.len() < before).then_some(object)
}

fn retiring(status: &mut Value, message: Option<(&str, bool, Timestamp)>) {
    let mut conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let since = conditions.iter().find(|condition| condition["type"] == RETIRING);
    let since = since.map(|condition| condition["lastTransitionTime"].clone());
    let known = conditions.len();
    conditions.retain(|condition| condition["type"] != RETIRING);
    if message.is_none() && conditions.len() == known {
        return;
    }
    if let Some((message, stuck, now)) = message {
        let mut condition =
            conditions::of_set(RETIRING, true, if stuck { "Waits" } else { "Draining" }, message);
        condition["lastTransitionTime"] = since.unwrap_or_else(|| json!(now));
        conditions.push(condition);
    }
    status["conditions"] = Value::Array(conditions);
}

async fn revoke(records: &Records, cluster: &ClusterName, by: &str, now: Timestamp) -> Result<(), Error> {
    let end = |status: &mut Value| {
        if let Some(mut identity) = Identity::of(status).filter(|identity| identity.revoked.is_none()) {
            identity.revoke(by, "the cluster was retired", now);
            identity.put(status);
        }
    };
    records.modify_status(Kind::Cluster, "", cluster.as_str(), end).await.map(|_| ())
}

/// The event that says why an object is kept: its namespace and name.
fn event_of(object: &Object) -> (&str, String) {
    let place = if object.namespace().is_empty() { EVENTS } else { object.namespace() };
    let id: String = object.uid().chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    (place, format!("{}.{id}", object.name()))
}

/// Says on the object, and in an event, who needs it.
async fn hold(
    records: &Records,
    kind: Kind,
    object: &Object,
    message: &str,
    now: Timestamp,
) -> Result<(), Error> {
    // What a set says of itself is written with its other conditions; a Secret has no status.
    if ![Kind::ApplicationSet, Kind::Secret].contains(&kind) {
        let say = |status: &mut Value| {
            let condition = conditions::of_set(HELD, true, "InUse", message);
            let conditions = conditions::since(&status["conditions"], vec![condition], now);
            status["conditions"] = conditions;
        };
        records.modify_status(kind, object.namespace(), object.name(), say).await?;
    }
    let (place, name) = event_of(object);
    let of = gvk(kind);
    let event = json!({
        "metadata": {"name": name, "namespace": place},
        "involvedObject": {
            "apiVersion": of.api_version(), "kind": of.kind, "namespace": object.namespace(),
            "name": object.name(), "uid": object.uid(),
        },
        "reason": HELD,
        "message": message,
        "type": "Normal",
        "source": {"component": "flotilla"},
        "firstTimestamp": seconds(now),
        "lastTimestamp": seconds(now),
        "count": 1,
    });
    let change = |known: &Value| {
        (known["message"] != message).then(|| {
            let mut known = known.clone();
            known["message"] = json!(message);
            known["lastTimestamp"] = json!(seconds(now));
            known["count"] = json!(known["count"].as_u64().unwrap_or_default() + 1);
            known
        })
    };
    match records.modify(Kind::Event, place, &name, change).await {
        Err(Error::NotFound { .. }) => records.create(Kind::Event, event, now).await.map(|_| ()),
        other => other.map(|_| ()),
    }
}

fn seconds(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Deletes an object because its Namespace goes; a set keeps its order of deletion until its Applications went.
async fn delete(records: &Records, kind: Kind, ns: &str, name: &str, now: Timestamp) -> Result<(), Error> {
    if kind == Kind::ApplicationSet {
        let held = |object: &Value| with_finalizer(object, HOLD_FINALIZER);
        found(records.modify(kind, ns, name, held).await)?;
    }
    found(records.delete(kind, ns, name, now).await)
}

async fn rollout(records: &Records, lease: &Lease, namespace: &str, name: &str) -> Result<(), Error> {
    let rollout = RolloutName::new(name);
    let members = keys::members(namespace, &rollout);
    let listing = records.store().list(&members, hub_store::Page::default()).await?;
    for part in listing.entries.chunks(hub_store::MAX_OPS - 1) {
        let ops = part.iter().map(|entry| Op::Delete { key: entry.key.clone() }).collect();
        let _overtaken = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
    }
    let ops = vec![
        Op::Delete { key: keys::object(Kind::FleetRollout, namespace, name) },
        Op::Delete { key: keys::status(Kind::FleetRollout, namespace, name) },
        Op::Delete { key: keys::head(namespace, &rollout) },
        Op::Delete { key: keys::waits(namespace, &rollout) },
    ];
    let _overtaken = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
    Ok(())
}

/// Something that is gone already is as good as removed.
fn found<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map(|_| ()),
    }
}
