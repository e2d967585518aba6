//! Which fields of an accepted object Flotilla does not act on yet.
//!
//! Argo CD's objects are taken word for word. A field that is accepted but has no effect yet is
//! named here, so that the hub says so in a condition instead of dropping it in silence (design §4).

use serde_json::Value;

/// A field that is accepted and has no effect yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsupported {
    /// Path from the object's root, e.g. `spec.source.plugin`.
    pub path: String,
    /// What that means for the user, and what to do.
    pub remedy: &'static str,
}

const APPLICATION: &[(&str, &str)] = &[
    ("spec.sourceHydrator", "manifests are rendered from spec.source; remove the hydrator"),
    ("spec.syncPolicy.retry.refresh", "retries keep the released revision"),
    ("spec.info", "shown by kubectl only"),
];

const SOURCE: &[(&str, &str)] = &[
    ("plugin", "config management plugins are not run; commit the rendered manifests"),
    ("tagPrefix", "set targetRevision to the tag"),
    ("directory.jsonnet", "Jsonnet is not evaluated; commit the rendered manifests"),
];

/// The unsupported fields that an Application sets, in path order.
pub fn application(object: &Value) -> Vec<Unsupported> {
    let mut found = present(object, "", APPLICATION);
    if let Some(source) = object.pointer("/spec/source") {
        found.extend(present(source, "spec.source.", SOURCE));
    }
    let sources = object.pointer("/spec/sources").and_then(Value::as_array);
    for (index, source) in sources.into_iter().flatten().enumerate() {
        found.extend(present(source, &format!("spec.sources[{index}]."), SOURCE));
    }
    found.sort();
    found
}

/// The unsupported fields that an ApplicationSet sets, in path order; generators are reported by generation.
pub fn application_set(object: &Value) -> Vec<Unsupported> {
    let mut found = Vec::new();
    if let Some(template) = object.pointer("/spec/template") {
        let inner = application(template).into_iter();
        found.extend(
            inner.map(|field| Unsupported { path: format!("spec.template.{}", field.path), ..field }),
        );
    }
    found.sort();
    found
}

fn present(object: &Value, prefix: &str, fields: &[(&str, &'static str)]) -> Vec<Unsupported> {
    let set = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        object.pointer(&pointer).is_some_and(|value| !is_empty(value))
    };
    let named = |(path, remedy): &(&str, &'static str)| {
        set(path).then(|| Unsupported { path: format!("{prefix}{path}"), remedy })
    };
    fields.iter().filter_map(named).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
