//! The checks a value must pass to be a manifest.

use serde_json::{Map, Value};

use super::ObjectId;
use crate::Problem;

/// Whether `value` is a list of objects rather than an object.
pub(super) fn is_list(value: &Value) -> bool {
    let kind = value["kind"].as_str().unwrap_or_default();
    kind.ends_with("List") && value["items"].is_array() && value["metadata"]["name"].is_null()
}

/// # Errors
/// The first fault.
pub(super) fn object(value: &Value) -> Result<(), Problem> {
    let Value::Object(fields) = value else {
        let remedy = "write an object with apiVersion, kind and metadata, or move the file out of the path";
        return Err(Problem::new(
            "",
            format!("a manifest must be an object, this is {}", type_name(value)),
            remedy,
        ));
    };
    fields_of(fields).map_err(|problem| match name_of(value) {
        name if name.is_empty() => problem,
        name => problem.of(name),
    })
}

fn fields_of(fields: &Map<String, Value>) -> Result<(), Problem> {
    let api_version = required_text(
        fields,
        "apiVersion",
        "write the kind's group and version, e.g. `apiVersion: apps/v1`",
    )?;
    let parts: Vec<&str> = api_version.split('/').collect();
    if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) {
        return Err(Problem::new(
            "apiVersion",
            "must be a version or a group and a version",
            "write e.g. `v1` or `apps/v1`",
        ));
    }
    let kind = required_text(fields, "kind", "write the object's kind, e.g. `kind: Deployment`")?;
    if kind == "List" {
        return Err(Problem::new(
            "items",
            "a List must have a list of items",
            "write the objects under `items:`",
        ));
    }
    let name_remedy = "write `metadata: {name: ...}`";
    let metadata = match fields.get("metadata") {
        None | Some(Value::Null) => return Err(Problem::new("metadata.name", "is missing", name_remedy)),
        Some(Value::Object(metadata)) => metadata,
        Some(other) => {
            return Err(Problem::new(
                "metadata",
                format!("must be an object, this is {}", type_name(other)),
                name_remedy,
            ));
        }
    };
    let name = optional_text(metadata, "name")?;
    let generate_name = optional_text(metadata, "generateName")?;
    let namespace = optional_text(metadata, "namespace")?;
    step_of_a_path("metadata.name", name)?;
    step_of_a_path("metadata.generateName", generate_name)?;
    label("metadata.namespace", namespace)?;
    if name.is_none() && generate_name.is_none() {
        return Err(Problem::new("metadata.name", "is missing", "give the object a name, or a generateName"));
    }
    string_map(metadata, "labels")?;
    string_map(metadata, "annotations")
}

/// Names are steps of the API's paths (apimachinery `path.IsValidPathSegmentName`).
fn step_of_a_path(path: &str, name: Option<&str>) -> Result<(), Problem> {
    let Some(name) = name else { return Ok(()) };
    let wrong = |c: char| c == '/' || c == '%' || c == '?' || c == '#' || c.is_control();
    if matches!(name, "." | "..") || name.contains(wrong) {
        return Err(Problem::new(
            path,
            "cannot be the name of an object",
            "write a name without `/`, `%`, `?`, `#` and control characters",
        ));
    }
    Ok(())
}

/// Namespaces are DNS labels (RFC 1123).
fn label(path: &str, name: Option<&str>) -> Result<(), Problem> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(()) };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 63 || !name.chars().all(fits) || name.starts_with('-') || name.ends_with('-') {
        return Err(Problem::new(
            path,
            "is no name of a namespace",
            "write at most 63 lower-case letters, digits and `-`",
        ));
    }
    Ok(())
}

fn required_text<'a>(fields: &'a Map<String, Value>, key: &str, remedy: &str) -> Result<&'a str, Problem> {
    match fields.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(Problem::new(key, "is missing", remedy)),
        Some(other) => {
            Err(Problem::new(key, format!("must be a string, this is {}", type_name(other)), remedy))
        }
    }
}

/// A string in metadata; empty and null count as absent.
fn optional_text<'a>(metadata: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Problem> {
    match metadata.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => {
            let message = format!("must be a string, this is {}", type_name(other));
            Err(Problem::new(format!("metadata.{key}"), message, "put the value in quotes"))
        }
    }
}

fn string_map(metadata: &Map<String, Value>, key: &str) -> Result<(), Problem> {
    let entries = match metadata.get(key) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            let message = format!("must be a map of strings, this is {}", type_name(other));
            return Err(Problem::new(
                format!("metadata.{key}"),
                message,
                "write one `key: \"value\"` a line",
            ));
        }
    };
    let Some((name, value)) = entries.iter().find(|(_, value)| !value.is_string()) else { return Ok(()) };
    let field = format!("metadata.{key}[{name:?}]");
    let remedy = if value.is_null() { "give it a value, \"\" for none" } else { "put the value in quotes" };
    Err(Problem::new(field, format!("must be a string, this is {}", type_name(value)), remedy))
}

/// What is known of the object's identity, `Deployment ` without a name included.
fn name_of(value: &Value) -> String {
    ObjectId::of(value).to_string().trim().to_owned()
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
