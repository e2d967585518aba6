//! Reads of objects that watches told of: when one is made, when it waits.
//!
//! Invariants:
//! 1. Of an object at most one read is under way; news that come meanwhile cause one more after it.
//! 2. An object that others change all the time is read about once each [`CALM`]; what left our label's watch, or was
//!    missing in it, does not wait for that.
//! 3. Only objects that machines asked to be told of are here, and only while they are read or calmed.

use super::{Engine, Work};
use jiff::{SignedDuration, Timestamp};
use shared_manifest::ObjectId;
use std::collections::{BTreeMap, BTreeSet};

/// Between two reads of an object that is only said to have changed.
const CALM: SignedDuration = SignedDuration::from_secs(1);
/// A read without an answer for so long is given up. The longest request takes a minute, after its wait for a turn.
const LOST: SignedDuration = SignedDuration::from_mins(10);

/// Whether a read may wait for its object's calm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    Now,
    Calm,
}

/// The reads under way, and those that wait.
#[derive(Debug, Default)]
pub(super) struct Looks {
    of: BTreeMap<ObjectId, Look>,
    /// When each look's calm ends.
    ends: BTreeSet<(Timestamp, ObjectId)>,
}

#[derive(Debug)]
struct Look {
    /// Answers that are owed: one for each application that holds the object.
    owed: usize,
    begun: Timestamp,
    calm: Timestamp,
    /// There were news since it began.
    again: bool,
}

impl Look {
    fn is_under_way(&self, now: Timestamp) -> bool {
        self.owed > 0 && now.duration_since(self.begun) < LOST
    }
}

impl Looks {
    /// There are news of an object: whether it is to be read at once.
    fn ask(&mut self, id: &ObjectId, haste: Haste, now: Timestamp) -> bool {
        let Some(look) = self.of.get_mut(id) else { return true };
        if haste == Haste::Now && look.calm > now {
            self.ends.remove(&(look.calm, id.clone()));
            look.calm = now;
        }
        look.again = look.is_under_way(now) || look.calm > now;
        !look.again
    }

    fn begin(&mut self, id: &ObjectId, owed: usize, now: Timestamp) {
        let calm = now.checked_add(CALM).unwrap_or(Timestamp::MAX);
        let look = Look { owed, begun: now, calm, again: false };
        if let Some(before) = self.of.insert(id.clone(), look) {
            self.ends.remove(&(before.calm, id.clone()));
        }
        self.ends.insert((calm, id.clone()));
    }

    /// An answer came: whether the object is to be read again at once.
    fn answered(&mut self, id: &ObjectId, now: Timestamp) -> bool {
        let Some(look) = self.of.get_mut(id) else { return false };
        look.owed = look.owed.saturating_sub(1);
        // The end of the calm looks at it otherwise.
        if look.owed > 0 || look.calm > now {
            return false;
        }
        let again = look.again;
        if !again {
            self.ends.remove(&(look.calm, id.clone()));
            self.of.remove(id);
        }
        again
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.of.len().max(self.ends.len())
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.ends.first().map(|(due, _)| *due)
    }

    /// Ends calms: what is to be read again now.
    fn end(&mut self, now: Timestamp) -> Vec<ObjectId> {
        let mut again = Vec::new();
        while let Some((due, id)) = self.ends.pop_first() {
            if due > now {
                self.ends.insert((due, id));
                break;
            }
            match self.of.get(&id) {
                Some(look) if look.is_under_way(now) => {}
                Some(look) if look.again => again.push(id),
                Some(_) | None => drop(self.of.remove(&id)),
            }
        }
        again
    }
}

impl Engine {
    /// Reads an object for everyone who holds it, now or when it may be read again.
    pub(super) fn look(&mut self, id: &ObjectId, haste: Haste, now: Timestamp) {
        if self.looks.ask(id, haste, now) {
            self.read(id, now);
        }
    }

    /// A read was answered.
    pub(super) fn looked(&mut self, id: &ObjectId, now: Timestamp) {
        if self.looks.answered(id, now) {
            self.read(id, now);
        }
    }

    /// Reads again what changed while it was calmed.
    pub(super) fn look_again(&mut self, now: Timestamp) {
        for id in self.looks.end(now) {
            self.read(&id, now);
        }
    }

    fn read(&mut self, id: &ObjectId, now: Timestamp) {
        let holders = self.routes.holders(id);
        self.looks.begin(id, holders.len(), now);
        for (application, id) in holders {
            let version = self.routes.version(&id);
            self.work.push_back(Work::Read { application, id, version });
        }
    }
}
