//! `metadata.managedFields`: its entries, read and written.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Manager;
use super::set::FieldSet;
use crate::value::{self, metadata_mut};

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// One manager's fields.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    manager: String,
    operation: Operation,
    api_version: String,
    /// RFC 3339; empty when it is not known.
    time: String,
    subresource: String,
    pub(crate) fields: FieldSet,
}

impl Entry {
    pub(crate) fn new(
        manager: Manager<'_>,
        operation: Operation,
        object: &Value,
        fields: FieldSet,
        now: Timestamp,
    ) -> Self {
        let whole = Timestamp::from_second(now.as_second()).expect("a time cut to its second is in range");
        Self {
            manager: manager.name.to_owned(),
            operation,
            api_version: value::text(object, &["apiVersion"]).to_owned(),
            time: whole.to_string(),
            subresource: manager.subresource.to_owned(),
            fields,
        }
    }

    /// `new`, with the time of the entry before where it says the same.
    pub(crate) fn continuing(before: Option<Self>, new: Self) -> Self {
        match before {
            Some(before) if before.fields == new.fields && before.api_version == new.api_version => before,
            _ => new,
        }
    }

    pub(crate) fn is(&self, manager: Manager<'_>, operation: Operation) -> bool {
        self.manager == manager.name && self.subresource == manager.subresource && self.operation == operation
    }

    /// As refusals name it.
    pub(crate) fn describe(&self) -> String {
        let mut name = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            name = format!("{name} with subresource {:?}", self.subresource);
        }
        match (self.operation, self.time.as_str()) {
            (Operation::Apply, _) => name,
            (Operation::Update, "") => format!("{name} using {}", self.api_version),
            (Operation::Update, time) => format!("{name} using {} at {time}", self.api_version),
        }
    }

    fn to_wire(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": match self.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            },
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_wire(),
        });
        for (field, text) in [("time", &self.time), ("subresource", &self.subresource)] {
            if !text.is_empty() {
                entry[field] = text.as_str().into();
            }
        }
        entry
    }

    fn from_wire(entry: &Value) -> Option<Self> {
        let text = |field| value::text(entry, &[field]).to_owned();
        let operation = match value::text(entry, &["operation"]) {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            time: text("time"),
            subresource: text("subresource"),
            fields: FieldSet::from_wire(value::get(entry, &["fieldsV1"])?),
        })
    }
}

/// The entries of an object; those that cannot be read are left out.
pub(crate) fn read(object: &Value) -> Vec<Entry> {
    let entries = value::get(object, &["metadata", "managedFields"]);
    entries.and_then(Value::as_array).into_iter().flatten().filter_map(Entry::from_wire).collect()
}

/// Writes the entries that have fields left, those of apply first, as Kubernetes orders them.
pub(crate) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.sort_by_key(|entry| entry.operation);
    let entries: Vec<_> =
        entries.iter().filter(|entry| !entry.fields.is_empty()).map(Entry::to_wire).collect();
    let metadata = metadata_mut(object);
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), entries.into());
    }
}
