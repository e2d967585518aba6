//! Events to values, with budgets.
//!
//! go-yaml reads a document in four passes (grammar, meaning, keys, numbers) and tells of the first pass that fails: so one error waits here
//! until the document is read to its end, and an error of an earlier pass takes its place.

mod mapping;

use std::collections::BTreeMap;

use serde_json::Value;

use self::mapping::Mapping;
use super::parse::{Event, Parser, Text};
use super::scalar::{Scalar, Tag};
use super::scan::Mark;
use super::{Document, DuplicateKey, Error};

/// Longest text that is read, in bytes.
pub(super) const MAX_TEXT: usize = 32 << 20;
/// Deepest nesting; `serde_json` reads 128 levels, and a manifest may stand inside something else.
pub(super) const MAX_DEPTH: usize = 100;
/// Most values in one text, aliases expanded.
const MAX_NODES: usize = 1_000_000;
/// Most values and bytes of text that anchors and aliases may copy in one text.
const MAX_COPIED_NODES: usize = 400_000;
const MAX_COPIED_BYTES: usize = 32 << 20;
const MAX_DUPLICATES: usize = 100;

/// go-yaml's passes after the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    Meaning,
    Keys,
    Numbers,
}

/// The documents of one text, read one at a time.
pub(super) struct Stream<'a> {
    text: &'a str,
    parser: Parser<'a>,
    anchors: BTreeMap<&'a str, Anchored>,
    spent: Cost,
    copied: Cost,
    duplicates: Vec<DuplicateKey>,
    wrong: Option<(Pass, Error)>,
}

/// What values cost in memory, roughly.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
}

enum Anchored {
    /// Its end is still to come.
    Open,
    Known {
        node: Node,
        cost: Cost,
    },
}

/// A finished value on its way into its parent.
#[derive(Clone)]
struct Node {
    content: Content,
    /// Levels of nesting below it.
    height: usize,
    at: Mark,
    aliased: bool,
}

#[derive(Clone)]
enum Content {
    Scalar(Scalar),
    /// The plain `<<`, a merge as a key and a string as a value.
    Merge,
    Collection(Value),
}

/// A collection whose end is still to come.
struct Frame<'a> {
    open: Open,
    anchor: Option<&'a str>,
    height: usize,
    before: Cost,
    at: Mark,
}

enum Open {
    Sequence(Vec<Value>),
    Mapping(Mapping),
}

