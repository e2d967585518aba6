//! What goes: assignments of Applications that are gone or going, and what is left of what went.
//!
//! Every rule looks at the index alone, so a restart in the middle goes on where it was. Objects in a
//! cluster are deleted only for an Application with Argo CD's resources finalizer, only by an explicit
//! removal that the agent acknowledges (design §4, deletion table).

use crate::{git::chain, index::Index, rollouts};
use hub_records::{Records, is_deleted, keys};
use hub_store::{Compare, Op, Txn, lease::Lease};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Kind, RESOURCES_FINALIZER};
use shared_rollout::{Assigned, Order, Phase, Seat};
use std::collections::BTreeSet;

/// One thing that goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Removal {
    /// The agent of this seat is told to give the application up.
    Tell { seat: Seat, cascade: bool },
    /// The agent is done, or there is none any more: the Application may disappear.
    Finish { app: AppKey },
    /// The Application's set is gone.
    Orphan { app: AppKey },
    /// The cluster is gone: nobody is told anything there any more.
    Forget { seat: Seat },
    /// A rollout that is no longer needed.
    Rollout { namespace: String, name: String },
}

/// Everything that goes now. Clusters that are `held` are told nothing.
pub(crate) fn removals(index: &Index, held: &BTreeSet<ClusterName>, now: Timestamp) -> Vec<Removal> {
    let mut found: Vec<Removal> = index
        .assigned
        .iter()
        .filter_map(|(seat, (assigned, _))| of_seat(index, seat, assigned, now))
        .filter(|removal| !matches!(removal, Removal::Tell { seat, .. } if held.contains(&seat.0)))
        .collect();
    for app in index.applications.keys() {
        let Some(stored) = index.object(Kind::Application, &app.namespace, &app.name) else { continue };
        if is_deleted(&stored.value) {
            if has_finalizer(&stored.value) && waits_for(index, app).is_none() {
                found.push(Removal::Finish { app: app.clone() });
            }
        } else if let Some((_, uid)) = crate::index::set_of(stored)
            && !index.all(Kind::ApplicationSet).any(|(_, set)| set.uid() == uid)
        {
            found.push(Removal::Orphan { app: app.clone() });
        }
    }
    found.extend(of_rollouts(index));
    found
}

fn of_seat(index: &Index, seat: &Seat, assigned: &Assigned, now: Timestamp) -> Option<Removal> {
    let (cluster, app) = seat;
    let Some(object) = index.clusters.get(cluster) else {
        return Some(Removal::Forget { seat: seat.clone() });
    };
    let running = matches!(assigned.order, Order::Run { .. });
    let paused = object.spec.pause.as_ref().is_some_and(|pause| pause.is_active(now));
    if !running || paused {
        return None;
    }
    let Some(stored) = index.object(Kind::Application, &app.namespace, &app.name) else {
        // Its Application was lost with the store: that nobody asks for it here means nothing.
        if assigned.adopted.is_some_and(|adopted| adopted.orphan) {
            return None;
        }
        return Some(Removal::Tell { seat: seat.clone(), cascade: false });
    };
    if is_deleted(&stored.value) {
        return Some(Removal::Tell { seat: seat.clone(), cascade: has_finalizer(&stored.value) });
    }
    let moved = index
        .applications
        .get(app)
        .and_then(|application| index.destination(&application.spec.destination).ok())
        .is_some_and(|destination| destination != *cluster);
    // As in Argo CD, what an Application leaves behind when it is sent elsewhere stays.
    moved.then(|| Removal::Tell { seat: seat.clone(), cascade: false })
}

/// The cluster whose agent has not yet given a deleted Application up.
pub(crate) fn waits_for(index: &Index, app: &AppKey) -> Option<ClusterName> {
    let mut seats = index.assigned.iter().filter(|((_, of), _)| of == app);
    let waiting = seats.find(|(seat, (assigned, _))| {
        let done = matches!(assigned.order, Order::Remove { .. })
            && index
                .observed
                .get(*seat)
                .is_some_and(|seen| seen.removed && seen.position >= assigned.position);
        index.clusters.contains_key(&seat.0) && !done
    });
    waiting.map(|((cluster, _), _)| cluster.clone())
}

