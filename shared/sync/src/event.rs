//! What a machine is told, and what it asks for.

use crate::Assignment;
use serde_json::Value;
use shared_manifest::object::ObjectId;
use shared_model::{Mode, Position};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The hub (or the journal, at start) assigns a release. An older or equal position changes nothing.
    Assigned(Arc<Assignment>),
    /// The hub removes the application from this cluster; it is never inferred from absence.
    Removed {
        /// The position of the removal; it must be newer than what the machine acts on.
        position: Position,
        /// Whether the application's objects are deleted from the cluster.
        cascade: bool,
    },
    /// A watch or a GET told of an object: as it is now, or `None` when it is certainly absent.
    /// A DELETED watch event is no certainty: GET first.
    Live(ObjectId, Option<Arc<Value>>),
    /// An [`Action::Get`] failed otherwise than by absence.
    Unread(ObjectId, Failure),
    /// How an [`Action::Apply`] or [`Action::CreateNamespace`] ended: the object as the API server returned it.
    Applied(ObjectId, Result<Arc<Value>, Failure>),
    /// How an [`Action::Delete`] ended. `Ok` when the API server accepted it or the object was not there: whether
    /// it is gone tells a later `Live(id, None)`.
    Deleted(ObjectId, Result<(), Failure>),
    /// Whether a pause holds now, of the hub or local: the caller ORs them.
    Paused(bool),
    /// The Cluster's mode.
    Mode(Mode),
    /// A person asks for a sync: applies everything again, with fresh tries.
    SyncRequested,
    /// What carries our mark in the cluster, found by a search after the inventory was lost. Added to the
    /// inventory; a machine made without an inventory prunes nothing before this.
    InventoryLoaded(Vec<ObjectId>),
    /// Time has passed: the time of [`crate::Machine::poll_timeout`] is due.
    Tick,
}

/// What to do. Actions are to be performed in the order given; each must have started before the next
/// starts, and [`Action::SaveInventory`] must be durable before the next starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write the object by server-side apply as field manager `flotilla`, or as `how` says. Answer: [`Event::Applied`].
    Apply {
        /// The object.
        id: ObjectId,
        /// What to send: tracking marks and namespace are in it.
        object: Arc<Value>,
        /// How to send it.
        how: Write,
    },
    /// Delete the object. Answer: [`Event::Deleted`] at once, [`Event::Live`] with `None` when it is gone.
    Delete {
        /// The object.
        id: ObjectId,
        /// A precondition: the uid that was judged to be ours.
        uid: Option<String>,
        /// What happens to its dependents.
        propagation: Propagation,
    },
    /// Read the object. Answer: [`Event::Live`] or [`Event::Unread`].
    Get(ObjectId),
    /// Create the destination namespace if it is absent (apply with our field manager is fine, it carries only
    /// what `managedNamespaceMetadata` says). Answer: [`Event::Applied`] with this id.
    CreateNamespace {
        /// The Namespace.
        id: ObjectId,
        /// What to send.
        object: Arc<Value>,
    },
    /// Tell of every change of these objects from now on (replaces what was asked for earlier).
    Watch(BTreeSet<ObjectId>),
    /// Keep this inventory durably before the next action (replaces the earlier one).
    SaveInventory(Vec<ObjectId>),
    /// [`crate::Machine::report`] tells something new.
    ReportChanged,
}

impl Action {
    /// The event that answers it when it failed.
    pub fn failed(&self, failure: Failure) -> Event {
        match self {
            Self::Apply { id, .. } | Self::CreateNamespace { id, .. } => {
                Event::Applied(id.clone(), Err(failure))
            }
            Self::Delete { id, .. } => Event::Deleted(id.clone(), Err(failure)),
            Self::Get(id) => Event::Unread(id.clone(), failure),
            Self::Watch(_) | Self::SaveInventory(_) | Self::ReportChanged => Event::Tick,
        }
    }

    /// Whether it writes to the cluster: none such is given out while paused or in Observe mode.
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Apply { .. } | Self::Delete { .. } | Self::CreateNamespace { .. } => true,
            Self::Get(_) | Self::Watch(_) | Self::SaveInventory(_) | Self::ReportChanged => false,
        }
    }
}

/// How an object is written (Argo CD's sync options; the object's own annotation wins over the application's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// Server-side apply or replace.
    pub method: Method,
    /// `Force=true`: where an update is refused as impossible, delete and create again.
    pub recreate: bool,
    /// `Validate=false` switches field validation off.
    pub validate: bool,
}

/// The verb of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Server-side apply with forced conflicts: what the release says wins.
    Apply,
    /// `Replace=true`: PUT over what is there, or create.
    Replace,
}

/// `metav1.DeletionPropagation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Dependents go first (Argo CD's default).
    #[default]
    Foreground,
    /// Dependents go afterwards.
    Background,
    /// Dependents stay.
    Orphan,
}

/// Why an action failed, with the API server's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 404 on a write: usually the namespace is missing.
    #[error("not found: {0}")]
    NotFound(String),
    /// 409: another writer, or it exists already.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 401 or 403.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// 400, 413 or 422, admission or schema: the object itself is refused.
    #[error("refused: {0}")]
    Invalid(String),
    /// The API server answered that it does not serve the kind (its definition may yet come): none of its objects exist.
    #[error("unknown kind: {0}")]
    KindUnknown(String),
    /// 403 or 405 because its namespace, or the definition of its kind, is being deleted: nothing new is taken before
    /// that is gone. Uses up no tries.
    #[error("{0}")]
    Leaving(String),
    /// No answer: connection, timeout, 5xx. Nobody's fault; uses up no tries.
    #[error("API server unreachable: {0}")]
    Unreachable(String),
    /// 429. Uses up no tries.
    #[error("API server asks to slow down: {message}")]
    Throttled {
        /// `Retry-After`.
        after: Option<Duration>,
        /// Its words.
        message: String,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Whether trying again is free: the object was not judged.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Throttled { .. } | Self::Leaving(_) => true,
            Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Forbidden(_)
            | Self::Invalid(_)
            | Self::KindUnknown(_)
            | Self::Other(_) => false,
        }
    }
}
