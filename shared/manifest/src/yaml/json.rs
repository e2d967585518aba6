//! JSON texts, which need no YAML reader.

use serde_json::Value;

use super::compose::{MAX_DEPTH, MAX_TEXT};
use super::number;

/// The value of a text that is one JSON document within the limits; `None` leaves it to the YAML reader, also for its error.
pub(super) fn read(text: &str) -> Option<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_TEXT || !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let mut value = serde_json::from_str(text).ok()?;
    normalise(&mut value, MAX_DEPTH).then_some(value)
}

/// Integral floats to integers; false when the nesting is deeper than `depth`.
fn normalise(value: &mut Value, depth: usize) -> bool {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && let Some(normal) = number::from_float(float)
            {
                *value = normal;
            }
            true
        }
        Value::Array(items) => depth > 0 && items.iter_mut().all(|item| normalise(item, depth - 1)),
        Value::Object(map) => depth > 0 && map.values_mut().all(|item| normalise(item, depth - 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
