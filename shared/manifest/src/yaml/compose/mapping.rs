//! Keys, duplicate keys and merges.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Content, Error, Frame, MAX_DUPLICATES, Mark, Node, Open, Pass, Stream};
use crate::yaml::DuplicateKey;
use crate::yaml::go::{go_scalar, go_value};
use crate::yaml::scalar::Scalar;

/// A mapping on its way.
#[derive(Default)]
pub(super) struct Mapping {
    map: Map<String, Value>,
    /// Keys that came by a merge and no other way.
    merged: BTreeSet<String>,
    key: Option<Key>,
}

enum Key {
    Name(String),
    Merge,
    /// One that JSON has no place for: null, or an integer beyond 63 bits.
    Unfit(Scalar, Mark),
    /// A collection, of which has been told.
    Wrong,
}

impl Mapping {
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.map
    }
}

impl<'a> Stream<'a> {
    /// Takes a node as a key or as the value of the key before it. `around` are the collections that the mapping stands in.
    pub(super) fn attach_to(&mut self, mapping: &mut Mapping, around: &[Frame<'a>], node: Node) {
        let at = node.at;
        match mapping.key.take() {
            None => {
                let key = self.key(node);
                if let Key::Name(name) = &key
                    && mapping.map.contains_key(name)
                    && !mapping.merged.contains(name)
                {
                    self.report_duplicate(around, name, at);
                }
                mapping.key = Some(key);
            }
            Some(Key::Name(name)) => {
                if !mapping.merged.is_empty() {
                    mapping.merged.remove(&name);
                }
                let value = self.value_of(node);
                mapping.map.insert(name, value);
            }
            Some(Key::Merge) => {
                if mapping.merge(node).is_none() {
                    let message = "`<<` merges a mapping or a list of mappings: give it one, e.g. `<<: *defaults`, or write '<<' in quotes for a plain key";
                    let go = "map merge requires map or sequence of maps as the value";
                    self.note(Pass::Meaning, Error::new(at, message, go));
                }
            }
            Some(Key::Unfit(key, at)) => self.unfit_key(&key, at, node),
            Some(Key::Wrong) => {
                self.value_of(node);
            }
        }
    }

    fn key(&mut self, node: Node) -> Key {
        match node.content {
            Content::Merge => Key::Merge,
            Content::Scalar(scalar @ (Scalar::Null | Scalar::UInt(_))) => Key::Unfit(scalar, node.at),
            Content::Scalar(scalar) => Key::Name(scalar.into_key()),
            Content::Collection(value) => {
                if self.is_first(Pass::Meaning) {
                    let go = format!("invalid map key: {}", go_value(&value));
                    self.note(Pass::Meaning, Error::complex_key(node.at, self.text, &go));
                }
                Key::Wrong
            }
        }
    }

    fn unfit_key(&mut self, key: &Scalar, at: Mark, node: Node) {
        if !self.is_first(Pass::Keys) {
            self.value_of(node);
            return;
        }
        let value = match &node.content {
            Content::Scalar(scalar) => go_scalar(scalar),
            Content::Merge => "\"<<\"".to_owned(),
            Content::Collection(value) => go_value(value),
        };
        let kind = if matches!(key, Scalar::Null) { "%!s(<nil>)" } else { "uint64" };
        let key = if matches!(key, Scalar::Null) { "<nil>".to_owned() } else { go_scalar(key) };
        let value = if value == "interface {}(nil)" { "<nil>" } else { &value };
        let message = "a key must be a string, a number or a boolean: put it in quotes, or write the key that is missing before `:`";
        let go = format!("unsupported map key of type: {kind}, key: {key}, value: {value}");
        self.note(Pass::Keys, Error::of(at, message, go));
        self.value_of(node);
    }

    fn report_duplicate(&mut self, around: &[Frame<'a>], name: &str, at: Mark) {
        if self.duplicates.len() >= MAX_DUPLICATES {
            return;
        }
        let mut path = String::new();
        for frame in around {
            match &frame.open {
                Open::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
                Open::Mapping(Mapping { key: Some(Key::Name(key)), .. }) => push_key(&mut path, key),
                Open::Mapping(_) => push_key(&mut path, "<<"),
            }
        }
        push_key(&mut path, name);
        self.duplicates.push(DuplicateKey { line: at.line + 1, column: at.column + 1, path });
    }
}

impl Mapping {
    /// `<<` at its place: what stands there already is overridden, what follows overrides; of a list the earlier mapping wins. As go-yaml v2.
    fn merge(&mut self, node: Node) -> Option<()> {
        let Content::Collection(value) = node.content else { return None };
        let sources = match value {
            Value::Object(source) => vec![source],
            Value::Array(items) if !node.aliased => {
                items.into_iter().rev().map(object).collect::<Option<_>>()?
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return None;
            }
        };
        for (key, value) in sources.into_iter().flatten() {
            self.merged.insert(key.clone());
            self.map.insert(key, value);
        }
        Some(())
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    match (plain, path.is_empty()) {
        (true, true) => path.push_str(key),
        (true, false) => path.push_str(&format!(".{key}")),
        (false, _) => path.push_str(&format!("[{key:?}]")),
    }
}
