//! What the cluster answers and tells, taken in.

use crate::Failure;
use crate::live::{Live, Origin, leaving};
use crate::machine::{Deletion, Goal, Machine, Purpose};
use crate::retry::{Again, POLITE};
use jiff::Timestamp;
use serde_json::Value;
use shared_manifest::ObjectId;
use std::sync::Arc;

impl Machine {
    /// Takes in how an object is now.
    pub(crate) fn news(&mut self, id: &ObjectId, object: Option<&Value>, origin: Origin) {
        let Some(seen) = self.world.get_mut(id) else { return };
        let goal = self.goal.clone();
        let desired = match &goal {
            Goal::Run(assignment) => assignment.desired(id),
            Goal::Remove(_) => None,
        };
        self.changed |= self.judge.take(id, seen, desired, object, origin);
        self.note_difference(id);
        if object.is_none() {
            self.deletions.remove(id);
            self.cleanup.remove(id);
            // An apply of an earlier release that has no answer yet may still make it.
            if desired.is_none() && !self.operation.runs(id) && !self.flights.contains_key(id) {
                self.inventory.gone(id);
                self.world.remove(id);
                self.watch_changed = true;
            }
        }
        self.poll_deletion(id);
    }

    pub(crate) fn note_difference(&mut self, id: &ObjectId) {
        let Goal::Run(assignment) = &self.goal else { return };
        let resource = assignment.desired(id).is_some_and(crate::assignment::Desired::is_resource);
        let seen = self.world.get(id).filter(|seen| resource && seen.differs());
        let mark = |set: &mut std::collections::BTreeSet<ObjectId>, marked: bool| {
            if marked {
                set.insert(id.clone());
            } else {
                set.remove(id);
            }
        };
        mark(&mut self.differing, seen.is_some());
        mark(&mut self.drifted, seen.is_some_and(|seen| seen.written));
    }

    /// An object could not be read.
    pub(crate) fn unread(&mut self, id: &ObjectId, failure: &Failure, now: Timestamp) {
        if !self.world.contains_key(id) {
            return;
        }
        if let Failure::KindUnknown(_) | Failure::NotFound(_) = failure {
            self.reads.answered(id);
            self.news(id, None, Origin::Elsewhere);
            return;
        }
        self.reads.failed(id, failure, now);
        let seen = self.world.get_mut(id).expect("looked up above");
        if matches!(seen.live, Live::Unknown | Live::Unreadable(_)) {
            let live = Live::Unreadable(failure.to_string());
            self.changed |= seen.live != live;
            seen.live = live;
        }
    }

    /// An apply ended.
    pub(crate) fn applied(&mut self, id: &ObjectId, result: Result<Arc<Value>, Failure>, now: Timestamp) {
        let flight = match self.flights.get(id) {
            Some(flight) if flight.given && flight.purpose != Purpose::Delete => self.flights.remove(id),
            // An answer twice, or to nothing we asked: news of the object at most.
            Some(_) | None => None,
        };
        let stale = flight.as_ref().is_some_and(|flight| flight.stale);
        let current = flight.filter(|flight| !flight.stale);
        let Some(flight) = current else {
            match result {
                Ok(object) => self.news(id, Some(&object), Origin::Elsewhere),
                // Whether the write arrived all the same is to be read.
                Err(_) if stale && self.world.contains_key(id) => {
                    self.reads.want(id);
                }
                Err(_) => {}
            }
            return;
        };
        self.changed = true;
        match result {
            Ok(object) => {
                if let Some(seen) = self.world.get_mut(id).filter(|_| flight.purpose != Purpose::Namespace) {
                    seen.written = true;
                }
                self.reads.answered(id);
                self.news(id, Some(&object), Origin::OurWrite);
                match flight.purpose {
                    Purpose::Job => self.operation.applied(id),
                    Purpose::Heal => {
                        self.heals.worked(id);
                        self.healed += 1;
                    }
                    Purpose::Namespace => self.namespace_written(&object, now),
                    Purpose::Delete => {}
                }
            }
            Err(failure) => {
                let missing = matches!(failure, Failure::NotFound(_));
                match flight.purpose {
                    Purpose::Job => self.operation.failed(id, &failure, self.defines(id), now),
                    Purpose::Heal => self.heals.failed(id, &failure, now),
                    Purpose::Namespace => self.operation.namespace_failed(&failure, now),
                    Purpose::Delete => {}
                }
                if missing && let Goal::Run(assignment) = &self.goal {
                    self.operation.want_namespace(assignment);
                }
                if matches!(failure, Failure::Leaving(_)) {
                    self.namespace_leaves(id, &failure, now);
                }
            }
        }
    }

    /// The namespace was asked for: it is there, or still on its way out.
    fn namespace_written(&mut self, object: &Value, now: Timestamp) {
        match leaving(object) {
            Some(held) => {
                let told = if held.is_empty() { held } else { format!(": {held}") };
                self.operation.namespace_leaves(&Failure::Leaving(format!("it is being deleted{told}")), now);
            }
            None => {
                self.operation.namespace_ready();
                self.heals.namespace_ready();
            }
        }
    }

    /// Nothing new is taken in the namespace of `id`: one question waits for its end instead of every object.
    fn namespace_leaves(&mut self, id: &ObjectId, failure: &Failure, now: Timestamp) {
        let Goal::Run(assignment) = &self.goal else { return };
        if id.namespace == assignment.spec.namespace && self.operation.makes_namespace(assignment) {
            self.operation.namespace_leaves(failure, now);
        }
    }

    /// A deletion was taken or refused.
    pub(crate) fn deleted(&mut self, id: &ObjectId, result: Result<(), Failure>, now: Timestamp) {
        let given =
            self.flights.get(id).is_some_and(|flight| flight.given && flight.purpose == Purpose::Delete);
        let Some(flight) = given.then(|| self.flights.remove(id)).flatten() else { return };
        self.changed = true;
        match result {
            Ok(()) | Err(Failure::NotFound(_)) => {
                self.deletions.insert(id.clone(), Deletion::Accepted(flight.uid));
                if self.world.contains_key(id) {
                    self.reads.want(id);
                }
                if !flight.stale {
                    self.operation.deleted(id);
                }
            }
            Err(failure) => {
                let before = match self.deletions.get(id) {
                    Some(Deletion::Retry(again)) => Some(again.clone()),
                    Some(Deletion::Accepted(_)) | None => None,
                };
                let again = Again::after(before.as_ref(), POLITE, &failure, now);
                self.deletions.insert(id.clone(), Deletion::Retry(again));
                // A conflict means that the uid is another one: read before judging again.
                if matches!(failure, Failure::Conflict(_)) && self.world.contains_key(id) {
                    self.reads.want(id);
                }
                if !flight.stale {
                    self.operation.failed(id, &failure, false, now);
                }
            }
        }
    }

    /// Whether the release defines the kind of `id` itself.
    fn defines(&self, id: &ObjectId) -> bool {
        let Goal::Run(assignment) = &self.goal else { return false };
        assignment.definition(id).is_some()
    }
}
