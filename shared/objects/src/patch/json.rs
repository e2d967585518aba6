//! JSON patch (RFC 6902), as Kubernetes carries it out, and where it is laxer than the RFC.
//!
//! Kubernetes says of an operation that does not fit only that there is one; here, a cause says which and why.
//!
//! Laxer: `replace` sets a field that is not there, a negative index counts from the end, `add` without a
//! value adds `null`. Source: github.com/evanphx/json-patch v4.

use serde_json::{Map, Value};

use crate::Status;

/// Kubernetes' limit (`--max-json-patch-operations`).
const MAX_OPERATIONS: usize = 10_000;
/// How many bytes `copy` and `move` may carry around: an object that cannot be stored need not be made.
const MAX_CARRIED: usize = 64 * 1024 * 1024;
/// How deep an object may become: what is deeper could not be read back.
const MAX_DEPTH: usize = 100;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    let undecodable = |why: String| Status::bad_request(format!("error decoding patch: {why}"));
    let nothing = Vec::new();
    let operations = match patch {
        Value::Array(operations) => operations,
        Value::Null => &nothing,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(undecodable(mistyped(patch, "value of type []handlers.jsonPatchOp")));
        }
    };
    for operation in operations {
        check(operation).map_err(undecodable)?;
    }
    if operations.len() > MAX_OPERATIONS {
        let found = operations.len();
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {found}");
        return Err(Status::too_large(&message));
    }
    let mut document = Document { value: object.clone(), carried: 0 };
    for (index, operation) in operations.iter().enumerate() {
        document
            .run(operation)
            .map_err(|why| Status::generic_invalid(format!("operation {index}: {why}")))?;
    }
    Ok(document.value)
}

/// As Go's `encoding/json` says it.
pub(super) fn mistyped(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go {wanted}")
}

fn check(operation: &Value) -> Result<(), String> {
    let Some(fields) = operation.as_object() else {
        return if operation.is_null() {
            Ok(())
        } else {
            Err(mistyped(operation, "value of type handlers.jsonPatchOp"))
        };
    };
    for name in ["from", "op", "path"] {
        if let Some(value) = fields.get(name).filter(|value| !value.is_string() && !value.is_null()) {
            return Err(mistyped(value, &format!("struct field jsonPatchOp.{name} of type string")));
        }
    }
    Ok(())
}

struct Document {
    value: Value,
    carried: usize,
}

/// What an operation works in: a map or a list, and the name or index in it.
struct Place<'a> {
    container: Container<'a>,
    key: String,
}

