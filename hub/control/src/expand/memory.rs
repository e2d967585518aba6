//! What sets came to when they were expanded last, so that a change costs what follows from it.
//!
//! Decides whose memory is worth its room: of sets large enough for it to be felt, and of those whose generators fail
//! alone, since only it tells whose Applications are whose. All of it has a limit; the one used longest ago goes first.
//! Nothing follows from whether it is there but the time that an expansion takes, and who may go on while a generator
//! fails.

use super::answers::Answers;
use crate::pins::Reference;
use hub_store::Revision;
use parking_lot::Mutex;
use serde_json::Value;
use shared_generate::{Expander, Expansion, Inputs, Outcome, Update};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How much memories may take.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// From how many Applications on one is worth it.
    worth: usize,
    /// How many Applications all have at most, but for the one used last.
    most: usize,
}

impl Default for Room {
    /// 500 are made from scratch within 3 ms; 50,000 take about 200 MB.
    fn default() -> Self {
        Self { worth: 500, most: 50_000 }
    }
}

/// The memories of all sets, by their uids. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memories(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    /// With when each was put here, and how many Applications it has.
    kept: BTreeMap<String, (u64, usize, Memory)>,
    puts: u64,
    room: Room,
}

/// One set's memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    expander: Expander,
    set: Option<(Revision, Arc<Value>)>,
    pub(super) answers: Answers,
    /// The Applications in which nothing was to be changed, as they were stored then.
    settled: BTreeMap<String, Revision>,
}

impl Memories {
    /// Takes a set's memory, an empty one if there is none.
    pub(crate) fn take(&self, uid: &str) -> Memory {
        self.0.lock().kept.remove(uid).map(|(.., memory)| memory).unwrap_or_default()
    }

    /// Puts a set's memory back, if it is worth its room.
    pub(crate) fn put(&self, uid: &str, memory: Memory, expansion: &Expansion) {
        let applications = memory.expander.applications().count();
        let mut shelf = self.0.lock();
        if applications < shelf.room.worth && expansion.frozen.is_empty() && !memory.isolates() {
            return;
        }
        shelf.puts += 1;
        let now = shelf.puts;
        shelf.kept.insert(uid.to_owned(), (now, applications, memory));
        let has = |shelf: &Shelf| shelf.kept.values().map(|(_, applications, _)| applications).sum::<usize>();
        while shelf.kept.len() > 1 && has(&shelf) > shelf.room.most {
            let oldest = shelf.kept.iter().min_by_key(|(_, (at, ..))| *at).map(|(uid, _)| uid.clone());
            let Some(oldest) = oldest else { break };
            shelf.kept.remove(&oldest);
        }
    }

    /// Forgets the sets that are not there any more.
    pub(crate) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().kept.retain(|uid, _| is_there(uid));
    }
}

impl Memory {
    /// Takes the set as it was stored at that revision.
    pub(crate) fn set(&mut self, revision: Revision, set: &Arc<Value>) {
        if self.set.as_ref().is_none_or(|(at, _)| *at != revision) {
            self.settled.clear();
            self.set = Some((revision, Arc::clone(set)));
        }
    }

    pub(super) fn expand(&mut self, set: &Arc<Value>, inputs: &Inputs) -> Outcome {
        match self.expander.update(set, inputs) {
            Update::Needs(requests) => Outcome::Needs(requests),
            Update::Done { touched } => {
                self.settled.retain(|name, _| !touched.contains(name));
                Outcome::Done(self.expander.expansion())
            }
        }
    }

    /// Whether nothing is to be changed in an Application that is stored so: neither it nor what its set gives has
    /// changed since that was found.
    pub(crate) fn is_settled(&self, name: &str, revision: Revision) -> bool {
        self.settled.get(name) == Some(&revision)
    }

    /// Nothing is to be changed in these Applications.
    pub(crate) fn settle<'a>(&mut self, applications: impl Iterator<Item = (&'a str, Revision)>) {
        self.settled.extend(applications.map(|(name, revision)| (name.to_owned(), revision)));
    }

    /// Forgets what Git said of references that are not asked for any more.
    pub(crate) fn asks(&mut self, references: &BTreeSet<Reference>) {
        self.answers.retain(references);
    }

    fn isolates(&self) -> bool {
        let annotation = |set: &Value| {
            set["metadata"]["annotations"][shared_model::ON_GENERATOR_FAILURE_ANNOTATION] == "Isolate"
        };
        self.set.as_ref().is_some_and(|(_, set)| annotation(set))
    }
}

#[cfg(test)]
mod tests;
