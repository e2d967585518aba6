//! A Kubernetes object with encrypted values: where they are, and its plain form.

use crate::{
    Error, File, Identities, Opened, Plain, Secrets, Why,
    cipher::{self, Kind, MARKER},
    metadata,
    originals::{self, ANNOTATION, Original},
    scrub::Texts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{fmt, sync::Arc};
use zeroize::{Zeroize as _, Zeroizing};

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// An encrypted value of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) path: Vec<Step>,
    /// As the object has it.
    pub(crate) sealed: String,
}

/// Where an object holds encrypted values, as its release says; known without any key.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    pub(crate) places: Vec<Place>,
    /// What is in the release's object for the agent alone and never in the cluster.
    pub(crate) dropped: Vec<(Vec<Step>, Value)>,
    /// Other values that the release sets where an encrypted one stands in another item of the same list.
    pub(crate) open: Vec<(Vec<Step>, Value)>,
    files: Vec<Original>,
    pub(crate) is_secret: bool,
}

/// An object's plain form. `Debug` shows nothing of it; its texts are cleared when it goes.
pub struct Unsealed {
    object: Value,
    /// For each place of the [`Sealed`], what stands there; `None` where nothing does.
    pub(crate) values: Vec<Option<Value>>,
    secrets: Arc<Secrets>,
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.values.len())
    }
}

impl Drop for Unsealed {
    fn drop(&mut self) {
        wipe(&mut self.object);
        self.values.iter_mut().flatten().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Unsealed {
    /// What is to be sent to the cluster.
    pub const fn object(&self) -> &Value {
        &self.object
    }

    /// What must not be told of.
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets)
    }
}

impl Sealed {
    /// What an object holds encrypted; `None` when nothing is.
    ///
    /// # Errors
    /// When it cannot be opened by anyone: what it is is encrypted, or its annotation is not the hub's.
    pub fn of(object: &Value) -> Result<Option<Self>, Error> {
        let annotated =
            object.pointer("/metadata/annotations").is_some_and(|all| all.get(ANNOTATION).is_some());
        // Base64 is looked into only where the hub found something.
        if !annotated && !mentions(object) {
            return Ok(None);
        }
        let files = originals::on(object)?;
        let dropped = dropped(object);
        let inside = |path: &[Step]| dropped.iter().any(|(own, _)| path.starts_with(own));
        let mut places = Vec::new();
        strings(object, &mut |path, text| {
            let decoded = originals::decoded(text).filter(|_| annotated);
            if !inside(path) && originals::encrypted(text, decoded.as_deref()).is_some() {
                places.push(Place { path: path.to_vec(), sealed: text.to_owned() });
            }
        });
        if let Some(place) = places.iter().find(|place| is_identity(&place.path)) {
            return Err(Error::new("", Why::Identity(shown(&place.path))));
        }
        if places.is_empty() && dropped.is_empty() {
            return Ok(None);
        }
        let mut open = Vec::new();
        leaves(object, &mut Vec::new(), &mut |path, value| {
            let beside = places.iter().any(|place| keys(&place.path).eq(keys(path)) && place.path != path);
            if beside && !places.iter().any(|place| place.path == path) {
                open.push((path.to_vec(), value.clone()));
            }
        });
        let is_secret = object["kind"] == "Secret" && object["apiVersion"] == "v1";
        Ok(Some(Self { places, dropped, open, files, is_secret }))
    }

    /// The plain form of the object that this was read off.
    ///
    /// # Errors
    /// When any of its values cannot be had: nothing of it is given out then.
    pub fn open(&self, object: &Value, identities: &Identities) -> Result<Unsealed, Error> {
        let mut opened = Vec::new();
        for original in &self.files {
            opened.push(File::read(&original.path, &original.text)?.open(identities)?);
        }
        let mut unsealed = Unsealed { object: object.clone(), values: Vec::new(), secrets: Arc::default() };
        let mut secrets = Texts::default();
        for place in &self.places {
            let value = self.value(place, &opened, identities, &mut secrets)?;
            unsealed.values.push(value);
        }
        for values in &opened {
            values.values().for_each(|value| secrets.add(value.bytes()));
        }
        unsealed.secrets = Arc::new(secrets.done());
        // From the back, so that what goes out of a list moves nothing that is still to be set.
        for (place, value) in self.places.iter().zip(&unsealed.values).rev() {
            set(&mut unsealed.object, &place.path, value.clone());
        }
        for (path, _) in &self.dropped {
            set(&mut unsealed.object, path, None);
        }
        if let Some(metadata) = unsealed.object["metadata"].as_object_mut()
            && metadata.get("annotations").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
        {
            metadata.remove("annotations");
        }
        let mut left = None;
        strings(&unsealed.object, &mut |path, text| {
            if text.contains(MARKER) && cipher::tokens(text).next().is_some() {
                left.get_or_insert_with(|| shown(path));
            }
        });
        match left {
            Some(path) => Err(Error::new("", Why::Unknown(path))),
            None => Ok(unsealed),
        }
    }

