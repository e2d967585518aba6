//! Clusters that leave the fleet (`spec.retire`, or a deleted Cluster).
//!
//! Flow: with a drain, everything that the hub put there is removed under the deletion budget first. Then the
//! identity ends, tokens to join as it go, the cluster's Applications go without their objects, its records
//! are forgotten, and the Cluster goes last. Each step follows from the index alone, so a restart goes on
//! where it was; the finalizer on the Cluster says that it began. Nothing of it needs approval: a person
//! asked for exactly this.

use super::{Removal, going};
use crate::index::Index;
use shared_model::{AppKey, Cluster, ClusterName, HOLD_FINALIZER, Kind};
use shared_rollout::{Removals, Seat};
use std::collections::BTreeMap;

/// What is to be done now for the clusters that leave.
pub(super) fn removals(index: &Index, planned: &Removals) -> Vec<Removal> {
    let concerned = index.clusters.values().filter(|cluster| {
        cluster.is_leaving() || cluster.metadata.finalizers.iter().any(|name| name == HOLD_FINALIZER)
    });
    let mut found = Vec::new();
    let mut by_cluster: Option<BTreeMap<ClusterName, Vec<AppKey>>> = None;
    for cluster in concerned {
        let name = cluster.name();
        if !cluster.is_leaving() {
            found.push(Removal::Stays { cluster: name });
            continue;
        }
        if let Some(draining) = draining(index, cluster, planned) {
            found.push(draining);
            continue;
        }
        let here = by_cluster.get_or_insert_with(|| destinations(index));
        leave(index, cluster, here.get(&name).map(Vec::as_slice).unwrap_or_default(), &mut found);
    }
    found
}

/// Where Applications go.
fn destinations(index: &Index) -> BTreeMap<ClusterName, Vec<AppKey>> {
    let mut found: BTreeMap<ClusterName, Vec<AppKey>> = BTreeMap::new();
    for (app, application) in &index.applications {
        if let Ok(cluster) = index.destination(&application.spec.destination) {
            found.entry(cluster).or_default().push(app.clone());
        }
    }
    found
}

/// How far a drain is; `None` when none is under way any more.
fn draining(index: &Index, cluster: &Cluster, planned: &Removals) -> Option<Removal> {
    let name = cluster.name();
    let left: Vec<&Seat> =
        seats(index, &name).filter(|seat| !going::is_done(index, seat, &index.assigned[*seat].0)).collect();
    if !cluster.is_drained() || left.is_empty() {
        return None;
    }
    let (message, stuck) = progress(&asked_by(cluster), cluster, &left, planned);
    Some(Removal::Draining { cluster: name.clone(), message, stuck })
}

fn asked_by(cluster: &Cluster) -> String {
    cluster.spec.retire.as_ref().map(|retire| retire.by.clone()).unwrap_or_default()
}

/// What is left to do on the hub.
fn leave(index: &Index, cluster: &Cluster, apps: &[AppKey], found: &mut Vec<Removal>) {
    let (name, by) = (cluster.name(), asked_by(cluster));
    let seats: Vec<&Seat> = seats(index, &name).collect();
    found.push(Removal::Revoke { cluster: name.clone(), by });
    // Whoever holds one of its tokens could join as it again.
    found.extend(tokens(index, &name));
    let mut remaining = false;
    for app in apps {
        let seat = (name.clone(), app.clone());
        let stored = index.object(Kind::Application, &app.namespace, &app.name);
        let made = stored.is_some_and(|stored| stored.set().is_some());
        // One that its set made anew since, as a list does, runs nowhere and says so.
        if !made || index.assigned.contains_key(&seat) {
            found.push(Removal::Drop { app: app.clone() });
            remaining = true;
        }
    }
    remaining |= !seats.is_empty();
    found.extend(seats.into_iter().map(|seat| Removal::Forget { seat: seat.clone() }));
    if !remaining {
        found.push(Removal::Gone { cluster: name });
    }
}

fn tokens<'a>(index: &'a Index, cluster: &'a ClusterName) -> impl Iterator<Item = Removal> + 'a {
    let of_it = index
        .all(Kind::EnrollmentToken)
        .filter(move |(_, token)| token.text("/spec/cluster").as_deref() == Some(cluster.as_str()));
    of_it.map(|((namespace, name), _)| Removal::Delete {
        kind: Kind::EnrollmentToken,
        namespace: namespace.clone(),
        name: name.clone(),
    })
}

fn seats<'a>(index: &'a Index, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Seat> {
    let first = (cluster.clone(), AppKey::new("", ""));
    index.assigned.range(first..).map(|(seat, _)| seat).take_while(move |(name, _)| name == cluster)
}

/// How far a drain is, and what it waits for.
fn progress(by: &str, cluster: &Cluster, left: &[&Seat], planned: &Removals) -> (String, bool) {
    let by = if by.is_empty() { "a person" } else { by };
    let count = left.len();
    let noun = if count == 1 { "application is" } else { "applications are" };
    let waits = left.iter().filter_map(|seat| planned.waits.get(*seat));
    let stuck = waits.clone().find(|wait| wait.is_stuck());
    let first = stuck.or_else(|| waits.into_iter().next()).map(ToString::to_string).unwrap_or_default();
    let name = &cluster.metadata.name;
    let hint = if stuck.is_some() {
        format!("; `flotilla cluster retire {name} --yes` gives the drain up and leaves there what is there")
    } else {
        String::new()
    };
    (format!("drained for {by}: {count} {noun} left; the first {first}{hint}"), stuck.is_some())
}
