//! What of an object cannot be read at all: Kubernetes reads its own kinds, and the metadata of every object, into
//! types of its program, and refuses what does not fit before anything else is looked at, with 400 and in the words
//! of Go's decoder (sigs.k8s.io/json). As there, only the first such place is told.

use crate::{
    schema,
    tree::{Body, Form, Home, Type, named},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use shared_model::{Kind, gvk};

/// How Go's decoder says which form a time has.
const TIME: &str = "2006-01-02T15:04:05Z07:00";
const MICRO_TIME: &str = "2006-01-02T15:04:05.000000Z07:00";

/// What keeps an object from being read; `None` when it can be. It never holds what stands there but for numbers
/// and times.
pub fn unreadable(kind: Kind, object: &Value) -> Option<String> {
    let of = schema(kind);
    let metadata = || object.get("metadata").filter(|value| !value.is_null());
    let why = if of.home == Home::WrittenOut {
        let meta = named("ObjectMeta");
        let metadata = metadata()?;
        match metadata.as_object() {
            Some(fields) => fields_of(fields, meta, ""),
            None => {
                let is = word(metadata);
                Some(format!("json: cannot unmarshal {is} into Go value of type v1.ObjectMeta"))
            }
        }
    } else {
        fields_of(object.as_object()?, of, "")
    }?;
    let gvk = gvk(kind);
    Some(format!("{0} in version {1:?} cannot be handled as a {0}: {why}", gvk.kind, gvk.version))
}

fn fields_of(object: &Map<String, Value>, of: &Type, path: &str) -> Option<String> {
    let known = |(name, value)| Some((name, value, of.fields().get::<str>(name)?));
    object.iter().filter_map(|(name, value)| known((name.as_str(), value))).find_map(
        |(name, value, field)| {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            of_value(value, &field.form, &Place { of, path: &path })
        },
    )
}

/// Where a value stands, as Go's decoder says it.
struct Place<'a> {
    of: &'a Type,
    /// Without the indexes of lists and the names in maps.
    path: &'a str,
}

fn of_value(value: &Value, form: &Form, place: &Place<'_>) -> Option<String> {
    let mismatch = |is: &str| {
        let (kind, path) = (place.of.name, place.path);
        Some(format!(
            "json: cannot unmarshal {is} into Go struct field {kind}.{path} of type {}",
            type_of(form)
        ))
    };
    match (form.resolved(), value) {
        (_, Value::Null)
        | (Form::Any | Form::Object | Form::IntegerOrText, _)
        | (Form::Boolean, Value::Bool(_)) => None,
        (Form::Text(format), Value::String(text)) => unreadable_text(text, format),
        (Form::Integer(format), Value::Number(number)) => {
            let fits = number.as_i64().is_some_and(|n| *format != "int32" || i32::try_from(n).is_ok());
            if fits { None } else { mismatch(&format!("number {number}")) }
        }
        (Form::List(item), Value::Array(items)) => {
            items.iter().find_map(|value| of_value(value, item, place))
        }
        (Form::Map(inner), Value::Object(values)) => {
            values.values().find_map(|value| of_value(value, inner, place))
        }
        (Form::Named(name), Value::Object(object)) => fields_of(object, named(name), place.path),
        _ => mismatch(word(value)),
    }
}

fn unreadable_text(text: &str, format: &str) -> Option<String> {
    match format {
        "byte" => {
            // As Go's, which leaves out ends of lines.
            let text: String = text.chars().filter(|c| !['\r', '\n'].contains(c)).collect();
            match STANDARD.decode(&text) {
                Ok(_) => None,
                Err(
                    base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _),
                ) => Some(format!("illegal base64 data at input byte {at}")),
                Err(base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding) => {
                    Some(format!("illegal base64 data at input byte {}", text.len() / 4 * 4))
                }
            }
        }
        "date-time" | "micro-time" => {
            let form = if format == "date-time" { TIME } else { MICRO_TIME };
            let wrong = text.parse::<jiff::Timestamp>().is_err();
            wrong.then(|| format!("parsing time {text:?} as {form:?}: cannot parse {text:?} as \"2006\""))
        }
        _ => None,
    }
}

/// The type, as Go writes it.
fn type_of(form: &Form) -> String {
    match form {
        Form::Text("byte") => "[]uint8".to_owned(),
        Form::Text(_) => "string".to_owned(),
        Form::Integer(format) => (*format).to_owned(),
        Form::Boolean => "bool".to_owned(),
        Form::IntegerOrText => "intstr.IntOrString".to_owned(),
        Form::Any | Form::Object => "map[string]interface {}".to_owned(),
        Form::List(item) => format!("[]{}", type_of(item)),
        Form::Map(value) => format!("map[string]{}", type_of(value)),
        Form::Named(name) => match &named(name).body {
            Body::Is(form) => type_of(form),
            Body::Fields(_) => format!("v1.{name}"),
        },
    }
}

const fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
