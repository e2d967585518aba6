//! What the Applications of one template share, kept once: each is then the strings in which it differs.
//!
//! A tree of values takes ten times the memory of its text, and making it is most of what rendering costs. So an Application keeps what its
//! templates gave, and is made whole when somebody looks at it ([`crate::Generated::object`]).
//!
//! Invariants: a frame has no templates in its keys; what fills it is rendered in the order in which the tree would be, since Go templates see
//! what earlier ones have `set`.

use crate::Problem;
use crate::engine::{Bound, Engine, Field, in_walk};
use crate::render::TEMPLATE;
use crate::shape::leaves_out;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The fixed parts of a template, and its places.
#[derive(Debug)]
pub(crate) struct Frame {
    fields: Vec<Field>,
    /// The places whose field is left out when it is empty.
    optional: Vec<usize>,
    skeleton: Skeleton,
    /// The same as JSON text.
    json: Vec<Piece>,
}

#[derive(Debug)]
enum Skeleton {
    Fixed(Value),
    Place(usize),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

#[derive(Debug)]
enum Piece {
    Raw(String),
    Place(usize),
}

/// What fills a frame. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    frame: Arc<Frame>,
    /// All strings, one after the other.
    text: Arc<str>,
    /// Where each ends.
    ends: Arc<[u32]>,
}

impl Frame {
    /// Compiles `value`; none when a key is a template.
    pub(crate) fn of(engine: &Engine, path: &str, value: &Value) -> Result<Option<Self>, Problem> {
        let mut frame = Self {
            fields: Vec::new(),
            optional: Vec::new(),
            skeleton: Skeleton::Fixed(Value::Null),
            json: Vec::new(),
        };
        let Some(skeleton) = frame.skeleton(engine, path, value)? else { return Ok(None) };
        write_json(&skeleton, &mut frame.json);
        frame.skeleton = skeleton;
        Ok(Some(frame))
    }

    fn skeleton(&mut self, engine: &Engine, path: &str, value: &Value) -> Result<Option<Skeleton>, Problem> {
        Ok(Some(match value {
            Value::String(text) => {
                let field = engine.field(path, text)?;
                if field.fixed().is_some() {
                    return Ok(Some(Skeleton::Fixed(value.clone())));
                }
                let place = self.fields.len();
                self.fields.push(field);
                if path.strip_prefix(TEMPLATE).is_some_and(|path| leaves_out(path.trim_start_matches('.'))) {
                    self.optional.push(place);
                }
                Skeleton::Place(place)
            }
            Value::Array(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let Some(part) = self.skeleton(engine, &format!("{path}[{index}]"), item)? else {
                        return Ok(None);
                    };
                    parts.push(part);
                }
                if parts.iter().all(Skeleton::is_fixed) {
                    Skeleton::Fixed(value.clone())
                } else {
                    Skeleton::Array(parts)
                }
            }
            Value::Object(fields) => {
                let mut parts = Vec::with_capacity(fields.len());
                for (key, item) in in_walk(path, fields) {
                    let path = format!("{path}.{key}");
                    if engine.field(&path, key)?.fixed().is_none() {
                        return Ok(None);
                    }
                    let Some(part) = self.skeleton(engine, &path, item)? else { return Ok(None) };
                    parts.push((key.clone(), part));
                }
                parts.sort_by(|(a, _), (b, _)| a.cmp(b));
                if parts.iter().all(|(_, part)| part.is_fixed()) {
                    Skeleton::Fixed(value.clone())
                } else {
                    Skeleton::Object(parts)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Skeleton::Fixed(value.clone()),
        }))
    }

    /// Renders what fills the frame.
    pub(crate) fn fill(frame: &Arc<Self>, engine: &Engine, bound: &Bound<'_>) -> Result<Filled, Problem> {
        let mut text = String::with_capacity(1024);
        let mut ends = Vec::with_capacity(frame.fields.len());
        for field in &frame.fields {
            engine.append(field, bound, &mut text)?;
            // A template's output is limited to far less than 4 GiB, and so is their sum for any that is written by hand.
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        // A copy of the right size, since what grew may be twice as large as what it holds.
        let (text, ends) = (Arc::from(text.as_str()), Arc::from(ends.as_slice()));
        Ok(Filled { frame: Arc::clone(frame), text, ends })
    }
}

impl Skeleton {
    fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

fn write_json(skeleton: &Skeleton, pieces: &mut Vec<Piece>) {
    fn raw(pieces: &mut Vec<Piece>, text: &str) {
        if let Some(Piece::Raw(last)) = pieces.last_mut() {
            last.push_str(text);
        } else {
            pieces.push(Piece::Raw(text.to_owned()));
        }
    }
    match skeleton {
        Skeleton::Fixed(value) => raw(pieces, &value.to_string()),
        Skeleton::Place(place) => pieces.push(Piece::Place(*place)),
        Skeleton::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                raw(pieces, if index == 0 { "[" } else { "," });
                write_json(item, pieces);
            }
            raw(pieces, "]");
        }
        Skeleton::Object(fields) => {
            for (index, (key, item)) in fields.iter().enumerate() {
                raw(pieces, if index == 0 { "{" } else { "," });
                raw(pieces, &Value::from(key.as_str()).to_string());
                raw(pieces, ":");
                write_json(item, pieces);
            }
            raw(pieces, "}");
        }
    }
}

impl Filled {
    fn place(&self, place: usize) -> &str {
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        &self.text[from..self.ends[place] as usize]
    }