enum Container<'a> {
    Map(&'a mut Map<String, Value>),
    List(&'a mut Vec<Value>),
}

impl Document {
    fn run(&mut self, operation: &Value) -> Result<(), String> {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let value = || operation.get("value").cloned().unwrap_or(Value::Null);
        let path = |op: &str| {
            text("path").ok_or_else(|| format!("{op} operation failed to decode path: missing value"))
        };
        let from = |op: &str| {
            let missing = "operation, missing from field: missing value";
            text("from").ok_or_else(|| format!("{op} operation failed to decode from: {missing}"))
        };
        let no_path = |op: &str| {
            format!("{op} operation failed to decode path: operation missing path field: missing value")
        };
        match text("op").unwrap_or("unknown") {
            "add" => {
                let path = path("add")?;
                let missing =
                    format!("add operation does not apply: doc is missing path: \"{path}\": missing value");
                let value = value();
                check_depth(path, &value)?;
                let place = self.find(path).ok_or(missing)?;
                place.add(value).map_err(|why| format!("error in add for path: '{path}': {why}"))
            }
            "remove" => {
                let path = path("remove")?;
                let missing = format!(
                    "remove operation does not apply: doc is missing path: \"{path}\": missing value"
                );
                let place = self.find(path).ok_or(missing)?;
                let gone = place.remove();
                gone.map(drop).map_err(|why| format!("error in remove for path: '{path}': {why}"))
            }
            "replace" => self.replace(text("path").ok_or_else(|| no_path("replace"))?, value()),
            "test" => self.test(text("path").ok_or_else(|| no_path("test"))?, &value()),
            "move" => self.relocate(from("move")?, text("path").ok_or_else(|| no_path("move"))),
            "copy" => self.copy(from("copy")?, path("copy")),
            other => Err(format!("Unexpected kind: {other}")),
        }
    }

    fn find(&mut self, path: &str) -> Option<Place<'_>> {
        let mut steps: Vec<_> = path.split('/').skip(1).map(decoded).collect();
        let key = steps.pop()?;
        let mut container = &mut self.value;
        for step in steps {
            container = match container {
                Value::Object(map) => map.get_mut(&step)?,
                Value::Array(items) => {
                    let at = index(&step, items.len()).ok()?;
                    items.get_mut(at)?
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
            };
        }
        let container = match container {
            Value::Object(map) => Container::Map(map),
            Value::Array(items) => Container::List(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
        Some(Place { container, key })
    }

    fn replace(&mut self, path: &str, value: Value) -> Result<(), String> {
        if path.is_empty() {
            if !value.is_object() {
                return Err("replace operation value must be object or array".to_owned());
            }
            self.value = value;
            return Ok(());
        }
        let missing = |what: &str| {
            format!("replace operation does not apply: doc is missing {what}: {path}: missing value")
        };
        check_depth(path, &value)?;
        let place = self.find(path).ok_or_else(|| missing("path"))?;
        place.get().map_err(|_| missing("key"))?;
        place.set(value).map_err(|why| format!("error in remove for path: '{path}': {why}"))
    }

    fn test(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let failed = || format!("testing value {path} failed: test failed");
        let same = if path.is_empty() {
            self.value == *value
        } else {
            let missing = format!("test operation does not apply: is missing path: {path}: missing value");
            let place = self.find(path).ok_or(missing)?;
            let found = place.get().map_err(|why| format!("error in test for path: '{path}': {why}"))?;
            found == value
        };
        if same { Ok(()) } else { Err(failed()) }
    }

    /// Counts what is carried, and how deep it goes.
    fn carry(&mut self, path: &str, value: &Value) -> Result<(), String> {
        self.carried += size(value);
        if self.carried > MAX_CARRIED {
            return Err(format!("more than {MAX_CARRIED} bytes are copied and moved"));
        }
        check_depth(path, value)
    }

    fn relocate(&mut self, from: &str, path: Result<&str, String>) -> Result<(), String> {
        let missing = |what: &str, path: &str| {
            format!("move operation does not apply: doc is missing {what}: {path}: missing value")
        };
        let place = self.find(from).ok_or_else(|| missing("from path", from))?;
        let key = place.key.clone();
        let failed = |why| format!("error in move for path: '{key}': {why}");
        place.get().map_err(failed)?;
        let value = place.remove().map_err(failed)?;
        let path = path?;
        self.carry(path, &value)?;
        let place = self.find(path).ok_or_else(|| missing("destination path", path))?;
        place.add(value).map_err(|why| format!("error in move for path: '{path}': {why}"))
    }

    fn copy(&mut self, from: &str, path: Result<&str, String>) -> Result<(), String> {
        let missing = |what: &str, path: &str| {
            format!("copy operation does not apply: doc is missing {what}: {path}: missing value")
        };
        let place = self.find(from).ok_or_else(|| missing("from path", from))?;
        let value = place.get().map_err(|why| format!("error in copy for from: '{from}': {why}"))?.clone();
        let path = path?;
        self.carry(path, &value)?;
        let place = self.find(path).ok_or_else(|| missing("destination path", path))?;
        place.add(value).map_err(|why| format!("error while adding value during copy: {why}"))
    }
}

impl Place<'_> {
    fn get(&self) -> Result<&Value, String> {
        match &self.container {
            Container::List(items) => {
                let at = index(&self.key, items.len())?;
                items.get(at).ok_or_else(|| no_index(&self.key))
            }
            Container::Map(map) => Ok(map.get(&self.key).unwrap_or(&Value::Null)),
        }
    }

    fn set(self, value: Value) -> Result<(), String> {
        match self.container {
            Container::List(items) => {
                let at = index(&self.key, items.len())?;
                *items.get_mut(at).ok_or_else(|| no_index(&self.key))? = value;
            }
            Container::Map(map) => drop(map.insert(self.key, value)),
        }
        Ok(())
    }

    fn add(self, value: Value) -> Result<(), String> {
        match self.container {
            Container::List(items) if self.key == "-" => items.push(value),
            Container::List(items) => {
                let why = |why| format!("value was not a proper array index: '{}': {why}", self.key);
                number(&self.key).map_err(why)?;
                let at = index(&self.key, items.len() + 1)?;
                if at > items.len() {
                    return Err(no_index(&self.key));
                }
                items.insert(at, value);
            }
            Container::Map(map) => drop(map.insert(self.key, value)),
        }
        Ok(())
    }

    fn remove(self) -> Result<Value, String> {
        match self.container {
            Container::List(items) => {
                let at = index(&self.key, items.len())?;
                if at >= items.len() {
                    return Err(no_index(&self.key));
                }
                Ok(items.remove(at))
            }
            Container::Map(map) => map
                .remove(&self.key)
                .ok_or_else(|| format!("Unable to remove nonexistent key: {}: missing value", self.key)),
        }
    }
}

/// Whether an object that has the value at the path is not too deep. Both are not, so that this is no deep
/// recursion.
fn check_depth(path: &str, value: &Value) -> Result<(), String> {
    let steps = path.bytes().filter(|byte| *byte == b'/').count();
    if steps + depth(value) > MAX_DEPTH {
        return Err(format!("an object must not be deeper than {MAX_DEPTH} fields"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
    }
}

fn decoded(step: &str) -> String {
    // At once: what an escape gives is no escape.
    let mut parts = step.split("~1");
    let first = parts.next().unwrap_or_default().replace("~0", "~");
    parts.fold(first, |whole, part| format!("{whole}/{}", part.replace("~0", "~")))
}

fn number(key: &str) -> Result<i64, String> {
    let digits = key.strip_prefix(['-', '+']).unwrap_or(key);
    let words = if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        "value out of range"
    } else {
        "invalid syntax"
    };
    key.parse().map_err(|_| format!("strconv.Atoi: parsing {key:?}: {words}"))
}

/// Where in a list of that length; may be behind its end, never before its start.
fn index(key: &str, length: usize) -> Result<usize, String> {
    let at = number(key)?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let at = if at < 0 { at + length } else { at };
    usize::try_from(at).map_err(|_| no_index(key))
}

fn no_index(key: &str) -> String {
    let at = number(key).unwrap_or_default();
    format!("Unable to access invalid index: {at}: invalid index referenced")
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(items) => 8 + items.iter().map(size).sum::<usize>(),
        Value::Object(map) => 8 + map.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>(),
    }
}
