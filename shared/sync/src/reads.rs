//! Reads that are to be made, under way, or put off.

use crate::retry::{Again, POLITE};
use crate::{Failure, retry};
use jiff::Timestamp;
use shared_manifest::ObjectId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The reads of one application; an object is in at most one of the three.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    wanted: BTreeSet<ObjectId>,
    asked: BTreeSet<ObjectId>,
    later: BTreeMap<ObjectId, Again>,
}

impl Reads {
    /// Asks for a read as soon as possible.
    pub(crate) fn want(&mut self, id: &ObjectId) {
        self.later.remove(id);
        self.asked.remove(id);
        self.wanted.insert(id.clone());
    }

    /// The object was read, or told of by a watch.
    pub(crate) fn answered(&mut self, id: &ObjectId) {
        self.later.remove(id);
        self.asked.remove(id);
        self.wanted.remove(id);
    }

    /// The read failed: it is made again after a polite wait.
    pub(crate) fn failed(&mut self, id: &ObjectId, failure: &Failure, now: Timestamp) {
        let again = Again::after(self.later.get(id), POLITE, failure, now);
        self.answered(id);
        self.later.insert(id.clone(), again);
    }

    /// Looks again after a while, unless a read is due anyway.
    pub(crate) fn look_again(&mut self, id: &ObjectId, wait: Duration, now: Timestamp) {
        if !self.waits_for(id) && !self.later.contains_key(id) {
            let due = retry::later(now, wait);
            self.later.insert(id.clone(), Again { due, failed: 0, message: String::new() });
        }
    }

    /// What is to be read now; it counts as asked for.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<ObjectId> {
        let due = self.later.iter().filter(|(id, again)| again.due <= now && !self.asked.contains(*id));
        let due: Vec<ObjectId> = due.map(|(id, _)| id.clone()).chain(self.wanted.iter().cloned()).collect();
        self.wanted.clear();
        self.asked.extend(due.iter().cloned());
        due
    }

    /// Whether an answer about `id` is waited for.
    pub(crate) fn waits_for(&self, id: &ObjectId) -> bool {
        self.wanted.contains(id) || self.asked.contains(id)
    }

    /// Whether everything that is to be read was read, or cannot be for now.
    pub(crate) fn are_done(&self) -> bool {
        self.wanted.is_empty() && self.asked.is_empty()
    }

    /// When reads that were put off are due.
    pub(crate) fn due(&self) -> impl Iterator<Item = Timestamp> {
        self.later.iter().filter(|(id, _)| !self.asked.contains(*id)).map(|(_, again)| again.due)
    }

    /// Asks for everything again that has no answer: what was in the outbox is taken back.
    pub(crate) fn ask_again(&mut self) {
        self.wanted.append(&mut self.asked);
        self.wanted.extend(std::mem::take(&mut self.later).into_keys());
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&ObjectId) -> bool) {
        self.wanted.retain(&keep);
        self.asked.retain(&keep);
        self.later.retain(|id, _| keep(id));
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
