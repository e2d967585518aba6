//! A generator's own template before the set's: what the generator leaves empty, the set fills.
//!
//! Maps merge deeply; lists, and `valuesObject`, are all or nothing. False and 0 are empty, so a generator's `prune: false` loses to the set's
//! `true` (mergo's rule, kept as it is).

use serde_json::Value;

/// `own`, its gaps filled from `base`.
pub(super) fn filled(own: &Value, base: &Value) -> Value {
    let (Value::Object(own), Value::Object(base)) = (own, base) else {
        return if is_empty(own) { base.clone() } else { own.clone() };
    };
    let mut filled = own.clone();
    for (key, value) in base {
        let merged = match own.get(key) {
            None => value.clone(),
            Some(own) if key == "valuesObject" && !is_empty(own) => continue,
            Some(own) => filled_value(own, value),
        };
        filled.insert(key.clone(), merged);
    }
    Value::Object(filled)
}

fn filled_value(own: &Value, base: &Value) -> Value {
    if is_empty(own) { base.clone() } else { filled(own, base) }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Drops the null entries of `valuesObject`, the only ones that are left: Argo CD's walker loses them.
pub(super) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
