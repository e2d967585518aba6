//! What goes, and what is left of what went (invariant 8, *Deletes are staged too*).
//!
//! Every rule looks at the index alone, so a restart in the middle goes on where it was. Objects in a
//! cluster are deleted only for an Application with Argo CD's resources finalizer or for a drain, only by an
//! explicit removal that the agent acknowledges (design §4, deletion table).
//!
//! Which agents are told now is decided by `shared_rollout::removals`; a plan of them that breaks a rule is
//! refused as a whole.
//!
//! An Application that is forgotten while its cluster is away leaves its assignment behind: positions go on from
//! there, and the agent that returns is told to give the application up without its objects, or runs it again if
//! an Application of the name was made meanwhile.

mod going;
mod held;
mod owned;
mod perform;
mod retire;

pub(crate) use going::apart;
pub(crate) use perform::perform;

use crate::{index::Index, rollouts};
use going::pending;
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, Kind, Owner, OwnerKind};
use shared_rollout::{ClusterState, Hold, Phase, RemovalWait, Seat};
use std::collections::{BTreeMap, BTreeSet};

/// One thing that goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Removal {
    /// The agent of this seat is told to give the application up.
    Tell { seat: Seat, cascade: bool },
    /// The agent is done, or there is none any more: the Application may disappear.
    Finish { app: AppKey },
    /// The Application's set is gone, or goes.
    Orphan { app: AppKey },
    /// The cluster is gone: nobody is told anything there any more.
    Forget { seat: Seat },
    /// A rollout that is no longer needed.
    Rollout { namespace: String, name: String },
    /// The cluster is drained: how far that is, and whether it waits for a person or for the cluster.
    Draining { cluster: ClusterName, message: String, stuck: bool },
    /// The cluster leaves: its agent's identity ends.
    Revoke { cluster: ClusterName, by: String },
    /// The cluster leaves: the Application goes, its objects stay.
    Drop { app: AppKey },
    /// Nothing is left of the cluster on the hub.
    Gone { cluster: ClusterName },
    /// The cluster does not leave after all.
    Stays { cluster: ClusterName },
    /// Somebody needs the object.
    Hold { kind: Kind, namespace: String, name: String, message: String },
    /// Nobody needs the object any more.
    LetGo { kind: Kind, namespace: String, name: String },
    /// Its owners are gone, or take it with them; in that case those that it owns itself go before it.
    Collect { kind: Kind, namespace: String, name: String, in_turn: bool },
    /// It has other owners than these, by their uids.
    Disown { kind: Kind, namespace: String, name: String, owners: Vec<String> },
    /// What it owned is gone.
    Outlived { kind: Kind, namespace: String, name: String },
    /// Its Namespace goes, or the cluster that it lets in.
    Delete { kind: Kind, namespace: String, name: String },
}

/// What goes now, and what the rest waits for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Planned {
    pub(crate) removals: Vec<Removal>,
    /// Why deleted Applications are still there.
    waits: BTreeMap<AppKey, String>,
    /// Why other deleted objects are.
    held: BTreeMap<(Kind, String, String), String>,
    /// How many would have broken an invariant, so that none was told.
    pub(crate) violations: usize,
}

impl Planned {
    /// What a deleted Application waits for, as a sentence; `None` when nothing keeps it.
    pub(crate) fn waits_for(&self, app: &AppKey) -> Option<String> {
        Some(format!("Terminating, {}", self.waits.get(app)?))
    }

    /// How many deleted Applications are still there.
    pub(crate) fn waiting(&self) -> usize {
        self.waits.len()
    }

    /// How many other deleted objects are.
    pub(crate) fn holding(&self) -> usize {
        self.held.len()
    }

    /// Why the deletion of an object waits.
    pub(crate) fn held(&self, kind: Kind, namespace: &str, name: &str) -> Option<&str> {
        self.held.get(&(kind, namespace.to_owned(), name.to_owned())).map(String::as_str)
    }
}

