//! Events of the parser to values, with budgets.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use super::scalar::{Scalar, Tag};
use super::{Document, DuplicateKey, Error, number};

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

/// The value of a text that is one JSON document within the limits; `None` leaves it to the YAML reader, also for its error.
pub(super) fn json(text: &str) -> Option<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_TEXT || !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let mut value = serde_json::from_str(text).ok()?;
    normalise(&mut value, MAX_DEPTH).then_some(value)
}

/// Integral floats to integers; false when the nesting is deeper than `depth`.
fn normalise(value: &mut Value, depth: usize) -> bool {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && let Some(normal) = number::from_float(float)
            {
                *value = normal;
            }
            true
        }
        Value::Array(items) => depth > 0 && items.iter_mut().all(|item| normalise(item, depth - 1)),
        Value::Object(map) => depth > 0 && map.values_mut().all(|item| normalise(item, depth - 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// Why a text could not be read.
pub(super) enum Fault {
    /// The parser refused it.
    Scan(ScanError),
    /// We did.
    Text(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Text(error)
    }
}

/// The documents of one text, read one at a time.
pub(super) struct Stream<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Anchored>,
    spent: Cost,
    copied: Cost,
    duplicates: Vec<DuplicateKey>,
}

/// What values cost in memory, roughly.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
}

struct Anchored {
    node: Node,
    cost: Cost,
}

/// A finished value on its way into its parent.
#[derive(Clone)]
struct Node {
    content: Content,
    /// Levels of nesting below it.
    height: usize,
}

#[derive(Clone)]
enum Content {
    Scalar(Scalar),
    /// The plain `<<`, a merge as a key and a string as a value.
    Merge,
    Collection(Value),
}

/// A collection whose end is still to come.
struct Frame {
    open: Open,
    anchor: usize,
    height: usize,
    before: Cost,
}

enum Open {
    Sequence(Vec<Value>),
    Mapping { map: Map<String, Value>, merged: BTreeSet<String>, key: Option<Key> },
}

enum Key {
    Name(String),
    Merge,
}

