//! Which fields of an object its kind does not have, at any depth, and which keys its text has twice:
//! `fieldValidation=Strict` refuses them, `Warn` tells.

use crate::{
    schema,
    tree::{Form, Type, named},
};
use serde_json::{Map, Value};
use shared_model::{Kind, gvk, nearest};
use shared_objects::Status;

/// A field that a kind does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As in `spec.waves[0].tolerance`.
    pub path: String,
    /// The field that was probably meant, as a path.
    pub meant: Option<String>,
}

/// The fields that the kind does not have, in the order of the object: metadata first, as Kubernetes tells them.
///
/// Values of another type than known (a text where a list should be) are not its affair.
pub fn unknown(kind: Kind, object: &Value) -> Vec<Unknown> {
    let mut found = Vec::new();
    if let Value::Object(object) = object {
        fields_of(object, schema(kind), "", &mut found);
    }
    found.sort_by_key(|unknown| !unknown.path.starts_with("metadata."));
    found
}

fn fields_of(object: &Map<String, Value>, of: &Type, path: &str, found: &mut Vec<Unknown>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in object {
        match of.fields().get(name.as_str()) {
            Some(field) => of_value(value, &field.form, &below(name), found),
            None => {
                let meant = nearest(name, of.fields().keys().copied()).map(below);
                found.push(Unknown { path: below(name), meant });
            }
        }
    }
}

fn of_value(value: &Value, form: &Form, path: &str, found: &mut Vec<Unknown>) {
    match (form.resolved(), value) {
        (Form::List(item), Value::Array(items)) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| of_value(value, item, &format!("{path}[{index}]"), found));
        }
        (Form::Map(inner), Value::Object(values)) => {
            values.iter().for_each(|(name, value)| of_value(value, inner, &format!("{path}.{name}"), found));
        }
        (Form::Named(name), Value::Object(object)) => fields_of(object, named(name), path, found),
        _ => {}
    }
}

impl Unknown {
    /// As a warning: `unknown field "spec.goTemplat" (did you mean "spec.goTemplate"?)`.
    pub fn warning(&self) -> String {
        match &self.meant {
            None => format!("unknown field {:?}", self.path),
            Some(meant) => format!("unknown field {:?} (did you mean {meant:?}?)", self.path),
        }
    }
}

/// The refusal of `fieldValidation=Strict`; `warnings` must not be empty.
pub fn refusal(kind: Kind, warnings: &[String]) -> Status {
    let gvk = gvk(kind);
    Status::bad_request(format!(
        "{0} in version {1:?} cannot be handled as a {0}: strict decoding error: {2}",
        gvk.kind,
        gvk.version,
        warnings.join(", ")
    ))
}

#[cfg(test)]
mod tests;