impl Planned {
    /// The owners of what is said otherwise than `before`.
    pub(crate) fn said_otherwise(&self, before: &Self, index: &Index) -> BTreeSet<Owner> {
        let (waits, held) = (&self.waits, &self.held);
        let apps = waits.iter().filter(|(app, why)| before.waits.get(*app) != Some(*why)).map(|(app, _)| app);
        let apps = apps.chain(before.waits.keys().filter(|app| !waits.contains_key(*app)));
        let held_now = held.iter().filter(|(object, why)| before.held.get(*object) != Some(*why));
        let held_now = held_now.map(|(object, _)| object);
        let objects = held_now.chain(before.held.keys().filter(|object| !held.contains_key(*object)));
        let sets = objects.filter(|(kind, ..)| *kind == Kind::ApplicationSet).map(|(_, namespace, name)| {
            Owner { kind: OwnerKind::ApplicationSet, namespace: namespace.clone(), name: name.clone() }
        });
        apps.filter_map(|app| index.line_of(app)).chain(sets).collect()
    }
}

/// Everything that goes now, with the clusters as the planner sees them.
pub(crate) fn plan(index: &Index, clusters: &BTreeMap<ClusterName, ClusterState>, now: Timestamp) -> Planned {
    let removable = going::removable(index, clusters, now);
    let mut planned = shared_rollout::removals(&removable, now);
    let violations = shared_rollout::check_removals(&removable, &planned, now);
    for violation in &violations {
        tracing::error!(%violation, "removals break an invariant and none is carried out: this is a defect, please report it");
    }
    if !violations.is_empty() {
        planned.tell.clear();
    }
    let tell = planned.tell.iter();
    let mut found: Vec<Removal> =
        tell.map(|tell| Removal::Tell { seat: tell.seat.clone(), cascade: tell.cascade }).collect();
    let lost = index.assigned.keys().filter(|seat| !index.clusters.contains_key(&seat.0));
    found.extend(lost.map(|seat| Removal::Forget { seat: seat.clone() }));
    let waits = of_applications(index, &planned.waits, &mut found);
    found.extend(of_rollouts(index));
    found.extend(owned::removals(index));
    found.extend(retire::removals(index, &planned));
    let kept = held::removals(index, &planned);
    let held = kept.iter().filter_map(|removal| {
        let Removal::Hold { kind, namespace, name, message } = removal else { return None };
        Some(((*kind, namespace.clone(), name.clone()), message.clone()))
    });
    let held = held.collect();
    found.extend(kept);
    Planned { removals: found, waits, held, violations: violations.len() }
}

/// Which Applications go, and what those that cannot yet wait for.
fn of_applications(
    index: &Index,
    waits: &BTreeMap<Seat, RemovalWait>,
    found: &mut Vec<Removal>,
) -> BTreeMap<AppKey, String> {
    let sets: BTreeSet<&str> = index
        .all(Kind::ApplicationSet)
        .filter(|(_, set)| !set.is_deleted)
        .map(|(_, set)| set.uid())
        .collect();
    let mut deleted = BTreeSet::new();
    for (_, stored) in index.all(Kind::Application) {
        let app = AppKey::new(stored.namespace(), stored.name());
        if stored.is_deleted {
            if stored.has_finalizer {
                deleted.insert(app);
            }
        } else if stored.set().is_some_and(|(_, uid)| !sets.contains(uid)) {
            found.push(Removal::Orphan { app });
        }
    }
    let pending = pending(index, &deleted);
    let mut said = BTreeMap::new();
    for app in deleted {
        let why = match pending.get(&app) {
            Some(seat) => {
                Some(waits.get(seat).map_or_else(|| format!("waits for {}", seat.0), ToString::to_string))
            }
            None => restored(index, &app),
        };
        match why {
            Some(why) => drop(said.insert(app, why)),
            None => found.push(Removal::Finish { app }),
        }
    }
    said
}

/// On a store that is a copy, that no agent is known to run an application means nothing.
fn restored(index: &Index, app: &AppKey) -> Option<String> {
    let application = index.applications.get(app)?;
    let cluster = index.destination(&application.spec.destination).ok()?;
    let unsure = index.clusters.get(&cluster).is_some_and(|object| index.awaits_adoption(object));
    unsure.then(|| format!("waits for {cluster}: {}", Hold::HubRestored))
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
            let runs = index.is_run(&key.1);
            if keep == 0 || (!live && !runs) {
                found.push(Removal::Rollout { namespace, name });
            }
        }
    }
    found
}
