//! The strings of a set that may be templates, with their paths.

use super::given;
use crate::engine::Engine;
use serde_json::{Map, Value};
use shared_template::{Error, Guard, Step, Template, Use, fast};

/// A string of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) path: String,
    pub(super) text: &'a str,
}

/// Every string below `value` with a template in it, keys included.
pub(super) fn templates<'a>(path: &str, value: &'a Value) -> Vec<Text<'a>> {
    let mut found = Vec::new();
    collect(path.to_owned(), value, &mut found);
    found.retain(|text| text.text.contains("{{"));
    found
}

fn collect<'a>(path: String, value: &'a Value, found: &mut Vec<Text<'a>>) {
    match value {
        Value::String(text) => found.push(Text { path, text }),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(format!("{path}[{index}]"), item, found);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                found.push(Text { path: path.clone(), text: key });
                collect(path, value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a string reads, if it parses.
pub(super) fn uses(engine: &Engine, text: &Text<'_>) -> Result<Vec<Use>, Error> {
    if engine.go_template {
        let name = text.path.rsplit('.').next().unwrap_or_default();
        return Ok(Template::parse(name, text.text)?.uses());
    }
    let tags = fast::unresolved(text.text, &Map::new()).into_iter();
    let tags = tags.filter(|tag| !tag.is_empty());
    Ok(tags.map(|tag| Use { path: given::key([tag.as_str()]), guard: Guard::None }).collect())
}

/// A key as the set's language writes it: `.path.basename`, `index .metadata.labels "a/b"`, `path.basename`; with `[]` for any item.
pub(super) fn written(engine: &Engine, key: &[Step]) -> String {
    if !engine.go_template {
        let names = key.iter().map(|step| if let Step::Key(name) = step { name } else { "[]" });
        return names.collect::<Vec<_>>().join(".");
    }
    let mut text = String::new();
    for step in key {
        match step {
            Step::Item => text.push_str("[]"),
            Step::Key(name) if is_plain(name) => text.push_str(&format!(".{name}")),
            Step::Key(name) => {
                let holder = if text.is_empty() { "." } else { text.as_str() };
                text = format!("index {holder} \"{name}\"");
                break;
            }
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Whether Go's language takes a name behind a dot.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