impl<'a> Stream<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, Error> {
        let text = checked(text)?;
        Ok(Self {
            text,
            parser: Parser::new(text),
            anchors: BTreeMap::new(),
            spent: Cost::default(),
            copied: Cost::default(),
            duplicates: Vec::new(),
            wrong: None,
        })
    }

    pub(super) fn into_duplicates(self) -> Vec<DuplicateKey> {
        self.duplicates
    }

    /// The next document, `Null` for an empty one; `None` at the end.
    pub(super) fn next_document(&mut self) -> Result<Option<Document>, Error> {
        self.anchors.clear();
        self.wrong = None;
        let mut frames: Vec<Frame<'a>> = Vec::new();
        let mut root: Option<Node> = None;
        let mut line = None;
        loop {
            let (event, at) = match self.parser.next() {
                Ok(next) => next,
                Err(problem) => {
                    let error = Error::grammar(&problem, self.text);
                    // What stands first in the text is the better hint, such as `{{` that lacks its other half.
                    let before = self.wrong.take().filter(|(pass, _)| *pass == Pass::Meaning);
                    return Err(match before {
                        Some((_, before)) => before.with_go_text_of(error),
                        None => error,
                    });
                }
            };
            let node = match event {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart => continue,
                Event::DocumentEnd => break,
                Event::SequenceStart(anchor) => {
                    self.open(&mut frames, Open::Sequence(Vec::new()), anchor, at)?;
                    None
                }
                Event::MappingStart(anchor) => {
                    self.open(&mut frames, Open::Mapping(Mapping::default()), anchor, at)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let frame = frames.pop().expect("the parser ends only what it started");
                    Some(self.close(frame)?)
                }
                Event::Scalar(text) => Some(self.scalar(text, at)?),
                Event::Alias(name) => Some(self.alias(name, frames.len(), at)?),
            };
            line.get_or_insert(at.line + 1);
            let Some(node) = node else { continue };
            match frames.last_mut() {
                Some(_) => self.attach(&mut frames, node),
                None => root = Some(node),
            }
        }
        let value = root.map_or(Value::Null, |node| self.value_of(node));
        match self.wrong.take() {
            Some((_, error)) => Err(error),
            None => Ok(Some(Document { value, line: line.unwrap_or(1) })),
        }
    }

    /// Notes an error of a pass after the grammar.
    fn note(&mut self, pass: Pass, error: Error) {
        if self.is_first(pass) {
            self.wrong = Some((pass, error));
        }
    }

    /// Whether an error of this pass would be told: one that costs much to put into words is made only then.
    fn is_first(&self, pass: Pass) -> bool {
        self.wrong.as_ref().is_none_or(|(before, _)| pass < *before)
    }

    fn open(
        &mut self,
        frames: &mut Vec<Frame<'a>>,
        open: Open,
        anchor: Option<&'a str>,
        at: Mark,
    ) -> Result<(), Error> {
        if frames.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        let before = self.spent;
        self.spend(0, at)?;
        if let Some(name) = anchor {
            self.anchors.insert(name, Anchored::Open);
        }
        frames.push(Frame { open, anchor, height: 0, before, at });
        Ok(())
    }

    fn close(&mut self, frame: Frame<'a>) -> Result<Node, Error> {
        let value = match frame.open {
            Open::Sequence(items) => Value::Array(items),
            Open::Mapping(mapping) => Value::Object(mapping.into_map()),
        };
        let content = Content::Collection(value);
        let node = Node { content, height: frame.height + 1, at: frame.at, aliased: false };
        self.remember(frame.anchor, &node, frame.before)?;
        Ok(node)
    }

    fn scalar(&mut self, text: Text<'a>, at: Mark) -> Result<Node, Error> {
        let before = self.spent;
        self.spend(text.value.len(), at)?;
        let content = if text.value == "<<" && (text.implicit || text.tag == Tag::Merge) {
            Content::Merge
        } else {
            let scalar = Scalar::resolve(text.value, text.implicit, text.tag);
            Content::Scalar(scalar.unwrap_or_else(|unfit| {
                self.note(Pass::Meaning, Error::new(at, unfit.message, &unfit.go));
                Scalar::Null
            }))
        };
        let node = Node { content, height: 0, at, aliased: false };
        self.remember(text.anchor, &node, before)?;
        Ok(node)
    }

    fn alias(&mut self, name: &'a str, depth: usize, at: Mark) -> Result<Node, Error> {
        let null = Node { content: Content::Scalar(Scalar::Null), height: 0, at, aliased: true };
        let (node, cost) = match self.anchors.get(name) {
            None => {
                let message =
                    "this alias names no anchor before it: define it with `&name` first, or quote the value";
                return Err(Error::new(at, message, &format!("unknown anchor '{name}' referenced")));
            }
            Some(Anchored::Open) => {
                let message = "this alias stands inside the value that it names: write the value out";
                let error = Error::new(at, message, &format!("anchor '{name}' value contains itself"));
                self.note(Pass::Meaning, error);
                return Ok(null);
            }
            Some(Anchored::Known { node, .. }) if depth + node.height > MAX_DEPTH => {
                return Err(too_deep(at));
            }
            Some(Anchored::Known { node, cost }) => (node, *cost),
        };
        copy(&mut self.copied, cost, at)?;
        let node = Node { at, aliased: true, ..node.clone() };
        self.spent.nodes += cost.nodes;
        self.spent.bytes += cost.bytes;
        self.spend(0, at)?;
        Ok(node)
    }

    /// Keeps an anchored node for its aliases. The copy is charged before it is made.
    fn remember(&mut self, anchor: Option<&'a str>, node: &Node, before: Cost) -> Result<(), Error> {
        let Some(name) = anchor else { return Ok(()) };
        let cost = Cost { nodes: self.spent.nodes - before.nodes, bytes: self.spent.bytes - before.bytes };
        copy(&mut self.copied, cost, node.at)?;
        self.anchors.insert(name, Anchored::Known { node: node.clone(), cost });
        Ok(())
    }

    fn spend(&mut self, bytes: usize, at: Mark) -> Result<(), Error> {
        self.spent.nodes += 1;
        self.spent.bytes += bytes;
        if self.spent.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values: split the file");
            return Err(Error::new(at, message, "document is too large"));
        }
        Ok(())
    }

    /// Puts a finished node into the innermost open collection.
    fn attach(&mut self, frames: &mut [Frame<'a>], node: Node) {
        let (frame, around) = frames.split_last_mut().expect("the caller saw an open collection");
        frame.height = frame.height.max(node.height);
        match &mut frame.open {
            Open::Sequence(items) => items.push(self.value_of(node)),
            Open::Mapping(mapping) => self.attach_to(mapping, around, node),
        }
    }

    fn value_of(&mut self, node: Node) -> Value {
        match node.content {
            Content::Collection(value) => value,
            Content::Merge => Value::from("<<"),
            Content::Scalar(scalar) => scalar.into_value().unwrap_or_else(|float| {
                let message = "Kubernetes has no infinite numbers and no NaN: put the value in quotes to make it a string";
                let name = if float.is_nan() { "NaN" } else if float > 0.0 { "+Inf" } else { "-Inf" };
                self.note(Pass::Numbers, Error::of(node.at, message, format!("json: unsupported value: {name}")));
                Value::Null
            }),
        }
    }
}

fn copy(copied: &mut Cost, cost: Cost, at: Mark) -> Result<(), Error> {
    copied.nodes += cost.nodes;
    copied.bytes += cost.bytes;
    if copied.nodes > MAX_COPIED_NODES || copied.bytes > MAX_COPIED_BYTES {
        let message = "anchors and aliases expand to too much: write the values out or use fewer aliases";
        return Err(Error::new(at, message, "document contains excessive aliasing"));
    }
    Ok(())
}

pub(super) fn too_deep(at: Mark) -> Error {
    let message = format!("nested deeper than {MAX_DEPTH} levels: flatten the document");
    Error::new(at, message, &format!("exceeded max depth of {MAX_DEPTH}"))
}

/// The text without its byte order mark, if it is one that can be read.
pub(super) fn checked(text: &str) -> Result<&str, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_TEXT {
        let (has, most) = (text.len() >> 20, MAX_TEXT >> 20);
        let message = format!("the text has {has} MiB, at most {most} MiB are read: split it");
        return Err(Error::new(Mark::default(), message, "document is too large"));
    }
    match forbidden(text) {
        Some(at) => Err(Error::control_character(text, at)),
        None => Ok(text),
    }
}

/// The byte at which the first character stands that YAML 1.1 allows in escapes only.
fn forbidden(text: &str) -> Option<usize> {
    let common = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let rest = text.bytes().position(|byte| !common(&byte))?;
    let rest = text.floor_char_boundary(rest);
    let is_forbidden = |char: char| !matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    text[rest..].find(is_forbidden).map(|at| rest + at)
}
