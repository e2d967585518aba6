//! How the lists and maps of a kind merge. What a schema does not mention merges as Kubernetes merges a field
//! without markers: maps by field, lists as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

/// How one place merges, and the places below it.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    shape: Shape,
    fields: BTreeMap<String, Self>,
    /// Items of a list, or any other fields of a map.
    each: Option<Box<Self>>,
    /// Fields at the top that apply does not touch: subresources.
    excluded: Vec<&'static str>,
}

/// How a value merges with another.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Shape {
    /// A map field by field, a list as a whole.
    #[default]
    Plain,
    /// As a whole, even a map.
    Atomic,
    /// A list of different scalars.
    Set,
    /// A list of maps, told apart by these keys, with the value of a key that is left out.
    Map(Vec<(String, Option<Value>)>),
}

static PLAIN: Schema =
    Schema { shape: Shape::Plain, fields: BTreeMap::new(), each: None, excluded: Vec::new() };

impl Schema {
    /// A schema in which nothing is marked, not even in metadata.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema of any object: metadata's finalizers are a set, its owners are told apart by uid.
    pub fn object() -> Self {
        Self::new().set("metadata.finalizers").list_map("metadata.ownerReferences", "uid")
    }

    /// Marks the list at `path` (as in `spec.template.spec.containers[].ports`, `*` standing for any field)
    /// as a list of maps told apart by `keys`: names with spaces between, and their defaults, as in
    /// `containerPort protocol=TCP`.
    #[must_use]
    pub fn list_map(self, path: &str, keys: &str) -> Self {
        let keys = keys.split_whitespace().map(|key| match key.split_once('=') {
            Some((name, default)) => (name.to_owned(), Some(Value::from(default))),
            None => (key.to_owned(), None),
        });
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        self.mark(path, Shape::Map(keys))
    }

    /// Marks the list at `path` as a set of scalars.
    #[must_use]
    pub fn set(self, path: &str) -> Self {
        self.mark(path, Shape::Set)
    }

    /// Marks the map at `path` as one that is replaced as a whole.
    #[must_use]
    pub fn atomic(self, path: &str) -> Self {
        self.mark(path, Shape::Atomic)
    }

    /// Leaves a field at the top to requests of its own, as `status` where that is a subresource.
    #[must_use]
    pub fn excluding(mut self, field: &'static str) -> Self {
        self.excluded.push(field);
        self
    }

    fn mark(mut self, path: &str, shape: Shape) -> Self {
        let path = path.replace("[]", ".[]");
        let at = path.split('.').fold(&mut self, |at, step| match step {
            "[]" | "*" => at.each.get_or_insert_default(),
            name => at.fields.entry(name.to_owned()).or_default(),
        });
        at.shape = shape;
        self
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn field(&self, name: &str) -> &Self {
        self.fields.get(name).unwrap_or_else(|| self.items())
    }

    pub(crate) fn items(&self) -> &Self {
        self.each.as_deref().unwrap_or(&PLAIN)
    }

    pub(crate) fn excluded(&self) -> &[&'static str] {
        &self.excluded
    }
}
