//! What releases hold encrypted by SOPS: opened for the moment in which it is written to the cluster, and never told.
//!
//! The journal, the engine and its machines have the objects as the hub sent them, encrypted. An object is opened right
//! before it is sent to the API server ([`Seals::open`]), and a live one is told to the engine with the encrypted values in
//! place of the plain ones where they stand for the same ([`Seals::dress`]). So reports, drift lines, events, traces, logs and
//! the journal cannot have plain values: who makes them never sees one.
//!
//! Invariants: an object that cannot be opened whole is not written; no plain value outlives the call it is for; what differs
//! from a release is named by a hash under a key that this process made for itself, so that nobody can guess a value from it.
//!
//! What it refuses to know: orders, hubs, how objects are written.

mod keys;

pub use keys::Keys;

use crate::cluster::Cluster;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared_manifest::ObjectId;
use shared_model::AppKey;
use shared_sops::{ANNOTATION, Identities, MARKER, Sealed, Unsealed};
use shared_sync::Assignment;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OnceCell, mpsc};

/// How often keys are looked at that something needs.
const LOOK: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(15) };

/// What is encrypted, and the keys for it.
#[derive(Debug)]
pub(crate) struct Seals {
    source: Keys,
    cluster: Cluster,
    first: OnceCell<()>,
    state: Mutex<State>,
    /// Of this process alone.
    blind: [u8; 32],
}

#[derive(Debug, Default)]
struct State {
    identities: Arc<Identities>,
    /// Why there is no better key.
    trouble: Option<String>,
    known: BTreeMap<ObjectId, Arc<Known>>,
    /// Applications with an object that could not be opened.
    failed: BTreeSet<AppKey>,
}

/// An object of a release that holds encrypted values.
#[derive(Debug)]
struct Known {
    of: AppKey,
    object: Value,
    sealed: Sealed,
}

impl Seals {
    pub(crate) fn new(source: Keys, cluster: Cluster) -> Self {
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let mut hash = Sha256::new();
        random.iter().for_each(|part| hash.update(part.as_bytes()));
        let blind = hash.finalize().into();
        Self { source, cluster, first: OnceCell::new(), state: Mutex::default(), blind }
    }

    /// Whether a release may hold anything encrypted.
    pub(crate) fn concern(assignment: &Assignment) -> bool {
        assignment.mentioning(&[ANNOTATION, MARKER]).next().is_some()
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
            let Ok(true) = self.look().await else { continue };
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
        }
        if let Some(problem) = trouble.as_ref().filter(|_| trouble != state.trouble) {
            tracing::warn!(problem, keys = %self.source, "there is no key for encrypted values");
        }
        state.identities = Arc::new(identities);
        state.trouble = trouble;
        Ok(changed)
    }

    /// From now on the objects of `of` are those of this release.
    pub(crate) fn learn(&self, of: &AppKey, assignment: &Assignment) {
        let mut state = self.state.lock();
        state.known.retain(|_, known| known.of != *of);
        for (id, object) in assignment.mentioning(&[ANNOTATION, MARKER]) {
            // One that nobody can open is told of when it is to be written.
            if let Ok(Some(sealed)) = Sealed::of(&object) {
                state.known.insert(id.clone(), Arc::new(Known { of: of.clone(), object, sealed }));
            }
        }
    }

    /// The application is on its way out: nothing of it is compared any more.
    pub(crate) fn forget(&self, application: &AppKey) {
        let mut state = self.state.lock();
        state.known.retain(|_, known| known.of != *application);
        state.failed.remove(application);
    }

    /// The plain form of an object that is about to be written; `None` when nothing in it is encrypted.
    ///
    /// # Errors
    /// Why it must not be written, and how to mend it, for people.
    pub(crate) fn open(
        &self,
        of: &AppKey,
        id: &ObjectId,
        object: &Value,
    ) -> Result<Option<Unsealed>, String> {
        let opened = match Sealed::of(object) {
            Ok(None) => return Ok(None),
            Ok(Some(sealed)) => sealed.open(object, &self.identities()).map(|unsealed| (sealed, unsealed)),
            Err(error) => Err(error),
        };
        match opened {
            Ok((sealed, unsealed)) => {
                let known = Known { of: of.clone(), object: object.clone(), sealed };
                // Of a hook whose name was made for this run nothing was known.
                self.state.lock().known.entry(id.clone()).or_insert_with(|| Arc::new(known));
                Ok(Some(unsealed))
            }
            Err(error) => {
                let mut state = self.state.lock();
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
        let Some(known) = self.known(id) else { return };
        let unsealed = known.sealed.open(&known.object, &self.identities());
        let blind = |value: &Value| {
            let mut hash = Sha256::new();
            hash.update(self.blind);
            hash.update(value.to_string().as_bytes());
            format!("(not shown, {})", &hex::encode(hash.finalize())[..16])
        };
        known.sealed.dress(Arc::make_mut(live), unsealed.as_ref().ok(), &blind);
    }

    fn identities(&self) -> Arc<Identities> {
        Arc::clone(&self.state.lock().identities)
    }

    /// An object as a release has it; a live one of a cluster-scoped kind names no namespace.
    fn known(&self, id: &ObjectId) -> Option<Arc<Known>> {
        let state = self.state.lock();
        let same = |other: &ObjectId| {
            (&other.group, &other.kind, &other.name) == (&id.group, &id.kind, &id.name)
                && id.namespace.is_empty()
        };
        let found = state.known.get(id).or_else(|| {
            let mut others = state.known.iter();
            others.find_map(|(other, known)| same(other).then_some(known))
        });
        found.cloned()
    }
}
