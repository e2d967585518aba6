//! Reading and writing fields of JSON objects by their names.

use serde_json::{Map, Value};

/// The field at `path`, as in `["metadata", "name"]`; a `null` counts as absent.
pub(crate) fn get<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, name| at.get(*name)).filter(|found| !found.is_null())
}

/// The text at `path`, empty when there is none.
pub(crate) fn text<'a>(object: &'a Value, path: &[&str]) -> &'a str {
    get(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// The object's `metadata`, made when it is missing or something else.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    object_mut(child_mut(object_mut(object), "metadata"))
}

/// A field of a map, made when it is missing.
pub(crate) fn child_mut<'a>(map: &'a mut Map<String, Value>, name: &str) -> &'a mut Value {
    map.entry(name).or_insert(Value::Null)
}

/// The value as a map, made one when it is something else.
pub(crate) fn object_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made a map")
}

/// Sets the field of `to` to what it is in `from`, or removes it.
pub(crate) fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, name: &str) {
    match from.get(name) {
        Some(value) => to.insert(name.to_owned(), value.clone()),
        None => to.remove(name),
    };
}

/// The texts of a list of texts; anything else in it is left out.
pub(crate) fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
