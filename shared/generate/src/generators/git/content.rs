//! What a path and a file's content give as parameters.

use crate::params::{flatten, normalize};
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

/// The parameters of a directory: `path` and what belongs to it.
pub(super) fn of_directory(directory: &str, prefix: &str, go_template: bool) -> Map<String, Value> {
    let basename = base(directory);
    let named = [("basename", basename.to_owned()), ("basenameNormalized", normalize(basename))];
    with_path(Map::new(), directory, prefix, go_template, named)
}

/// The parameters of an object in a file; `path` is the directory that the file stands in, `.` for the root.
pub(super) fn of_object(
    object: Map<String, Value>,
    file: &str,
    prefix: &str,
    go_template: bool,
) -> Map<String, Value> {
    let (directory, filename) = file.rsplit_once('/').unwrap_or((".", file));
    let basename = base(directory);
    let named = [
        ("basename", basename.to_owned()),
        ("basenameNormalized", normalize(basename)),
        ("filename", filename.to_owned()),
        ("filenameNormalized", normalize(filename)),
    ];
    with_path(object, directory, prefix, go_template, named)
}

/// Adds `path` and what is `named` below it, which go before what the object holds under these names.
fn with_path<const N: usize>(
    mut object: Map<String, Value>,
    directory: &str,
    prefix: &str,
    go_template: bool,
    named: [(&str, String); N],
) -> Map<String, Value> {
    let segments = directory.split('/');
    if go_template {
        let mut path = Map::from_iter(named.map(|(key, value)| (key.to_owned(), Value::String(value))));
        path.insert("path".to_owned(), Value::from(directory));
        path.insert("segments".to_owned(), segments.collect());
        if prefix.is_empty() {
            object.insert("path".to_owned(), Value::Object(path));
        } else {
            object.insert(prefix.to_owned(), json!({ "path": path }));
        }
        return object;
    }
    let name = if prefix.is_empty() { "path" } else { &[prefix, ".path"].concat() };
    let mut flat = flatten(object);
    flat.push((name.to_owned(), directory.to_owned()));
    flat.extend(named.map(|(key, value)| ([name, ".", key].concat(), value)));
    let indexed = segments.enumerate().filter(|(_, segment)| !segment.is_empty());
    flat.extend(indexed.map(|(index, segment)| (format!("{name}[{index}]"), segment.to_owned())));
    flat.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
