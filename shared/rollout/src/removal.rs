//! Which applications agents are told to give up now, and what the others wait for
//! (invariant 8, *Deletes are staged too*).
//!
//! [`removals`] decides from values alone: what is to go ([`Removable`]), what was told of it, and what is
//! known of the clusters. [`check_removals`] is its linter: it shares the types and none of the reasoning.
//!
//! Rules:
//! 1. One budget for each [`Family`]: at most max(1, a tenth) of its applications are told and not yet given
//!    up, for whatever reasons they go; a drained cluster has such a budget of its own beside that.
//! 2. Nothing is told to a cluster that is paused, held or away, nor of an application that is pinned there. It
//!    waits by name and uses nothing up. One that was told and whose cluster goes away holds its place for
//!    two minutes, so that a hub's start or a cut link does not open the budget twice.
//! 3. Waves go in their order, canaries first. A set that is itself deleted with `deletionOrder: Reverse` goes
//!    step by step from the last, one application at a time (Argo CD, `progressivesync/progressive_sync.go`);
//!    there one that cannot go keeps the others waiting. What is in no step goes after all steps.
//! 4. To take objects along less than was told is told at once and wherever: it makes nothing happen.
//!
//! What it refuses to know: why something goes, and how that is stored.

mod check;
mod wait;

pub use check::{RemovalViolation, check_removals};
pub use wait::RemovalWait;

use crate::fleet::{ClusterState, Pause, Seat};
use jiff::{SignedDuration, Timestamp};
use shared_model::{ClusterName, LocalPin, Mode};
use std::{cmp::Reverse, collections::BTreeMap, fmt};

/// How long a cluster that went away keeps the place of what it was told to give up.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// The applications that share one deletion budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Those of one ApplicationSet.
    Set {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Those of a namespace that no set made.
    Alone {
        /// The namespace.
        namespace: String,
    },
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { namespace, name } => write!(f, "ApplicationSet {namespace}/{name}"),
            Self::Alone { namespace } => write!(f, "namespace {namespace}"),
        }
    }
}

/// Everything that is to go, and what is known of the clusters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Removable {
    /// The clusters that there are.
    pub clusters: BTreeMap<ClusterName, ClusterState>,
    /// What goes, by whose budget it uses.
    pub families: BTreeMap<Family, Leaving>,
    /// The clusters that are drained, with how many applications they had.
    pub drained: BTreeMap<ClusterName, usize>,
}

/// What goes of one family.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leaving {
    /// How many applications the family has, those that go included.
    pub of: usize,
    /// In which order they go.
    pub order: DeletionOrder,
    /// What is to go and has not been given up.
    pub going: BTreeMap<Seat, Going>,
}

/// In which order applications go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeletionOrder {
    /// The first waves first, as many as the budget allows.
    #[default]
    Waves,
    /// The last step first, one application at a time.
    Reverse,
}

/// One application that is to go from one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Going {
    /// Whether the cluster's objects go too.
    pub cascade: bool,
    /// What its agent was told already.
    pub told: Option<Told>,
    /// Its wave or step in the rollout that decides for it.
    pub wave: Option<usize>,
    /// A release that a person chose for it in the cluster itself.
    pub pin: Option<LocalPin>,
    /// The pauses of this application alone.
    pub pauses: Vec<Pause>,
}

/// That an agent was told to give an application up, and has not said that it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whether with the cluster's objects.
    pub cascade: bool,
}

/// One agent that is told to give one application up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tell {
    /// Where.
    pub seat: Seat,
    /// Whether the cluster's objects go too.
    pub cascade: bool,
}

/// What is told now, in order, and what everything else waits for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Removals {
    /// What is told now.
    pub tell: Vec<Tell>,
    /// What everything that goes waits for, what is told now included.
    pub waits: BTreeMap<Seat, RemovalWait>,
}

/// How many of so many may be on their way out at once.
pub const fn at_once(of: usize) -> usize {
    if of < 20 { 1 } else { of / 10 }
}

