//! Removal: with cascade everything of ours goes, the last wave first; without, it is forgotten.

use crate::live::{Facts, Live};
use crate::machine::{Deletion, Goal, Machine, Purpose};
use crate::{Action, Propagation};
use jiff::Timestamp;
use shared_manifest::ObjectId;
use shared_model::Position;
use std::time::Duration;

/// A removal under way or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) position: Position,
    pub(crate) cascade: bool,
    pub(crate) done: bool,
}

/// How often an object that is on its way out is looked at when no watch tells.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl Removal {
    pub(crate) const fn new(position: Position, cascade: bool) -> Self {
        Self { position, cascade, done: false }
    }
}

impl Machine {
    pub(crate) fn step_removal(&mut self, removal: &Removal, now: Timestamp) {
        // An apply without an answer may still make an object. What is paused is not given up either, with or without
        // its objects.
        if self.paused || removal.done || self.flights.values().any(|flight| flight.stale) {
            return;
        }
        if removal.cascade {
            let unreadable =
                self.world.values().any(|seen| matches!(seen.live, Live::Unreadable(_) | Live::Unknown));
            if !self.inventory.known || !self.reads.are_done() || unreadable {
                return;
            }
            let targets = self.removable();
            if let Some(last) = targets.iter().map(|(_, wave)| *wave).max() {
                for (id, _) in targets.into_iter().filter(|(_, wave)| *wave == last) {
                    self.delete(&id, Propagation::Foreground, now);
                }
                return;
            }
        }
        self.inventory.clear();
        self.world.clear();
        self.reads.clear();
        self.watch_changed = true;
        self.deletions.clear();
        self.goal = Goal::Remove(Removal { done: true, ..*removal });
        self.changed = true;
    }

    /// What is still to go, with its wave.
    pub(crate) fn removable(&self) -> Vec<(ObjectId, i64)> {
        let goes = |facts: &Facts| facts.ours && !facts.keep_on_removal;
        let present = self.world.iter().filter_map(|(id, seen)| Some((id, seen.facts()?)));
        present.filter(|(_, facts)| goes(facts)).map(|(id, facts)| (id.clone(), facts.wave)).collect()
    }

    /// Asks for the deletion of an object of ours, unless that was done or must wait; whether it was asked for now.
    pub(crate) fn delete(&mut self, id: &ObjectId, propagation: Propagation, now: Timestamp) -> bool {
        let Some(facts) = self.world.get(id).and_then(|seen| seen.facts()) else { return false };
        if !facts.ours || !self.inventory.ids.contains(id) {
            return false;
        }
        let waits = match self.deletions.get(id) {
            None => false,
            Some(Deletion::Accepted(uid)) => *uid == facts.uid,
            Some(Deletion::Retry(again)) => again.due > now,
        };
        let uid = facts.uid.clone();
        if waits || facts.deleting.is_some() {
            return false;
        }
        self.send(Purpose::Delete, uid.clone(), Action::Delete { id: id.clone(), uid, propagation }.into())
    }

    /// An object that we deleted and that is still there is looked at again after a while.
    pub(crate) fn poll_deletion(&mut self, id: &ObjectId) {
        let Some(Deletion::Accepted(uid)) = self.deletions.get(id) else { return };
        let Some(facts) = self.world.get(id).and_then(|seen| seen.facts()) else { return };
        if facts.uid != *uid {
            self.deletions.remove(id);
        } else {
            self.reads.look_again(id, LOOK_AGAIN, self.now);
        }
    }
}
