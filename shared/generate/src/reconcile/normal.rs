//! A spec as Argo CD's ApplicationSet controller writes it (`util/argo` `NormalizeApplicationSpec`): blocks that say nothing are left out, so that a
//! tag that renders empty does not look like a choice.

use serde_json::{Map, Value};

/// The Application without an empty `syncPolicy`, and without empty `helm`, `kustomize` and `directory` in its sources.
pub(super) fn spec(mut application: Value) -> Value {
    let Some(Value::Object(spec)) = application.get_mut("spec") else { return application };
    // An empty `automated` is a choice.
    let says_nothing = |policy: &Value| {
        policy.as_object().is_some_and(|policy| {
            policy.values().all(|field| field.is_null() || *field == Value::Array(Vec::new()))
        })
    };
    if spec.get("syncPolicy").is_some_and(says_nothing) {
        spec.remove("syncPolicy");
    }
    // Beside sources nobody looks at the single one.
    match spec.get_mut("sources") {
        Some(Value::Array(sources)) if !sources.is_empty() => sources.iter_mut().for_each(source),
        _ => spec.get_mut("source").into_iter().for_each(source),
    }
    application
}

/// Generated Applications have no empty fields but those that say something, such as a `valuesObject`.
fn source(source: &mut Value) {
    let Value::Object(fields) = source else { return };
    for key in ["helm", "kustomize", "directory"] {
        if fields.get(key).and_then(Value::as_object).is_some_and(Map::is_empty) {
            fields.remove(key);
        }
    }
}
