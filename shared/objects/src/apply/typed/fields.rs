//! The fields that a value has.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Shape, key, shape};
use crate::apply::path::Step;
use crate::apply::schema::{ListMerge, Type};
use crate::apply::set::FieldSet;

/// The fields of a value: what is merged as a whole is one, an item of an associative list is one, and so is
/// a field of a map that is not declared or that holds nothing.
pub(in crate::apply) fn fields(value: &Value, of: &Type) -> FieldSet {
    let mut set = FieldSet::default();
    walk(value, of, &mut Vec::new(), &mut set);
    set
}

fn walk(value: &Value, of: &Type, path: &mut Vec<Step>, set: &mut FieldSet) {
    match shape(of, Some(value)) {
        Shape::Scalar(_) => set.insert(path),
        Shape::Map(map) if map.atomic => set.insert(path),
        Shape::List(list) if list.merge == ListMerge::Atomic => set.insert(path),
        Shape::Map(map) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                path.push(Step::Field(name.clone()));
                if let Some(of) = map.field(name) {
                    walk(value, of.get(), path, set);
                }
                let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                if empty || !map.declares(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Shape::List(list) => {
            let keyed: Vec<_> = super::items(Some(value))
                .iter()
                .filter_map(|item| Some((key(list, item).ok()?, item)))
                .collect();
            let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
            twice.extend(keyed.iter().map(|(step, _)| step).filter(|step| !seen.insert(*step)));
            for (step, item) in &keyed {
                path.push(step.clone());
                if !twice.contains(step) {
                    walk(item, list.items.get(), path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
    }
}
