//! What an apply would change: the objects of a release are read, and a forecast is made of each.
//!
//! Invariants: only reads; values of Secrets are masked before anything leaves here; objects that are protected here are not
//! even read, nor are those of which any release that is held here, of whatever application, has values that SOPS encrypted;
//! of what goes, and of what is there and does not carry the mark of the application compared, only the name is told, so that
//! nobody reads another application's objects by naming them; one comparison at a time and at most [`WAITING`] that wait for it, each
//! of at most [`MOST_UNPACKED`] bytes, answered with at most [`MOST_SHOWN`] bytes and within [`WITHIN`] of its turn. What is
//! left out is counted.

use crate::{
    cluster::{Cluster, Limit, MANAGER, Priority},
    engine::{Ceiling, Comparison},
    journal::Journal,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use shared_diff::{Change, Changes, Rules, applied};
use shared_manifest::{Bundle, Manifest, ObjectId, tracking};
use shared_model::{AppKey, Digest};
use shared_sync::Assignment;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// The most that a bundle to compare with may have, in bytes.
const MOST_UNPACKED: u64 = 5 << 20;
/// As a power of two, how far back a compressed bundle may refer: so much memory it takes to read.
const WINDOW: u32 = 23;
/// How many may wait while one is made: each holds a bundle.
const WAITING: usize = 2;
/// The most that is shown of all objects together, before compression.
const MOST_SHOWN: usize = 8 << 20;
/// How long a comparison may take from its turn on. The hub waits for it, for those before it, and a little longer.
const WITHIN: Duration = Duration::from_secs(50);
/// Reads at once: half of what an agent may ask at once.
const READS: usize = 8;

/// What an object carries that is made of what SOPS encrypted, and how encrypted values begin.
const SEALED: [&str; 2] = ["\"flotilla.dev/sops\"", "ENC[AES256_GCM,"];

/// Objects with encrypted values, by group, kind and name: where a release names no namespace, it has one in the cluster.
type Sealed = BTreeSet<(String, String, String)>;

/// What bundles hold encrypted, as far as they were read for a comparison.
type Read = BTreeMap<Digest, Sealed>;

/// The way to a turn.
#[derive(Debug)]
pub(super) struct Turns {
    /// Whoever has it has the turn.
    turn: Arc<Mutex<Read>>,
    places: Arc<Semaphore>,
}

/// A place among those who wait, and the way to a turn.
#[derive(Debug)]
pub(super) struct Place {
    turn: Arc<Mutex<Read>>,
    _place: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turn: Arc::default(), places: Arc::new(Semaphore::new(WAITING + 1)) }
    }
}

impl Turns {
    /// A place; why there is none. Whoever asks is not trusted to ask for few.
    pub(super) fn place(&self) -> Result<Place, String> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place =
            place.map_err(|_| format!("{WAITING} comparisons wait for this agent already; try again"))?;
        Ok(Place { turn: Arc::clone(&self.turn), _place: place })
    }
}

/// What is told of an object that is there because of somebody else.
const OTHERS: &str = "not compared: in the cluster, and not as a release of this application that is known here (it does not carry this application's mark, or the application is not here), so only its name is told";

/// Whose objects may be told.
#[derive(Debug)]
struct Owned {
    sealed: Sealed,
    /// Whether the application has, or had, a release here: of one that is gone it is not known any more what it encrypted.
    is_here: bool,
}

/// What a comparison needs.
#[derive(Debug)]
pub(super) struct Comparing {
    pub(super) cluster: Cluster,
    pub(super) limit: Limit,
    pub(super) ceiling: Ceiling,
    pub(super) journal: Arc<Journal>,
    pub(super) place: Place,
}

impl Comparing {
    /// The changes, as they are sent; or why they are not known.
    pub(super) async fn perform(self, comparison: Comparison) -> Result<Vec<u8>, String> {
        let turn = Arc::clone(&self.place.turn).lock_owned().await;
        let work = async {
            let changes = self.compare(comparison, turn).await?;
            packed(changes)
        };
        let late = || {
            format!(
                "the comparison took longer than {} s; the cluster or its agent is busy",
                WITHIN.as_secs()
            )
        };
        tokio::time::timeout(WITHIN, work).await.unwrap_or_else(|_| Err(late()))
    }

