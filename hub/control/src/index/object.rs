//! An object of the store as the index keeps it.
//!
//! A tree of values takes five to ten times the memory of its text. Of the kinds that a large fleet has many of, objects
//! keep their text, and beside it what is asked of each of them again and again; whoever wants the tree has it made.

use super::owned::{FOREGROUND, OwnerRef};
use hub_records::{About, Notice, Stored, is_deleted};
use hub_store::{Entry, Revision};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{HOLD_FINALIZER, Kind, PAUSE_ANNOTATION, RESOURCES_FINALIZER, SKIP_RECONCILE_ANNOTATION};
use std::{borrow::Cow, sync::Arc};

/// Argo CD's annotations that ask for a refresh.
pub(crate) const REFRESH: [&str; 2] =
    ["argocd.argoproj.io/application-set-refresh", "argocd.argoproj.io/refresh"];

/// An object without its status.
#[derive(Debug)]
pub(crate) struct Object {
    /// The revision of its last write.
    pub(crate) revision: Revision,
    created: Revision,
    name: Box<str>,
    namespace: Box<str>,
    uid: Box<str>,
    /// The ApplicationSet that its owner reference names, and that one's uid.
    set: Option<(Box<str>, Box<str>)>,
    /// Its owners, but of an Application of a set.
    pub(crate) owners: Box<[OwnerRef]>,
    /// Whether its deletion was asked for.
    pub(crate) is_deleted: bool,
    /// Whether its deletion waits until what it owns is gone.
    pub(crate) waits_for_owned: bool,
    /// Whether its resources are to go with it.
    pub(crate) has_finalizer: bool,
    /// Whether it is kept while something needs it.
    pub(crate) is_held: bool,
    /// Whether somebody asks for a sync.
    pub(crate) asks_sync: bool,
    /// Whether somebody asks for a refresh.
    pub(crate) asks_refresh: bool,
    /// Whether its annotations say anything of a pause.
    pub(crate) speaks_of_pause: bool,
    /// When it last told what it tells, of an Event that a hub wrote.
    pub(crate) told: Option<Timestamp>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Tree(Arc<Value>),
    Text(Box<[u8]>),
}

impl Object {
    /// Reads an entry; `None` when it is not JSON.
    pub(crate) fn from_entry(kind: Kind, entry: &Entry) -> Option<(Self, Stored)> {
        let stored = Stored::from_entry(entry)?;
        let body = match kind {
            Kind::Application | Kind::Cluster | Kind::FleetRollout | Kind::EnrollmentToken | Kind::Event => {
                Body::Text(entry.value[..].into())
            }
            Kind::ApplicationSet
            | Kind::AppProject
            | Kind::RolloutPolicy
            | Kind::Namespace
            | Kind::Secret
            | Kind::ConfigMap => Body::Tree(Arc::new(stored.value.clone())),
        };
        Some((Self::of(kind, &stored, body), stored))
    }

    fn of(kind: Kind, stored: &Stored, body: Body) -> Self {
        let value = &stored.value;
        let metadata = &value["metadata"];
        let finalizers = || {
            let all = metadata["finalizers"].as_array();
            all.into_iter().flatten().filter_map(Value::as_str)
        };
        let has = |names: &[&str]| names.iter().any(|name| !metadata["annotations"][*name].is_null());
        Self {
            revision: stored.revision,
            created: stored.created,
            name: stored.name().into(),
            namespace: stored.namespace().into(),
            uid: stored.uid().into(),
            set: set_of(metadata),
            owners: OwnerRef::of(kind, metadata),
            is_deleted: is_deleted(value),
            waits_for_owned: finalizers().any(|finalizer| finalizer == FOREGROUND),
            has_finalizer: finalizers().any(|finalizer| finalizer.starts_with(RESOURCES_FINALIZER)),
            is_held: finalizers().any(|finalizer| finalizer == HOLD_FINALIZER),
            asks_sync: !value["operation"]["sync"].is_null(),
            asks_refresh: has(&REFRESH),
            speaks_of_pause: has(&[PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION]),
            told: (kind == Kind::Event && Notice::wrote(stored)).then(|| {
                let last = value["lastTimestamp"].as_str().and_then(|at| at.parse().ok());
                last.unwrap_or(Timestamp::UNIX_EPOCH)
            }),
            body,
        }
    }

    /// `metadata.name`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`, empty for cluster-scoped kinds.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `metadata.uid`.
    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    /// The set that its owner reference names: its name and uid.
    pub(crate) fn set(&self) -> Option<(&str, &str)> {
        self.set.as_ref().map(|(name, uid)| (&**name, &**uid))
    }

    /// The object; made anew for the kinds of which there are many.
    pub(crate) fn value(&self) -> Cow<'_, Value> {
        match &self.body {
            Body::Tree(value) => Cow::Borrowed(value),
            Body::Text(text) => Cow::Owned(serde_json::from_slice(text).expect("it was read before")),
        }
    }

    /// The object, shared where it is kept as a tree.
    pub(crate) fn shared(&self) -> Arc<Value> {
        match &self.body {
            Body::Tree(value) => Arc::clone(value),
            Body::Text(_) => Arc::new(self.value().into_owned()),
        }
    }

    /// What is at a place of the object, as text.
    pub(crate) fn text(&self, pointer: &str) -> Option<String> {
        self.value().pointer(pointer)?.as_str().map(str::to_owned)
    }

    /// As records know it.
    pub(crate) fn stored(&self) -> Stored {
        Stored { value: self.value().into_owned(), revision: self.revision, created: self.created }
    }

    /// What Events name it by.
    pub(crate) fn about(&self, kind: Kind) -> About<'_> {
        About { kind, namespace: &self.namespace, name: &self.name, uid: &self.uid }
    }
}

fn set_of(metadata: &Value) -> Option<(Box<str>, Box<str>)> {
    let references = metadata["ownerReferences"].as_array()?;
    let reference = references.iter().find(|reference| reference["kind"] == "ApplicationSet")?;
    Some((reference["name"].as_str()?.into(), reference["uid"].as_str()?.into()))
}
