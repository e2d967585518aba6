//! A Kubernetes object with encrypted values: where they are, and its plain form.

use crate::{
    Error, File, Identities, Key, LARGEST, MOST_VALUES, Opened, Plain, Reach, Secrets, Why,
    bound::Target,
    cipher::{self, Kind, MARKER},
    metadata,
    originals::{self, ANNOTATION, Original},
    print::Traces,
    scrub::Texts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{collections::BTreeSet, fmt, sync::Arc};
use zeroize::{Zeroize as _, Zeroizing};

/// The most bytes that are opened for one object: of encrypted files, and of what becomes of them.
const MOST_BYTES: usize = 2 * LARGEST;

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
    files: Vec<Original>,
}

/// What has been opened of one object.
struct Opening<'a> {
    identities: &'a Identities,
    target: Target<'a>,
    /// The attached files, by their values.
    opened: Vec<(&'a str, Opened)>,
    /// What may not be told.
    secrets: Texts,
    read: usize,
    values: usize,
    made: usize,
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

    /// How to find what must not be told of.
    pub(crate) fn traces(&self, key: &Key) -> Traces {
        self.secrets.traces(key)
    }

    /// What must not be told of.
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets)
    }
}

impl Sealed {
    /// Whether an object may hold anything encrypted: cheap, and never wrong about one that does.
    pub fn may_be(object: &Value) -> bool {
        is_annotated(object) || mentions(object)
    }

    /// What an object holds encrypted; `None` when nothing is.
    ///
    /// # Errors
    /// When it cannot be opened by anyone: what it is is encrypted, or its annotation is not the hub's.
    pub fn of(object: &Value) -> Result<Option<Self>, Error> {
        let annotated = is_annotated(object);
        // Base64 is looked into only where the hub found something.
        if !annotated && !mentions(object) {
            return Ok(None);
        }
        let files = originals::on(object)?;
        let dropped = dropped(object);
        let own: BTreeSet<&[Step]> = dropped.iter().map(|(path, _)| path.as_slice()).collect();
        let inside = |path: &[Step]| (1..=path.len().min(3)).any(|length| own.contains(&path[..length]));
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
        Ok(Some(Self { places, dropped, files }))
    }

    /// The plain form of the object that this was read off.
    ///
    /// # Errors
    /// When any of its values cannot be had, or may not go where it stands: nothing of it is given out then.
    pub fn open(&self, object: &Value, identities: &Identities, reach: Reach) -> Result<Unsealed, Error> {
        let mut opening = Opening {
            identities,
            target: Target::new(object, reach),
            opened: Vec::new(),
            secrets: Texts::default(),
            read: 0,
            values: 0,
            made: 0,
        };
        for original in &self.files {
            let (_, opened) = opening.file(&original.path, &original.text)?;
            opened.values().for_each(|value| opening.secrets.add(value.bytes()));
            opening.opened.push((&original.path, opened));
        }
        let mut unsealed = Unsealed { object: object.clone(), values: Vec::new(), secrets: Arc::default() };
        for place in &self.places {
            let value = opening.value(place)?;
            unsealed.values.push(value);
        }
        unsealed.secrets = Arc::new(opening.secrets.done());
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
}

impl Opening<'_> {
    /// Opens a file, as long as there is room for it.
    fn file(&mut self, path: &str, text: &str) -> Result<(File, Opened), Error> {
        let large = |what: String| Err(Error::new(path, Why::Large(what)));
        self.read += text.len();
        if self.read > MOST_BYTES {
            return large(format!("with the others of its object more than {} MiB", MOST_BYTES >> 20));
        }
        let file = File::read(path, text)?;
        let opened = file.open(self.identities)?;
        self.values += opened.values().count();
        if self.values > 2 * MOST_VALUES {
            return large(format!(
                "with the others of its object more than {} encrypted values",
                2 * MOST_VALUES
            ));
        }
        Ok((file, opened))
    }

    /// What becomes of a place; `None` for what sops made an item of and is none.
    fn value(&mut self, place: &Place) -> Result<Option<Value>, Error> {
        let failed = |why: fn(String) -> Why| Error::new("", why(shown(&place.path)));
        let decoded = originals::decoded(&place.sealed);
        let text = decoded.as_deref().unwrap_or(&place.sealed);
        let encode = |bytes: &[u8]| match (&decoded, std::str::from_utf8(bytes)) {
            (Some(_), _) => Ok(Some(Value::from(STANDARD.encode(bytes)))),
            (None, Ok(text)) => Ok(Some(Value::from(text))),
            (None, Err(_)) => Err(failed(Why::NotText)),
        };
        if originals::is_whole(text) {
            if !self.target.takes_file(&place.path) {
                return Err(failed(Why::File));
            }
            let (file, values) = self.file(&shown(&place.path), text)?;
            let plain = values.plain(&file, text)?;
            self.count(place, plain.len())?;
            self.secrets.add(&plain);
            values.values().for_each(|value| self.secrets.add(value.bytes()));
            return encode(&plain);
        }
        if cipher::is_token(text) {
            let plain = self.find(place, text)?;
            if plain.kind == Kind::Comment {
                return Ok(None);
            }
            self.count(place, plain.bytes().len())?;
            return match &decoded {
                // Kubernetes takes text alone there, whatever type was encrypted.
                None if !wants_text(&place.path) => {
                    plain.to_json().map(Some).ok_or_else(|| failed(Why::NotText))
                }
                None | Some(_) => encode(plain.bytes()),
            };
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let mut at = 0;
        for token in cipher::tokens(text) {
            let plain = self.find(place, &text[token.clone()])?;
            self.count(place, plain.bytes().len())?;
            bytes.extend_from_slice(&text.as_bytes()[at..token.start]);
            bytes.extend_from_slice(plain.bytes());
            at = token.end;
        }
        bytes.extend_from_slice(&text.as_bytes()[at..]);
        self.secrets.add(&bytes);
        encode(&bytes)
    }

    /// What an encrypted value of a place stands for, if it may be there.
    fn find(&self, place: &Place, token: &str) -> Result<Plain, Error> {
        let of = |(path, values): &(&str, Opened)| {
            let (plain, origins) = values.found(token)?;
            Some(match self.target.takes(&place.path, origins) {
                true => Ok(plain.clone()),
                false => Err(Error::new(path, Why::Elsewhere(shown(&place.path)))),
            })
        };
        let mut refused = None;
        for found in self.opened.iter().filter_map(of) {
            match found {
                Ok(plain) => return Ok(plain),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| Error::new("", Why::Unknown(shown(&place.path)))))
    }

    /// Counts what is made: a short encrypted value may stand for a long one, many times.
    fn count(&mut self, place: &Place, bytes: usize) -> Result<(), Error> {
        self.made += bytes;
        if self.made <= MOST_BYTES {
            return Ok(());
        }
        let what = format!("with what comes before it in its object more than {} MiB", MOST_BYTES >> 20);
        Err(Error::new(&shown(&place.path), Why::Large(what)))
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

fn is_annotated(object: &Value) -> bool {
    object.pointer("/metadata/annotations").is_some_and(|all| all.get(ANNOTATION).is_some())
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
