//! Reading and changing records.

use crate::{Recent, Stored, keys, resource, rules};
use bytes::Bytes;
use hub_store::{Compare, Op, Outcome, Page, Revision, Store, Txn};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared_model::{ClusterName, Kind, gvk};
use shared_objects::{
    Status,
    meta::{self, Deletion, NewObject, Part, Updated},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why a record could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] hub_store::Error),
    /// An object of this name exists.
    #[error("{kind:?} \"{name}\" already exists")]
    AlreadyExists {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// There is no such object.
    #[error("{kind:?} \"{name}\" not found")]
    NotFound {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The object changed since it was read.
    #[error("{kind:?} \"{name}\" has been modified; apply the change to the latest version and try again")]
    Conflict {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The object may not be stored so.
    #[error("{0}")]
    Invalid(Status),
    /// A record is not what this version of the hub writes.
    #[error("record {key} cannot be read")]
    Unreadable {
        /// Its key.
        key: String,
        /// What the reader says.
        source: serde_json::Error,
    },
}

/// What became of a deleted object.
#[derive(Debug, Clone, PartialEq)]
pub enum Deleted {
    /// It is gone; this is what it was.
    Removed(Stored),
    /// It is marked, and goes when its last finalizer does.
    Marked(Stored),
}

/// The hub's records, over any store.
#[derive(Debug, Clone)]
pub struct Records {
    store: Arc<dyn Store>,
    /// The person for whom objects are written: what becomes of them is told in the history.
    person: Option<Arc<str>>,
    recent: Recent,
    /// Who changes a status now.
    changing: Arc<Semaphore>,
}

/// How many statuses are changed at once: as many as share the disk's next write. Each holds what it changes in memory, and
/// ten thousand agents may come at once.
const CHANGING: usize = 256;

impl Records {
    /// Records in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let changing = Arc::new(Semaphore::new(CHANGING));
        Self { store, person: None, recent: Recent::default(), changing }
    }

    /// The same records, written for a person: each change of an object is told in the history, in the transaction
    /// that makes it.
    #[must_use]
    pub fn on_behalf_of(&self, person: &str) -> Self {
        Self { person: Some(person.into()), ..self.clone() }
    }

    /// What the history is told of a change of an object, when a person makes it.
    fn telling(&self, kind: Kind, before: Option<&Value>, after: Option<&Value>) -> Vec<Op> {
        let Some(person) = &self.person else { return Vec::new() };
        let entries = shared_history::of_object(kind, (before, after), person, shared_runtime::now());
        crate::history::puts(entries)
    }

    /// Which releases were made or found a moment ago.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// One object.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, kind: Kind, ns: &str, name: &str) -> Result<Option<Stored>, Error> {
        let entry = self.store.get(&keys::object(kind, ns, name)).await?;
        Ok(entry.as_ref().and_then(Stored::from_entry))
    }

    /// All objects of a kind, in one namespace or in all, with the revision they were read at.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, kind: Kind, ns: Option<&str>) -> Result<(Vec<Stored>, Revision), Error> {
        let prefix = ns.map_or_else(|| keys::objects(kind), |ns| keys::objects_in(kind, ns));
        let listing = self.store.list(&prefix, Page::default()).await?;
        Ok((listing.entries.iter().filter_map(Stored::from_entry).collect(), listing.revision))
    }

    /// Stores a new object under its `metadata.name` and `metadata.namespace`, with uid, creation time
    /// and generation.
    ///
    /// # Errors
    /// When one of that name exists, the metadata is invalid, or the store fails.
    pub async fn create(&self, kind: Kind, object: Value, now: Timestamp) -> Result<Stored, Error> {
        self.insert(kind, Self::draft(kind, object, now)?).await
    }

    /// A new object as [`Records::create`] would store it, for a transaction of the caller's.
    ///
    /// # Errors
    /// When the metadata is invalid.
    pub fn draft(kind: Kind, mut object: Value, now: Timestamp) -> Result<Value, Error> {
        let gvk = gvk(kind);
        object["apiVersion"] = json!(gvk.api_version());
        object["kind"] = json!(gvk.kind);
        without(
            &mut object,
            if gvk.namespaced { &["resourceVersion"] } else { &["resourceVersion", "namespace"] },
        );
        let (uid, random) = dice();
        let new = NewObject { uid: &uid, random };
        meta::create(object, resource(kind), &rules(kind), new, now).map_err(Error::Invalid)
    }

    /// Stores a new object as it is: its metadata is complete.
    ///
    /// # Errors
    /// When one of that name exists, or the store fails.
    pub async fn insert(&self, kind: Kind, value: Value) -> Result<Stored, Error> {
        let stored = Stored { value, revision: Revision::default(), created: Revision::default() };
        let key = keys::object(kind, stored.namespace(), stored.name());
        let mut txn = Txn::new().when(Compare::Absent { key: key.clone() }).put(key, encode(&stored.value));
        txn.ops.extend(self.telling(kind, None, Some(&stored.value)));
        match self.store.commit(txn).await? {
            Outcome::Committed(revision) => Ok(Stored { revision, created: revision, ..stored }),
            Outcome::Conflict { .. } => Err(Error::AlreadyExists { kind, name: stored.name().to_owned() }),
        }
    }

    /// Puts `new` in the place of `old`, which must still be the latest. An object whose deletion was
    /// asked for disappears with its last finalizer. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// When the object changed since `old` was read, `new` is invalid, or the store fails.
    pub async fn replace(&self, kind: Kind, old: &Stored, mut new: Value) -> Result<Stored, Error> {
        without(&mut new, &["resourceVersion"]);
        if let Some(fields) = new.as_object_mut() {
            fields.remove("status");
        }
        let updated = meta::update(&old.value, new, Part::Main, resource(kind), &rules(kind));
        match updated.map_err(Error::Invalid)? {
            Updated::Unchanged => Ok(old.clone()),
            Updated::Changed(value) => self.put(kind, old, value).await,
            Updated::Removed(value) => Ok(Stored { value, ..self.remove(kind, old).await? }),
        }
    }

    /// Writes `value` as it is in the place of `old`, which must still be the latest.
    ///
    /// # Errors
    /// When the object changed since `old` was read, or the store fails.
    pub async fn put(&self, kind: Kind, old: &Stored, value: Value) -> Result<Stored, Error> {
        let key = keys::object(kind, old.namespace(), old.name());
        let still = Compare::ModRevision { key: key.clone(), revision: old.revision };
        let mut txn = Txn::new().when(still).put(key, encode(&value));
        txn.ops.extend(self.telling(kind, Some(&old.value), Some(&value)));
        match self.store.commit(txn).await? {
            Outcome::Committed(revision) => Ok(Stored { value, revision, created: old.created }),
            Outcome::Conflict { .. } => Err(Error::Conflict { kind, name: old.name().to_owned() }),
        }
    }

    /// Removes an object and its status at once, whatever its finalizers; `old` must still be the latest.
    ///
    /// # Errors
    /// When the object changed since `old` was read, or the store fails.
    pub async fn remove(&self, kind: Kind, old: &Stored) -> Result<Stored, Error> {
        let key = keys::object(kind, old.namespace(), old.name());
        let status = keys::status(kind, old.namespace(), old.name());
        let still = Compare::ModRevision { key: key.clone(), revision: old.revision };
        let mut txn = Txn::new().when(still).delete(key).delete(status);
        // What was marked before was told then.
        if !meta::is_deleting(&old.value) {
            txn.ops.extend(self.telling(kind, Some(&old.value), None));
        }
        match self.store.commit(txn).await? {
            Outcome::Committed(revision) => Ok(Stored { revision, ..old.clone() }),
            Outcome::Conflict { .. } => Err(Error::Conflict { kind, name: old.name().to_owned() }),
        }
    }

    /// Changes an object, reading it again when another writer came in between. `change` answers
    /// `None` to leave the object as it is.
    ///
    /// # Errors
    /// When there is no such object, or the store fails.
    pub async fn modify<F>(&self, kind: Kind, ns: &str, name: &str, mut change: F) -> Result<Stored, Error>
    where
        F: FnMut(&Value) -> Option<Value> + Send,
    {
        loop {
            let Some(old) = self.get(kind, ns, name).await? else {
                return Err(Error::NotFound { kind, name: name.to_owned() });
            };
            let Some(new) = change(&old.value) else { return Ok(old) };
            match self.replace(kind, &old, new).await {
                Err(Error::Conflict { .. }) => {}
                other => return other,
            }
        }
    }

    /// Deletes an object: at once without finalizers, else it is marked and goes with the last of them.
    ///
    /// # Errors
    /// When there is no such object, or the store fails.
    pub async fn delete(&self, kind: Kind, ns: &str, name: &str, now: Timestamp) -> Result<Deleted, Error> {
        loop {
            let Some(old) = self.get(kind, ns, name).await? else {
                return Err(Error::NotFound { kind, name: name.to_owned() });
            };
            match self.delete_version(kind, &old, now).await {
                Err(Error::Conflict { .. }) => {}
                other => return other,
            }
        }
    }

    /// Deletes exactly the version `old` of an object.
    ///
    /// # Errors
    /// When the object changed since `old` was read, or the store fails.
    pub async fn delete_version(&self, kind: Kind, old: &Stored, now: Timestamp) -> Result<Deleted, Error> {
        let asked = Deletion::default();
        let deleted = meta::delete(old.value.clone(), &asked, resource(kind), now).map_err(Error::Invalid)?;
        Ok(match deleted {
            meta::Deleted::Removed(_) => Deleted::Removed(self.remove(kind, old).await?),
            meta::Deleted::Marked(value) => Deleted::Marked(self.put(kind, old, value).await?),
            meta::Deleted::Waits(_) => Deleted::Marked(old.clone()),
        })
    }

    /// The status of an object, with its revision.
    ///
    /// # Errors
    /// When the store fails or the record cannot be read.
    pub async fn status(&self, kind: Kind, ns: &str, name: &str) -> Result<Option<(Value, Revision)>, Error> {
        self.read(&keys::status(kind, ns, name)).await
    }

    /// Writes the status of an object, if it differs from what is stored. Answers whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_status(&self, kind: Kind, ns: &str, name: &str, status: &Value) -> Result<bool, Error> {
        let key = keys::status(kind, ns, name);
        let value = encode(status);
        if self.store.get(&key).await?.is_some_and(|entry| entry.value == value) {
            return Ok(false);
        }
        // The object may be gone by now: a status without its object would never be collected.
        let object = keys::object(kind, ns, name);
        let txn = Txn { compares: vec![Compare::Exists { key: object }], ops: vec![Op::Put { key, value }] };
        Ok(matches!(self.store.commit(txn).await?, Outcome::Committed(_)))
    }

    /// Changes the status of an object, reading it again when another writer came in between; `change`
    /// may be called several times. Nothing is written when nothing changes. Answers the status, or `None`
    /// when there is no such object.
    ///
    /// # Errors
    /// When the store fails or the record cannot be read.
    pub async fn modify_status<F>(
        &self,
        kind: Kind,
        ns: &str,
        name: &str,
        mut change: F,
    ) -> Result<Option<Value>, Error>
    where
        F: FnMut(&mut Value) + Send,
    {
        let _turn = self.changing.acquire().await;
        let (object, key) = (keys::object(kind, ns, name), keys::status(kind, ns, name));
        loop {
            if self.store.get(&object).await?.is_none() {
                return Ok(None);
            }
            let present: Option<(Value, Revision)> = self.read(&key).await?;
            let (before, revision) = present.unwrap_or_else(|| (json!({}), Revision::ZERO));
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(Some(after));
            }
            let mut txn = Txn::new()
                .when(Compare::Exists { key: object.clone() })
                .when(Compare::ModRevision { key: key.clone(), revision })
                .put(key.clone(), encode(&after));
            if kind == Kind::Cluster {
                let now = shared_runtime::now();
                let told = shared_history::of_status(&ClusterName::new(name), &before, &after, now);
                txn.ops.extend(crate::history::puts(told));
            }
            if let Outcome::Committed(_) = self.store.commit(txn).await? {
                return Ok(Some(after));
            }
        }
    }

    /// A record of any type, with the revision of its last write.
    ///
    /// # Errors
    /// When the store fails or the record cannot be read.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, Revision)>, Error> {
        let Some(entry) = self.store.get(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&entry.value)
            .map_err(|source| Error::Unreadable { key: key.to_owned(), source })?;
        Ok(Some((value, entry.mod_revision)))
    }

    /// Writes a record of any type, whatever was there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write<T: Serialize>(&self, key: &str, record: &T) -> Result<(), Error> {
        let ops = vec![Op::Put { key: key.to_owned(), value: encode(record) }];
        match self.store.commit(Txn { compares: Vec::new(), ops }).await? {
            Outcome::Committed(_) | Outcome::Conflict { .. } => Ok(()),
        }
    }
}

/// The stored form of a record: JSON with sorted keys.
pub(crate) fn encode<T: Serialize>(record: &T) -> Bytes {
    Bytes::from(serde_json::to_vec(record).expect("records have string keys only"))
}

/// A new object's uid, and a number for its name where the object leaves that to the hub.
fn dice() -> (String, u64) {
    let uid = uuid::Uuid::new_v4();
    (uid.to_string(), uid.as_u64_pair().1)
}

fn without(object: &mut Value, fields: &[&str]) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        fields.iter().for_each(|field| drop(metadata.remove(*field)));
    }
}
