//! YAML in and out as `sigs.k8s.io/yaml` does it: by way of JSON, so every number that is read is a float, and errors have its words.

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use super::text::{PIECE, any, text};
use super::{Answer, Fail, Row};
use crate::Value;
use crate::go::{ENTRIES, Scope};

pub(super) const TABLE: &[Row] =
    &[("fromYaml", "s", from_yaml), ("fromYamlArray", "s", from_yaml_array), ("toYaml", "a", to_yaml)];

fn to_yaml(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let json = super::json::compact(scope, any(arguments, 0)).map_err(|fail| match &fail {
        Fail::Message(message) => Fail::from(format!("error marshaling into JSON: {message}")),
        Fail::Exceeded(_) | Fail::Template(_) => fail,
    })?;
    let held = weight(&json);
    scope.charge(held)?;
    let value =
        shared_manifest::yaml::parse(&json).map_err(|error| Fail::from(error.go_text().to_owned()))?;
    // Indentation may make it much longer than the JSON that has been paid for.
    let left = scope.memory_left();
    let yaml = shared_manifest::yaml::to_string_within(&value, left);
    scope.charge(yaml.as_ref().map_or(usize::MAX, String::len))?;
    scope.release(held);
    let yaml = yaml.unwrap_or_default();
    Ok(yaml.strip_suffix('\n').unwrap_or(&yaml).into())
}

fn parse(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Json, Fail> {
    let source = text(arguments, 0);
    let held = weight(&source);
    scope.charge(held.saturating_add(source.len().saturating_mul(4)))?;
    let parsed = shared_manifest::yaml::parse(&source)
        .map_err(|error| Fail::from(format!("error converting YAML to JSON: {}", error.go_text())))?;
    // Aliases may have made it larger than its text.
    let size = size(&parsed);
    scope.charge(size)?;
    scope.release(held);
    Ok(parsed)
}

/// The most bytes that a text's values may take while they are read, aliases aside: each is set apart by one of these, a mapping
/// by another.
fn weight(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b',' | b'[' | b'-' | b'\n' => 2 + NODE,
        b':' | b'{' => 2 + NODE + OBJECT,
        _ => 2,
    });
    bytes.sum::<usize>() + NODE
}

/// Bytes of a value of JSON, twice: lists grow by doubling.
const NODE: usize = 2 * size_of::<Json>();
/// Bytes of an object of JSON with one entry.
const OBJECT: usize = 640;

/// What a value takes as a template's, about.
fn size(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => size_of::<Value>(),
        Json::String(text) => text.len() + PIECE,
        Json::Array(items) => PIECE + items.iter().map(size).sum::<usize>(),
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| key.len() + PIECE + size(value);
            ENTRIES + entries.iter().map(entry).sum::<usize>()
        }
    }
}

fn from_yaml(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let parsed = parse(scope, arguments)?;
    if parsed.is_null() {
        return Ok(Value::from(Json::Object(serde_json::Map::new())));
    }
    if parsed.is_object() { Ok(parsed.into()) } else { Err(mismatch(&parsed, "map[string]interface {}")) }
}

fn from_yaml_array(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let parsed = parse(scope, arguments)?;
    if parsed.is_null() {
        return Ok(Value::list(Vec::new()));
    }
    if parsed.is_array() { Ok(parsed.into()) } else { Err(mismatch(&parsed, "[]interface {}")) }
}

fn mismatch(found: &Json, wanted: &str) -> Fail {
    let found = match found {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    Fail::from(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}