/// Why the removal of a deleted Application takes so long, as far as its cluster says.
pub(crate) fn held_up(index: &Index, app: &AppKey, cluster: &ClusterName) -> Option<String> {
    let seen = index.observed.get(&(cluster.clone(), app.clone())).filter(|seen| !seen.removed)?;
    let pin = seen.pin.as_ref()?;
    let by = if pin.by.is_empty() { "a person" } else { &pin.by };
    let reason = if pin.reason.is_empty() { String::new() } else { format!(" ({})", pin.reason) };
    Some(format!("pinned there by {by}{reason} until `flotilla-agent unpin {app}` is run in {cluster}"))
}

fn has_finalizer(application: &Value) -> bool {
    let finalizers = application.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| {
        finalizers
            .iter()
            .filter_map(Value::as_str)
            .any(|finalizer| finalizer.starts_with(RESOURCES_FINALIZER))
    })
}

/// Rollouts whose owner is gone, and those beyond the history that nobody runs.
fn of_rollouts(index: &Index) -> Vec<Removal> {
    let owners: BTreeSet<_> = index.rollouts.values().map(|rollout| rollout.spec.owner.clone()).collect();
    let mut found = Vec::new();
    for owner in owners {
        let line = index.line(&owner);
        let keep = if index.owner(&owner).is_some() { rollouts::HISTORY } else { 0 };
        let old = line.len().saturating_sub(keep);
        for rollout in line.iter().take(old) {
            let (namespace, name) = (rollout.metadata.namespace.clone(), rollout.metadata.name.clone());
            let key = (namespace.clone(), shared_model::RolloutName::new(name.clone()));
            let live = index.heads.get(&key).is_some_and(|(head, _)| {
                matches!(
                    head.phase,
                    Phase::Queued
                        | Phase::Progressing
                        | Phase::Halted
                        | Phase::RollingBack
                        | Phase::RolledBack
                )
            });
            let runs = index.assigned.values().any(
                |(assigned, _)| matches!(&assigned.order, Order::Run { rollout, .. } if *rollout == key.1),
            );
            if keep == 0 || (!live && !runs) {
                found.push(Removal::Rollout { namespace, name });
            }
        }
    }
    found
}

/// Carries removals out. One that fails is found again at the next pass.
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
) -> Result<(), hub_records::Error> {
    match removal {
        Removal::Tell { seat, cascade } => {
            let Some((assigned, revision)) = index.assigned.get(seat) else { return Ok(()) };
            let mut position = assigned.position;
            position.incarnation = position.incarnation.max(index.incarnation());
            let order = Order::Remove { cascade: *cascade, at: now };
            let told = Assigned { position: position.next(), order, proof: None, adopted: None };
            let key = keys::assignment(&seat.0, &seat.1);
            let value = serde_json::to_vec(&told).expect("records have string keys only").into();
            tracing::info!(cluster = %seat.0, application = %seat.1, cascade, "the agent is told to give it up");
            let compares =
                vec![lease.fence(), Compare::ModRevision { key: key.clone(), revision: *revision }];
            let _overtaken =
                records.store().commit(Txn { compares, ops: vec![Op::Put { key, value }] }).await?;
        }
        Removal::Forget { seat } => {
            let (adoption, events) = (keys::adoption(&seat.0), keys::events(&seat.0));
            let ops =
                [keys::assignment(&seat.0, &seat.1), keys::observation(&seat.0, &seat.1), adoption, events]
                    .map(|key| Op::Delete { key })
                    .into();
            let _overtaken = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
        }
        Removal::Finish { app } => {
            let change = |object: &Value| {
                let mut object = object.clone();
                let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array)?;
                let kept: Vec<Value> = finalizers
                    .iter()
                    .filter(|finalizer| {
                        !finalizer.as_str().is_some_and(|name| name.starts_with(RESOURCES_FINALIZER))
                    })
                    .cloned()
                    .collect();
                object["metadata"]["finalizers"] = json!(kept);
                Some(object)
            };
            found(records.modify(Kind::Application, &app.namespace, &app.name, change).await.map(|_| ()))?;
        }
        Removal::Orphan { app } => {
            found(records.delete(Kind::Application, &app.namespace, &app.name, now).await.map(|_| ()))?;
        }
        Removal::Rollout { namespace, name } => {
            let rollout = shared_model::RolloutName::new(name.clone());
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
            ];
            let _overtaken = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
        }
    }
    Ok(())
}

/// Something that is gone already is as good as removed.
fn found(result: Result<(), hub_records::Error>) -> Result<(), hub_records::Error> {
    match result {
        Err(hub_records::Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}
