//! What is to go, from the index: the values that `shared_rollout::removals` decides about.

use crate::{
    index::{Index, Object},
    pauses,
};
use jiff::Timestamp;
use shared_model::{AppKey, ApplicationSet, Cluster, ClusterName, Kind, OwnerKind};
use shared_rollout::{Assigned, ClusterState, DeletionOrder, Family, Going, Order, Removable, Seat, Told};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is to go from a cluster that is there.
pub(super) fn removable(
    index: &Index,
    clusters: &BTreeMap<ClusterName, ClusterState>,
    now: Timestamp,
) -> Removable {
    let mut found = Removable::default();
    let mut gone: BTreeMap<Family, usize> = BTreeMap::new();
    for (seat, (assigned, _)) in &index.assigned {
        let Some(cluster) = index.clusters.get(&seat.0) else { continue };
        let Some(cascade) = wanted(index, cluster, seat, assigned) else { continue };
        let told = match assigned.order {
            Order::Run { .. } => None,
            Order::Remove { .. } if is_done(index, seat, assigned) => continue,
            Order::Remove { cascade, .. } => Some(Told { cascade }),
        };
        let stored = index.object(Kind::Application, &seat.1.namespace, &seat.1.name);
        let (last, wave) = last_rollout(index, seat);
        let family = match (stored.and_then(|stored| stored.set()), last) {
            (Some((name, _)), _) => set(&seat.1.namespace, name),
            (None, Some(owner)) if stored.is_none() => owner,
            (None, _) => Family::Alone { namespace: seat.1.namespace.to_string() },
        };
        if stored.is_none() {
            *gone.entry(family.clone()).or_default() += 1;
        }
        let pin = index.observed.get(seat).filter(|seen| !seen.removed).and_then(|seen| seen.pin.clone());
        let pauses = stored.and_then(|_| pauses::asked(index, &seat.1, now)).map(pauses::of_going);
        if cluster.is_drained() {
            *found.drained.entry(seat.0.clone()).or_default() += 1;
        }
        let going = Going { cascade, told, wave, pin, pauses: pauses.into_iter().collect() };
        found.families.entry(family).or_default().going.insert(seat.clone(), going);
    }
    if found.families.is_empty() {
        return found;
    }
    found.clusters.clone_from(clusters);
    for (_, stored) in index.all(Kind::Application) {
        if let Some(leaving) = found.families.get_mut(&family_of(stored)) {
            leaving.of += 1;
        }
    }
    for (family, leaving) in &mut found.families {
        leaving.of += gone.get(family).copied().unwrap_or_default();
        leaving.order = order(index, family);
    }
    found
}