impl<'a> Stream<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            let message = format!(
                "the text has {} MiB, at most {} MiB are read: split it",
                text.len() >> 20,
                MAX_TEXT >> 20
            );
            return Err(Error { line: 1, column: 1, message });
        }
        if let Some(at) = text.find(is_forbidden) {
            return Err(Error::control_character(text, at));
        }
        let parser = Parser::new_from_str(text);
        Ok(Self {
            text,
            parser,
            anchors: BTreeMap::new(),
            spent: Cost::default(),
            copied: Cost::default(),
            duplicates: Vec::new(),
        })
    }

    pub(super) fn into_duplicates(self) -> Vec<DuplicateKey> {
        self.duplicates
    }

    /// The next document, `Null` for an empty one; `None` at the end.
    pub(super) fn next_document(&mut self) -> Result<Option<Document>, Fault> {
        self.anchors.clear();
        let mut frames: Vec<Frame> = Vec::new();
        let mut root: Option<Content> = None;
        let mut line = 0;
        while let Some((event, span)) = self.next_event()? {
            let content = !matches!(event, Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd);
            if content && line == 0 {
                line = span.start.line();
            }
            let finished = match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => None,
                Event::DocumentEnd => {
                    let Some(content) = root else { continue };
                    let value = self.value_of(content, span.start)?;
                    return Ok(Some(Document { value, line }));
                }
                Event::SequenceStart(anchor, _) => {
                    self.open(&mut frames, Open::Sequence(Vec::new()), anchor, span.start)?;
                    None
                }
                Event::MappingStart(anchor, _) => {
                    let open = Open::Mapping { map: Map::new(), merged: BTreeSet::new(), key: None };
                    self.open(&mut frames, open, anchor, span.start)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let frame = frames.pop().expect("the parser ends only what it started");
                    Some(self.close(frame, span.start)?)
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let tag =
                        tag.map_or(Tag::None, |tag| Tag::from_full(&format!("{}{}", tag.handle, tag.suffix)));
                    let text =
                        if self.ends_open(&text, style, span) { &text[..text.len() - 1] } else { &*text };
                    Some(self.scalar(text, style, anchor, tag, span.start)?)
                }
                Event::Alias(anchor) => Some(self.alias(anchor, frames.len(), span.start)?),
            };
            let Some(node) = finished else { continue };
            match frames.last_mut() {
                Some(_) => self.attach(&mut frames, node, span)?,
                None => root = Some(node.content),
            }
        }
        Ok(None)
    }

    fn next_event(&mut self) -> Result<Option<(Event<'a>, Span)>, Fault> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(Fault::Scan(error)),
        }
    }

    /// Whether `scalar` is a block text that the end of the input cuts off in the middle of a line: go-yaml adds no line break there, the
    /// parser does. The span of a block text starts at its first content, so in the column of its indentation; without content it starts at
    /// the indicator, and the parser adds a break only for a single line of blanks.
    fn ends_open(&self, scalar: &str, style: ScalarStyle, span: Span) -> bool {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if !block || self.text.ends_with(['\n', '\r']) || !scalar.ends_with('\n') {
            return false;
        }
        if scalar.bytes().all(|byte| byte == b'\n') {
            return span.end.line() == span.start.line() + 1;
        }
        span.end.col() >= span.start.col().max(1)
    }

    fn open(&mut self, frames: &mut Vec<Frame>, open: Open, anchor: usize, at: Marker) -> Result<(), Error> {
        if let Some(Frame { open: Open::Mapping { key: None, .. }, .. }) = frames.last() {
            return Err(Error::complex_key(at, self.text));
        }
        if frames.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        let before = self.spent;
        self.spend(0, at)?;
        frames.push(Frame { open, anchor, height: 0, before });
        Ok(())
    }

    fn close(&mut self, frame: Frame, at: Marker) -> Result<Node, Error> {
        let value = match frame.open {
            Open::Sequence(items) => Value::Array(items),
            Open::Mapping { map, .. } => Value::Object(map),
        };
        let node = Node { content: Content::Collection(value), height: frame.height + 1 };
        self.remember(frame.anchor, &node, frame.before, at)?;
        Ok(node)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Tag,
        at: Marker,
    ) -> Result<Node, Error> {
        let before = self.spent;
        self.spend(text.len(), at)?;
        let plain = style == ScalarStyle::Plain;
        let content = if text == "<<" && plain && matches!(tag, Tag::None | Tag::Other) {
            Content::Merge
        } else {
            Content::Scalar(Scalar::resolve(text, plain, tag).map_err(|message| Error::at(at, message))?)
        };
        let node = Node { content, height: 0 };
        self.remember(anchor, &node, before, at)?;
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, depth: usize, at: Marker) -> Result<Node, Error> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Error::at(
                at,
                "this alias stands inside the value that it names: write the value out",
            ));
        };
        if depth + anchored.node.height > MAX_DEPTH {
            return Err(too_deep(at));
        }
        let (node, cost) = (anchored.node.clone(), anchored.cost);
        self.copy(cost, at)?;
        self.spent.nodes += cost.nodes;
        self.spent.bytes += cost.bytes;
        self.spend(0, at)?;
        Ok(node)
    }

    /// Keeps an anchored node for its aliases. The copy is charged before it is made.
    fn remember(&mut self, anchor: usize, node: &Node, before: Cost, at: Marker) -> Result<(), Error> {
        if anchor == 0 {
            return Ok(());
        }
        let cost = Cost { nodes: self.spent.nodes - before.nodes, bytes: self.spent.bytes - before.bytes };
        self.copy(cost, at)?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), cost });
        Ok(())
    }

    fn spend(&mut self, bytes: usize, at: Marker) -> Result<(), Error> {
        self.spent.nodes += 1;
        self.spent.bytes += bytes;
        if self.spent.nodes > MAX_NODES {
            return Err(Error::at(at, format!("more than {MAX_NODES} values: split the file")));
        }
        Ok(())
    }

    fn copy(&mut self, cost: Cost, at: Marker) -> Result<(), Error> {
        self.copied.nodes += cost.nodes;
        self.copied.bytes += cost.bytes;
        if self.copied.nodes > MAX_COPIED_NODES || self.copied.bytes > MAX_COPIED_BYTES {
            return Err(Error::at(
                at,
                "anchors and aliases expand to too much: write the values out or use fewer aliases",
            ));
        }
        Ok(())
    }

    /// Puts a finished node into the innermost open collection.
    fn attach(&mut self, frames: &mut [Frame], node: Node, span: Span) -> Result<(), Error> {
        let at = span.start;
        let frame = frames.last_mut().expect("the caller saw an open collection");
        frame.height = frame.height.max(node.height);
        let (map, merged, key) = match &mut frame.open {
            Open::Sequence(items) => {
                items.push(self.value_of(node.content, at)?);
                return Ok(());
            }
            Open::Mapping { map, merged, key } => (map, merged, key),
        };
        match key.take() {
            None => {
                let name = match node.content {
                    Content::Merge => Key::Merge,
                    Content::Scalar(scalar) => Key::Name(scalar.into_key().ok_or_else(|| bad_key(at))?),
                    Content::Collection(_) => return Err(Error::complex_key(at, self.text)),
                };
                let repeated = match &name {
                    Key::Name(name) if map.contains_key(name) && !merged.contains(name) => Some(name.clone()),
                    Key::Name(_) | Key::Merge => None,
                };
                *key = Some(name);
                if let Some(name) = repeated {
                    self.report_duplicate(frames, &name, at);
                }
            }
            Some(Key::Name(name)) => {
                merged.remove(&name);
                map.insert(name, self.value_of(node.content, at)?);
            }
            Some(Key::Merge) => merge(map, merged, node.content).map_err(|()| bad_merge(at))?,
        }
        Ok(())
    }

    fn value_of(&self, content: Content, at: Marker) -> Result<Value, Error> {
        match content {
            Content::Collection(value) => Ok(value),
            Content::Merge => Ok(Value::from("<<")),
            Content::Scalar(scalar) => scalar
                .into_value()
                .ok_or_else(|| Error::at(at, "Kubernetes has no infinite numbers and no NaN: put the value in quotes to make it a string")),
        }
    }

    fn report_duplicate(&mut self, frames: &[Frame], name: &str, at: Marker) {
        if self.duplicates.len() >= MAX_DUPLICATES {
            return;
        }
        let mut path = String::new();
        for frame in &frames[..frames.len() - 1] {
            match &frame.open {
                Open::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
                Open::Mapping { key: Some(Key::Name(key)), .. } => push_key(&mut path, key),
                Open::Mapping { .. } => push_key(&mut path, "<<"),
            }
        }
        push_key(&mut path, name);
        self.duplicates.push(DuplicateKey { line: at.line(), column: at.col() + 1, path });
    }
}