    fn value(
        &self,
        place: &Place,
        opened: &[Opened],
        identities: &Identities,
        secrets: &mut Texts,
    ) -> Result<Option<Value>, Error> {
        let decoded = originals::decoded(&place.sealed);
        let text = decoded.as_deref().unwrap_or(&place.sealed);
        let encode = |bytes: &[u8]| match (&decoded, std::str::from_utf8(bytes)) {
            (Some(_), _) => Ok(Some(Value::from(STANDARD.encode(bytes)))),
            (None, Ok(text)) => Ok(Some(Value::from(text))),
            (None, Err(_)) => Err(Error::new("", Why::NotText(shown(&place.path)))),
        };
        if originals::is_whole(text) {
            let file = File::read(&shown(&place.path), text)?;
            let values = file.open(identities)?;
            let plain = values.plain(&file, text)?;
            secrets.add(&plain);
            values.values().for_each(|value| secrets.add(value.bytes()));
            return encode(&plain);
        }
        let find = |token: &str| -> Result<&Plain, Error> {
            let found = opened.iter().find_map(|values| values.value(token));
            found.ok_or_else(|| Error::new("", Why::Unknown(shown(&place.path))))
        };
        if cipher::is_token(text) {
            let plain = find(text)?;
            if plain.kind == Kind::Comment {
                return Ok(None);
            }
            return match &decoded {
                // Kubernetes takes text alone there, whatever type was encrypted.
                None if !wants_text(&place.path) => {
                    let value = plain.to_json();
                    value.map(Some).ok_or_else(|| Error::new("", Why::NotText(shown(&place.path))))
                }
                None | Some(_) => encode(plain.bytes()),
            };
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let mut at = 0;
        for token in cipher::tokens(text) {
            bytes.extend_from_slice(&text.as_bytes()[at..token.start]);
            bytes.extend_from_slice(find(&text[token.clone()])?.bytes());
            at = token.end;
        }
        bytes.extend_from_slice(&text.as_bytes()[at..]);
        secrets.add(&bytes);
        encode(&bytes)
    }
}

/// What is on an object for the agent alone: our annotation, the block of sops, and a flat file's metadata that a generator
/// took for entries.
fn dropped(object: &Value) -> Vec<(Vec<Step>, Value)> {
    let key = |key: &str| Step::Key(key.to_owned());
    let mut dropped = Vec::new();
    if let Some(value) = object.pointer("/metadata/annotations").and_then(|all| all.get(ANNOTATION)) {
        dropped.push((vec![key("metadata"), key("annotations"), key(ANNOTATION)], value.clone()));
    }
    if let Some(block) = object.get(metadata::KEY).filter(|block| block["mac"].is_string()) {
        dropped.push((vec![key(metadata::KEY)], block.clone()));
    }
    for part in ["data", "stringData", "binaryData"] {
        let Some(map) = object.get(part).and_then(Value::as_object) else { continue };
        let flat = map.contains_key("sops_mac") && map.contains_key("sops_version");
        for (name, value) in map.iter().filter(|(name, _)| flat && name.starts_with(metadata::PREFIX)) {
            dropped.push((vec![key(part), key(name)], value.clone()));
        }
    }
    dropped
}

/// Whether a path is what sops or we keep on an object, and no value of it.
pub(crate) fn is_own(path: &[Step]) -> bool {
    let is = |at: usize, name: &str| matches!(path.get(at), Some(Step::Key(key)) if key == name);
    is(0, "metadata") && is(1, "annotations") && is(2, ANNOTATION)
}

/// Which object it is must be known to whoever handles it.
fn is_identity(path: &[Step]) -> bool {
    let names: Vec<&str> = keys(path).collect();
    matches!(names.as_slice(), ["apiVersion" | "kind"] | ["metadata", "name" | "namespace" | "generateName"])
}

/// Where Kubernetes takes nothing but text.
fn wants_text(path: &[Step]) -> bool {
    matches!(path, [Step::Key(part), Step::Key(_)] if part == "data" || part == "stringData")
}

pub(crate) fn keys(path: &[Step]) -> impl Iterator<Item = &str> {
    path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    })
}

/// `spec.env[0].value`.
pub(crate) fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MARKER),
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(map) => map.values().any(mentions),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Visits every text.
pub(crate) fn strings(value: &Value, visit: &mut dyn FnMut(&[Step], &str)) {
    leaves(value, &mut Vec::new(), &mut |path, leaf| {
        if let Value::String(text) = leaf {
            visit(path, text);
        }
    });
}

/// Visits every value that is neither list nor map.
pub(crate) fn leaves(value: &Value, path: &mut Vec<Step>, visit: &mut dyn FnMut(&[Step], &Value)) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                leaves(item, path, visit);
                path.pop();
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                path.push(Step::Key(key.clone()));
                leaves(item, path, visit);
                path.pop();
            }
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => visit(path, leaf),
    }
}

/// Sets what is there, or takes it away.
pub(crate) fn set(value: &mut Value, path: &[Step], to: Option<Value>) {
    match (path, value) {
        ([Step::Key(key)], Value::Object(map)) => match to {
            Some(to) => drop(map.insert(key.clone(), to)),
            None => drop(map.remove(key)),
        },
        ([Step::Index(index)], Value::Array(items)) if *index < items.len() => match to {
            Some(to) => items[*index] = to,
            None => drop(items.remove(*index)),
        },
        ([Step::Key(key), rest @ ..], Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                set(inner, rest, to);
            }
        }
        ([Step::Index(index), rest @ ..], Value::Array(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                set(inner, rest, to);
            }
        }
        _ => {}
    }
}
