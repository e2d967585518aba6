//! `metadata.managedFields`: its entries, read and written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Manager;
use super::set::FieldSet;
use crate::value::{self, metadata_mut};

/// How many managers by update an object has at most; the oldest are put together.
const MOST_UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Whose an entry is. An applier has one entry whatever the version, an updater one for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) manager: String,
    pub(super) operation: Operation,
    /// Empty for appliers.
    version: String,
    subresource: String,
}

/// One owner's fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) fields: FieldSet,
    pub(super) version: String,
    /// When it last changed something, if that is known.
    pub(super) time: Option<Timestamp>,
}

/// Who manages what.
pub(super) type Managed = BTreeMap<Owner, Entry>;

impl Owner {
    pub(super) fn new(manager: Manager<'_>, operation: Operation, version: &str) -> Self {
        let name = if manager.name.is_empty() { "unknown" } else { manager.name };
        Self {
            manager: name.to_owned(),
            operation,
            version: if operation == Operation::Update { version.to_owned() } else { String::new() },
            subresource: manager.subresource.to_owned(),
        }
    }

    /// As refusals name it.
    pub(super) fn describe(&self) -> String {
        let mut name = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            name = format!("{name} with subresource {:?}", self.subresource);
        }
        match self.operation {
            Operation::Apply => name,
            Operation::Update => format!("{name} using {}", self.version),
        }
    }

    /// What refusals sort by: the manager, then the operation, then the version.
    fn to_wire(&self, entry: &Entry) -> Value {
        let mut wire = json!({
            "manager": self.manager,
            "operation": match self.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            },
            "apiVersion": entry.version,
            "fieldsType": "FieldsV1",
            "fieldsV1": entry.fields.to_wire(),
        });
        if let Some(time) = entry.time {
            wire["time"] = time.to_string().into();
        }
        if !self.subresource.is_empty() {
            wire["subresource"] = self.subresource.as_str().into();
        }
        wire
    }
}

/// The time as managed fields have it.
pub(super) fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).expect("a time cut to its second is in range")
}

/// What an object's `managedFields` say.
#[derive(Debug)]
pub(super) enum Said {
    /// Nothing, or nothing that can be read.
    Nothing,
    /// That they be forgotten: a list of one empty entry or, where `empty` says so, of none.
    Forget,
    These(Managed),
}

/// Reads all entries of an object, or none. Whether an `empty` list says something depends on the kind: to a
/// server, that of a custom resource is none.
pub(super) fn read(object: &Value, empty: bool) -> Said {
    let Some(entries) = object.pointer("/metadata/managedFields").and_then(Value::as_array) else {
        return Said::Nothing;
    };
    let nothing = |entry: &Value| entry.as_object().is_some_and(serde_json::Map::is_empty);
    match entries.as_slice() {
        [] if empty => return Said::Forget,
        [] => return Said::Nothing,
        [one] if nothing(one) => return Said::Forget,
        _ => {}
    }
    let managed: Option<Managed> = entries.iter().map(from_wire).collect();
    managed.map_or(Said::Nothing, Said::These)
}

/// The entries of an object; none when there is one that cannot be read.
pub(super) fn entries(object: &Value) -> Managed {
    match read(object, false) {
        Said::These(managed) => managed,
        Said::Nothing | Said::Forget => Managed::new(),
    }
}

fn from_wire(wire: &Value) -> Option<(Owner, Entry)> {
    let text = |field| value::text(wire, &[field]);
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    let version = text("apiVersion");
    if version.is_empty() || text("fieldsType") != "FieldsV1" {
        return None;
    }
    let owner = Owner {
        manager: text("manager").to_owned(),
        operation,
        version: if operation == Operation::Update { version.to_owned() } else { String::new() },
        subresource: text("subresource").to_owned(),
    };
    let fields = FieldSet::from_wire(wire.get("fieldsV1").unwrap_or(&Value::Null))?;
    let time = match text("time") {
        "" => None,
        text => Some(text.parse().ok()?),
    };
    Some((owner, Entry { fields, version: version.to_owned(), time }))
}

/// Writes the entries, appliers first, then by time, name, version and subresource. Without any, an
/// `existing` object gets an empty list: nothing at all would say that they are to stay.
pub(super) fn write(object: &mut Value, managed: &Managed, existing: bool) {
    let metadata = metadata_mut(object);
    if managed.is_empty() && !existing {
        metadata.remove("managedFields");
        return;
    }
    let mut entries: Vec<_> = managed.iter().collect();
    let seconds = |entry: &Entry| entry.time.map_or(0, Timestamp::as_second);
    entries.sort_by(|(a, x), (b, y)| {
        let order = a.operation.cmp(&b.operation).then_with(|| seconds(x).cmp(&seconds(y)));
        let order = order.then_with(|| a.manager.cmp(&b.manager)).then_with(|| x.version.cmp(&y.version));
        order.then_with(|| a.subresource.cmp(&b.subresource))
    });
    let entries: Vec<_> = entries.into_iter().map(|(owner, entry)| owner.to_wire(entry)).collect();
    metadata.insert("managedFields".to_owned(), entries.into());
}

/// Puts the oldest updaters together until there are no more of them than an object may have.
pub(super) fn cap(managed: &mut Managed) {
    let updaters = managed.iter().filter(|(owner, _)| owner.operation == Operation::Update);
    let mut updaters: Vec<_> =
        updaters.map(|(owner, entry)| (entry.time.map_or(0, Timestamp::as_second), owner.clone())).collect();
    updaters.sort();
    let mut left = updaters.len();
    let mut first_of: BTreeMap<String, Owner> = BTreeMap::new();
    for (_, owner) in updaters {
        if left <= MOST_UPDATERS {
            return;
        }
        let Some(first) = first_of.get(&owner.version) else {
            first_of.insert(owner.version.clone(), owner);
            continue;
        };
        let ancient = Owner {
            manager: ANCIENT.to_owned(),
            operation: Operation::Update,
            version: owner.version.clone(),
            subresource: String::new(),
        };
        if !managed.contains_key(&ancient)
            && let Some(entry) = managed.remove(first)
        {
            managed.insert(ancient.clone(), entry);
        }
        if let Some(entry) = managed.remove(&owner) {
            let into = managed.entry(ancient).or_insert_with(|| Entry {
                fields: FieldSet::default(),
                version: entry.version.clone(),
                time: None,
            });
            into.fields = into.fields.union(&entry.fields);
            into.time = entry.time;
        }
        left -= 1;
    }
}
