//! A kustomization file as values. Field names are read as the tool reads them (Go's JSON): whatever their case.

use crate::tree::Entry;
use serde_json::{Map, Value};
use shared_manifest::{Problem, yaml};

/// The names that the tool knows its file by (`api/konfig`).
pub(crate) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization file.
#[derive(Debug)]
pub(crate) struct Kustomization {
    /// One of [`NAMES`].
    pub(crate) name: &'static str,
    /// Where its contents are.
    pub(crate) entry: Entry,
    /// What it says.
    pub(crate) fields: Map<String, Value>,
    /// Whether `fields` are no longer what the file says.
    pub(crate) changed: bool,
}

impl Kustomization {
    /// Reads the file's contents.
    ///
    /// # Errors
    /// What is wrong with the text, without its place.
    pub(crate) fn read(name: &'static str, entry: Entry, text: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(text)
            .map_err(|_| Problem::new("", "the file is not UTF-8 text", "save it as UTF-8"))?;
        let value = yaml::parse(text).map_err(|error| Problem::new("", error.to_string(), ""))?;
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let message = "a kustomization is a mapping of fields";
                return Err(Problem::new("", message, "write `resources:` and what belongs to it"));
            }
        };
        Ok(Self { name, entry, fields, changed: false })
    }

    /// The text that says the same.
    pub(crate) fn text(&self) -> String {
        yaml::to_string(&Value::Object(self.fields.clone()))
    }
}

/// The field of this name in whatever case; of several the last counts.
pub(crate) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back()
}

/// The text of a field, or nothing.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.as_object().map(|fields| text_of(fields, name)).unwrap_or_default()
}

/// The text of a field, or nothing.
pub(crate) fn text_of<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    field(fields, name).and_then(Value::as_str).unwrap_or_default()
}

/// Takes the field of this name in whatever case.
pub(crate) fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let keys: Vec<String> = fields.keys().filter(|key| key.eq_ignore_ascii_case(name)).cloned().collect();
    keys.into_iter().filter_map(|key| fields.remove(&key)).last()
}