    async fn compare(
        &self,
        comparison: Comparison,
        mut turn: OwnedMutexGuard<Read>,
    ) -> Result<Changes, String> {
        let Comparison { position, spec, bundle, inventory, .. } = comparison;
        let journal = Arc::clone(&self.journal);
        let prepare = move || {
            let held = journal.held().map_err(|error| format!("what ran before cannot be read: {error}"))?;
            let is_here = held.contains_key(&spec.application);
            let bundle = match bundle {
                Some(compressed) => unpack(&compressed)?,
                None => journal
                    .bundle(&spec.bundle)
                    .map_err(|error| format!("the release is not here whole: {error}"))?,
            };
            let mut sealed: Sealed = sealed(&bundle).collect();
            sealed.extend(sealed_here(&journal, held, &mut turn));
            let release = Assignment::new(position, *spec, &bundle);
            // The turn goes back with what was read: nobody else reads meanwhile, not even after this one was late.
            Ok::<_, String>((release, Owned { sealed, is_here }, turn))
        };
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let (release, owned, _turn) =
            prepared.unwrap_or_else(|_| Err("reading the release failed inside the agent".to_owned()))?;
        let rules = Rules::new(&release.spec.ignore_differences);
        let wanted: BTreeSet<ObjectId> = release.wanted().map(|(id, _, _)| id).collect();
        let mut found = Changes::default();
        let mut shown = 0;
        let owner = &release.spec.application;
        let desired = release
            .wanted()
            .map(|(id, version, object)| self.look(id, version, object, &rules, (&owned, owner)));
        let mut looks = stream::iter(desired).buffered(READS);
        while let Some(change) = looks.next().await {
            keep(&mut found, &mut shown, change);
        }
        let left = inventory.into_iter().filter(|id| !wanted.contains(id));
        let left = left.map(|id| self.look_left(id, &release, &rules));
        let mut looks = stream::iter(left).buffered(READS);
        while let Some(change) = looks.next().await {
            // What is gone already is no difference.
            if change.is_some() {
                keep(&mut found, &mut shown, change);
            }
        }
        Ok(found)
    }

    /// What would change of an object of the release.
    async fn look(
        &self,
        id: ObjectId,
        version: String,
        desired: Value,
        rules: &Rules,
        (owned, application): (&Owned, &AppKey),
    ) -> Option<Change> {
        if let Some(why) = self.ceiling.keeps(&id) {
            return Some(Change::remark(&id, format!("left alone: {why}")));
        }
        if owned.sealed.contains(&key(&id)) {
            return Some(Change::remark(&id, "not compared: it holds what SOPS encrypted"));
        }
        let _permit = self.limit.permit(Priority::Normal).await;
        match self.cluster.get_whole(&id, Some(&version)).await {
            Ok(None) => Change::of(&id, None, Some(&desired), rules),
            Ok(Some(live)) if !(owned.is_here && is_ours(&live, application)) => {
                Some(Change::remark(&id, OTHERS))
            }
            Ok(Some(live)) => Change::of(&id, Some(&live), Some(&applied(&desired, &live, MANAGER)), rules),
            Err(failure) => Some(Change::unknown(&id, format!("could not be read: {failure}"))),
        }
    }

