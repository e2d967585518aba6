//! Ids of traces and spans, and how they travel: W3C `traceparent`.

use shared_model::Digest;
use std::{fmt, str::FromStr};

/// The id of a trace; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span in its trace; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// Where a span belongs: what an assignment carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span that others are below.
    pub span: SpanId,
    /// Whether what is below it is kept for sure; else only if it turns out to matter.
    pub sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent: expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
pub struct InvalidContext;

impl TraceId {
    /// The id that stands for this text.
    pub fn of(text: &str) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..16]);
        Self::from_bytes(id).unwrap_or(Self([1; 16]))
    }

    /// `None` for all zero, which the specification forbids.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// The id that stands for this text in a trace.
    pub fn of(trace: TraceId, text: &str) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&Digest::of(format!("{trace}/{text}").as_bytes()).as_bytes()[..8]);
        Self::from_bytes(id).unwrap_or(Self([1; 8]))
    }

    /// `None` for all zero, which the specification forbids.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn bytes(&self) -> [u8; 8] {
        self.0
    }
}

impl FromStr for TraceId {
    type Err = InvalidContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidContext)?;
        Self::from_bytes(bytes).ok_or(InvalidContext)
    }
}

impl FromStr for SpanId {
    type Err = InvalidContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidContext)?;
        Self::from_bytes(bytes).ok_or(InvalidContext)
    }
}

impl FromStr for Context {
    type Err = InvalidContext;

    /// Reads any version but `ff`, as the specification wants it: a later one may add fields at the end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.split('-');
        let mut field = || fields.next().ok_or(InvalidContext);
        let (version, trace, span, flags) = (field()?, field()?, field()?, field()?);
        let is_byte = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let ended = version != "00" || fields.next().is_none();
        if !is_byte(version) || version == "ff" || !is_byte(flags) || !ended {
            return Err(InvalidContext);
        }
        let flags = u8::from_str_radix(flags, 16).map_err(|_| InvalidContext)?;
        Ok(Self { trace: trace.parse()?, span: span.parse()?, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
