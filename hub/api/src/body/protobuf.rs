//! Bodies in Kubernetes' binary form (`application/vnd.kubernetes.protobuf`), which clients with types of
//! their own send for core kinds: `kubectl create namespace`, `kubectl auth can-i`.
//!
//! The field numbers are those of k8s.io/api and k8s.io/apimachinery (`generated.proto`), which never change.
//! A message is read into the JSON that the same client would send. Fields that are not listed are left out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// What such a body starts with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages nest at most; the kinds below need 4.
const DEPTH: usize = 8;

/// The type of a field.
#[derive(Debug, Clone, Copy)]
enum Type {
    Text,
    Int,
    Bool,
    Time,
    Message(&'static [Field]),
    Texts,
    Messages(&'static [Field]),
    /// A map to texts, or to bytes, which are base64 in JSON.
    MapOfTexts,
    MapOfBytes,
}

type Field = (u64, &'static str, Type);

use Type::{Bool, Int, MapOfBytes, MapOfTexts, Message, Messages, Text, Texts, Time};

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Bool),
    (7, "blockOwnerDeletion", Bool),
];
const META: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (11, "labels", MapOfTexts),
    (12, "annotations", MapOfTexts),
    (13, "ownerReferences", Messages(OWNER)),
    (14, "finalizers", Texts),
];
const METADATA: Field = (1, "metadata", Message(META));
const NAMESPACE: &[Field] = &[METADATA, (2, "spec", Message(&[(1, "finalizers", Texts)]))];
const SECRET: &[Field] = &[
    METADATA,
    (2, "data", MapOfBytes),
    (3, "type", Text),
    (4, "stringData", MapOfTexts),
    (5, "immutable", Bool),
];
const CONFIG_MAP: &[Field] =
    &[METADATA, (2, "data", MapOfTexts), (3, "binaryData", MapOfBytes), (4, "immutable", Bool)];
const REFERENCE: &[Field] = &[
    (1, "kind", Text),
    (2, "namespace", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "resourceVersion", Text),
    (7, "fieldPath", Text),
];
const EVENT: &[Field] = &[
    METADATA,
    (2, "involvedObject", Message(REFERENCE)),
    (3, "reason", Text),
    (4, "message", Text),
    (5, "source", Message(&[(1, "component", Text), (2, "host", Text)])),
    (6, "firstTimestamp", Time),
    (7, "lastTimestamp", Time),
    (8, "count", Int),
    (9, "type", Text),
    (10, "eventTime", Time),
    (11, "series", Message(&[(1, "count", Int), (2, "lastObservedTime", Time)])),
    (12, "action", Text),
    (13, "related", Message(REFERENCE)),
    (14, "reportingComponent", Text),
    (15, "reportingInstance", Text),
];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Int),
    (2, "preconditions", Message(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (3, "orphanDependents", Bool),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];
const ATTRIBUTES: &[Field] = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];
const ACCESS: &[Field] = &[
    METADATA,
    (
        2,
        "spec",
        Message(&[
            (1, "resourceAttributes", Message(ATTRIBUTES)),
            (2, "nonResourceAttributes", Message(&[(1, "path", Text), (2, "verb", Text)])),
        ]),
    ),
];
const RULES: &[Field] = &[METADATA, (2, "spec", Message(&[(1, "namespace", Text)]))];
const TYPE: &[Field] = &[(1, "apiVersion", Text), (2, "kind", Text)];

fn of_kind(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "Namespace" => NAMESPACE,
        "Secret" => SECRET,
        "ConfigMap" => CONFIG_MAP,
        "Event" => EVENT,
        "DeleteOptions" => DELETE_OPTIONS,
        "SelfSubjectAccessReview" => ACCESS,
        "SelfSubjectRulesReview" => RULES,
        "SelfSubjectReview" => &[METADATA],
        _ => return None,
    })
}

/// Reads a body; `None` when it is damaged or of a kind that is not known in this form.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    let envelope = body.strip_prefix(MAGIC)?;
    let (mut kind, mut raw) = (json!({}), &[][..]);
    for field in Fields(envelope) {
        match field? {
            (1, Wire::Bytes(bytes)) => kind = message(bytes, TYPE, DEPTH)?,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut object = message(raw, of_kind(kind["kind"].as_str()?)?, DEPTH)?;
    object["apiVersion"] = kind["apiVersion"].clone();
    object["kind"] = kind["kind"].clone();
    Some(object)
}

#[derive(Debug)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Fixed-width numbers: none of the kinds has any.
    Skipped,
}

/// The fields of a message; a `None` inside ends a damaged one.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.number()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.number()?),
            1 => self.take(8).map(|_| Wire::Skipped)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Skipped)?,
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn message(bytes: &[u8], known: &[Field], depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let mut object = Map::new();
    for field in Fields(bytes) {
        let (number, wire) = field?;
        let Some((_, name, kind)) = known.iter().find(|(known, _, _)| *known == number) else { continue };
        set(&mut object, name, *kind, &wire, depth)?;
    }
    Some(Value::Object(object))
}

/// Go writes empty texts and messages where nothing was said: they are left out, as in its JSON.
fn set(object: &mut Map<String, Value>, name: &str, kind: Type, wire: &Wire<'_>, depth: usize) -> Option<()> {
    let place = || name.to_owned();
    match (kind, wire) {
        (Text, Wire::Bytes(bytes)) if !bytes.is_empty() => drop(object.insert(place(), text(bytes)?)),
        (Int, Wire::Number(number)) => drop(object.insert(place(), number.cast_signed().into())),
        (Bool, Wire::Number(number)) => drop(object.insert(place(), (*number != 0).into())),
        (Time, Wire::Bytes(bytes)) => {
            let at = message(bytes, &[(1, "seconds", Int), (2, "nanos", Int)], depth)?;
            let (seconds, nanos) = (at["seconds"].as_i64().unwrap_or(0), at["nanos"].as_i64().unwrap_or(0));
            let at = jiff::Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
            // Go's zero time is in the year 1.
            if seconds > 0 {
                object.insert(place(), at.to_string().into());
            }
        }
        (Message(known), Wire::Bytes(bytes)) => {
            let inner = message(bytes, known, depth)?;
            if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
                object.insert(place(), inner);
            }
        }
        (Texts, Wire::Bytes(bytes)) => push(object, name, text(bytes)?),
        (Messages(known), Wire::Bytes(bytes)) => push(object, name, message(bytes, known, depth)?),
        (MapOfTexts, Wire::Bytes(bytes)) => {
            let (key, value) = entry(bytes)?;
            insert(object, name, key, text(value)?);
        }
        (MapOfBytes, Wire::Bytes(bytes)) => {
            let (key, value) = entry(bytes)?;
            insert(object, name, key, STANDARD.encode(value).into());
        }
        // An empty text, or a field of another type than it should be.
        _ => {}
    }
    Some(())
}

fn text(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(Value::from)
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(items) = object.entry(name).or_insert_with(|| json!([])) {
        items.push(value);
    }
}

fn insert(object: &mut Map<String, Value>, name: &str, key: String, value: Value) {
    if let Value::Object(map) = object.entry(name).or_insert_with(|| json!({})) {
        map.insert(key, value);
    }
}

/// A map's entry: a message of key and value.
fn entry(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (mut key, mut value) = (String::new(), &[][..]);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = std::str::from_utf8(bytes).ok()?.to_owned(),
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}

#[cfg(test)]
mod tests;
