//! Managed fields that were written under another schema.

use super::{Shape, Shapes};
use crate::apply::path::Step;
use crate::apply::schema::{ListMerge, Type, TypeRef};
use crate::apply::set::FieldSet;

/// The set as it is under these types: who managed something in what is a whole now, manages the whole.
pub(in crate::apply) fn reconcile(set: &FieldSet, of: &Type) -> FieldSet {
    let mut wholes = FieldSet::default();
    walk(Some(set), of, false, &mut Vec::new(), &mut wholes);
    if wholes.is_empty() { set.clone() } else { set.without(&wholes).union(&wholes) }
}

fn walk(set: Option<&FieldSet>, of: &Type, member: bool, path: &mut Vec<Step>, wholes: &mut FieldSet) {
    let inside = |step: &Step| -> Option<&TypeRef> {
        match (Shapes::of(of, None).first(of), step) {
            (Shape::Map(map), Step::Field(name)) => map.field(name),
            (Shape::Map(map), _) => map.rest.as_ref(),
            (Shape::List(list), _) => Some(&list.items),
            (Shape::Scalar(_), _) => None,
        }
    };
    match Shapes::of(of, None).first(of) {
        Shape::Scalar(_) => return,
        Shape::List(list) if list.merge == ListMerge::Atomic => {
            if !member {
                wholes.insert(path);
            }
            return;
        }
        // What is deduced has no say in it.
        Shape::Map(map) if map.fields.is_empty() && map.rest.as_ref().is_some_and(untyped) => return,
        Shape::Map(map) if map.atomic => {
            if !member && set.is_some_and(|set| !set.is_empty()) {
                wholes.insert(path);
            }
            return;
        }
        Shape::List(_) | Shape::Map(_) => {}
    }
    let Some(set) = set else { return };
    let only_below = set.below.keys().filter(|step| !set.members.contains(*step));
    for step in set.members.iter().chain(only_below) {
        let Some(of) = inside(step) else { continue };
        let below = set.below.get(step);
        path.push(step.clone());
        let member = set.members.contains(step) && below.is_none();
        walk(below, of.get(), member, path, wholes);
        path.pop();
    }
}

fn untyped(of: &TypeRef) -> bool {
    matches!(of, TypeRef::Deduced)
}
