//! What releases hold encrypted by SOPS: opened for the moment in which it is written to the cluster, and never told.
//!
//! The journal, the engine and its machines have the objects as the hub sent them, encrypted. An object is opened right
//! before it is sent to the API server ([`Seals::open`]), and a live one is told to the engine with the encrypted values in
//! place of the plain ones where they stand for the same ([`Seals::dress`]). So reports, drift lines, events, traces, logs and
//! the journal cannot have plain values: who makes them never sees one.
//!
//! Invariants: an object that cannot be opened whole is not written; no plain value outlives the call it is for; what differs
//! from a release is named by a hash under a key that this process made for itself, so that nobody can guess a value from it.
//! Files are opened off the loop, one object at a time and each within bounds: what is told of live objects needs none, only
//! prints of what was opened ([`lessons`]), so no file and no number of events keeps the loop from its Lease and its link.
//!
//! What it refuses to know: orders, hubs, how objects are written.

mod keys;
mod lessons;

pub use keys::Keys;

use crate::{cluster::Cluster, journal::Journal};
use lessons::{Entry, Lessons, MARKS};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest};
use shared_sops::{Identities, Key, Known, Reach, Sealed, Unsealed};
use shared_sync::Assignment;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OnceCell, Semaphore, mpsc};

/// How often keys are looked at that something needs.
const LOOK: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(15) };

/// What is encrypted, and the keys for it.
#[derive(Debug)]
pub(crate) struct Seals {
    source: Keys,
    reach: Reach,
    cluster: Cluster,
    first: OnceCell<()>,
    state: Mutex<State>,
    /// One object is opened at a time.
    turn: Semaphore,
    /// Of this process alone.
    key: Key,
}

/// What there is to be learnt of a release.
#[derive(Default)]
struct Found {
    /// Those before it whose values the cluster may have.
    earlier: BTreeSet<Digest>,
    /// By release, the objects that hold encrypted values.
    objects: Vec<(Digest, Vec<(ObjectId, Value)>)>,
}

#[derive(Debug, Default)]
struct State {
    identities: Arc<Identities>,
    /// Why there is no better key.
    trouble: Option<String>,
    lessons: Lessons,
    /// Applications with an object that could not be opened.
    failed: BTreeSet<AppKey>,
}

impl Seals {
    pub(crate) fn new(source: Keys, reach: Reach, cluster: Cluster) -> Self {
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let mut hash = Sha256::new();
        random.iter().for_each(|part| hash.update(part.as_bytes()));
        let key = Key::new(hash.finalize().into());
        let turn = Semaphore::new(1);
        Self { source, reach, cluster, first: OnceCell::new(), state: Mutex::default(), turn, key }
    }

