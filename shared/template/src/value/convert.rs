//! Between JSON and values.

use super::{Element, List, Map, Str, Value};

/// How deep a value may nest and still become JSON.
const MAX_DEPTH: usize = 500;

impl From<serde_json::Value> for Value {
    /// As Go decodes JSON into `interface {}`: every number becomes `float64`.
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::Str(text.into()),
            serde_json::Value::Array(items) => Self::list(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => Self::Map(Map::new(
                Element::Any,
                entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            )),
        }
    }
}

impl From<&serde_json::Value> for Value {
    /// As [`Value::from`] the value itself, without a copy of it in between.
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::Str(text.as_str().into()),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => Self::Map(Map::new(
                Element::Any,
                entries.iter().map(|(key, value)| (key.as_str().into(), value.into())).collect(),
            )),
        }
    }
}

impl Value {
    /// As Go encodes it to JSON; whole floats become integers, as Go prints them. `None` when it nests more than 500 deep or holds
    /// what JSON cannot say (NaN, infinity).
    #[must_use]
    pub fn to_json(&self) -> Option<serde_json::Value> {
        self.to_json_within(MAX_DEPTH)
    }

    fn to_json_within(&self, depth: usize) -> Option<serde_json::Value> {
        let depth = depth.checked_sub(1)?;
        Some(match self {
            Self::Missing | Self::Nil => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) | Self::Int64(value) => (*value).into(),
            Self::Byte(value) => (*value).into(),
            Self::Float(value) => number(*value)?,
            Self::Str(text) => text.text().into_owned().into(),
            Self::List(list) if list.is_nil() => serde_json::Value::Null,
            Self::List(list) => serde_json::Value::Array(
                list.items().iter().map(|item| item.to_json_within(depth)).collect::<Option<_>>()?,
            ),
            Self::Map(map) => serde_json::Value::Object(
                map.entries()
                    .iter()
                    .map(|(key, value)| Some((key.text().into_owned(), value.to_json_within(depth)?)))
                    .collect::<Option<_>>()?,
            ),
            Self::Object(object) => object.print().into(),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only whole numbers below 2^63 are converted")]
fn number(value: f64) -> Option<serde_json::Value> {
    if value.fract() == 0.0 && value.abs() < 9e18 && !(value == 0.0 && value.is_sign_negative()) {
        return Some((value as i64).into());
    }
    serde_json::Number::from_f64(value).map(serde_json::Value::Number)
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Str(bytes.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Str(bytes.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::Str(text)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}
