//! A span that has ended.

use crate::ids::{Context, SpanId, TraceId};
use jiff::Timestamp;

/// A span: it is known how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// What it is a part of; `None` at the top of a trace.
    pub parent: Option<SpanId>,
    /// Short, and the same for all of its kind as far as people look for it: `wave canary`.
    pub name: String,
    /// Its place in a conversation.
    pub kind: Kind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; never before `start`.
    pub end: Timestamp,
    /// What else there is to know.
    pub attributes: Vec<(&'static str, Value)>,
    /// What happened meanwhile.
    pub events: Vec<Event>,
    /// What it has to do with in other traces.
    pub links: Vec<Link>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// What a span is in a conversation (OTLP's `SpanKind`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Work of its own.
    #[default]
    Internal,
    /// It asks another system.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, for people.
    pub name: String,
    /// More of it.
    pub attributes: Vec<(&'static str, Value)>,
}

/// A span of another trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub span: SpanId,
}

impl Span {
    /// A span without anything else to know. An end before the start becomes the start.
    pub fn new(
        (trace, id): (TraceId, SpanId),
        parent: Option<SpanId>,
        name: impl Into<String>,
        (start, end): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            trace,
            id,
            parent,
            name: name.into(),
            kind: Kind::Internal,
            start,
            end: end.max(start),
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            failed: None,
        }
    }

    /// With an attribute. An empty text is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if value != Value::Text(String::new()) {
            self.attributes.push((name, value));
        }
        self
    }

    /// The context of what is below it.
    pub const fn context(&self, sampled: bool) -> Context {
        Context { trace: self.trace, span: self.id, sampled }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}
