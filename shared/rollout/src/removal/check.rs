//! An independent linter of removals: what a plan of them would break.
//!
//! A violation is a defect of the planner, never a person's mistake; whoever carries removals out refuses a
//! plan that has any.

use super::{DeletionOrder, Family, GRACE, Going, Leaving, Removable, Removals, Tell};
use crate::fleet::{Link, Seat};
use jiff::Timestamp;
use shared_model::{ClusterName, Mode};
use std::{collections::BTreeMap, fmt};

/// A way in which removals would break *Deletes are staged too*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalViolation {
    /// The application and cluster concerned.
    pub seat: Seat,
    /// What would happen, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for RemovalViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, app) = &self.seat;
        write!(f, "DeletesStaged: {app} on {cluster}: {}", self.message)
    }
}

/// What the removals break; empty for all that may be carried out.
pub fn check_removals(fleet: &Removable, plan: &Removals, now: Timestamp) -> Vec<RemovalViolation> {
    let mut walk = Walk { fleet: fleet.clone(), now, found: Vec::new() };
    for tell in &plan.tell {
        walk.tell(tell);
    }
    for (family, leaving) in &fleet.families {
        for seat in leaving.going.keys() {
            if !plan.waits.contains_key(seat) {
                walk.say(seat, format!("nothing says what it waits for in {family}"));
            }
        }
    }
    walk.found
}

/// The fleet after the removals so far.
#[derive(Debug)]
struct Walk {
    fleet: Removable,
    now: Timestamp,
    found: Vec<RemovalViolation>,
}

impl Walk {
    fn say(&mut self, seat: &Seat, message: String) {
        self.found.push(RemovalViolation { seat: seat.clone(), message });
    }

    fn tell(&mut self, tell: &Tell) {
        let seat = &tell.seat;
        let homes: Vec<Family> = self
            .fleet
            .families
            .iter()
            .filter(|(_, leaving)| leaving.going.contains_key(seat))
            .map(|(family, _)| family.clone())
            .collect();
        let [family] = homes.as_slice() else {
            let message = match homes.len() {
                0 => "it would be removed although it is not to go".to_owned(),
                _ => "it would use two budgets".to_owned(),
            };
            self.say(seat, message);
            return;
        };
        let going = self.fleet.families[family].going[seat].clone();
        if tell.cascade != going.cascade {
            let word = if tell.cascade { "would go" } else { "would stay" };
            self.say(seat, format!("its objects {word}, which nobody asked for"));
        }
        match going.told {
            Some(told) if told.cascade == tell.cascade => {
                self.say(seat, "its agent would be told the same twice".to_owned());
            }
            // Only less happens than was told.
            Some(told) if told.cascade => {}
            Some(_) => self.may_be_told(seat, &going),
            None => {
                self.may_be_told(seat, &going);
                self.within(family, seat);
            }
        }
        if let Some(going) =
            self.fleet.families.get_mut(family).and_then(|leaving| leaving.going.get_mut(seat))
        {
            going.told = Some(super::Told { cascade: tell.cascade });
        }
    }

    fn may_be_told(&mut self, seat: &Seat, going: &Going) {
        let Some(state) = self.fleet.clusters.get(&seat.0) else {
            self.say(seat, "its cluster is not there".to_owned());
            return;
        };
        let mut reasons = Vec::new();
        if state.hold.is_some() {
            reasons.push("its cluster is held");
        }
        if state
            .pauses
            .iter()
            .chain(&going.pauses)
            .any(|pause| pause.local || pause.until.is_none_or(|end| self.now < end))
        {
            reasons.push("it is paused");
        }
        if !matches!(state.link, Link::Connected) {
            reasons.push("its agent is away");
        }
        if going.pin.is_some() {
            reasons.push("a person pinned it");
        }
        if going.cascade && state.mode == Mode::Observe {
            reasons.push("its agent only looks");
        }
        if !reasons.is_empty() {
            self.say(seat, format!("it would be told although {}", reasons.join(" and ")));
        }
    }

    /// Whether there is room for one more that is told.
    fn within(&mut self, family: &Family, seat: &Seat) {
        let leaving = &self.fleet.families[family];
        let mut broken = Vec::new();
        let under_way = leaving.going.iter().filter(|(seat, going)| self.acts(seat, going)).count();
        let limit = std::cmp::max(1, leaving.of / 10);
        if under_way >= limit {
            broken
                .push(format!("one more than the {limit} of {} that may go at once of {family}", leaving.of));
        }
        if leaving.order == DeletionOrder::Reverse {
            broken.extend(out_of_turn(leaving, seat));
        }
        if let Some(of) = self.fleet.drained.get(&seat.0) {
            let limit = std::cmp::max(1, of / 10);
            let busy = self.on(&seat.0);
            if busy >= limit {
                broken.push(format!(
                    "one more than the {limit} of {of} that a drain takes from {} at once",
                    seat.0
                ));
            }
        }
        for message in broken {
            self.say(seat, message);
        }
    }

    /// How many are on their way out of one cluster, of all families.
    fn on(&self, cluster: &ClusterName) -> usize {
        let families: &BTreeMap<Family, Leaving> = &self.fleet.families;
        let here =
            families.values().flat_map(|leaving| &leaving.going).filter(|(seat, _)| seat.0 == *cluster);
        here.filter(|(seat, going)| self.acts(seat, going)).count()
    }

    /// Whether an agent may be at it.
    fn acts(&self, seat: &Seat, going: &Going) -> bool {
        let Some(state) = self.fleet.clusters.get(&seat.0) else { return false };
        let there = match state.link {
            Link::Connected => true,
            Link::LostSince(since) | Link::NeverSeen { since } => self.now.duration_since(since) < GRACE,
        };
        let quiet = state.hold.is_some()
            || state.pauses.iter().chain(&going.pauses).any(|pause| pause.is_active(self.now))
            || (matches!(state.link, Link::Connected)
                && (going.pin.is_some() || (going.cascade && state.mode == Mode::Observe)));
        going.told.is_some() && there && !quiet
    }
}

/// In reverse, who should go first.
fn out_of_turn(leaving: &Leaving, seat: &Seat) -> Option<String> {
    let step = leaving.going[seat].wave;
    let first = leaving.going.iter().find(|(other, going)| {
        *other != seat
            && (going.told.is_some() || going.wave > step)
            && (going.wave.is_some() || step.is_some())
    });
    first.map(|((cluster, app), _)| format!("{app} on {cluster} goes before it and has not gone"))
}
