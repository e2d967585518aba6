//! Sets of fields: computed from a value, and read from and written to `FieldsV1`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::merge::item_key;
use super::path::{FieldPath, Step};
use super::schema::{Schema, Shape};

/// Fields by path. What is merged as a whole is one field; an item of a list of maps is a field itself, and
/// so are its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(BTreeSet<FieldPath>);

/// Each field with its value; none for an item, which is only there.
pub(crate) type Flat<'a> = BTreeMap<FieldPath, Option<&'a Value>>;

/// The fields of a value. A list that is not as the schema says counts as one field.
pub(crate) fn flatten<'a>(value: &'a Value, schema: &Schema) -> Flat<'a> {
    let mut flat = Flat::new();
    walk(value, schema, &mut FieldPath::default(), &mut flat, &mut |_| {});
    flat
}

/// The fields of a value, whose lists must be as the schema says.
pub(crate) fn flatten_strictly<'a>(value: &'a Value, schema: &Schema) -> Result<Flat<'a>, String> {
    let (mut flat, mut first) = (Flat::new(), None);
    let mut problem = |text: String| {
        first.get_or_insert(text);
    };
    walk(value, schema, &mut FieldPath::default(), &mut flat, &mut problem);
    first.map_or(Ok(flat), Err)
}

fn walk<'a>(
    value: &'a Value,
    schema: &Schema,
    path: &mut FieldPath,
    flat: &mut Flat<'a>,
    problem: &mut impl FnMut(String),
) {
    match (schema.shape(), value) {
        (Shape::Plain, Value::Object(map)) if !map.is_empty() => {
            for (name, value) in map {
                let step = Step::Field(name.clone());
                path.at(step, |path| walk(value, schema.field(name), path, flat, problem));
            }
        }
        (shape @ (Shape::Set | Shape::Map(_)), Value::Array(items)) if !items.is_empty() => {
            match steps(shape, items) {
                Ok(steps) => {
                    for (step, item) in steps.into_iter().zip(items) {
                        path.at(step, |path| walk_item(item, shape, schema, path, flat, problem));
                    }
                }
                Err(text) => {
                    problem(format!("{path}: {text}"));
                    flat.insert(path.clone(), Some(value));
                }
            }
        }
        _ => drop(flat.insert(path.clone(), Some(value))),
    }
}

fn walk_item<'a>(
    item: &'a Value,
    shape: &Shape,
    schema: &Schema,
    path: &mut FieldPath,
    flat: &mut Flat<'a>,
    problem: &mut impl FnMut(String),
) {
    if *shape != Shape::Set {
        walk(item, schema.items(), path, flat, problem);
    }
    flat.insert(path.clone(), None);
}

/// How the items of a list are told apart, or why they cannot be.
fn steps(shape: &Shape, items: &[Value]) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let step = item_key(shape, item).map_err(|problem| format!("element {index}: {problem}"))?;
        if steps.contains(&step) {
            return Err(format!("duplicate entries for key {}", FieldPath(vec![step])));
        }
        steps.push(step);
    }
    Ok(steps)
}

impl FieldSet {
    /// The fields that can have a manager.
    pub(crate) fn owned(flat: Flat<'_>) -> Self {
        Self(flat.into_keys().filter(|path| !path.is_system()).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, path: &FieldPath) -> bool {
        self.0.contains(path)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.0.retain(|path| !other.contains(path));
    }

    pub(crate) fn into_paths(self) -> impl Iterator<Item = FieldPath> {
        self.0.into_iter()
    }

    /// As `fieldsV1`.
    pub(crate) fn to_wire(&self) -> Value {
        let mut root = Node::default();
        for path in &self.0 {
            let node = path.0.iter().fold(&mut root, |at, step| at.below.entry(step.to_wire()).or_default());
            node.member = true;
        }
        root.to_wire()
    }

    /// From `fieldsV1`; parts that cannot be read are left out.
    pub(crate) fn from_wire(fields: &Value) -> Self {
        let mut set = Self::default();
        read(fields, &mut FieldPath::default(), &mut set);
        set
    }
}

fn read(fields: &Value, path: &mut FieldPath, set: &mut FieldSet) {
    let Some(map) = fields.as_object() else { return };
    for (name, below) in map {
        if name == "." {
            set.0.insert(path.clone());
        } else if let Some(step) = Step::from_wire(name) {
            path.at(step, |path| {
                if below.as_object().is_some_and(|below| below.is_empty()) {
                    set.0.insert(path.clone());
                }
                read(below, path, set);
            });
        }
    }
}

/// A field of `fieldsV1`.
#[derive(Default)]
struct Node {
    member: bool,
    below: BTreeMap<String, Self>,
}

impl Node {
    fn to_wire(&self) -> Value {
        let mut map: Map<String, Value> =
            self.below.iter().map(|(name, node)| (name.clone(), node.to_wire())).collect();
        if self.member && !map.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        Value::Object(map)
    }
}
