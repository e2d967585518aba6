//! The encrypted files that an object was made of, found by its encrypted values, and carried with it.

use crate::{
    Error, File, Why,
    cipher::{self, MARKER},
    file, object,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Holds the files on an object: a JSON list of [`Original`], as text so that whoever has the file compresses the bundle
/// better than each annotation alone, and so that the same files give the same bytes for ever.
pub const ANNOTATION: &str = "flotilla.dev/sops";

/// An encrypted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Original {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The encrypted files among those of a source.
#[derive(Debug, Default)]
pub struct Originals {
    files: Vec<Original>,
    /// Which files have a value, by the value's text.
    having: BTreeMap<String, BTreeSet<usize>>,
}

impl Originals {
    /// Those of `files`; all others are left out.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut originals = Self::default();
        for (path, bytes) in files {
            if bytes.len() > file::LARGEST || !contains(bytes, MARKER.as_bytes()) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            if !crate::is_encrypted(text) {
                continue;
            }
            let index = originals.files.len();
            for token in cipher::tokens(text) {
                originals.having.entry(text[token].to_owned()).or_default().insert(index);
            }
            originals.files.push(Original { path: path.to_owned(), text: text.to_owned() });
        }
        originals
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Puts the files that an object's encrypted values come from onto it; whether it has any such value. Values that no
    /// file has are left to whoever opens the object, who will tell.
    pub fn attach(&self, object: &mut Value) -> bool {
        let mut tokens = BTreeSet::new();
        let mut whole = false;
        object::strings(object, &mut |path, text| {
            if object::is_own(path) {
                return;
            }
            let decoded = decoded(text);
            let Some(text) = encrypted(text, decoded.as_deref()) else { return };
            if is_whole(text) {
                whole = true;
            } else {
                tokens.extend(cipher::tokens(text).map(|token| text[token].to_owned()));
            }
        });
        if tokens.is_empty() && !whole {
            return false;
        }
        let mut taken = Vec::new();
        while let Some(best) = self.best(&tokens) {
            tokens.retain(|token| !self.having.get(token).is_some_and(|files| files.contains(&best)));
            taken.push(&self.files[best]);
        }
        taken.sort_by(|one, other| one.path.cmp(&other.path));
        let text = serde_json::to_string(&taken).expect("paths and texts");
        let metadata = field(object, "metadata");
        field(metadata, "annotations")[ANNOTATION] = Value::from(text);
        true
    }

    /// The file with most of these values, the first by path of those.
    fn best(&self, tokens: &BTreeSet<String>) -> Option<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for file in tokens.iter().filter_map(|token| self.having.get(token)).flatten() {
            *counts.entry(*file).or_default() += 1;
        }
        let most = *counts.values().max()?;
        let best = counts.into_iter().filter(|(_, count)| *count == most).map(|(file, _)| file);
        best.min_by_key(|file| &self.files[*file].path)
    }
}

/// Whether an object holds a value that sops encrypted, as it is or in base64.
pub fn holds_encrypted(object: &Value) -> bool {
    let mut found = false;
    object::strings(object, &mut |path, text| {
        found = found || (!object::is_own(path) && encrypted(text, decoded(text).as_deref()).is_some());
    });
    found
}

/// The files on an object.
///
/// # Errors
/// An annotation that the hub did not write.
pub(crate) fn on(object: &Value) -> Result<Vec<Original>, Error> {
    let Some(text) = object.pointer("/metadata/annotations").and_then(|all| all.get(ANNOTATION)?.as_str())
    else {
        return Ok(Vec::new());
    };
    let wrong =
        |_| Error::new(ANNOTATION, Why::Malformed("the annotation is not what the hub writes".to_owned()));
    serde_json::from_str(text).map_err(wrong)
}

/// The map under a key, made if it is not there.
pub(crate) fn field<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let map = value.as_object_mut().expect("made above");
    let entry = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    entry
}

/// What base64 says, where it is text with an encrypted value.
pub(crate) fn decoded(text: &str) -> Option<String> {
    if text.len() < MARKER.len() || text.contains(MARKER) {
        return None;
    }
    let spaced = text.contains(['\n', '\r']);
    let joined: String = if spaced { text.split_ascii_whitespace().collect() } else { String::new() };
    let bytes = STANDARD.decode(if spaced { &joined } else { text }).ok()?;
    let decoded = String::from_utf8(bytes).ok()?;
    decoded.contains(MARKER).then_some(decoded)
}

/// The text that has encrypted values: as it is, or decoded.
pub(crate) fn encrypted<'a>(text: &'a str, decoded: Option<&'a str>) -> Option<&'a str> {
    let text = decoded.unwrap_or(text);
    cipher::tokens(text).next().is_some().then_some(text)
}

/// Whether the text is a whole encrypted file, which needs no other.
pub(crate) fn is_whole(text: &str) -> bool {
    let is_file = |read: Result<File, Error>| match read {
        Ok(_) => true,
        // It is one, and is refused as what it is.
        Err(error) => matches!(error.why, Why::Large(_)),
    };
    crate::is_encrypted(text) && is_file(File::read("", text))
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
