//! What may not be stored: each refusal with its field (422).
//!
//! First what is not of the type that its kind says (`shared_kinds`), all of it; then what types cannot say. Of Argo CD's kinds only what its CRDs refuse is refused here; what is wrong beyond that is said in a
//! condition, as Argo CD does, so that its YAML is taken word for word.

use hub_records::resource;
use serde_json::Value;
use shared_model::{
    Kind, RolloutPolicySpec,
    misfit::{self, Misfit},
    parse_duration,
};
use shared_objects::{FieldError, Status, meta};
use shared_project::{Scope, Settings, windows};

/// Refuses an object whose content may not be stored.
pub(crate) fn validate(kind: Kind, object: &Value) -> Result<(), Status> {
    let mut errors = shared_kinds::problems(kind, object);
    let beyond = match kind {
        Kind::Cluster => pause(object),
        Kind::RolloutPolicy => policy(object),
        Kind::EnrollmentToken => token(object),
        Kind::Secret => keys(object, &["data", "stringData"]),
        Kind::ConfigMap => config(object),
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::FleetRollout
        | Kind::Namespace
        | Kind::Event => Vec::new(),
    };
    // What is not of its type is told once, and not what follows from that.
    let told = |beyond: &FieldError| errors.iter().any(|error| overlap(&error.field, &beyond.field));
    let beyond: Vec<FieldError> = beyond.into_iter().filter(|beyond| !told(beyond)).collect();
    errors.extend(beyond);
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(resource(kind), meta::name(object), &errors))
}

/// Whether one place is the other, or in it.
fn overlap(a: &str, b: &str) -> bool {
    let inside = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    inside(a, b) || inside(b, a)
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(object, |at, name| at.get(name));
    found.filter(|found| !found.is_null())
}

fn pause(cluster: &Value) -> Vec<FieldError> {
    let path = "spec.pause.for";
    at(cluster, path).and_then(|duration| duration_error(path, duration)).into_iter().collect()
}

fn duration_error(path: &str, value: &Value) -> Option<FieldError> {
    let wrong = value.as_str().is_none_or(|text| parse_duration(text).is_err());
    wrong.then(|| FieldError::invalid(path, value.clone(), "must be a duration such as 90s, 15m or 2h"))
}

fn policy(object: &Value) -> Vec<FieldError> {
    let Some(spec) = at(object, "spec") else { return Vec::new() };
    let spec: RolloutPolicySpec = match misfit::read(spec) {
        Ok(spec) => spec,
        Err(Misfit { path, what }) => {
            let path = if path.is_empty() { "spec".to_owned() } else { format!("spec.{path}") };
            return vec![FieldError::forbidden(path, what)];
        }
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
    let hash = at(object, "spec.secretHash").and_then(Value::as_str).unwrap_or_default();
    let is_hash =
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_hash || hash.is_empty() {
        return Vec::new();
    }
    // Not the value: it may be the secret itself.
    let detail = "must be the SHA-256 of the secret in lowercase hex";
    vec![FieldError::invalid("spec.secretHash", "…", detail)]
}

fn config(object: &Value) -> Vec<FieldError> {
    let mut errors = keys(object, &["data", "binaryData"]);
    let data = at(object, "data").and_then(Value::as_object);
    let binary = at(object, "binaryData").and_then(Value::as_object);
    let twice =
        binary.into_iter().flatten().filter(|(key, _)| data.is_some_and(|data| data.contains_key(*key)));
    errors.extend(twice.map(|(key, _)| {
        FieldError::invalid(format!("data[{key}]"), key.as_str(), "duplicate of key present in binaryData")
    }));
    if errors.is_empty() && Settings::are_in(Kind::ConfigMap, meta::namespace(object), meta::name(object)) {
        errors.extend(Settings::read(object).problems.into_iter().map(forbidden));
        let notifications = shared_notify::Config::read(object, shared_runtime::now());
        errors.extend(notifications.problems.into_iter().map(forbidden));
    }
    errors
}

/// Keys that cannot be the names of files, in Kubernetes' words (`IsConfigMapKey` of k8s.io/apimachinery).
fn keys(object: &Value, fields: &[&str]) -> Vec<FieldError> {
    const FORM: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
                        or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let problem = |key: &str| match key {
        "." | ".." => Some(format!("must not be '{key}'")),
        key if key.is_empty() || !key.bytes().all(letter) => Some(FORM.to_owned()),
        key if key.len() > 253 => Some("must be no more than 253 characters".to_owned()),
        _ => None,
    };
    let of = |field: &&str| {
        let map = at(object, field).and_then(Value::as_object).into_iter().flatten();
        let wrong = map.filter_map(|(key, _)| Some((key, problem(key)?)));
        let error = |(key, problem): (&String, String)| {
            FieldError::invalid(format!("{field}[{key}]"), key.as_str(), problem)
        };
        wrong.map(error).collect::<Vec<_>>()
    };
    fields.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
