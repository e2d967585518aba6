//! What of an object is not of the type that its kind says: all of it, in Kubernetes' words (the schemas of
//! k8s.io/apiextensions-apiserver), each with its path.
//!
//! As there, null counts as absent unless a field may be null, and what a kind does not have is not looked at.
//! What is wrong beyond types is for others to say.

use crate::{
    schema,
    tree::{Body, Field, Form, Merge, Rules, Type, named},
};
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};
use shared_model::Kind;
use shared_objects::FieldError;

/// The largest number up to which a number with a fraction or an exponent counts as whole.
const WHOLE: f64 = 9_007_199_254_740_991.0;

/// What is wrong with an object's fields but for its metadata.
pub fn problems(kind: Kind, object: &Value) -> Vec<FieldError> {
    let mut found = Vec::new();
    let Some(fields) = object.as_object() else {
        return vec![mismatch("", "object", object)];
    };
    for (name, field) in schema(kind).fields() {
        if !["apiVersion", "kind", "metadata"].contains(name) {
            check_field(fields, name, field, "", &mut found);
        }
    }
    found
}

fn check_field(
    object: &Map<String, Value>,
    name: &str,
    field: &Field,
    path: &str,
    found: &mut Vec<FieldError>,
) {
    let path = below(path, name);
    match object.get(name) {
        Some(value) if !value.is_null() => check(value, &field.form, &field.rules, &path, found),
        Some(_) if field.rules.nullable => {}
        Some(_) | None if field.required => found.push(FieldError::required(path, "")),
        Some(_) | None => {}
    }
}

fn check(value: &Value, form: &Form, rules: &Rules, path: &str, found: &mut Vec<FieldError>) {
    let plain = Rules::default();
    match (form.resolved(), value) {
        (Form::Any, _) | (Form::Object, Value::Object(_)) | (Form::Boolean, Value::Bool(_)) => {}
        (Form::Text(format), Value::String(text)) => found.extend(text_problem(text, format, rules, path)),
        (Form::Text("date-time" | "micro-time"), Value::Number(number)) if number.is_i64() => {
            found.push(mismatch_named(path, "date-time", "int64"));
        }
        (Form::Text("date-time" | "micro-time"), _) => found.push(mismatch(path, "date-time", value)),
        (Form::Integer(_), Value::Number(_)) if is_whole(value) => found.extend(range(value, rules, path)),
        (Form::IntegerOrText, Value::String(_)) => {}
        (Form::IntegerOrText, Value::Number(_)) if is_whole(value) => {}
        (Form::List(item), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                check(value, item, &plain, &format!("{path}[{index}]"), found);
            }
            duplicates(items, &rules.merge, path, found);
        }
        (Form::Map(form), Value::Object(values)) => {
            for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
                check(value, form, &plain, &below(path, name), found);
            }
        }
        (Form::Named(name), Value::Object(object)) => check_type(named(name), object, path, found),
        (form, _) => found.push(mismatch(path, word(form), value)),
    }
}

fn check_type(kind: &Type, object: &Map<String, Value>, path: &str, found: &mut Vec<FieldError>) {
    if let Body::Fields(fields) = &kind.body {
        fields.iter().for_each(|(name, field)| check_field(object, name, field, path, found));
    }
}

fn text_problem(text: &str, format: &str, rules: &Rules, path: &str) -> Option<FieldError> {
    let letters = text.chars().count();
    if format == "date-time" && text.parse::<Timestamp>().is_err() {
        let detail = format!("{path} in body must be of type date-time: {text:?}");
        return Some(FieldError::wrong_type(path, text, detail));
    }
    if let Some(least) = rules.min_length.filter(|least| letters < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        return Some(FieldError::invalid(path, text, detail));
    }
    if let Some(most) = rules.max_length.filter(|most| letters > *most) {
        return Some(FieldError::too_long(path, most));
    }
    if let Some(pattern) = rules.pattern
        && !Regex::new(pattern).expect("the patterns of the tables can be read: a test does").is_match(text)
    {
        return Some(FieldError::invalid(path, text, format!("{path} in body should match '{pattern}'")));
    }
    let known = rules.values.is_empty() || rules.values.contains(&text);
    (!known).then(|| FieldError::not_supported(path, text, &rules.values))
}

fn range(value: &Value, rules: &Rules, path: &str) -> Option<FieldError> {
    let number = value.as_f64()?;
    // Limits are far below where they would be rounded.
    let bound = |bound: i64| u32::try_from(bound).map_or(f64::INFINITY, f64::from);
    let wrong = |what: String| {
        Some(FieldError::invalid(path, value.clone(), format!("{path} in body should be {what}")))
    };
    match (rules.min, rules.max) {
        (Some(min), _) if number < bound(min) => wrong(format!("greater than or equal to {min}")),
        (_, Some(max)) if number > bound(max) => wrong(format!("less than or equal to {max}")),
        _ => None,
    }
}

/// Items that say the same as one before them.
fn duplicates(items: &[Value], merge: &Merge, path: &str, found: &mut Vec<FieldError>) {
    let key = |item: &Value| match merge {
        Merge::Set => Some(item.clone()),
        Merge::Keys(keys) => {
            let part = |key: &&'static str| Some(((*key).to_owned(), item.get(*key)?.clone()));
            keys.iter().map(part).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Merge::Plain | Merge::Atomic => None,
    };
    let keys: Vec<Option<Value>> = items.iter().map(key).collect();
    for (index, key) in keys.iter().enumerate() {
        if let Some(value) = key
            && keys[..index].contains(key)
        {
            found.push(FieldError::duplicate(format!("{path}[{index}]"), value.clone()));
        }
    }
}

fn mismatch(path: &str, expected: &str, value: &Value) -> FieldError {
    mismatch_named(path, expected, name_of(value))
}

fn mismatch_named(path: &str, expected: &str, is: &str) -> FieldError {
    FieldError::wrong_type(path, is, format!("{path} in body must be of type {expected}: {is:?}"))
}

const fn word(form: &Form) -> &'static str {
    match form {
        Form::Text(_) => "string",
        Form::Integer(_) => "integer",
        Form::Boolean => "boolean",
        Form::IntegerOrText => "integer,string",
        Form::List(_) => "array",
        Form::Any | Form::Object | Form::Map(_) | Form::Named(_) => "object",
    }
}

/// The type found, not the value: it may be long, or a secret.
fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.as_f64().is_some_and(|number| number.fract() == 0.0 && number.abs() <= WHOLE)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests;
