//! One watch: the state at its start if asked for, then every change, until it is old enough or nobody listens.

use super::{kinds::Kind, log::picks, objects::Objects};
use serde_json::{Value, json};
use shared_model::LabelSelector;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a watch was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) kind: Kind,
    /// Empty for all.
    pub(crate) ns: String,
    pub(crate) selector: LabelSelector,
    /// Tell what comes after this version; 0 begins with what there is.
    pub(crate) from: u64,
    /// Begin with what there is, and say when that was all (Kubernetes' KEP-3157).
    pub(crate) send_initial: bool,
    /// How long it may last.
    pub(crate) lasts: Duration,
}

impl Watch {
    /// Sends events until it ends.
    pub(crate) async fn run(self, objects: Objects, lines: mpsc::Sender<Value>) {
        let lasts = self.lasts;
        // Nobody listens any more, or the time is over: both end a watch.
        let _over = tokio::time::timeout(lasts, self.follow(&objects, &lines)).await;
    }

    async fn follow(self, objects: &Objects, lines: &mpsc::Sender<Value>) -> Option<()> {
        let mut changes = objects.changes();
        let mut version = self.from;
        if self.send_initial || self.from == 0 {
            version = self.present(objects, lines).await?;
        }
        loop {
            match objects.since(self.kind, &self.ns, version) {
                Ok((found, at)) => {
                    version = at;
                    for change in &found {
                        if let Some(what) = change.event(&self.selector) {
                            lines.send(json!({"type": what, "object": *change.after})).await.ok()?;
                        }
                    }
                }
                Err(status) => {
                    return lines.send(json!({"type": "ERROR", "object": status.to_value()})).await.ok();
                }
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = lines.closed() => return None,
            }
        }
    }

    async fn present(&self, objects: &Objects, lines: &mpsc::Sender<Value>) -> Option<u64> {
        let (present, at) = objects.list(self.kind, &self.ns);
        for object in present.iter().filter(|object| picks(&self.selector, object)) {
            lines.send(json!({"type": "ADDED", "object": **object})).await.ok()?;
        }
        if self.send_initial {
            let bookmark = json!({"type": "BOOKMARK", "object": {
                "apiVersion": self.kind.api_version(), "kind": self.kind.kind,
                "metadata": {
                    "resourceVersion": at.to_string(),
                    "annotations": {"k8s.io/initial-events-end": "true"},
                },
            }});
            lines.send(bookmark).await.ok()?;
        }
        Some(at)
    }
}