    /// The keys have been read, as far as they can be.
    pub(crate) async fn ready(&self) {
        let read = || async {
            let mut wait = Duration::from_secs(1);
            while let Err(problem) = self.look().await {
                tracing::warn!(problem, keys = %self.source, "the keys of encrypted values cannot be read; tried again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LOOK);
            }
        };
        self.first.get_or_init(read).await;
    }

    /// Reads the keys again and again once something needs them, and tells whose objects may be opened now.
    pub(crate) async fn follow(self: Arc<Self>, told: mpsc::Sender<BTreeSet<AppKey>>) {
        loop {
            tokio::time::sleep(LOOK).await;
            if !self.first.initialized() {
                continue;
            }
            // What is away for a moment is not gone: the keys that were read stay.
            let Ok(changed) = self.look().await else { continue };
            self.open_again().await;
            if !changed {
                continue;
            }
            let failed = std::mem::take(&mut self.state.lock().failed);
            if !failed.is_empty() && told.send(failed).await.is_err() {
                return;
            }
        }
    }

    /// Reads the keys; whether they are others than before.
    async fn look(&self) -> Result<bool, String> {
        let (identities, trouble) = match self.source.read(&self.cluster).await {
            Ok(identities) => (identities, None),
            Err(keys::Error::Away(problem)) => return Err(problem),
            Err(keys::Error::Wrong(problem)) => (Identities::default(), Some(problem)),
        };
        let mut state = self.state.lock();
        let changed = state.identities.recipients() != identities.recipients();
        if changed {
            tracing::info!(keys = %self.source, recipients = %identities, "the keys for encrypted values");
            state.identities = Arc::new(identities);
        }
        if let Some(problem) = trouble.as_ref().filter(|_| trouble != state.trouble) {
            tracing::warn!(problem, keys = %self.source, "there is no key for encrypted values");
        }
        state.trouble = trouble;
        Ok(changed)
    }

    /// Looks through a release that is about to be told to its machine, and through those before it that the journal has.
    pub(crate) async fn study(self: &Arc<Self>, assignment: &Arc<Assignment>, journal: &Arc<Journal>) {
        let (of, bundle) = (assignment.spec.application.clone(), assignment.spec.bundle);
        let (seals, reading, read) = (Arc::clone(self), Arc::clone(assignment), Arc::clone(journal));
        let found = off_the_loop(move || seals.look_through(&reading, &read)).await.unwrap_or_default();
        for (digest, objects) in found.objects {
            self.teach(&of, digest, objects).await;
        }
        let lessons = self.state.lock().lessons.of(&of, bundle, &found.earlier);
        let covers = if lessons.is_empty() {
            Vec::new()
        } else {
            let (assignment, key) = (Arc::clone(assignment), self.key.clone());
            off_the_loop(move || lessons.covers(&assignment, &key)).await.unwrap_or_default()
        };
        self.state.lock().lessons.studied(of, bundle, found.earlier, covers);
    }

    /// What a release and those before it say that is encrypted, and was not looked at before. Blocks.
    fn look_through(&self, assignment: &Assignment, journal: &Journal) -> Found {
        let (of, bundle) = (&assignment.spec.application, assignment.spec.bundle);
        // What cannot be read now is not there to be rolled back to either.
        let held = journal.held_of(of).unwrap_or_default();
        let (earlier, unread) = self.state.lock().lessons.earlier(of, bundle, &held);
        let mut objects = Vec::new();
        let said = assignment.mentioning(&MARKS).map(|(id, object)| (id.clone(), object)).collect();
        let unread =
            unread.into_iter().filter_map(|digest| Some((digest, lessons::of_bundle(journal, &digest)?)));
        for (digest, said) in unread.chain([(bundle, said)]) {
            if said.is_empty() {
                self.state.lock().lessons.taught(of.clone(), digest, BTreeMap::new());
            } else {
                objects.push((digest, said));
            }
        }
        Found { earlier, objects }
    }

    /// Opens what a release encrypts, as far as it can be, and keeps prints of it.
    async fn teach(&self, of: &AppKey, bundle: Digest, objects: Vec<(ObjectId, Value)>) {
        self.ready().await;
        let before = self.state.lock().lessons.entries(of);
        let told = |(id, object): (ObjectId, Value)| {
            let digest = Digest::of(object.to_string().as_bytes());
            (id, digest, Arc::new(object))
        };
        let objects = off_the_loop(move || objects.into_iter().map(told).collect::<Vec<_>>()).await;
        let mut lesson = BTreeMap::new();
        for (id, digest, object) in objects.unwrap_or_default() {
            if let Some(entry) = before.get(&digest) {
                lesson.insert(id, Arc::clone(entry));
                continue;
            }
            let identities = self.identities();
            // One that nobody can open is told of when it is to be written.
            if let Some((Some(known), opened)) = self.off(&identities, &object).await {
                let closed = opened.is_err().then_some((object, identities));
                lesson.insert(id, Arc::new(Entry::new(known, digest, closed)));
            }
        }
        self.state.lock().lessons.taught(of.clone(), bundle, lesson);
    }

    /// What could not be opened with the keys that there were, tried with those that there are now.
    async fn open_again(&self) {
        let identities = self.identities();
        let closed = self.state.lock().lessons.closed(&identities);
        for (entry, object) in closed {
            let opened = self.off(&identities, &object).await;
            let opened = opened.and_then(|(_, opened)| opened.ok().flatten());
            match opened {
                Some(unsealed) => {
                    entry.known.learn(&unsealed, &self.key);
                    entry.close(None);
                }
                None => entry.close(Some((object, Arc::clone(&identities)))),
            }
        }
    }

    /// Opens an object on a thread for what blocks, when it is its turn: what it encrypts, if that can be told, and its plain
    /// form. `None` when that failed inside.
    async fn off(
        &self,
        identities: &Arc<Identities>,
        object: &Arc<Value>,
    ) -> Option<(Option<Arc<Known>>, Result<Option<Unsealed>, shared_sops::Error>)> {
        let _turn = self.turn.acquire().await;
        let (identities, object) = (Arc::clone(identities), Arc::clone(object));
        let (reach, key) = (self.reach, self.key.clone());
        off_the_loop(move || {
            let sealed = match Sealed::of(&object) {
                Ok(Some(sealed)) => sealed,
                Ok(None) => return (None, Ok(None)),
                Err(error) => return (None, Err(error)),
            };
            let known = Arc::new(Known::new(&sealed, &object));
            let opened = sealed.open(&object, &identities, reach);
            if let Ok(unsealed) = &opened {
                known.learn(unsealed, &key);
            }
            (Some(known), opened.map(Some))
        })
        .await
    }

    /// From now on the objects of `of` are those of this release, which has been studied; earlier ones' values stay untold
    /// until the journal has let go of them, and this one was applied.
    pub(crate) fn learn(&self, of: &AppKey, bundle: &Digest) {
        self.state.lock().lessons.learn(of, bundle);
    }

    /// A release that was studied does not run after all.
    pub(crate) fn skip(&self, of: &AppKey, bundle: &Digest) {
        self.state.lock().lessons.skip(of, bundle);
    }

    /// The release that was learnt last is what the cluster has.
    pub(crate) fn applied(&self, of: &AppKey) {
        self.state.lock().lessons.applied(of);
    }

    /// The application is on its way out: nothing of it is compared any more.
    pub(crate) fn forget(&self, application: &AppKey) {
        let mut state = self.state.lock();
        state.lessons.forget(application);
        state.failed.remove(application);
    }

    /// The plain form of an object that is about to be written; `None` when nothing in it is encrypted.
    ///
    /// # Errors
    /// Why it must not be written, and how to mend it, for people.
    pub(crate) async fn open(
        &self,
        of: &AppKey,
        id: &ObjectId,
        object: &Arc<Value>,
    ) -> Result<Option<Unsealed>, String> {
        if !Sealed::may_be(object) {
            return Ok(None);
        }
        let Some((known, opened)) = self.off(&self.identities(), object).await else {
            return Err("not applied, opening its encrypted values failed inside the agent".to_owned());
        };
        let mut state = self.state.lock();
        match opened {
            Ok(unsealed) => {
                // Of a hook whose name was made for this run nothing was known.
                if let Some(known) = known {
                    state.lessons.meet(of, id, known, &self.key);
                }
                Ok(unsealed)
            }
            Err(error) => {
                state.failed.insert(of.clone());
                let why = state.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
                Err(format!(
                    "not applied, its encrypted values cannot be opened: {error}; this agent has {} in {}{why}",
                    state.identities, self.source
                ))
            }
        }
    }

    /// Tells a live object without plain values.
    pub(crate) fn dress(&self, id: &ObjectId, live: &mut Arc<Value>) {
        let covers = self.state.lock().lessons.of_live(id);
        if !covers.is_empty() {
            shared_sops::Cover::dress(&covers, Arc::make_mut(live), &self.key);
        }
    }

    fn identities(&self) -> Arc<Identities> {
        Arc::clone(&self.state.lock().identities)
    }
}

/// What blocks, or takes long; `None` when it failed inside.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests;
