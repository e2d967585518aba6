//! The last changes of a cluster, and what a watch makes of one.

use super::kinds::Kind;
use serde_json::Value;
use shared_model::LabelSelector;
use shared_objects::{Status, meta};
use std::{collections::VecDeque, sync::Arc};

/// How many changes a watch may lag behind. A cluster of the demo has a few objects; thousands of clusters
/// share one memory.
const KEPT: usize = 256;

/// A change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) kind: Kind,
    /// How it was; `None` when it was made.
    pub(crate) before: Option<Arc<Value>>,
    /// How it is, or was last.
    pub(crate) after: Arc<Value>,
    pub(crate) deleted: bool,
}

impl Change {
    /// The event of a watch with this selector; `None` when it is none of its business.
    ///
    /// An object that begins to match is added, one that ceases to match is deleted, as in Kubernetes.
    pub(crate) fn event(&self, selector: &LabelSelector) -> Option<&'static str> {
        let before = self.before.as_ref().is_some_and(|before| picks(selector, before));
        let after = !self.deleted && picks(selector, &self.after);
        match (before, after) {
            (false, true) => Some("ADDED"),
            (true, true) => Some("MODIFIED"),
            (true, false) => Some("DELETED"),
            (false, false) => None,
        }
    }
}

/// The newest changes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    changes: VecDeque<Change>,
    /// The newest version that is no longer here.
    forgotten: u64,
}

impl Log {
    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > KEPT {
            self.forgotten = self.changes.pop_front().map_or(self.forgotten, |change| change.version);
        }
    }

    /// The changes of a kind after `version`, in one namespace or (empty) in all.
    ///
    /// # Errors
    /// 410 when some are forgotten.
    pub(crate) fn since(&self, kind: Kind, ns: &str, version: u64) -> Result<Vec<Change>, Status> {
        if version < self.forgotten {
            return Err(Status::expired(format!(
                "too old resource version: {version} ({})",
                self.forgotten + 1
            )));
        }
        let wanted = |change: &&Change| {
            change.version > version
                && change.kind == kind
                && (ns.is_empty() || meta::namespace(&change.after) == ns)
        };
        Ok(self.changes.iter().filter(wanted).cloned().collect())
    }
}

/// Whether an object's labels satisfy the selector.
pub(crate) fn picks(selector: &LabelSelector, object: &Value) -> bool {
    if selector.is_empty() {
        return true;
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    selector.matches(&labels.collect())
}
