//! Sets of fields, read from and written to `FieldsV1`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::path::Step;
use super::schema::{Type, TypeRef};

/// Fields by path: a tree. A field may be in the set, and so may fields below it; neither follows from the
/// other. Nodes without anything in them are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    pub(super) members: BTreeSet<Step>,
    pub(super) below: BTreeMap<Step, Self>,
}

impl FieldSet {
    /// Adds a field; the whole object (no step) is none.
    pub(super) fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => drop(self.members.insert(last.clone())),
            [first, rest @ ..] => self.below.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.below.values().all(Self::is_empty)
    }

    pub(super) fn contains(&self, path: &[Step]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.below.get(first).is_some_and(|below| below.contains(rest)),
        }
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.members.extend(other.members.iter().cloned());
        for (step, below) in &other.below {
            let merged = all.below.get(step).map_or_else(|| below.clone(), |own| own.union(below));
            all.below.insert(step.clone(), merged);
        }
        all
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let below = self.below.iter().filter_map(|(step, own)| {
            let both = own.intersection(other.below.get(step)?);
            (!both.is_empty()).then(|| (step.clone(), both))
        });
        Self { members: self.members.intersection(&other.members).cloned().collect(), below: below.collect() }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let below = self.below.iter().filter_map(|(step, own)| {
            let left = other.below.get(step).map_or_else(|| own.clone(), |below| own.minus(below));
            (!left.is_empty()).then(|| (step.clone(), left))
        });
        Self { members: self.members.difference(&other.members).cloned().collect(), below: below.collect() }
    }

    /// Without the fields of `other` and all that is below them.
    pub(super) fn without(&self, other: &Self) -> Self {
        let below = self.below.iter().filter_map(|(step, own)| {
            if other.members.contains(step) {
                return None;
            }
            let left = other.below.get(step).map_or_else(|| own.clone(), |below| own.without(below));
            (!left.is_empty()).then(|| (step.clone(), left))
        });
        Self { members: self.members.difference(&other.members).cloned().collect(), below: below.collect() }
    }

    /// With the declared fields that others are below of.
    pub(super) fn with_declared(&self, of: Option<&Type>) -> Self {
        let map = of.and_then(|of| of.map.as_ref());
        let list = of.and_then(|of| of.list.as_ref());
        let mut all = Self { members: self.members.clone(), below: BTreeMap::new() };
        for (step, below) in &self.below {
            let inner = match step {
                Step::Field(name) => {
                    if map.is_some_and(|map| map.declares(name)) {
                        all.members.insert(step.clone());
                    }
                    map.and_then(|map| map.field(name))
                }
                Step::Key(_) => list.map(|list| &list.items),
                Step::Value(_) | Step::Index(_) => None,
            };
            all.below.insert(step.clone(), below.with_declared(inner.map(TypeRef::get)));
        }
        all
    }

    /// The paths, those of a map or list before those below its fields.
    pub(super) fn paths(&self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.walk(&mut Vec::new(), &mut paths);
        paths
    }

    fn walk(&self, at: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
        for step in &self.members {
            at.push(step.clone());
            paths.push(at.clone());
            at.pop();
        }
        for (step, below) in &self.below {
            at.push(step.clone());
            below.walk(at, paths);
            at.pop();
        }
    }

    /// As `fieldsV1`.
    pub(super) fn to_wire(&self) -> Value {
        let mut map = Map::new();
        for step in &self.members {
            map.insert(step.to_wire(), Value::Object(Map::new()));
        }
        for (step, below) in self.below.iter().filter(|(_, below)| !below.is_empty()) {
            let mut inner = below.to_wire();
            if let (true, Some(inner)) = (self.members.contains(step), inner.as_object_mut()) {
                inner.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map.insert(step.to_wire(), inner);
        }
        Value::Object(map)
    }

    /// From `fieldsV1`; `None` when a step cannot be read. Steps of kinds that are not known are left out.
    pub(super) fn from_wire(fields: &Value) -> Option<Self> {
        let mut set = Self::default();
        let Some(map) = fields.as_object() else { return Some(set) };
        for (name, inner) in map.iter().filter(|(name, _)| *name != ".") {
            let Some(step) = Step::from_wire(name)? else { continue };
            let below = Self::from_wire(inner)?;
            let inner = inner.as_object();
            if below.is_empty() || inner.is_some_and(|inner| inner.contains_key(".")) {
                set.members.insert(step.clone());
            }
            if !below.is_empty() {
                set.below.insert(step, below);
            }
        }
        Some(set)
    }
}

/// A path in words: `.spec.containers[name="app"].image`.
pub(super) fn shown(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}
