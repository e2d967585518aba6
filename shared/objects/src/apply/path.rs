//! The path of a field as managed fields name it: list items by their keys, not their places.

use std::fmt;

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A field of a map.
    Field(String),
    /// An item of a list of maps, by its keys as sorted JSON: `{"name":"app"}`.
    Key(String),
    /// A value of a set, as JSON.
    Value(String),
    /// An item by its place: never made here, and read from what others wrote.
    Index(usize),
}

impl Step {
    /// As in `f:spec`, `k:{"name":"app"}` (FieldsV1).
    pub(crate) fn to_wire(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => format!("k:{key}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => Some(Self::Key(sorted(&serde_json::from_str(rest).ok()?)?)),
            "v" => Some(Self::Value(serde_json::from_str::<Value>(rest).ok()?.to_string())),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }
}

/// The JSON of a map of scalars with its fields in order.
fn sorted(key: &Value) -> Option<String> {
    let mut fields: Vec<_> = key.as_object()?.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    Some(key_text(fields))
}

/// The text of a list key from its fields, which are in order.
pub(crate) fn key_text<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    let fields: Vec<_> =
        fields.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Where a field is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FieldPath(pub(crate) Vec<Step>);

impl FieldPath {
    /// Runs `below` with the path one step longer.
    pub(crate) fn at<T>(&mut self, step: Step, below: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(step);
        let result = below(self);
        self.0.pop();
        result
    }

    /// Whether only the system writes it: managed fields never name it.
    pub(crate) fn is_system(&self) -> bool {
        const SYSTEM: [&str; 11] = [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "selfLink",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
            "clusterName",
        ];
        match self.0.as_slice() {
            [] => true,
            [Step::Field(root)] => ["apiVersion", "kind", "metadata"].contains(&root.as_str()),
            [Step::Field(root), Step::Field(name), ..] => {
                root == "metadata" && SYSTEM.contains(&name.as_str())
            }
            _ => false,
        }
    }
}

/// As in `.spec.containers[name="app"].image`.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Key(key) => write!(f, "[{}]", shown(key)),
            Step::Value(value) => write!(f, "[={value}]"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

/// Of `{"port":80,"protocol":"TCP"}`: `port=80,protocol="TCP"`.
fn shown(key: &str) -> String {
    let key: Value = serde_json::from_str(key).expect("keys are made as JSON");
    let fields = key.as_object().into_iter().flatten();
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}
