//! A live object told without plain values.
//!
//! Where the live object has what an encrypted value stands for, it is told with the encrypted value, and where it has
//! something else, with what tells it apart and no more. So whoever compares it with its release sees equality and
//! difference as they are, and no plain value.

use crate::{
    Sealed, Unsealed,
    object::{Step, keys, leaves, set},
    originals,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// kubectl keeps a copy of the whole object here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Stands for what is not shown.
const MASK: &str = "***";

/// A value of the release: as the cluster would have it, and as it is told.
struct Known {
    path: Vec<Step>,
    /// `None`: it cannot be opened here.
    plain: Option<Value>,
    told: Value,
}

impl Sealed {
    /// Puts encrypted values into the place of plain ones in a live object. `blind` names a value that is not the
    /// release's so that equal ones have equal names; it must not let anyone guess the value.
    pub fn dress(&self, live: &mut Value, unsealed: Option<&Unsealed>, blind: &dyn Fn(&Value) -> String) {
        let known = self.known(unsealed);
        let mut told: Vec<(Vec<Step>, Value)> = Vec::new();
        let open = self.open.iter().map(|(path, value)| self.of_live(path, value));
        let open: Vec<(Vec<Step>, Value)> = open.collect();
        leaves(live, &mut Vec::new(), &mut |path, value| {
            let mut here = known.iter().filter(|known| keys(&known.path).eq(keys(path))).peekable();
            if here.peek().is_none() {
                return;
            }
            let same = |known: &&Known| known.plain.as_ref().is_some_and(|plain| equal(plain, value));
            let here: Vec<&Known> = here.collect();
            let exact = here.iter().copied().find(|known| known.path == path && same(known));
            let released = |(at, open): &(Vec<Step>, Value)| keys(at).eq(keys(path)) && equal(open, value);
            if let Some(known) = exact.or_else(|| here.iter().copied().find(same)) {
                told.push((path.to_vec(), known.told.clone()));
            } else if !open.iter().any(released) && !value.is_null() {
                told.push((path.to_vec(), Value::from(blind(value))));
            }
        });
        for (path, value) in told {
            set(live, &path, Some(value));
        }
        // What sops made an item of and is none.
        for (index, place) in self.places.iter().enumerate() {
            if unsealed.is_some_and(|unsealed| unsealed.values.get(index) == Some(&None)) {
                put_item(live, &place.path, &place.sealed);
            }
        }
        for (path, value) in &self.dropped {
            let (path, value) = self.of_live(path, value);
            insert(live, &path, value);
        }
        let copy = live.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(LAST_APPLIED));
        if let Some(copy) = copy {
            *copy = Value::from(MASK);
        }
        if let (Some(unsealed), Some(status)) = (unsealed, live.get_mut("status")) {
            scrub(status, "", unsealed);
        }
    }

    fn known(&self, unsealed: Option<&Unsealed>) -> Vec<Known> {
        let mut known = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            let plain = unsealed.map(|unsealed| unsealed.values.get(index).cloned().flatten());
            let Some(plain) = plain else {
                let (path, told) = self.of_live(&place.path, &Value::from(place.sealed.clone()));
                known.push(Known { path, plain: None, told });
                continue;
            };
            let Some(plain) = plain else { continue };
            let (path, told) = self.of_live(&place.path, &Value::from(place.sealed.clone()));
            let (_, plain) = self.of_live(&place.path, &plain);
            known.push(Known { path, plain: Some(plain), told });
        }
        known
    }

    /// Where and how the API server keeps a value: a Secret's `stringData` in its `data`.
    fn of_live(&self, path: &[Step], value: &Value) -> (Vec<Step>, Value) {
        match (path, value) {
            ([Step::Key(part), rest @ ..], Value::String(text)) if self.is_secret && part == "stringData" => {
                let mut path = vec![Step::Key("data".to_owned())];
                path.extend_from_slice(rest);
                (path, Value::from(STANDARD.encode(text)))
            }
            _ => (path.to_vec(), value.clone()),
        }
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    one == other
        || matches!((one, other), (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64())
}

fn insert(live: &mut Value, path: &[Step], value: Value) {
    match path {
        [Step::Key(key)] => {
            if let Some(map) = live.as_object_mut() {
                map.insert(key.clone(), value);
            }
        }
        [Step::Key(key), rest @ ..] => insert(originals::field(live, key), rest, value),
        [] | [Step::Index(_), ..] => {}
    }
}

/// Puts an item into a list that is there.
fn put_item(live: &mut Value, path: &[Step], item: &str) {
    match (path, live) {
        ([Step::Index(index)], Value::Array(items)) if *index <= items.len() => {
            items.insert(*index, Value::from(item));
        }
        ([Step::Key(key), rest @ ..], Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                put_item(inner, rest, item);
            }
        }
        ([Step::Index(index), rest @ ..], Value::Array(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                put_item(inner, rest, item);
            }
        }
        _ => {}
    }
}

/// Sentences of a status may quote what the object holds.
fn scrub(value: &mut Value, key: &str, unsealed: &Unsealed) {
    match value {
        Value::String(text) if key == "message" || text.contains(char::is_whitespace) => {
            let told = unsealed.secrets().scrub(text);
            if told != *text {
                *text = told;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, key, unsealed)),
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| scrub(item, key, unsealed)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
