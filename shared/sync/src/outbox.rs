//! Actions on their way out. What an apply sends stays a text until it is given out.

use crate::Action;
use crate::event::Write;
use crate::text::Text;
use serde_json::Value;
use shared_manifest::{Manifest, ObjectId, tracking};
use shared_model::AppKey;
use std::sync::Arc;

/// An action in the outbox.
#[derive(Debug)]
pub(crate) enum Out {
    Apply { id: ObjectId, object: Text, how: Write },
    Other(Action),
}

impl From<Action> for Out {
    fn from(action: Action) -> Self {
        Self::Other(action)
    }
}

impl Out {
    /// The object that it writes.
    pub(crate) fn written(&self) -> Option<&ObjectId> {
        match self {
            Self::Apply { id, .. }
            | Self::Other(
                Action::Apply { id, .. } | Action::Delete { id, .. } | Action::CreateNamespace { id, .. },
            ) => Some(id),
            Self::Other(
                Action::Get(_) | Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged,
            ) => None,
        }
    }

    /// Whether it outlives a newer order.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Other(Action::SaveInventory(_) | Action::ReportChanged))
    }

    /// As it is given out.
    pub(crate) fn into_action(self, app: &AppKey) -> Action {
        match self {
            Self::Apply { id, object, how } => {
                let object = Arc::new(named(object.read(), &id, app));
                Action::Apply { id, object, how }
            }
            Self::Other(action) => action,
        }
    }
}

/// The object under the name that was generated for it.
fn named(mut object: Value, id: &ObjectId, app: &AppKey) -> Value {
    if object.pointer("/metadata/name").is_some() {
        return object;
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("generateName");
        metadata.insert("name".to_owned(), Value::from(id.name.clone()));
    }
    let manifest = Manifest::new(object).expect("a manifest with a name is a manifest");
    tracking::stamp(&manifest, &app.namespace, &app.name)
}
