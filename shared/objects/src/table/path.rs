//! The JSONPath of printer columns, as far as they use it: `.spec.name`, `['a.b/c']`, `[0]`,
//! `[?(@.type=="Ready")]`.

use std::{fmt, str::FromStr};

use serde_json::Value;

/// A path to one value of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    /// The first item whose field has this text.
    Where(Vec<String>, String),
}

/// Why a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path {path:?} {problem}: it takes .field, ['field'], [0] and [?(@.field==\"text\")]")]
pub struct InvalidPath {
    path: String,
    problem: &'static str,
}

impl FromStr for JsonPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::parse(text)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{}", name.replace('\\', "\\\\").replace('.', "\\.")),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Where(path, text) => write!(f, "[?(@.{}==\"{text}\")]", path.join(".")),
        })
    }
}

impl JsonPath {
    /// Reads a path; a dot in a field's name is written `\.`.
    ///
    /// # Errors
    /// When it is malformed, or of a form that is not supported.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let invalid = |problem| InvalidPath { path: text.to_owned(), problem };
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (step, after) = if let Some(after) = rest.strip_prefix('.') {
                field(after).ok_or_else(|| invalid("has an empty field"))?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after).ok_or_else(|| invalid("has brackets that cannot be read"))?
            } else {
                return Err(invalid("does not start with '.' or '['"));
            };
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() { Err(invalid("is empty")) } else { Ok(Self(steps)) }
    }

    /// The value there, if any.
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let found = self.0.iter().try_fold(object, |at, step| match step {
            Step::Field(name) => at.get(name),
            Step::Index(index) => at.get(index),
            Step::Where(path, text) => at.as_array()?.iter().find(|item| {
                let found = path.iter().try_fold(*item, |at, name| at.get(name));
                found.and_then(Value::as_str) == Some(text)
            }),
        });
        found.filter(|found| !found.is_null())
    }
}

fn field(rest: &str) -> Option<(Step, &str)> {
    let (mut name, mut escaped) = (String::new(), false);
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' | '[' if !escaped => {
                end = at;
                break;
            }
            c => name.push(c),
        }
        escaped = false;
    }
    (!name.is_empty()).then(|| (Step::Field(name), &rest[end..]))
}

fn bracket(rest: &str) -> Option<(Step, &str)> {
    if let Some(filter) = rest.strip_prefix("?(@.") {
        let (condition, after) = filter.split_once(")]")?;
        let (path, text) = condition.split_once("==")?;
        let path = path.trim().split('.').map(str::to_owned).collect();
        return Some((Step::Where(path, quoted(text.trim())?.to_owned()), after));
    }
    if rest.starts_with(['\'', '"']) {
        let end = rest[1..].find(&rest[..1])? + 2;
        let after = rest[end..].strip_prefix(']')?;
        return Some((Step::Field(quoted(&rest[..end])?.to_owned()), after));
    }
    let (index, after) = rest.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), after))
}

fn quoted(text: &str) -> Option<&str> {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"'))
}
