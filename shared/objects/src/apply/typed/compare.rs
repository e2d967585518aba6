//! What is different between two values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Shape, key, shapes};
use crate::apply::path::{Step, equal};
use crate::apply::schema::{List, ListMerge, Map, Type};
use crate::apply::set::FieldSet;

/// The fields that two values differ in.
#[derive(Debug, Clone, Default)]
pub(in crate::apply) struct Comparison {
    pub(in crate::apply) removed: FieldSet,
    pub(in crate::apply) modified: FieldSet,
    pub(in crate::apply) added: FieldSet,
}

impl Comparison {
    /// Without the fields of `set` and all below them.
    pub(in crate::apply) fn without(&self, set: &FieldSet) -> Self {
        Self {
            removed: self.removed.without(set),
            modified: self.modified.without(set),
            added: self.added.without(set),
        }
    }

    /// What is new or otherwise.
    pub(in crate::apply) fn written(&self) -> FieldSet {
        self.modified.union(&self.added)
    }
}

/// What `new` removes from, changes in and adds to `old`.
pub(in crate::apply) fn compare(old: &Value, new: &Value, of: &Type) -> Comparison {
    let mut walker = Walker { path: Vec::new(), found: Comparison::default() };
    walker.visit(Some(old), Some(new), of);
    walker.found
}

struct Walker {
    path: Vec<Step>,
    found: Comparison,
}

impl Walker {
    fn at(&mut self, step: Step, old: Option<&Value>, new: Option<&Value>, of: &Type) {
        self.path.push(step);
        self.visit(old, new, of);
        self.path.pop();
    }

    fn visit(&mut self, old: Option<&Value>, new: Option<&Value>, of: &Type) {
        let (first, last) = shapes(of, old, new);
        if let Some(first) = first {
            self.shape(first, old, new);
        }
        let leaf = self.shape(last, old, new);
        if !leaf {
            match (old, new) {
                (None, _) => self.found.added.insert(&self.path),
                (_, None) => self.found.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    /// Whether it is a leaf.
    fn shape(&mut self, shape: Shape<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
        match shape {
            Shape::Scalar(_) => self.leaf(old, new),
            Shape::Map(map) => self.map(map, old, new),
            Shape::List(list) => self.list(list, old, new),
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(old), Some(new)) if !equal(old, new) => self.found.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn map(&mut self, map: &Map, old: Option<&Value>, new: Option<&Value>) -> bool {
        let fields = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (fields(old), fields(new));
        // Two empty ones are told apart as wholes: from nothing, or from null.
        if map.atomic || before.is_empty() && after.is_empty() {
            return self.leaf(old, new);
        }
        let new_only = after.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(new_only) {
            if let Some(of) = map.field(name) {
                self.at(Step::Field(name.clone()), before.get(name), after.get(name), of.get());
            }
        }
        false
    }

    fn list(&mut self, list: &List, old: Option<&Value>, new: Option<&Value>) -> bool {
        let (before, after) = (super::items(old), super::items(new));
        if list.merge == ListMerge::Atomic || before.is_empty() && after.is_empty() {
            return self.leaf(old, new);
        }
        let mut both: BTreeMap<Step, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for item in before {
            if let Ok(step) = key(list, item) {
                both.entry(step).or_default().0.push(item);
            }
        }
        for item in after {
            if let Ok(step) = key(list, item) {
                both.entry(step).or_default().1.push(item);
            }
        }
        for (step, (before, after)) in both {
            self.items(list, step, &before, &after);
        }
        false
    }

    /// What has the same key: one item, or several, which count as one whole.
    fn items(&mut self, list: &List, step: Step, before: &[&Value], after: &[&Value]) {
        let of = list.items.get();
        let mut whole = self.path.clone();
        whole.push(step.clone());
        match (before, after) {
            ([] | [_], [] | [_]) => self.at(step, before.first().copied(), after.first().copied(), of),
            ([_, _, ..], [_, _, ..]) => {
                let same = before.len() == after.len() && before.iter().zip(after).all(|(a, b)| equal(a, b));
                if !same {
                    self.found.modified.insert(&whole);
                }
            }
            ([_, _, ..], after) => {
                if let Some(item) = after.first() {
                    self.at(step, None, Some(item), of);
                }
                self.found.removed.insert(&whole);
            }
            (before, _) => {
                if let Some(item) = before.first() {
                    self.at(step, Some(item), None, of);
                }
                self.found.added.insert(&whole);
            }
        }
    }
}
