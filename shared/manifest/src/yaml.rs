//! YAML and JSON text to values and back, as Kubernetes users meet it.
//!
//! Decides what a text means: the semantics are those of `sigs.k8s.io/yaml` 1.6 (go-yaml v2.4, so YAML 1.1 as libyaml reads it), because that
//! is what kubectl, Helm and Argo CD read manifests and values with. `yes`, `on` and `y` are booleans, also as keys (`on:` becomes
//! `"true"`); `0644` is octal, `08` is 8, `1_000` is 1000; an integer beyond 64 bits is a float; unknown tags are ignored; of duplicate
//! keys the last wins ([`duplicate_keys`] names them); `<<` merges at its place, so what stands after it overrides it. What is written has
//! go-yaml's order of keys, quotes, block scalars and folded lines, byte for byte.
//!
//! Flow of reading: `scan` makes tokens of characters, `parse` events of tokens, `compose` values of events, `scalar` the meaning of one
//! scalar; `json` takes what is JSON as a whole, `lines` what can be read without tokens. Of writing: `emit`, which asks `scalar` what needs quotes.
//!
//! Invariants: no text makes it panic, recurse without bound or take time out of proportion (reading is one pass, and there are budgets
//! for depth, nodes and what aliases expand to); what [`parse`] accepts, `serde_json` can read again from JSON text; `parse(&to_string(v))`
//! is `v`, with integral floats as integers.
//!
//! Refuses to know: files, Kubernetes kinds, templates. Comments and key order are not kept.
//!
//! # Why
//! The grammar is our own, since go-yaml's is YAML 1.1 and the parsers at hand are for 1.2, which differ in tabs, indentation within
//! brackets, `:` within flow collections and in every error. An [`Error`] has two texts: ours, with the remedy, and go-yaml's
//! ([`Error::go_text`]) for templates, whose users know it.
//!
//! Deliberate differences from Go, each towards reading what was meant, and each among the vectors: `%YAML 1.2` is accepted; JSON is read
//! as JSON, with control characters and escapes that YAML does not have, the last also where it stands within YAML; a key that is
//! the string `<<` is quoted, and characters are written that Go loses or refuses on the way through JSON.

mod compose;
mod emit;
mod error;
mod go;
mod json;
mod lines;
mod number;
mod parse;
mod places;
mod scalar;
mod scan;
#[cfg(test)]
mod tests;
mod timestamp;

use serde_json::Value;

pub use self::emit::{to_string, to_string_within};
pub use self::error::Error;
pub use self::places::{Places, places};

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says; numbers are integers wherever they are integral and fit 64 bits.
    pub value: Value,
    /// Where its content starts: 1-based line in the text.
    pub line: usize,
}

/// A key that repeats within one mapping; Kubernetes' readers keep the last without a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: `{path}` is set again here and this one wins; keep one of them")]
pub struct DuplicateKey {
    /// 1-based line of the repetition.
    pub line: usize,
    /// 1-based column of the repetition, in characters.
    pub column: usize,
    /// Where, as `spec.template.metadata.name` or `items[2].name`.
    pub path: String,
}

/// Reads the first document of `text`, YAML or JSON; an empty text is `Null`. What follows the first document is not looked at,
/// as in `sigs.k8s.io/yaml`.
///
/// # Errors
/// Text that is no YAML, keys that are mappings or null, infinities, and texts over the limits, with line and remedy.
pub fn parse(text: &str) -> Result<Value, Error> {
    if let Some(value) = json::read(text).or_else(|| lines::read(text)) {
        return Ok(value);
    }
    by_grammar(text)
}

/// As [`parse`], whatever shorter way there may be.
fn by_grammar(text: &str) -> Result<Value, Error> {
    let document = compose::Stream::new(text)?.next_document()?;
    Ok(document.map_or(Value::Null, |document| document.value))
}

/// Reads every document of `text`. Documents without content (only comments, `null`) are left out.
///
/// # Errors
/// As [`parse`], for the first document that is wrong: a stream that cannot be read to its end is not read at all.
pub fn parse_all(text: &str) -> Result<Vec<Document>, Error> {
    if let Some(value) = json::read(text) {
        let line = 1 + text.chars().take_while(|c| c.is_whitespace()).filter(|c| *c == '\n').count();
        return Ok(vec![Document { value, line }]);
    }
    let mut stream = compose::Stream::new(text)?;
    let mut documents = Vec::new();
    while let Some(document) = stream.next_document()? {
        if !document.value.is_null() {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// The keys that repeat in any document of `text`, in order of their place; at most 100. Keys that a merge (`<<`) brings in do not count.
///
/// # Errors
/// As [`parse_all`].
pub fn duplicate_keys(text: &str) -> Result<Vec<DuplicateKey>, Error> {
    let mut stream = compose::Stream::new(text)?;
    while stream.next_document()?.is_some() {}
    Ok(stream.into_duplicates())
}

/// A number in the form JSON texts carry it in: integers wherever it is integral and fits 64 bits.
pub(crate) fn json_number(number: &serde_json::Number) -> serde_json::Number {
    match number.as_f64().filter(|_| number.is_f64()).and_then(number::from_float) {
        Some(Value::Number(normal)) => normal,
        _ => number.clone(),
    }
}