    /// What would happen to an object that the release has no more.
    async fn look_left(&self, id: ObjectId, release: &Assignment, rules: &Rules) -> Option<Change> {
        if let Some(why) = self.ceiling.keeps(&id) {
            return Some(Change::remark(&id, format!("not in the release any more, and left alone: {why}")));
        }
        let _permit = self.limit.permit(Priority::Normal).await;
        let live = match self.cluster.get_whole(&id, None).await {
            Ok(live) => live.filter(|live| is_ours(live, &release.spec.application))?,
            Err(failure) => {
                return Some(Change::unknown(
                    &id,
                    format!("not in the release any more; could not be read: {failure}"),
                ));
            }
        };
        let prunes = Manifest::new(live.clone()).is_ok_and(|live| release.prunes(&live));
        if prunes {
            // What is in it may be of a time when it held secrets.
            Change::of(&id, Some(&named(&live)), None, rules)
        } else {
            Some(Change::remark(
                &id,
                "not in the release any more; it stays, since it is not pruned".to_owned(),
            ))
        }
    }
}

/// Whether an object carries our mark, and for this application.
fn is_ours(live: &Value, application: &AppKey) -> bool {
    let owner = tracking::owner_hash(&application.namespace, &application.name);
    tracking::owner_of(live) == Some(owner.as_str())
}

fn key(id: &ObjectId) -> (String, String, String) {
    (id.group.clone(), id.kind.clone(), id.name.clone())
}

/// The objects that hold what SOPS encrypted, in any bundle that is held: bundles are read one by one, and each once.
fn sealed_here(
    journal: &Journal,
    held: BTreeMap<AppKey, Vec<Digest>>,
    read: &mut BTreeMap<Digest, Sealed>,
) -> Sealed {
    let held: BTreeSet<Digest> = held.into_values().flatten().collect();
    read.retain(|digest, _| held.contains(digest));
    for digest in held {
        if !read.contains_key(&digest)
            && let Ok(bundle) = journal.bundle(&digest)
        {
            read.insert(digest, sealed(&bundle).collect());
        }
    }
    read.values().flatten().cloned().collect()
}

/// The objects of a bundle that hold what SOPS encrypted.
fn sealed(bundle: &Bundle) -> impl Iterator<Item = (String, String, String)> {
    let is_sealed = |object: &&Manifest| {
        let text = object.value().to_string();
        SEALED.iter().any(|mark| text.contains(mark))
    };
    bundle.objects().iter().filter(is_sealed).map(|object| key(&object.id()))
}

/// What names an object, and nothing that is in it.
fn named(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut named = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {"name": metadata["name"]}});
    if !metadata["namespace"].is_null() {
        named["metadata"]["namespace"] = metadata["namespace"].clone();
    }
    named
}

/// Counts an object, and keeps what is to be shown of it as long as there is room.
fn keep(found: &mut Changes, shown: &mut usize, change: Option<Change>) {
    let Some(change) = change else {
        found.same += 1;
        return;
    };
    *shown += serde_json::to_vec(&change).map_or(0, |text| text.len());
    if *shown > MOST_SHOWN {
        found.left_out += 1;
    } else {
        found.changes.push(change);
    }
}

fn unpack(compressed: &[u8]) -> Result<Bundle, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("the bundle to compare with cannot be read: {error}");
    let mut decoder = zstd::Decoder::new(compressed).map_err(|error| wrong(&error))?;
    decoder.window_log_max(WINDOW).map_err(|error| wrong(&error))?;
    let mut bytes = Vec::new();
    decoder.take(MOST_UNPACKED + 1).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    if bytes.len() as u64 > MOST_UNPACKED {
        return Err(format!("the bundle to compare with is larger than {} MiB", MOST_UNPACKED >> 20));
    }
    Bundle::from_bytes(&bytes).map_err(|error| wrong(&error))
}

/// As it is sent: compressed, and as much of it as one answer holds.
fn packed(mut changes: Changes) -> Result<Vec<u8>, String> {
    loop {
        let text = serde_json::to_vec(&changes).map_err(|error| error.to_string())?;
        let packed = zstd::encode_all(&text[..], 0).map_err(|error| error.to_string())?;
        if packed.len() <= proto::COMPARED_BYTES || changes.changes.is_empty() {
            return Ok(packed);
        }
        let kept = changes.changes.len() / 2;
        changes.left_out += changes.changes.len() - kept;
        changes.changes.truncate(kept);
    }
}

#[cfg(test)]
mod tests;