fn set(namespace: &str, name: &str) -> Family {
    Family::Set { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn family_of(stored: &Object) -> Family {
    match stored.set() {
        Some((name, _)) => set(stored.namespace(), name),
        None => Family::Alone { namespace: stored.namespace().to_owned() },
    }
}

/// Whether a seat is to be given up, and if so whether with the cluster's objects.
fn wanted(index: &Index, cluster: &Cluster, seat: &Seat, assigned: &Assigned) -> Option<bool> {
    let (name, app) = seat;
    if cluster.is_leaving() {
        // Without a drain nobody is told anything: the identity ends.
        return cluster.is_drained().then_some(true);
    }
    let Some(stored) = index.object(Kind::Application, &app.namespace, &app.name) else {
        // Its Application was lost with the store: that nobody asks for it here means nothing.
        return (!assigned.adopted.is_some_and(|adopted| adopted.orphan)).then_some(false);
    };
    if stored.is_deleted {
        return Some(stored.has_finalizer);
    }
    let moved = index
        .applications
        .get(app)
        .and_then(|application| index.destination(&application.spec.destination).ok())
        .is_some_and(|destination| destination != *name);
    // As in Argo CD, what an Application leaves behind when it is sent elsewhere stays.
    moved.then_some(false)
}

/// Whether the agent of a seat has given it up, as it was told or of its own.
pub(super) fn is_done(index: &Index, seat: &Seat, assigned: &Assigned) -> bool {
    let Order::Remove { .. } = assigned.order else { return false };
    // What was adopted as removed is the agent's own word.
    assigned.adopted.is_some()
        || index.observed.get(seat).is_some_and(|seen| seen.removed && seen.position >= assigned.position)
}

/// Where deleted Applications have not been given up yet, on clusters that are there.
pub(super) fn pending(index: &Index, deleted: &BTreeSet<AppKey>) -> BTreeMap<AppKey, Seat> {
    if deleted.is_empty() {
        return BTreeMap::new();
    }
    let seats = index
        .assigned
        .iter()
        .filter(|((cluster, app), _)| deleted.contains(app) && index.clusters.contains_key(cluster));
    let pending = seats.filter(|(seat, (assigned, _))| !is_done(index, seat, assigned));
    pending.map(|(seat, _)| (seat.1.clone(), seat.clone())).collect()
}

/// The family of the newest rollout that placed the seat, and its wave there.
fn last_rollout(index: &Index, seat: &Seat) -> (Option<Family>, Option<usize>) {
    let placed = index.records.iter().filter_map(|(key, members)| {
        let (member, _) = members.get(&seat.1).filter(|(member, _)| member.cluster == seat.0)?;
        Some((index.rollouts.get(key)?, member.wave))
    });
    let newest = placed.max_by_key(|(rollout, _)| rollout.spec.sequence);
    let Some((rollout, wave)) = newest else { return (None, None) };
    let owner = &rollout.spec.owner;
    let family = match owner.kind {
        OwnerKind::ApplicationSet => set(&owner.namespace, &owner.name),
        OwnerKind::Application => Family::Alone { namespace: owner.namespace.clone() },
    };
    (Some(family), wave)
}

/// Argo CD reverses only what goes with its set (`spec.strategy.deletionOrder`).
fn order(index: &Index, family: &Family) -> DeletionOrder {
    let Family::Set { namespace, name } = family else { return DeletionOrder::Waves };
    let set = index.object(Kind::ApplicationSet, namespace, name).filter(|set| set.is_deleted);
    let strategy = set.and_then(|set| ApplicationSet::from_value(&set.value()).ok()?.spec.strategy);
    let reverse = strategy.is_some_and(|strategy| {
        strategy.kind == "RollingSync"
            && strategy.rolling_sync.is_some_and(|rolling| !rolling.steps.is_empty())
            && strategy.deletion_order.eq_ignore_ascii_case("Reverse")
    });
    if reverse { DeletionOrder::Reverse } else { DeletionOrder::Waves }
}

/// The applications that a set must leave to others: those on a cluster that is leaving, and those that
/// run nowhere and go nowhere because their cluster is gone. The latter need nobody's approval.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    pub(crate) leaving: BTreeSet<String>,
    pub(crate) homeless: BTreeSet<String>,
}

/// Sorts the Applications of a set.
pub(crate) fn apart<'a>(index: &Index, existing: impl Iterator<Item = &'a Object>) -> Apart {
    let mut apart = Apart::default();
    let mut lost = Vec::new();
    for stored in existing {
        let key = AppKey::new(stored.namespace(), stored.name());
        let Some(application) = index.applications.get(&key) else { continue };
        match index.destination(&application.spec.destination) {
            Ok(cluster) if index.clusters.get(&cluster).is_some_and(|cluster| cluster.is_leaving()) => {
                apart.leaving.insert(key.name.into());
            }
            Err(_) => lost.push(key),
            Ok(_) => {}
        }
    }
    if !lost.is_empty() {
        let there = index.assigned.keys().filter(|(cluster, _)| index.clusters.contains_key(cluster));
        let seated: BTreeSet<&AppKey> = there.map(|(_, app)| app).collect();
        let homeless = lost.into_iter().filter(|key| !seated.contains(key));
        apart.homeless.extend(homeless.map(|key| key.name.into()));
    }
    apart
}
