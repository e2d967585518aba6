//! Reading a set's JSON by field, with the path in every complaint. Null is absent, as in Go.

use crate::Problem;
use crate::run::failed;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The object `value`; absent is empty.
pub(crate) fn object<'a>(path: &str, value: Option<&'a Value>) -> Result<&'a Map<String, Value>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(&NOTHING),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(mismatch(path, "an object", other)),
    }
}

/// The list in `key`; absent is empty.
pub(crate) fn array<'a>(path: &str, map: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], Problem> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(mismatch(&format!("{path}.{key}"), "a list", other)),
    }
}

/// The string in `key`; absent is empty.
pub(crate) fn string<'a>(path: &str, map: &'a Map<String, Value>, key: &str) -> Result<&'a str, Problem> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(mismatch(&format!("{path}.{key}"), "a string", other)),
    }
}

/// The boolean in `key`; absent is false.
pub(crate) fn boolean(path: &str, map: &Map<String, Value>, key: &str) -> Result<bool, Problem> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(mismatch(&format!("{path}.{key}"), "true or false", other)),
    }
}

/// The strings by key in `key`; absent is empty.
pub(crate) fn strings<'a>(
    path: &str,
    map: &'a Map<String, Value>,
    key: &str,
) -> Result<Vec<(&'a str, &'a str)>, Problem> {
    let path = format!("{path}.{key}");
    let map = object(&path, map.get(key))?;
    map.iter().map(|(key, _)| Ok((key.as_str(), string(&path, map, key)?))).collect()
}

fn mismatch(path: &str, expected: &str, found: &Value) -> Problem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let remedy = if expected == "a string" { "put the value in quotes" } else { "" };
    failed(path, format!("must be {expected}, is {found}"), remedy)
}
