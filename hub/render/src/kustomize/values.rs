//! The `valuesInline` of a chart, merged with its file of values as kustomize merges them (`valuesMerge`; `merge2` of
//! kyaml).
//!
//! # Why
//! The file is read by another reader than helm's: `yes` and `off` are texts, a date becomes a time, and a null that is
//! written differs from one that is not. So a chart may get other values with `valuesInline` than without; here as there.

mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::read;

use serde_json::{Map, Value};

/// What decides about the merged.
const DIRECTIVE: &str = "$patch";

/// A value of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A null; whether it is written (`null`, `~`).
    Null(bool),
    /// A text, a number or a boolean.
    Scalar(Value),
    /// A list.
    List(Vec<Self>),
    /// A mapping, in the order of its keys.
    Map(Vec<(String, Self)>),
}

/// Who wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Winner {
    /// `override`: what is inline.
    Inline,
    /// `merge`: what is in the file.
    File,
}

/// Values that cannot be merged: where, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{at}` is {one} in one place and {other} in the other")]
pub(crate) struct Unlike {
    at: String,
    one: &'static str,
    other: &'static str,
}

/// Merges both.
///
/// # Errors
/// Where they are of different kinds.
pub(crate) fn merged(inline: &Map<String, Value>, file: Node, winner: Winner) -> Result<Value, Unlike> {
    let inline = Node::from(&Value::Object(inline.clone()));
    let (under, over) = match winner {
        Winner::Inline => (file, inline),
        Winner::File => (inline, file),
    };
    let merged = merge(Some(under), Some(over), "")?;
    Ok(merged.map_or_else(|| Value::Object(Map::new()), Value::from))
}

/// What is over goes into what is under; `None` is nothing at all.
fn merge(under: Option<Node>, over: Option<Node>, at: &str) -> Result<Option<Node>, Unlike> {
    let kinds = [&under, &over].map(|node| node.as_ref().and_then(Node::kind));
    if let [Some(one), Some(other)] = kinds
        && one != other
    {
        return Err(Unlike { at: at.to_owned(), one, other });
    }
    match (under, over) {
        (None, None)
        | (Some(Node::Null(_)) | None, Some(Node::Null(_)))
        | (Some(Node::Null(false)), None) => Ok(None),
        (Some(Node::Null(true)), None) => Ok(Some(Node::Null(true))),
        // What is null over something takes it away.
        (Some(_), Some(Node::Null(_))) => Ok(None),
        (Some(Node::Map(under)), over) => match over {
            Some(Node::Map(mut over)) => match directive(&mut over) {
                Directive::Delete => Ok(None),
                Directive::Replace => maps(over.clone(), over, at),
                Directive::Merge => maps(under, over, at),
            },
            Some(_) | None => maps(under, Vec::new(), at),
        },
        (_, Some(Node::Map(mut over))) => match directive(&mut over) {
            Directive::Delete => Ok(None),
            // With itself: what is null in it goes.
            Directive::Replace | Directive::Merge => maps(over.clone(), over, at),
        },
        (under, None) => Ok(under),
        (_, over) => Ok(over),
    }
}

fn maps(under: Vec<(String, Node)>, mut over: Vec<(String, Node)>, at: &str) -> Result<Option<Node>, Unlike> {
    let mut merged = Vec::new();
    let place = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    for (key, value) in under {
        let other = over.iter().position(|(known, _)| *known == key).map(|at| over.remove(at).1);
        if let Some(value) = merge(Some(value), other, &place(&key))? {
            merged.push((key, value));
        }
    }
    for (key, value) in over {
        if let Some(value) = merge(None, Some(value), &place(&key))? {
            merged.push((key, value));
        }
    }
    Ok(Some(Node::Map(merged)))
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Takes the directive out of a mapping.
fn directive(fields: &mut Vec<(String, Node)>) -> Directive {
    let found = fields.iter().position(|(key, _)| key == DIRECTIVE);
    let text = found.map(|at| fields.remove(at).1);
    match text {
        Some(Node::Scalar(Value::String(text))) if text == "delete" => Directive::Delete,
        Some(Node::Scalar(Value::String(text))) if text == "replace" => Directive::Replace,
        Some(_) | None => Directive::Merge,
    }
}

impl Node {
    /// What it is, for people; nothing of a null.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Null(_) => None,
            Self::Scalar(_) => Some("a single value"),
            Self::List(_) => Some("a list"),
            Self::Map(_) => Some("a mapping"),
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null(true),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Self::Scalar(value.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                Self::Map(fields.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
        }
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        match node {
            Node::Null(_) => Self::Null,
            Node::Scalar(value) => value,
            Node::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Node::Map(fields) => {
                Self::Object(fields.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
        }
    }
}
