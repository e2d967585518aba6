//! Field selectors, as in `metadata.name=orders,status.phase!=Running`.

use serde_json::Value;

use super::InvalidSelector;
use crate::value;

/// Fields that must, or must not, have a value. Without conditions it selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: String,
    equal: bool,
    value: String,
}

/// What every kind can be selected by.
const ALWAYS: [&str; 2] = ["metadata.name", "metadata.namespace"];

impl FieldSelector {
    /// Reads a selector over the fields that every kind has and those in `supported`, as in `spec.project`.
    ///
    /// # Errors
    /// When it is malformed, or names another field.
    pub fn parse(text: &str, supported: &[&str]) -> Result<Self, InvalidSelector> {
        let invalid = |problem| InvalidSelector { selector: text.to_owned(), problem };
        let mut selector = Self::default();
        for part in split(text).into_iter().filter(|part| !part.is_empty()) {
            let condition = condition(part).map_err(invalid)?;
            let known = ALWAYS.iter().chain(supported);
            if !known.clone().any(|field| *field == condition.field) {
                let fields: Vec<_> = known.copied().collect();
                let problem = format!(
                    "field label not supported: {} (supported: {})",
                    condition.field,
                    fields.join(", ")
                );
                return Err(invalid(problem));
            }
            selector.conditions.push(condition);
        }
        Ok(selector)
    }

    /// Whether the object has all that is asked for. An absent field counts as empty.
    pub fn matches(&self, object: &Value) -> bool {
        self.conditions.iter().all(|condition| {
            let path: Vec<_> = condition.field.split('.').collect();
            (plain(value::get(object, &path)) == condition.value) == condition.equal
        })
    }

    /// The name that it asks for, if it does: a list of one object can be a read of it.
    pub fn name(&self) -> Option<&str> {
        let named = self.conditions.iter().find(|c| c.equal && c.field == "metadata.name");
        named.map(|c| c.value.as_str())
    }
}

/// A text without its quotes; numbers and truth values as JSON writes them.
fn plain(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The parts between commas that no backslash escapes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == ',' && !escaped {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn condition(part: &str) -> Result<Condition, String> {
    for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((field, value)) = part.split_once(operator) {
            let value =
                unescape(value).ok_or_else(|| format!("invalid escape sequence in value: {value:?}"))?;
            return Ok(Condition { field: field.trim().to_owned(), equal, value });
        }
    }
    Err(format!("invalid selector part {part:?}: expected FIELD=VALUE or FIELD!=VALUE"))
}

/// Of the escapes `\\`, `\,` and `\=`, and of nothing else.
fn unescape(value: &str) -> Option<String> {
    let mut plain = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => chars.next().filter(|c| ['\\', ',', '='].contains(c))?,
            ',' | '=' => return None,
            c => c,
        });
    }
    Some(plain)
}
