//! What a path and a file's content give as parameters.

use crate::params::{flatten, go_string, normalize};
use serde_json::{Map, Value, json};
use shared_manifest::yaml;

/// The objects of a file: an object, or a list of them; an empty file is one empty object. Only the first document counts.
pub(super) fn parse(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let object = |value| match value {
        Value::Object(map) => Some(map),
        Value::Null => Some(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    };
    let expected = || "it must hold a map or a list of maps: write `key: value`".to_owned();
    match yaml::parse(text).map_err(|error| error.to_string())? {
        Value::Array(items) => items.into_iter().map(object).collect::<Option<_>>().ok_or_else(expected),
        single @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Ok(vec![object(single).ok_or_else(expected)?])
        }
    }
}

/// An object's leaves as strings under dotted keys.
pub(super) fn flat(object: &Map<String, Value>) -> Map<String, Value> {
    flatten(object).into_iter().map(|(key, value)| (key, Value::String(go_string(value)))).collect()
}

/// Adds `path` and what belongs to it for a directory.
pub(super) fn add_directory(
    params: &mut Map<String, Value>,
    directory: &str,
    prefix: &str,
    go_template: bool,
) {
    let basename = base(directory);
    let named = [("basename", basename.to_owned()), ("basenameNormalized", normalize(basename))];
    add(params, directory, prefix, go_template, &named);
}

/// Adds `path` and what belongs to it for a file; `path` is the directory that it stands in, `.` for the root.
pub(super) fn add_file(params: &mut Map<String, Value>, file: &str, prefix: &str, go_template: bool) {
    let (directory, filename) = file.rsplit_once('/').unwrap_or((".", file));
    let basename = base(directory);
    let named = [
        ("basename", basename.to_owned()),
        ("basenameNormalized", normalize(basename)),
        ("filename", filename.to_owned()),
        ("filenameNormalized", normalize(filename)),
    ];
    add(params, directory, prefix, go_template, &named);
}

fn add(
    params: &mut Map<String, Value>,
    directory: &str,
    prefix: &str,
    go_template: bool,
    named: &[(&str, String)],
) {
    let segments = directory.split('/');
    if go_template {
        let mut path = Map::from_iter([
            ("path".to_owned(), Value::from(directory)),
            ("segments".to_owned(), segments.collect()),
        ]);
        path.extend(named.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))));
        if prefix.is_empty() {
            params.insert("path".to_owned(), Value::Object(path));
        } else {
            params.insert(prefix.to_owned(), json!({ "path": path }));
        }
        return;
    }
    let name = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
    params.insert(name.clone(), Value::from(directory));
    params.extend(named.iter().map(|(key, value)| (format!("{name}.{key}"), Value::from(value.as_str()))));
    let indexed = segments.enumerate().filter(|(_, segment)| !segment.is_empty());
    params.extend(indexed.map(|(index, segment)| (format!("{name}[{index}]"), Value::from(segment))));
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