    /// Whether a field is empty that is left out when it is.
    pub(crate) fn has_gap(&self) -> bool {
        self.frame.optional.iter().any(|place| self.place(*place).is_empty())
    }

    /// The string at a path of keys; empty when there is none.
    pub(crate) fn text(&self, path: &[&str]) -> &str {
        let mut at = &self.frame.skeleton;
        let mut path = path.iter();
        while let Some(key) = path.next() {
            at = match at {
                Skeleton::Object(fields) => match fields.iter().find(|(known, _)| known == key) {
                    Some((_, part)) => part,
                    None => return "",
                },
                Skeleton::Fixed(value) => {
                    let found = path.try_fold(value.get(key), |value, key| Some(value?.get(key)));
                    return found.flatten().and_then(Value::as_str).unwrap_or_default();
                }
                Skeleton::Place(_) | Skeleton::Array(_) => return "",
            };
        }
        match at {
            Skeleton::Place(place) => self.place(*place),
            Skeleton::Fixed(value) => value.as_str().unwrap_or_default(),
            Skeleton::Array(_) | Skeleton::Object(_) => "",
        }
    }

    /// The whole.
    pub(crate) fn value(&self) -> Value {
        self.part(&self.frame.skeleton)
    }

    fn part(&self, skeleton: &Skeleton) -> Value {
        match skeleton {
            Skeleton::Fixed(value) => value.clone(),
            Skeleton::Place(place) => Value::from(self.place(*place)),
            Skeleton::Array(items) => items.iter().map(|item| self.part(item)).collect(),
            Skeleton::Object(fields) => {
                let entries = fields.iter().map(|(key, part)| (key.clone(), self.part(part)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// The whole as JSON text.
    pub(crate) fn json(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 1024);
        for piece in &self.frame.json {
            match piece {
                Piece::Raw(text) => out.push_str(text),
                Piece::Place(place) => {
                    let text = serde_json::to_string(self.place(*place));
                    out.push_str(&text.expect("a string is always JSON"));
                }
            }
        }
        out
    }

    /// What it takes in memory beside the frame, with what an allocator adds.
    pub(crate) fn bytes(&self) -> usize {
        const ALLOCATION: usize = 16 + 2 * size_of::<usize>();
        self.text.len() + size_of_val(&*self.ends) + 2 * ALLOCATION
    }
}
