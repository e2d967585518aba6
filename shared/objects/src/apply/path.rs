//! The path of a field as managed fields name it: list items by their keys, not their places.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

use super::words::plain;

/// One step of a path. Steps are ordered as in `fieldsV1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A field of a map.
    Field(String),
    /// An item of a list of maps, by its keys, sorted by their names.
    Key(Vec<(String, Scalar)>),
    /// A value of a set.
    Value(Scalar),
    /// An item by its place: never made here, and read from what others wrote.
    Index(i64),
}

/// A value that a step holds: equal as Kubernetes' engine has it, numbers by what they are worth.
#[derive(Debug, Clone)]
pub(crate) struct Scalar(pub(crate) Value);

impl Step {
    /// As in `f:spec`, `k:{"name":"app"}` (FieldsV1).
    pub(crate) fn to_wire(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => {
                let fields: Vec<_> = key
                    .iter()
                    .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), value.0))
                    .collect();
                format!("k:{{{}}}", fields.join(","))
            }
            Self::Value(value) => format!("v:{}", value.0),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// What the text names: `None` when it cannot be read, and `Some(None)` for a kind of step that is not
    /// known, which is passed over.
    pub(crate) fn from_wire(text: &str) -> Option<Option<Self>> {
        let mut letters = text.chars();
        let (kind, ':') = (letters.next()?, letters.next()?) else { return None };
        let rest = letters.as_str();
        Some(Some(match kind {
            'f' => Self::Field(rest.to_owned()),
            'k' => {
                let fields: Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut key: Vec<_> = fields.into_iter().map(|(name, value)| (name, Scalar(value))).collect();
                key.sort();
                Self::Key(key)
            }
            'v' => Self::Value(Scalar(serde_json::from_str(rest).ok()?)),
            'i' => Self::Index(rest.parse().ok()?),
            _ => return Some(None),
        }))
    }
}

/// As in `.image`, `[name="app"]`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(key) => {
                let fields: Vec<_> =
                    key.iter().map(|(name, value)| format!("{name}={}", plain(&value.0))).collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", plain(&value.0)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scalar {}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

/// Whether two values are the same, numbers by what they are worth.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    compare(a, b) == Ordering::Equal
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
        },
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let differ = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
            differ.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let differ = a.iter().zip(b).map(|(a, b)| a.0.cmp(b.0).then_with(|| compare(a.1, b.1)));
            differ.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}
