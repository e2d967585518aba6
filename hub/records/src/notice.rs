//! Kubernetes Events that the hub writes about its objects: what `kubectl describe` shows under *Events*.
//!
//! A notice has a name that follows from what it tells of, so that telling it twice leaves one Event. The
//! writer puts it into the transaction that makes it true: an Event is there exactly when its transition is.

use crate::{Records, Stored, keys, records::encode};
use hub_store::Op;
use jiff::Timestamp;
use serde_json::json;
use shared_model::{Digest, Kind, gvk};

/// Who the hub's Events come from.
pub(crate) const COMPONENT: &str = "flotilla-hub";
/// The longest message of an Event, as in Kubernetes.
const LONGEST: usize = 1024;
/// How much of an object's name its Events repeat: names end at 253.
const NAMED: usize = 200;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// In CamelCase, as in `WavePassed`.
    pub reason: &'static str,
    /// Whether a person may have to act.
    pub warning: bool,
    /// What happened, as a sentence or fragment.
    pub message: String,
    /// What tells it from others of this reason about the same object: telling it again is no news.
    pub key: String,
}

/// The object that it happened to.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; Events of cluster-scoped objects live in `default`.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

impl<'a> About<'a> {
    /// A stored object.
    pub fn of(kind: Kind, stored: &'a Stored) -> Self {
        Self { kind, namespace: stored.namespace(), name: stored.name(), uid: stored.uid() }
    }
}

impl Notice {
    /// The write that tells it; `None` when the object's name cannot be part of an Event's.
    pub fn put(&self, about: About<'_>, now: Timestamp) -> Option<Op> {
        let namespace = if about.namespace.is_empty() { "default" } else { about.namespace };
        let name = self.name(about);
        let gvk = gvk(about.kind);
        let message: String = self.message.chars().take(LONGEST).collect();
        let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let event = json!({
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": gvk.api_version(), "kind": gvk.kind, "namespace": about.namespace,
                "name": about.name, "uid": about.uid,
            },
            "reason": self.reason,
            "message": message,
            "type": if self.warning { "Warning" } else { "Normal" },
            "count": 1,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": "",
        });
        let event = Records::draft(Kind::Event, event, now).ok()?;
        Some(Op::Put { key: keys::object(Kind::Event, namespace, &name), value: encode(&event) })
    }

    /// The name of its Event.
    pub fn name(&self, about: About<'_>) -> String {
        let known: String = about.name.chars().take(NAMED).collect();
        let text = format!("{:?}/{}/{}/{}", about.kind, about.uid, self.reason, self.key);
        format!("{}.{}", known.trim_end_matches(['.', '-']), &Digest::of(text.as_bytes()).hex()[..16])
    }

    /// Whether an Event was written by a hub.
    pub fn wrote(event: &Stored) -> bool {
        event.value["source"]["component"] == COMPONENT
    }
}