/// Decides what is told now.
pub fn removals(fleet: &Removable, now: Timestamp) -> Removals {
    let mut plan = Removals::default();
    let mut draining: BTreeMap<&ClusterName, Vec<&Seat>> = BTreeMap::new();
    let all = fleet.families.values().flat_map(|leaving| &leaving.going);
    for (seat, going) in all {
        if fleet.drained.contains_key(&seat.0) && holds_place(fleet, seat, going, now) {
            draining.entry(&seat.0).or_default().push(seat);
        }
    }
    for (family, leaving) in &fleet.families {
        let stepwise = leaving.order == DeletionOrder::Reverse
            && leaving.going.values().any(|going| going.wave.is_some());
        let mut waiting: Vec<(&Seat, &Going)> = Vec::new();
        let mut busy: Vec<&Seat> = Vec::new();
        for (seat, going) in &leaving.going {
            let Some(told) = going.told else {
                waiting.push((seat, going));
                continue;
            };
            let blocked = blocked(fleet, seat, going, now);
            let less = told.cascade && !going.cascade;
            let more = going.cascade && !told.cascade;
            if less || (more && blocked.is_none()) {
                plan.tell.push(Tell { seat: seat.clone(), cascade: going.cascade });
            }
            if stepwise || holds_place(fleet, seat, going, now) {
                busy.push(seat);
            }
            plan.waits.insert(
                seat.clone(),
                blocked.unwrap_or_else(|| RemovalWait::Told { cluster: seat.0.clone() }),
            );
        }
        sort(&mut waiting, leaving.order);
        // What a family in reverse waits for: the one that has its turn.
        let mut turn: Option<Seat> = busy.first().filter(|_| stepwise).map(|seat| (*seat).clone());
        for (seat, going) in waiting {
            let wait = if let Some(first) = turn.as_ref().filter(|_| stepwise) {
                RemovalWait::Turn { first: first.clone() }
            } else if let Some(blocked) = blocked(fleet, seat, going, now) {
                blocked
            } else if let Some(full) = full(fleet, family, leaving, &busy, &draining, &seat.0) {
                full
            } else {
                plan.tell.push(Tell { seat: seat.clone(), cascade: going.cascade });
                busy.push(seat);
                if fleet.drained.contains_key(&seat.0) {
                    draining.entry(&seat.0).or_default().push(seat);
                }
                RemovalWait::Told { cluster: seat.0.clone() }
            };
            if stepwise && turn.is_none() {
                turn = Some(seat.clone());
            }
            plan.waits.insert(seat.clone(), wait);
        }
    }
    plan
}

fn sort(waiting: &mut [(&Seat, &Going)], order: DeletionOrder) {
    let by_name = |seat: &Seat| (seat.1.clone(), seat.0.clone());
    match order {
        DeletionOrder::Waves => {
            waiting.sort_by_key(|(seat, going)| (going.wave.unwrap_or(usize::MAX), by_name(seat)));
        }
        DeletionOrder::Reverse => {
            waiting.sort_by_key(|(seat, going)| (Reverse(going.wave.map(|wave| wave + 1)), by_name(seat)));
        }
    }
}

/// Why nothing may be told of it now; `None` when it may.
fn blocked(fleet: &Removable, seat: &Seat, going: &Going, now: Timestamp) -> Option<RemovalWait> {
    let cluster = seat.0.clone();
    let Some(state) = fleet.clusters.get(&cluster) else {
        return Some(RemovalWait::Unknown { cluster });
    };
    if let Some(hold) = &state.hold {
        return Some(RemovalWait::Held { cluster, hold: hold.clone() });
    }
    if let Some(pause) = state.pauses.iter().find(|pause| pause.is_active(now)) {
        return Some(RemovalWait::Paused { cluster, app: None, pause: pause.clone() });
    }
    if let Some(pause) = going.pauses.iter().find(|pause| pause.is_active(now)) {
        return Some(RemovalWait::Paused { cluster, app: Some(seat.1.clone()), pause: pause.clone() });
    }
    if let Some(since) = state.link.lost_since() {
        return Some(RemovalWait::Away { cluster, app: seat.1.clone(), since });
    }
    if let Some(pin) = &going.pin {
        return Some(RemovalWait::Pinned { cluster, app: seat.1.clone(), pin: pin.clone() });
    }
    (going.cascade && state.mode == Mode::Observe).then_some(RemovalWait::Observing { cluster })
}

/// Whether it was told and may be under way: then it uses the budget.
fn holds_place(fleet: &Removable, seat: &Seat, going: &Going, now: Timestamp) -> bool {
    going.told.is_some()
        && match blocked(fleet, seat, going, now) {
            None => true,
            Some(RemovalWait::Away { since, .. }) => now.duration_since(since) < GRACE,
            Some(_) => false,
        }
}

/// The budget that is used up, if one is.
fn full(
    fleet: &Removable,
    family: &Family,
    leaving: &Leaving,
    busy: &[&Seat],
    draining: &BTreeMap<&ClusterName, Vec<&Seat>>,
    cluster: &ClusterName,
) -> Option<RemovalWait> {
    const LISTED: usize = 3;
    let list = |seats: &[&Seat]| seats.iter().take(LISTED).map(|seat| (*seat).clone()).collect();
    let limit = at_once(leaving.of);
    if busy.len() >= limit {
        let (of, held) = (leaving.of, busy.len());
        return Some(RemovalWait::Budget {
            family: family.clone(),
            at_once: limit,
            of,
            holding: list(busy),
            held,
        });
    }
    let of = *fleet.drained.get(cluster)?;
    let busy = draining.get(cluster).map(Vec::as_slice).unwrap_or_default();
    (busy.len() >= at_once(of)).then(|| RemovalWait::Drain {
        cluster: cluster.clone(),
        at_once: at_once(of),
        of,
        holding: list(busy),
    })
}

#[cfg(test)]
mod tests;
