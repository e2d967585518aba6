//! The objects of a simulated cluster, their versions, and the log that watches read.

use super::{
    kinds::{KINDS, Kind},
    log::{Change, Log},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared_objects::{
    Status,
    apply::{self, Conflicts, Manager, Options, Schema},
    meta::{self, Deleted, Deletion, NewObject, Part, Updated},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

type Key = (Kind, String, String);

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    log: Log,
    random: u64,
}

/// The objects. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    inner: Arc<Mutex<Inner>>,
    version: Arc<watch::Sender<u64>>,
}

impl Objects {
    /// A cluster with its system namespaces and one node.
    pub(crate) fn new(name: &str, now: Timestamp) -> Self {
        let objects = Self { inner: Arc::default(), version: Arc::new(watch::Sender::new(0)) };
        objects.inner.lock().random = shared_model::Digest::of(name.as_bytes())
            .as_bytes()
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        for namespace in ["default", "kube-system"] {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            objects.create(KINDS[0], object, now).expect("a fresh cluster has no namespaces");
        }
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("{name}-node")}});
        objects.create(KINDS[1], node, now).expect("a fresh cluster has no nodes");
        objects
    }

    pub(crate) fn get(&self, kind: Kind, ns: &str, name: &str) -> Result<Arc<Value>, Status> {
        let found = self.inner.lock().objects.get(&key(kind, ns, name)).cloned();
        found.ok_or_else(|| Status::not_found(kind.resource(), name))
    }

    /// The objects of a kind, in one namespace or (empty) in all, and the version of the listing.
    pub(crate) fn list(&self, kind: Kind, ns: &str) -> (Vec<Arc<Value>>, u64) {
        let inner = self.inner.lock();
        let of_kind =
            inner.objects.iter().filter(|((of, in_ns, _), _)| *of == kind && (ns.is_empty() || in_ns == ns));
        (of_kind.map(|(_, object)| Arc::clone(object)).collect(), inner.version)
    }

    /// Tells when something changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The changes of a kind after `version`; an error when they are forgotten.
    pub(crate) fn since(&self, kind: Kind, ns: &str, version: u64) -> Result<(Vec<Change>, u64), Status> {
        let inner = self.inner.lock();
        Ok((inner.log.since(kind, ns, version)?, inner.version))
    }

    pub(crate) fn create(&self, kind: Kind, object: Value, now: Timestamp) -> Result<Arc<Value>, Status> {
        self.make(&mut self.inner.lock(), kind, object, now)
    }

    /// Creates an object for a client, whose fields it becomes.
    pub(crate) fn create_by(
        &self,
        kind: Kind,
        object: Value,
        manager: &str,
        now: Timestamp,
    ) -> Result<Arc<Value>, Status> {
        apply::check_options(manager, Options::Create)?;
        let (manager, schema) = (Manager { name: manager, subresource: "" }, kind.schema());
        let object = schema.normalised(typed(kind, object)?);
        let object = apply::track(None, object, manager, &schema, now);
        self.create(kind, object, now)
    }

    fn make(
        &self,
        inner: &mut Inner,
        kind: Kind,
        object: Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Status> {
        inner.random = inner.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = inner.random;
        let uid = format!("{:08x}-0000-4000-8000-{:012x}", random >> 32, random & 0xffff_ffff_ffff);
        let object =
            meta::create(object, kind.resource(), &kind.rules(), NewObject { uid: &uid, random }, now)?;
        let key = key(kind, meta::namespace(&object), meta::name(&object));
        if kind.namespaced {
            let namespace = self::key(KINDS[0], "", &key.1);
            if !inner.objects.contains_key(&namespace) {
                return Err(Status::not_found(KINDS[0].resource(), &key.1));
            }
        }
        if inner.objects.contains_key(&key) {
            return Err(Status::already_exists(kind.resource(), &key.2));
        }
        Ok(self.store(inner, key, object))
    }

    /// Changes an object by what `change` makes of it.
    pub(crate) fn change(
        &self,
        kind: Kind,
        ns: &str,
        name: &str,
        part: Part,
        change: impl FnOnce(&Value) -> Result<Value, Status>,
    ) -> Result<Arc<Value>, Status> {
        let mut inner = self.inner.lock();
        self.replace(&mut inner, kind, ns, name, part, change)
    }

    /// Changes an object for a client by what `change` makes of it; the fields that change become the client's.
    pub(crate) fn change_by(
        &self,
        kind: Kind,
        ns: &str,
        name: &str,
        manager: Manager<'_>,
        now: Timestamp,
        change: impl FnOnce(&Value, &Schema) -> Result<Value, Status>,
    ) -> Result<Arc<Value>, Status> {
        let schema = kind.schema();
        self.change(kind, ns, name, part(manager), |old| {
            let mut new = schema.normalised(typed(kind, change(old, &schema)?)?);
            meta::default_namespace(&mut new, ns);
            Ok(apply::track(Some(old), new, manager, &schema, now))
        })
    }

    /// Server-side apply: creates or changes.
    #[allow(clippy::too_many_arguments, reason = "what one apply request says")]
    pub(crate) fn apply(
        &self,
        kind: Kind,
        ns: &str,
        name: &str,
        config: &Value,
        manager: Manager<'_>,
        conflicts: Conflicts,
        now: Timestamp,
    ) -> Result<Arc<Value>, Status> {
        let mut inner = self.inner.lock();
        let live = inner.objects.get(&key(kind, ns, name)).cloned();
        if live.is_none() && part(manager) == Part::Status {
            return Err(Status::not_found(kind.resource(), name));
        }
        apply::check_options(manager.name, Options::Apply)?;
        apply::check_kind(config, &kind.api_version(), kind.kind)?;
        let merged = apply::apply(live.as_deref(), config, manager, conflicts, &kind.schema(), now)?;
        match live {
            Some(_) => self.replace(&mut inner, kind, ns, name, part(manager), |_| Ok(merged)),
            None => self.make(&mut inner, kind, merged, now),
        }
    }

    pub(crate) fn delete(
        &self,
        kind: Kind,
        ns: &str,
        name: &str,
        options: &Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Status> {
        let mut deletion = Deletion::from_value(options)?;
        // Nothing here has dependents to wait for.
        deletion.propagation = None;
        let mut inner = self.inner.lock();
        let key = key(kind, ns, name);
        let object =
            inner.objects.get(&key).cloned().ok_or_else(|| Status::not_found(kind.resource(), name))?;
        match meta::delete((*object).clone(), &deletion, kind.resource(), now)? {
            Deleted::Removed(last) => Ok(self.remove(&mut inner, &key, last)),
            Deleted::Marked(marked) => Ok(self.store(&mut inner, key, marked)),
            Deleted::Waits(object) => Ok(Arc::new(object)),
        }
    }

    fn replace(
        &self,
        inner: &mut Inner,
        kind: Kind,
        ns: &str,
        name: &str,
        part: Part,
        change: impl FnOnce(&Value) -> Result<Value, Status>,
    ) -> Result<Arc<Value>, Status> {
        let key = key(kind, ns, name);
        let old = inner.objects.get(&key).cloned().ok_or_else(|| Status::not_found(kind.resource(), name))?;
        match meta::update(&old, change(&old)?, part, kind.resource(), &kind.rules())? {
            Updated::Unchanged => Ok(old),
            Updated::Changed(new) => Ok(self.store(inner, key, new)),
            Updated::Removed(last) => Ok(self.remove(inner, &key, last)),
        }
    }

    fn store(&self, inner: &mut Inner, key: Key, mut object: Value) -> Arc<Value> {
        inner.version += 1;
        meta::set_version(&mut object, inner.version);
        let after = Arc::new(object);
        let kind = key.0;
        let before = inner.objects.insert(key, Arc::clone(&after));
        self.log(inner, kind, before, &after, false);
        after
    }

    fn remove(&self, inner: &mut Inner, key: &Key, mut last: Value) -> Arc<Value> {
        inner.version += 1;
        meta::set_version(&mut last, inner.version);
        let last = Arc::new(last);
        let before = inner.objects.remove(key);
        self.log(inner, key.0, before, &last, true);
        if key.0 == KINDS[0] {
            let inside: Vec<Key> = inner.objects.keys().filter(|(_, ns, _)| *ns == key.2).cloned().collect();
            for key in inside {
                if let Some(object) = inner.objects.get(&key).cloned() {
                    self.remove(inner, &key, (*object).clone());
                }
            }
        }
        last
    }

    fn log(
        &self,
        inner: &mut Inner,
        kind: Kind,
        before: Option<Arc<Value>>,
        after: &Arc<Value>,
        deleted: bool,
    ) {
        let version = inner.version;
        inner.log.push(Change { version, kind, before, after: Arc::clone(after), deleted });
        self.version.send_replace(version);
    }
}

/// The object with what says of which kind it is.
fn typed(kind: Kind, mut object: Value) -> Result<Value, Status> {
    let fields = object.as_object_mut().ok_or_else(|| Status::bad_request("an object must be a map"))?;
    for (field, value) in [("apiVersion", kind.api_version()), ("kind", kind.kind.to_owned())] {
        fields.entry(field).or_insert_with(|| value.into());
    }
    Ok(object)
}

fn part(manager: Manager<'_>) -> Part {
    if manager.subresource.is_empty() { Part::Main } else { Part::Status }
}

fn key(kind: Kind, ns: &str, name: &str) -> Key {
    (kind, if kind.namespaced { ns.to_owned() } else { String::new() }, name.to_owned())
}
