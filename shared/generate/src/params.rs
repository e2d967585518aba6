//! One parameter set: what a generator gives to a template.
//!
//! In Go mode the parameters are nested objects, in flat mode dotted keys whose values are (nearly always) strings. Numbers are float64, as
//! everything that Argo CD reads from JSON is, so 1000000 prints `1e+06`.

mod text;

use serde_json::{Map, Value};
use shared_template::Value as Data;
use shared_template::{Element, Map as DataMap};
use std::collections::BTreeMap;

pub(crate) use text::{go_string, normalize};

/// One parameter set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Params {
    pub(crate) map: Map<String, Value>,
    /// The keys whose maps are Go's `map[string]string`: an absent key there is "" under `index` and `missingkey=zero`.
    pub(crate) typed: Typed,
}

/// Which parameters are Go's `map[string]string` rather than `map[string]any`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// `metadata.labels` and `metadata.annotations`.
    pub(crate) metadata: bool,
    /// `values`.
    pub(crate) values: bool,
    /// The same within the items of `clusters` (`flatList`).
    pub(crate) clusters: bool,
}

impl Params {
    pub(crate) fn new(map: Map<String, Value>) -> Self {
        Self { map, typed: Typed::default() }
    }

    /// The parameters as Go templates see them.
    pub(crate) fn to_data(&self) -> Data {
        let entries = self.map.iter().map(|(key, value)| {
            let data = match (key.as_str(), value) {
                ("metadata", Value::Object(metadata)) if self.typed.metadata => metadata_data(metadata),
                ("values", Value::Object(values)) if self.typed.values => strings(values),
                ("clusters", Value::Array(clusters)) if self.typed.clusters => {
                    Data::list(clusters.iter().map(cluster_data).collect())
                }
                _ => Data::from(value),
            };
            (key.as_str().into(), data)
        });
        Data::Map(DataMap::new(Element::Any, entries.collect()))
    }

    /// Dotted keys and printed values, as post-selectors see them.
    pub(crate) fn flattened(&self) -> BTreeMap<String, String> {
        let mut map = self.map.clone();
        // Go's lists of maps and of strings are no lists to flatten: those of `flatList` and of a path are one value each.
        let clusters = if self.typed.clusters { map.remove("clusters") } else { None };
        let clusters = clusters.map(|clusters| ("clusters".to_owned(), go_string(&clusters)));
        let mut whole: Vec<_> = clusters.into_iter().collect();
        for (key, value) in &mut map {
            let is_prefixed = value.get("path").is_some_and(Value::is_object);
            let (name, path) = match key.as_str() {
                _ if is_prefixed => (format!("{key}.path"), &mut value["path"]),
                "path" => (key.clone(), value),
                _ => continue,
            };
            if let Value::Object(path) = path
                && path.contains_key("basenameNormalized")
                && let Some(segments) = path.remove("segments")
            {
                whole.push((format!("{name}.segments"), go_string(&segments)));
            }
        }
        flatten(map).into_iter().chain(whole).collect()
    }

    /// The names that a template can use, in the form that the mode uses, for messages.
    pub(crate) fn names(&self, go_template: bool) -> Vec<String> {
        if !go_template {
            return self.map.keys().cloned().collect();
        }
        let mut names = Vec::new();
        go_names("", &self.map, &mut names);
        names
    }

    /// Adds `values`, rendered: nested in Go mode, `values.k` in flat mode.
    pub(crate) fn add_values(&mut self, values: Vec<(String, String)>, go_template: bool) {
        if values.is_empty() {
            return;
        }
        if go_template {
            let map = values.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
            self.map.insert("values".to_owned(), Value::Object(map));
            self.typed.values = true;
        } else {
            self.map.extend(
                values.into_iter().map(|(key, value)| (format!("values.{key}"), Value::String(value))),
            );
        }
    }
}

/// Leaves of nested objects and arrays, printed, under dotted keys: `a.b`, `tags.0`. Empty objects and arrays vanish; of keys that are equal the
/// last counts.
pub(crate) fn flatten(map: Map<String, Value>) -> Vec<(String, String)> {
    let mut flat = Vec::with_capacity(16);
    map.into_iter().for_each(|(key, value)| flatten_into(key, value, &mut flat));
    flat
}

fn flatten_into(key: String, value: Value, flat: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            fields
                .into_iter()
                .for_each(|(field, value)| flatten_into([&key, ".", &field].concat(), value, flat));
        }
        Value::Array(items) => {
            items
                .into_iter()
                .enumerate()
                .for_each(|(index, value)| flatten_into(format!("{key}.{index}"), value, flat));
        }
        Value::String(text) => flat.push((key, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let text = go_string(&value);
            flat.push((key, text));
        }
    }
}

fn go_names(prefix: &str, map: &Map<String, Value>, names: &mut Vec<String>) {
    for (key, value) in map {
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !key.starts_with(|c: char| c.is_ascii_digit());
        let name = match (plain, prefix) {
            (true, _) => format!("{prefix}.{key}"),
            (false, "") => format!("index . \"{key}\""),
            (false, _) => format!("index {prefix} \"{key}\""),
        };
        match value.as_object().filter(|fields| plain && !fields.is_empty()) {
            Some(fields) => go_names(&name, fields, names),
            None => names.push(name),
        }
    }
}

fn strings(map: &Map<String, Value>) -> Data {
    let entries = map.iter().map(|(key, value)| (key.as_str().into(), Data::from(value)));
    Data::Map(DataMap::new(Element::Str, entries.collect()))
}

fn metadata_data(metadata: &Map<String, Value>) -> Data {
    let entries = metadata.iter().map(|(key, value)| {
        let data = value.as_object().map_or_else(|| Data::from(value), strings);
        (key.as_str().into(), data)
    });
    Data::Map(DataMap::new(Element::Any, entries.collect()))
}

fn cluster_data(cluster: &Value) -> Data {
    let Value::Object(map) = cluster else { return Data::from(cluster) };
    let typed = Typed { metadata: true, values: true, clusters: false };
    Params { map: map.clone(), typed }.to_data()
}

#[cfg(test)]
mod tests;
