//! A spec as Argo CD's ApplicationSet controller writes it (`util/argo` `NormalizeApplicationSpec`): blocks that say nothing are left out, so that a
//! tag that renders empty does not look like a choice.

use serde_json::Value;

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
    for key in ["source", "sources"] {
        match spec.get_mut(key) {
            Some(Value::Array(sources)) => sources.iter_mut().for_each(source),
            Some(single) => source(single),
            None => {}
        }
    }
    application
}

fn source(source: &mut Value) {
    let Value::Object(fields) = source else { return };
    for key in ["helm", "kustomize", "directory"] {
        if fields.get(key).is_some_and(|tool| tool.is_object() && is_zero(tool)) {
            fields.remove(key);
        }
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_zero),
    }
}
