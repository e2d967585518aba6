//! What may not be stored: each refusal with its field (422).
//!
//! Of Argo CD's kinds only what its CRDs refuse is refused here; what is wrong beyond that is said in a
//! condition, as Argo CD does, so that its YAML is taken word for word.

use hub_records::resource;
use serde_json::Value;
use shared_model::{Kind, RolloutPolicySpec, parse_duration};
use shared_objects::{FieldError, Status, meta};
use shared_project::{Scope, Settings, windows};

/// Refuses an object whose content may not be stored.
pub(crate) fn validate(kind: Kind, object: &Value) -> Result<(), Status> {
    let errors = match kind {
        Kind::Application => application(object),
        Kind::ApplicationSet => application_set(object),
        Kind::AppProject => required(object, &["spec"]),
        Kind::Cluster => cluster(object),
        Kind::RolloutPolicy => policy(object),
        Kind::EnrollmentToken => token(object),
        Kind::Secret => texts(object, "data"),
        Kind::ConfigMap => config(object),
        Kind::FleetRollout => required(object, &["spec"]),
        Kind::Namespace | Kind::Event => Vec::new(),
    };
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(resource(kind), meta::name(object), &errors))
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(object, |at, name| at.get(name));
    found.filter(|found| !found.is_null())
}

fn required(object: &Value, paths: &[&str]) -> Vec<FieldError> {
    let missing = paths.iter().filter(|path| at(object, path).is_none());
    missing.map(|path| FieldError::required(*path, "")).collect()
}

/// The errors of fields that are there and not of their type.
fn typed(object: &Value, paths: &[&str], is: fn(&Value) -> bool, detail: &str) -> Vec<FieldError> {
    let found = paths.iter().filter_map(|path| Some((path, at(object, path)?)));
    let wrong = found.filter(|(_, value)| !is(value));
    wrong.map(|(path, value)| FieldError::wrong_type(*path, name_of(value), detail)).collect()
}

/// The type found, not the value: it may be long, or a secret.
fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

const MAP: &str = "must be a map";
const LIST: &str = "must be a list";
const TEXT: &str = "must be a text";

fn application(object: &Value) -> Vec<FieldError> {
    let mut errors = if at(object, "spec").is_none() {
        required(object, &["spec"])
    } else {
        required(object, &["spec.destination", "spec.project"])
    };
    let maps = ["spec", "spec.destination", "spec.source", "spec.syncPolicy", "spec.syncPolicy.automated"];
    errors.extend(typed(object, &maps, Value::is_object, MAP));
    errors.extend(typed(object, &["spec.sources", "spec.ignoreDifferences"], Value::is_array, LIST));
    let texts = [
        "spec.project",
        "spec.destination.server",
        "spec.destination.name",
        "spec.destination.namespace",
        "spec.source.repoURL",
        "spec.source.path",
        "spec.source.targetRevision",
        "spec.source.chart",
    ];
    errors.extend(typed(object, &texts, Value::is_string, TEXT));
    errors
}

fn application_set(object: &Value) -> Vec<FieldError> {
    let mut errors = if at(object, "spec").is_none() {
        required(object, &["spec"])
    } else {
        required(object, &["spec.generators", "spec.template"])
    };
    errors.extend(typed(object, &["spec", "spec.template", "spec.template.spec"], Value::is_object, MAP));
    errors.extend(typed(object, &["spec.generators"], Value::is_array, LIST));
    errors.extend(typed(object, &["spec.templatePatch"], Value::is_string, TEXT));
    errors.extend(typed(object, &["spec.goTemplate"], Value::is_boolean, "must be true or false"));
    for (index, generator) in
        at(object, "spec.generators").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        if !generator.is_object() {
            let path = format!("spec.generators[{index}]");
            errors.push(FieldError::wrong_type(
                path,
                name_of(generator),
                "must be a map, as in {list: {elements: []}}",
            ));
        }
    }
    errors
}

fn cluster(object: &Value) -> Vec<FieldError> {
    let mut errors = typed(object, &["spec", "spec.pause"], Value::is_object, MAP);
    let fields = ["spec.server", "spec.project", "spec.pause.reason"];
    errors.extend(typed(object, &fields, Value::is_string, TEXT));
    if let Some(mode) =
        at(object, "spec.mode").filter(|mode| !["Enforce", "Observe"].iter().any(|known| *mode == known))
    {
        errors.push(FieldError::not_supported("spec.mode", mode.clone(), &["Enforce", "Observe"]));
    }
    if let Some(duration) = at(object, "spec.pause.for") {
        errors.extend(duration_error("spec.pause.for", duration));
    }
    errors
}

fn duration_error(path: &str, value: &Value) -> Option<FieldError> {
    let wrong = value.as_str().is_none_or(|text| parse_duration(text).is_err());
    wrong.then(|| FieldError::invalid(path, value.clone(), "must be a duration such as 90s, 15m or 2h"))
}

fn policy(object: &Value) -> Vec<FieldError> {
    let Some(spec) = at(object, "spec") else { return required(object, &["spec"]) };
    let spec: RolloutPolicySpec = match serde_json::from_value(spec.clone()) {
        Ok(spec) => spec,
        Err(error) => return vec![FieldError::invalid("spec", name_of(spec), error.to_string())],
    };
    let windows = windows::problems(&spec.windows, Scope::Policy, "spec.windows");
    spec.problems().into_iter().chain(windows).map(forbidden).collect()
}

/// A problem with its path in front.
fn forbidden(problem: String) -> FieldError {
    match problem.split_once(": ") {
        Some((path, detail)) => FieldError::forbidden(path, detail),
        None => FieldError::forbidden("spec", problem),
    }
}

fn token(object: &Value) -> Vec<FieldError> {
    let mut errors = required(object, &["spec.cluster", "spec.secretHash"]);
    errors.extend(typed(object, &["spec.cluster", "spec.secretHash"], Value::is_string, TEXT));
    let hash = at(object, "spec.secretHash").and_then(Value::as_str).unwrap_or_default();
    let is_hash =
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !hash.is_empty() && !is_hash {
        // Not the value: it may be the secret itself.
        errors.push(FieldError::invalid(
            "spec.secretHash",
            "…",
            "must be the SHA-256 of the secret in lowercase hex",
        ));
    }
    if let Some(expires) = at(object, "spec.expires") {
        let time = expires.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if time.is_none() {
            errors.push(FieldError::invalid(
                "spec.expires",
                expires.clone(),
                "must be a time such as 2026-01-31T12:00:00Z",
            ));
        }
    }
    errors
}

fn config(object: &Value) -> Vec<FieldError> {
    let mut errors = texts(object, "data");
    errors.extend(texts(object, "binaryData"));
    if errors.is_empty() && Settings::are_in(Kind::ConfigMap, meta::namespace(object), meta::name(object)) {
        errors.extend(Settings::read(object).problems.into_iter().map(forbidden));
        let notifications = shared_notify::Config::read(object, shared_runtime::now());
        errors.extend(notifications.problems.into_iter().map(forbidden));
    }
    errors
}

/// A map of texts. The values are never shown.
fn texts(object: &Value, field: &str) -> Vec<FieldError> {
    let Some(found) = at(object, field) else { return Vec::new() };
    let Some(map) = found.as_object() else { return typed(object, &[field], Value::is_object, MAP) };
    let wrong = map.iter().filter(|(_, value)| !value.is_string());
    let quote = "must be a text: put it in quotes";
    wrong
        .map(|(key, value)| FieldError::wrong_type(format!("{field}[{key}]"), name_of(value), quote))
        .collect()
}

#[cfg(test)]
mod tests;
