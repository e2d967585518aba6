//! A file as a tree in the order of its text, which the MAC depends on.

mod dotenv;
mod json;
mod yaml;

use crate::{Format, Why};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 100;
/// Most values that are read.
const MAX_NODES: usize = 200_000;
/// Said of what is over these limits.
const TOO_MUCH: &str = "it has too many values, or they are nested too deeply";

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Leaf(Leaf),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// A scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    /// As the MAC has it: text as it is, `True`, `42`, `0.5`.
    pub(crate) said: String,
    /// Whether it is text, and not a number or a boolean.
    pub(crate) is_text: bool,
}

impl Leaf {
    fn text(text: impl Into<String>) -> Node {
        Node::Leaf(Self { said: text.into(), is_text: true })
    }

    fn other(said: impl Into<String>) -> Node {
        Node::Leaf(Self { said: said.into(), is_text: false })
    }

    fn boolean(value: bool) -> Node {
        Self::other(if value { "True" } else { "False" })
    }

    fn float(value: f64) -> Node {
        Self::other(match value {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            value => value.to_string(),
        })
    }
}

impl Node {
    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Self::Null | Self::Leaf(_) | Self::List(_) => None,
        }
    }

    /// What a scalar says.
    pub(crate) fn said(&self) -> Option<&str> {
        match self {
            Self::Leaf(leaf) => Some(&leaf.said),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Null | Self::Leaf(_) | Self::Map(_) => &[],
        }
    }
}

/// The documents of a text, the metadata of sops still in them.
///
/// # Errors
/// A text that is not of this format, or over the limits.
pub(crate) fn read(format: Format, text: &str) -> Result<Vec<Node>, Why> {
    match format {
        Format::Yaml => yaml::read(text),
        Format::Json | Format::Binary => json::read(text).map(|document| vec![document]),
        Format::Dotenv => dotenv::read(text).map(|document| vec![document]),
    }
    .map_err(Why::Malformed)
}
