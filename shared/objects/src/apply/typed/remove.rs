//! Taking fields out of a value, or leaving only them.

use serde_json::{Map as Fields, Value};

use super::{Shape, key, shape};
use crate::apply::path::Step;
use crate::apply::schema::{ListMerge, Type, TypeRef};
use crate::apply::set::FieldSet;

/// What a map or list becomes that nothing is left of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apply) enum Emptied {
    /// `null`.
    Null,
    /// It goes too.
    Gone,
}

/// The value without these fields; `null` where nothing is left of it.
pub(in crate::apply) fn remove(value: &Value, set: &FieldSet, of: &Type, emptied: Emptied) -> Value {
    if set.is_empty() {
        return value.clone();
    }
    if let Value::Object(fields) = value {
        let map = match shape(of, Some(value)) {
            Shape::Map(map) if !map.atomic => map,
            Shape::Map(_) | Shape::List(_) | Shape::Scalar(_) => return Value::Null,
        };
        let left = fields.iter().filter_map(|(name, value)| {
            let step = Step::Field(name.clone());
            let left = item(value, &step, set, map.field(name), emptied)?;
            Some((name.clone(), left))
        });
        let left: Fields<String, Value> = left.collect();
        return if left.is_empty() { Value::Null } else { Value::Object(left) };
    }
    if let Value::Array(items) = value {
        let list = match shape(of, Some(value)) {
            Shape::List(list) if list.merge != ListMerge::Atomic => list,
            Shape::Map(_) | Shape::List(_) | Shape::Scalar(_) => return Value::Null,
        };
        let left = items.iter().filter_map(|value| match key(list, value) {
            Ok(step) => item(value, &step, set, Some(&list.items), emptied),
            Err(_) => Some(value.clone()),
        });
        let left: Vec<_> = left.collect();
        return if left.is_empty() { Value::Null } else { Value::Array(left) };
    }
    value.clone()
}

fn item(value: &Value, step: &Step, set: &FieldSet, of: Option<&TypeRef>, emptied: Emptied) -> Option<Value> {
    if set.members.contains(step) {
        return None;
    }
    match (set.below.get(step).filter(|below| !below.is_empty()), of) {
        (Some(below), Some(of)) => {
            let left = remove(value, below, of.get(), emptied);
            (emptied == Emptied::Null || !left.is_null() || value.is_null()).then_some(left)
        }
        _ => Some(value.clone()),
    }
}

/// What of the value is in the set, with the keys of the items that it reaches into; `None` when nothing is.
pub(in crate::apply) fn extract(value: &Value, set: &FieldSet, of: &Type) -> Option<Value> {
    match (shape(of, Some(value)), value) {
        (Shape::Map(map), Value::Object(fields)) if !map.atomic => {
            let kept = fields.iter().filter_map(|(name, value)| {
                let step = Step::Field(name.clone());
                Some((name.clone(), part(value, &step, set, map.field(name))?))
            });
            let kept: Fields<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        (Shape::List(list), Value::Array(items)) if list.merge != ListMerge::Atomic => {
            let kept = items.iter().filter_map(|value| {
                let step = key(list, value).ok()?;
                let mut found = part(value, &step, set, Some(&list.items))?;
                if let (Step::Key(key), Some(fields)) = (&step, found.as_object_mut()) {
                    for (name, _) in key {
                        if let Some(given) = value.get(name) {
                            fields.entry(name.clone()).or_insert_with(|| given.clone());
                        }
                    }
                }
                Some(found)
            });
            let kept: Vec<_> = kept.collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => Some(value.clone()),
    }
}

fn part(value: &Value, step: &Step, set: &FieldSet, of: Option<&TypeRef>) -> Option<Value> {
    let below = set.below.get(step).filter(|below| !below.is_empty());
    let inner = below.and_then(|below| extract(value, below, of?.get()));
    match (inner, set.members.contains(step), value) {
        (Some(inner), ..) => Some(inner),
        (None, true, Value::Object(fields)) if !fields.is_empty() && !whole(of, value) => {
            Some(Value::Object(Fields::new()))
        }
        (None, true, _) => Some(value.clone()),
        (None, false, _) => None,
    }
}

fn whole(of: Option<&TypeRef>, value: &Value) -> bool {
    of.is_none_or(|of| match shape(of.get(), Some(value)) {
        Shape::Map(map) => map.atomic,
        Shape::List(list) => list.merge == ListMerge::Atomic,
        Shape::Scalar(_) => true,
    })
}