/// Characters that YAML 1.1 allows in escapes only.
fn is_forbidden(char: char) -> bool {
    !matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    match (plain, path.is_empty()) {
        (true, true) => path.push_str(key),
        (true, false) => path.push_str(&format!(".{key}")),
        (false, _) => path.push_str(&format!("[{key:?}]")),
    }
}

/// `<<` at its place: what stands there already is overridden, what follows overrides; of a list the earlier mapping wins. As go-yaml v2.
fn merge(map: &mut Map<String, Value>, merged: &mut BTreeSet<String>, content: Content) -> Result<(), ()> {
    let Content::Collection(value) = content else { return Err(()) };
    let sources = match value {
        Value::Object(source) => vec![source],
        Value::Array(items) => items
            .into_iter()
            .rev()
            .map(|item| match item {
                Value::Object(source) => Ok(source),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Err(())
                }
            })
            .collect::<Result<_, ()>>()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(()),
    };
    for (key, value) in sources.into_iter().flatten() {
        merged.insert(key.clone());
        map.insert(key, value);
    }
    Ok(())
}

fn too_deep(at: Marker) -> Error {
    Error::at(at, format!("nested deeper than {MAX_DEPTH} levels: flatten the document"))
}

fn bad_key(at: Marker) -> Error {
    Error::at(
        at,
        "a key must be a string, a number or a boolean: put it in quotes, or write the key that is missing before `:`",
    )
}

fn bad_merge(at: Marker) -> Error {
    Error::at(
        at,
        "`<<` merges a mapping or a list of mappings: give it one, e.g. `<<: *defaults`, or write '<<' in quotes for a plain key",
    )
}
