//! What `kubectl get` prints: `meta.k8s.io/v1 Table` from a kind's columns.

mod age;
mod path;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use age::{age, human_duration};
pub use path::{InvalidPath, JsonPath};

/// One column of a kind.
#[derive(Debug, Clone)]
pub struct Column {
    /// The heading, as in `Sync Status`.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the column that names the object, else usually empty.
    pub format: &'static str,
    /// What the column shows, for people.
    pub description: &'static str,
    /// 0: always shown; else with `-o wide` only.
    pub priority: i32,
    pub cell: Cell,
}

/// Where a cell's value comes from.
#[derive(Debug, Clone)]
pub enum Cell {
    /// The value at the path; for a `date` column, how long ago that is.
    Path(JsonPath),
    /// What the function makes of the object at a time.
    With(fn(&Value, Timestamp) -> Value),
}

impl Column {
    /// The column that every kind starts with.
    pub fn name() -> Self {
        let cell = Cell::With(|object, _| crate::meta::name(object).into());
        Self {
            name: "Name",
            kind: "string",
            format: "name",
            description: "Name of the object.",
            priority: 0,
            cell,
        }
    }

    /// The column that most kinds end with.
    pub fn age() -> Self {
        let created = JsonPath::parse(".metadata.creationTimestamp").expect("the path is right");
        let description = "How long ago the object was created.";
        Self { name: "Age", kind: "date", format: "", description, priority: 0, cell: Cell::Path(created) }
    }

    /// A column of text.
    pub fn text(name: &'static str, cell: Cell) -> Self {
        Self { name, kind: "string", format: "", description: "", priority: 0, cell }
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }

    fn value(&self, object: &Value, now: Timestamp) -> Value {
        match &self.cell {
            Cell::With(make) => make(object, now),
            Cell::Path(path) if self.kind == "date" => match path.find(object) {
                None => Value::Null,
                Some(at) => age(at.as_str().unwrap_or_default(), now).into(),
            },
            Cell::Path(path) => path.find(object).map_or(Value::Null, |found| typed(self.kind, found)),
        }
    }
}

/// A value as the column's type has it: text columns show what is not text as JSON.
fn typed(kind: &str, found: &Value) -> Value {
    match (kind, found) {
        ("string", Value::String(_)) => found.clone(),
        ("string", other) => other.to_string().into(),
        _ => found.clone(),
    }
}

/// How much of each object goes along with its row (`includeObject`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

impl IncludeObject {
    /// Reads the query parameter; `None` when it is not one of `None`, `Metadata`, `Object`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "None" => Some(Self::None),
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }

    fn of(self, object: &Value) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Object => object.clone(),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": object.get("metadata"),
            }),
        }
    }
}

/// The row of one object.
pub fn row(object: &Value, columns: &[Column], include: IncludeObject, now: Timestamp) -> Value {
    let cells: Vec<_> = columns.iter().map(|column| column.value(object, now)).collect();
    json!({"cells": cells, "object": include.of(object)})
}

/// The table of some objects. `list_metadata` is that of the list: resourceVersion, continue,
/// remainingItemCount.
pub fn table<'a>(
    objects: impl IntoIterator<Item = &'a Value>,
    columns: &[Column],
    list_metadata: Value,
    include: IncludeObject,
    now: Timestamp,
) -> Value {
    let rows: Vec<_> = objects.into_iter().map(|object| row(object, columns, include, now)).collect();
    let definitions: Vec<_> = columns.iter().map(Column::definition).collect();
    let mut table = json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "columnDefinitions": definitions,
        "rows": rows,
    });
    table["metadata"] = list_metadata;
    table
}

#[cfg(test)]
mod tests;
