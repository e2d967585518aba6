//! The walk over what the release sets, beside the live object.

use crate::ignore::Owned;
use crate::{normal, schema};
use serde_json::{Map, Value};
use std::fmt;

/// One compared value.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) path: &'a Path,
    pub(crate) desired: &'a Value,
    pub(crate) live: Option<&'a Value>,
    pub(crate) equal: bool,
}

/// Where a value is, as people read it: `spec.containers[web].image`.
#[derive(Debug, Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// Whether the first field is `name`.
    pub(crate) fn is_under(&self, name: &str) -> bool {
        self.0.first().is_some_and(|first| first == name)
    }

    fn key(&mut self, key: &str) {
        let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        self.0.push(match (plain, self.0.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!(".{key}"),
            (false, _) => format!("[{key:?}]"),
        });
    }

    fn item(&mut self, name: &str) {
        self.0.push(format!("[{name}]"));
    }

    fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| f.write_str(step))
    }
}

/// Fields that are the server's, or that cannot differ between two reads of one object.
const SERVER_METADATA: [&str; 9] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "generateName",
];
/// kubectl's own bookkeeping; in a Secret it would also hold the values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Calls `visit` with every value that `desired` sets and that `ignored` does not own.
pub(crate) fn visit(desired: &Value, live: &Value, ignored: &Owned<'_>, visit: &mut dyn FnMut(Leaf<'_>)) {
    let (Value::Object(desired), Value::Object(live)) = (desired, live) else { return };
    let mut walk = Walk { kind: schema::Kind::of(desired), path: Path::default(), visit };
    let (desired, live) = (normal::secret_data(desired), normal::secret_data(live));
    for (key, value) in desired.iter() {
        if matches!(key.as_str(), "apiVersion" | "kind" | "status") {
            continue;
        }
        walk.field(key, value, live.get(key), schema::Place::top(), ignored);
    }
}

struct Walk<'v> {
    kind: schema::Kind,
    path: Path,
    visit: &'v mut dyn FnMut(Leaf<'_>),
}

impl Walk<'_> {
    fn field(
        &mut self,
        key: &str,
        desired: &Value,
        live: Option<&Value>,
        place: schema::Place,
        ignored: &Owned<'_>,
    ) {
        let ignored = ignored.field(key);
        if ignored.all() {
            return;
        }
        self.path.key(key);
        let place = place.below(self.kind, key);
        self.value(key, desired, live, place, &ignored);
        self.path.pop();
    }

    fn value(
        &mut self,
        key: &str,
        desired: &Value,
        live: Option<&Value>,
        place: schema::Place,
        ignored: &Owned<'_>,
    ) {
        match (desired, live) {
            (Value::Object(desired), Some(Value::Object(live))) => self.map(desired, live, place, ignored),
            (Value::Array(desired), Some(Value::Array(live))) => {
                self.list(key, desired, live, place, ignored)
            }
            _ => {
                let equal = live.map_or_else(
                    || normal::is_absent_like(desired, place),
                    |live| normal::equal(desired, live, place),
                );
                self.leaf(desired, live, equal);
            }
        }
    }

    fn map(
        &mut self,
        desired: &Map<String, Value>,
        live: &Map<String, Value>,
        place: schema::Place,
        ignored: &Owned<'_>,
    ) {
        let metadata = place.is_metadata();
        for (key, value) in desired {
            let servers = metadata && SERVER_METADATA.contains(&key.as_str());
            if servers || key == LAST_APPLIED {
                continue;
            }
            self.field(key, value, live.get(key), place, ignored);
        }
    }

    fn list(
        &mut self,
        key: &str,
        desired: &[Value],
        live: &[Value],
        place: schema::Place,
        ignored: &Owned<'_>,
    ) {
        match schema::list(self.kind, key, desired) {
            schema::List::Set => {
                for item in desired {
                    self.path.item(&normal::short(item));
                    let found = live.iter().find(|live| *live == item);
                    self.leaf(item, found, found.is_some());
                    self.path.pop();
                }
            }
            schema::List::Keyed(keys) => {
                for item in desired {
                    let found = live.iter().find(|live| keys.same(item, live));
                    let ignored = ignored.item(item);
                    if ignored.all() {
                        continue;
                    }
                    self.path.item(&keys.name(item));
                    self.value("", item, found, place, &ignored);
                    self.path.pop();
                }
            }
            schema::List::Whole if desired.len() == live.len() => {
                for (index, (item, live)) in desired.iter().zip(live).enumerate() {
                    self.path.item(&index.to_string());
                    self.value("", item, Some(live), place, &Owned::nothing());
                    self.path.pop();
                }
            }
            schema::List::Whole => {
                let (desired, live) = (Value::Array(desired.to_vec()), Value::Array(live.to_vec()));
                self.leaf(&desired, Some(&live), false);
            }
        }
    }

    fn leaf(&mut self, desired: &Value, live: Option<&Value>, equal: bool) {
        (self.visit)(Leaf { path: &self.path, desired, live, equal });
    }
}
