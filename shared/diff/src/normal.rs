//! When two spellings are one value.

use crate::schema::Place;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Whether the API server may leave `desired` out of the object: null, an empty map or list, and in
/// built-in types also a zero value (Go's `omitempty`).
pub(crate) fn is_absent_like(desired: &Value, place: Place) -> bool {
    let zero = matches!(place, Place::Typed | Place::Metadata | Place::Top);
    match desired {
        Value::Null => true,
        Value::Bool(flag) => zero && !flag,
        Value::Number(number) => zero && number.as_f64() == Some(0.0),
        Value::String(text) => zero && text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => {
            place != Place::Verbatim && fields.values().all(|value| is_absent_like(value, place))
                || fields.is_empty()
        }
    }
}

/// Whether two values that are not both maps or both lists are the same.
pub(crate) fn equal(desired: &Value, live: &Value, place: Place) -> bool {
    if desired == live || (is_absent_like(desired, place) && is_absent_like(live, place)) {
        return true;
    }
    match (desired, live) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => match place {
            Place::Quantity => match (quantity(desired), quantity(live)) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            },
            Place::Typed | Place::Top | Place::Metadata => short(desired) == short(live),
            Place::Verbatim => same_base64(desired, live),
            Place::Custom => false,
        },
        _ => false,
    }
}

/// A scalar as text, without quotes.
pub(crate) fn short(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Line breaks in base64 are gone after the API server has read it. Text that is no base64 never gets here
/// as equal: the decoded bytes must be the same, and the live text must be canonical.
fn same_base64(desired: &Value, live: &Value) -> bool {
    let (Some(desired), Some(live)) = (desired.as_str(), live.as_str()) else { return false };
    if !desired.contains(['\n', '\r']) || live.contains(['\n', '\r']) {
        return false;
    }
    let joined: String = desired.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    joined == live && STANDARD.decode(live).is_ok()
}

/// A Kubernetes quantity as (mantissa, decimal exponent), canonical (apimachinery `resource.Quantity`);
/// `None` when it is none or too large to compare.
fn quantity(value: &Value) -> Option<(i128, i32)> {
    let text = short(value);
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (binary, exponent): (i128, i32) = match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        scientific => (1, scientific.strip_prefix(['e', 'E'])?.parse().ok().filter(|e: &i32| e.abs() < 100)?),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut mantissa = digits.checked_mul(binary)?;
    let mut exponent = exponent - i32::try_from(fraction.len()).ok()?;
    if mantissa == 0 {
        return Some((0, 0));
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    Some((mantissa, exponent))
}

/// A Secret's `stringData` written into `data`, as the API server does; other objects unchanged.
pub(crate) fn secret_data(object: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let secret = object.get("kind").and_then(Value::as_str) == Some("Secret")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1");
    let Some(Value::Object(plain)) = object.get("stringData").filter(|_| secret) else {
        return Cow::Borrowed(object);
    };
    let mut object = object.clone();
    object.remove("stringData");
    let data = object.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        for (key, value) in plain {
            data.insert(key.clone(), Value::String(STANDARD.encode(short(value))));
        }
    }
    Cow::Owned(object)
}
