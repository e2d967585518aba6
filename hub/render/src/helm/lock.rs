//! Whether `Chart.lock` belongs to `Chart.yaml`: helm's digest over both (`internal/resolver`).

use super::metadata::{Dependency, Lock};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Whether the lock file was written for these dependencies. `old` allows the form of Helm 2.
pub(super) fn fits(lock: &Lock, needed: &[Dependency], old: bool) -> bool {
    // An alias of a repository stands for an address that only the lock file tells.
    let resolved = needed.iter().map(|one| {
        let mut one = one.clone();
        let is_alias = one.repository.starts_with('@') || one.repository.starts_with("alias:");
        if is_alias && let Some(locked) = lock.dependencies.iter().find(|locked| locked.name == one.name) {
            one.repository = locked.repository.clone();
        }
        one
    });
    let resolved: Vec<Dependency> = resolved.collect();
    let given = &*lock.digest;
    let new = [written(&resolved), written(&lock.dependencies)];
    given == digest(&format!("[{},{}]", new[0], new[1]))
        || (old && given == digest(&format!("{{\"dependencies\":{}}}", written(needed))))
}

fn digest(text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

/// As Go's `encoding/json` writes a list of helm's dependencies.
fn written(list: &[Dependency]) -> String {
    if list.is_empty() {
        return "null".to_owned();
    }
    let one = |dependency: &Dependency| {
        let Dependency { name, version, repository, condition, tags, enabled, import_values, alias } =
            dependency;
        let mut fields = vec![format!("\"name\":{}", quoted(&json!(name.0)))];
        let mut field = |key: &str, value: Value, there: bool| {
            if there {
                fields.push(format!("\"{key}\":{}", quoted(&value)));
            }
        };
        field("version", json!(version.0), !version.is_empty());
        field("repository", json!(repository.0), true);
        field("condition", json!(condition.0), !condition.is_empty());
        let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
        field("tags", json!(tags), !tags.is_empty());
        field("enabled", json!(enabled), *enabled);
        field("import-values", json!(import_values), !import_values.is_empty());
        field("alias", json!(alias.0), !alias.is_empty());
        format!("{{{}}}", fields.join(","))
    };
    format!("[{}]", list.iter().map(one).collect::<Vec<_>>().join(","))
}

/// JSON as Go writes it: keys sorted, and `<`, `>`, `&` and two separators of lines escaped.
fn quoted(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut keys: Vec<&String> = fields.keys().collect();
                keys.sort();
                Value::Object(
                    keys.into_iter().map(|key| (key.clone(), sorted(&fields[key]))).collect::<Map<_, _>>(),
                )
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    let mut text = String::new();
    for c in sorted(value).to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}
