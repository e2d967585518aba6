//! A file of values as kyaml reads it (go-yaml v3), where that differs from how manifests are read.

use super::Node;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Value;
use shared_manifest::yaml;
use std::{collections::BTreeMap, sync::LazyLock};

/// What other readers take for booleans.
const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// Reads the first document; `None` when there is none.
///
/// # Errors
/// Text that is no YAML.
pub(crate) fn read(text: &str) -> Result<Option<Node>, yaml::Error> {
    // It keeps to what memory and nesting may be; what is read below is no more than that.
    let value = yaml::parse(text)?;
    match (events(text), value) {
        (Some(node), _) => Ok(node),
        // It is mended where the parser alone gives up.
        (None, Value::Null) => Ok(None),
        (None, value) => Ok(Some(Node::from(&value))),
    }
}

/// A collection whose end is still to come.
struct Open {
    anchor: usize,
    is_map: bool,
    key: Option<String>,
    items: Vec<Node>,
    fields: Vec<(String, Node)>,
    /// From `<<`: it counts where nothing else is said.
    merged: Vec<(String, Node)>,
}

/// The first document from the parser's events; `None` when the parser gives up.
fn events(text: &str) -> Option<Option<Node>> {
    let mut anchors: BTreeMap<usize, Node> = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        let (anchor, node, key) = match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => continue,
            Event::StreamEnd => break,
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                let is_map = matches!(event, Event::MappingStart(..));
                let (items, fields, merged) = (Vec::new(), Vec::new(), Vec::new());
                open.push(Open { anchor, is_map, key: None, items, fields, merged });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let done = open.pop()?;
                (done.anchor, done.node(), None)
            }
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(&text, style, tag.as_deref()), Some(text.into_owned()))
            }
            Event::Alias(anchor) => (0, anchors.get(&anchor)?.clone(), None),
        };
        if anchor > 0 {
            anchors.insert(anchor, node.clone());
        }
        let Some(parent) = open.last_mut() else { return Some(Some(node)) };
        parent.take(node, key)?;
    }
    Some(None)
}

impl Open {
    /// Takes in a value, or a key; `None` for keys that are no texts.
    fn take(&mut self, node: Node, text: Option<String>) -> Option<()> {
        if !self.is_map {
            self.items.push(node);
            return Some(());
        }
        match self.key.take() {
            None => {
                let key = match node {
                    Node::Scalar(Value::String(key)) => key,
                    Node::Scalar(_) | Node::Null(_) | Node::List(_) | Node::Map(_) => text?,
                };
                self.key = Some(key);
            }
            Some(key) if key == "<<" => self.merge(node),
            Some(key) => {
                self.fields.retain(|(known, _)| *known != key);
                self.fields.push((key, node));
            }
        }
        Some(())
    }

    fn merge(&mut self, node: Node) {
        match node {
            Node::Map(fields) => {
                let new = |key: &str| !self.merged.iter().any(|(known, _)| known == key);
                let more: Vec<_> = fields.into_iter().filter(|(key, _)| new(key)).collect();
                self.merged.extend(more);
            }
            Node::List(items) => items.into_iter().for_each(|item| self.merge(item)),
            Node::Null(_) | Node::Scalar(_) => {}
        }
    }

    fn node(mut self) -> Node {
        if !self.is_map {
            return Node::List(self.items);
        }
        for (key, value) in self.merged {
            if !self.fields.iter().any(|(known, _)| *known == key) {
                self.fields.push((key, value));
            }
        }
        Node::Map(self.fields)
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    let string = || Node::Scalar(Value::from(text));
    if is_text || style != ScalarStyle::Plain {
        return string();
    }
    match text {
        "" => Node::Null(false),
        "~" | "null" | "Null" | "NULL" => Node::Null(true),
        _ if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) => string(),
        _ => match (time(text), yaml::parse(text)) {
            (Some(time), _) => Node::Scalar(Value::from(time)),
            (None, Ok(value @ (Value::Number(_) | Value::Bool(_)))) => Node::Scalar(value),
            (None, _) => string(),
        },
    }
}

/// A date, or a date and a time, as Go writes it into JSON.
fn time(text: &str) -> Option<String> {
    static LIKE: LazyLock<regex::Regex> = LazyLock::new(|| {
        let clock = r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?";
        let like = format!(r"^(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?:([Tt ]){clock}(Z|[+-]\d\d:\d\d)?)?$");
        regex::Regex::new(&like).expect("a pattern of ours")
    });
    let parts = LIKE.captures(text)?;
    let part = |at: usize| parts.get(at).map_or("", |part| part.as_str());
    let number = |at: usize| part(at).parse::<u32>().unwrap_or_default();
    let (year, month, day) = (number(1), number(2), number(3));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    let spaced = part(4) == " ";
    let is_zoned = !part(9).is_empty();
    let fits = (1..=days).contains(&day)
        && number(5) < 24
        && number(6) < 60
        && number(7) < 60
        && (part(4).is_empty() || spaced != is_zoned);
    let fraction = match part(8).trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    };
    let zone = match part(9) {
        "" | "+00:00" | "-00:00" => "Z",
        zone => zone,
    };
    let clock = format!("{:02}:{:02}:{:02}{fraction}{zone}", number(5), number(6), number(7));
    fits.then(|| format!("{year:04}-{month:02}-{day:02}T{clock}"))
}
