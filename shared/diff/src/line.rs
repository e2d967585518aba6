//! A difference as a line for people.

use crate::compare::Leaf;
use crate::normal;
use serde_json::Value;
use std::fmt;

/// Longest text of one value in a line, in characters.
const LONGEST: usize = 60;

/// One difference of one object: `Deployment/orders-api: spec.replicas live=5 desired=3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftLine {
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// What differs.
    pub drift: Drift,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The release has the object, the cluster has not.
    Missing,
    /// The cluster has the object, the release no longer.
    Extra,
    /// A field differs. The values are for people: shortened, and `***` in Secrets.
    Field {
        /// Where, as in `spec.containers[web].image`.
        path: String,
        /// What the cluster has, or `absent`.
        live: String,
        /// What the release says.
        desired: String,
    },
}

impl DriftLine {
    /// The object of the release is not in the cluster.
    pub fn missing(desired: &Value) -> Self {
        Self::of(desired, Drift::Missing)
    }

    /// The object is in the cluster and ours, but not in the release.
    pub fn extra(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), drift: Drift::Extra }
    }

    fn of(object: &Value, drift: Drift) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
        Self { kind: text("/kind"), name: text("/metadata/name"), drift }
    }

    pub(crate) fn field(object: &Value, leaf: &Leaf<'_>) -> Self {
        let secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
        let values = leaf.path.is_under("data") || leaf.path.is_under("stringData");
        // A map or list elsewhere in a Secret may hold kubectl's copy of the values.
        let hidden = |value: &Value| secret && (values || value.is_object() || value.is_array());
        let shown = |value: &Value| if hidden(value) { "***".to_owned() } else { show(value) };
        let drift = Drift::Field {
            path: leaf.path.to_string(),
            live: leaf.live.map_or_else(|| "absent".to_owned(), shown),
            desired: shown(leaf.desired),
        };
        Self::of(object, drift)
    }
}

/// A value on one line, shortened; text that would be taken for something else is quoted.
fn show(value: &Value) -> String {
    let text = normal::short(value);
    let text = match value.as_str() {
        Some("" | "absent" | "null") => format!("{text:?}"),
        Some(_) if text.chars().any(|c| c.is_control() || c == ' ') => format!("{text:?}"),
        _ => text,
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}

impl fmt::Display for DriftLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: ", self.kind, self.name)?;
        match &self.drift {
            Drift::Missing => f.write_str("missing"),
            Drift::Extra => f.write_str("not in the release"),
            Drift::Field { path, live, desired } => write!(f, "{path} live={live} desired={desired}"),
        }
    }
}
