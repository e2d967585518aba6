//! Values seen through their types: checked, turned into sets of fields, compared, merged, pruned.
//!
//! The rules are those of sigs.k8s.io/structured-merge-diff: what a value of several possible shapes counts
//! as, when something is a leaf, and when an empty map or list is.

mod check;
mod compare;
mod fields;
mod merge;
mod reconcile;
mod remove;

use serde_json::Value;

use super::path::{Scalar as Item, Step};
use super::schema::{List, ListMerge, Map, Scalar, Type};

pub(super) use check::check;
pub(super) use compare::{Comparison, compare};
pub(super) use fields::fields;
pub(super) use merge::merge;
pub(super) use reconcile::reconcile;
pub(super) use remove::{Emptied, extract, remove};

/// Which of its shapes a type has for a value.
#[derive(Clone, Copy)]
enum Shape<'a> {
    Map(&'a Map),
    Scalar(Scalar),
    List(&'a List),
}

/// The shapes that are left for a value: its own where the type has it, and otherwise all.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shapes {
    map: bool,
    scalar: bool,
    list: bool,
}

impl Shapes {
    fn of(of: &Type, value: Option<&Value>) -> Self {
        let none = Self { map: false, scalar: false, list: false };
        let all = Self { map: of.map.is_some(), scalar: of.scalar.is_some(), list: of.list.is_some() };
        match value {
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if all.scalar => {
                Self { scalar: true, ..none }
            }
            Some(Value::Array(_)) if all.list => Self { list: true, ..none },
            Some(Value::Object(_)) if all.map => Self { map: true, ..none },
            _ => all,
        }
    }

    /// The one that is acted on.
    fn first(self, of: &Type) -> Shape<'_> {
        match (&of.map, of.scalar, &of.list) {
            (Some(map), ..) if self.map => Shape::Map(map),
            (_, Some(scalar), _) if self.scalar => Shape::Scalar(scalar),
            (_, _, Some(list)) if self.list => Shape::List(list),
            _ => Shape::Scalar(Scalar::Any),
        }
    }
}

fn shape<'a>(of: &'a Type, value: Option<&Value>) -> Shape<'a> {
    Shapes::of(of, value).first(of)
}

/// The shapes of two values that are walked together, one after the other: two where they differ.
fn shapes<'a>(of: &'a Type, left: Option<&Value>, right: Option<&Value>) -> (Option<Shape<'a>>, Shape<'a>) {
    let (before, after) = (Shapes::of(of, left), Shapes::of(of, right));
    match (left, right) {
        (_, None) => (None, before.first(of)),
        (None, _) => (None, after.first(of)),
        _ if before == after => (None, after.first(of)),
        _ => (Some(before.first(of)), after.first(of)),
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What tells an item of an associative list from the others, or why nothing does.
fn key(list: &List, item: &Value) -> Result<Step, String> {
    let keys = match &list.merge {
        ListMerge::Keys(keys) => keys,
        ListMerge::Set | ListMerge::Atomic => {
            return match item {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".to_owned())
                }
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null".to_owned())
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Step::Value(Item(item.clone()))),
            };
        }
    };
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("associative list with keys may not have non-map elements".to_owned());
        }
    };
    let declared = list.items.get().map.as_ref();
    let default =
        |name: &String| declared?.fields.get(name)?.default.as_ref().filter(|default| !default.is_null());
    let found = keys.iter().filter_map(|name| {
        let value = fields.get(name).or_else(|| default(name))?;
        Some((name.clone(), Item(value.clone())))
    });
    let key: Vec<_> = found.collect();
    if key.is_empty() {
        let names: Vec<_> = keys.iter().map(|name| format!("{name:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(Step::Key(key))
}
