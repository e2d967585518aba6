//! Whether an object's metadata may be stored.

use serde_json::Value;

use super::{Rules, is_deleting, name, namespace};
use crate::{FieldError, names, value};

/// The most bytes of all annotations together.
const ANNOTATIONS_LENGTH: usize = 256 << 10;

/// What is wrong with an object's metadata.
pub fn check(object: &Value, rules: &Rules) -> Vec<FieldError> {
    let mut errors = check_name(object, rules);
    errors.extend(check_namespace(object, rules));
    errors.extend(check_labels(object));
    errors.extend(check_annotations(object));
    errors.extend(check_finalizers(object));
    errors.extend(check_owners(object));
    errors
}

fn check_name(object: &Value, rules: &Rules) -> Vec<FieldError> {
    let name = name(object);
    if name.is_empty() {
        return vec![FieldError::required("metadata.name", "name or generateName is required")];
    }
    problems(rules.name.check(name), "metadata.name", name)
}

fn check_namespace(object: &Value, rules: &Rules) -> Vec<FieldError> {
    let namespace = namespace(object);
    match (rules.namespaced, namespace) {
        (true, "") => vec![FieldError::required("metadata.namespace", "")],
        (true, _) => problems(names::dns1123_label(namespace), "metadata.namespace", namespace),
        (false, "") => Vec::new(),
        (false, _) => vec![FieldError::forbidden("metadata.namespace", "not allowed on this type")],
    }
}

fn problems(found: Vec<String>, field: &str, value: &str) -> Vec<FieldError> {
    found.into_iter().map(|problem| FieldError::invalid(field, value, problem)).collect()
}

/// The entries of a map of texts, and an error for each that is not a text.
fn texts<'a>(object: &'a Value, name: &str) -> (Vec<(&'a String, &'a str)>, Vec<FieldError>) {
    let field = format!("metadata.{name}");
    let Some(found) = value::get(object, &["metadata", name]) else { return Default::default() };
    let Some(map) = found.as_object() else {
        return (Vec::new(), vec![FieldError::wrong_type(field, found.clone(), "must be a map of texts")]);
    };
    let mut errors = Vec::new();
    let entries = map.iter().filter_map(|(key, value)| {
        if let Some(text) = value.as_str() {
            return Some((key, text));
        }
        let detail = format!("must be a text: quote it, as in {key}: \"{value}\"");
        errors.push(FieldError::wrong_type(format!("{field}[{key}]"), value.clone(), detail));
        None
    });
    (entries.collect(), errors)
}

fn check_labels(object: &Value) -> Vec<FieldError> {
    let (labels, mut errors) = texts(object, "labels");
    for (key, label) in labels {
        errors.extend(problems(names::qualified_name(key), "metadata.labels", key));
        errors.extend(problems(names::label_value(label), "metadata.labels", label));
    }
    errors
}

fn check_annotations(object: &Value) -> Vec<FieldError> {
    let (annotations, mut errors) = texts(object, "annotations");
    for (key, _) in &annotations {
        // Upper case is allowed here, though not in the prefix of a label.
        errors.extend(problems(names::qualified_name(&key.to_lowercase()), "metadata.annotations", key));
    }
    if annotations.iter().map(|(key, text)| key.len() + text.len()).sum::<usize>() > ANNOTATIONS_LENGTH {
        errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_LENGTH));
    }
    errors
}

fn check_finalizers(object: &Value) -> Vec<FieldError> {
    let Some(found) = value::get(object, &["metadata", "finalizers"]) else { return Vec::new() };
    let Some(finalizers) = found.as_array().filter(|all| all.iter().all(Value::is_string)) else {
        return vec![FieldError::wrong_type("metadata.finalizers", found.clone(), "must be a list of texts")];
    };
    finalizers
        .iter()
        .filter_map(Value::as_str)
        .flat_map(|name| problems(names::qualified_name(name), "metadata.finalizers", name))
        .collect()
}

fn check_owners(object: &Value) -> Vec<FieldError> {
    let owners = value::get(object, &["metadata", "ownerReferences"]);
    let mut errors = Vec::new();
    for (index, owner) in owners.and_then(Value::as_array).into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if value::text(owner, &[field]).is_empty() {
                let at = format!("metadata.ownerReferences[{index}].{field}");
                let what =
                    if field == "apiVersion" { "version must not be empty" } else { "must not be empty" };
                errors.push(FieldError::invalid(at, "", what));
            }
        }
    }
    errors
}

/// What an update of a stored object may not do.
pub(super) fn check_change(old: &Value, new: &Value, rules: &Rules) -> Vec<FieldError> {
    let mut errors: Vec<_> = check_new_finalizers(old, new).into_iter().collect();
    for field in rules.immutable {
        let path: Vec<_> = field.split('.').collect();
        let (before, after) = (value::get(old, &path), value::get(new, &path));
        if before != after {
            let after = after.cloned().unwrap_or_default();
            errors.push(FieldError::invalid(*field, after, "field is immutable"));
        }
    }
    errors.extend(check_sealed(old, new, rules));
    errors
}

/// Says nothing of values: they may be a Secret's.
fn check_sealed(old: &Value, new: &Value, rules: &Rules) -> Vec<FieldError> {
    let is_sealed = |object: &Value| value::get(object, &["immutable"]) == Some(&Value::Bool(true));
    if rules.sealable.is_empty() || !is_sealed(old) {
        return Vec::new();
    }
    let opened = (!is_sealed(new)).then_some("immutable");
    let changed =
        rules.sealable.iter().filter(|field| value::get(old, &[field]) != value::get(new, &[field]));
    let fields = opened.into_iter().chain(changed.copied());
    fields.map(|field| FieldError::forbidden(field, "field is immutable when `immutable` is set")).collect()
}

fn check_new_finalizers(old: &Value, new: &Value) -> Option<FieldError> {
    let known = super::finalizers(old);
    let added: Vec<_> =
        super::finalizers(new).into_iter().filter(|f| !known.contains(f)).map(|f| format!("{f:?}")).collect();
    if !is_deleting(old) || added.is_empty() {
        return None;
    }
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        added.join(", ")
    );
    Some(FieldError::forbidden("metadata.finalizers", detail))
}
