//! Texts that can be read line by line, which need no tokens.
//!
//! Most files of configuration are mappings and lists of scalars, each in a line of its own. Those are read here in a fraction of the time.
//! Whatever may mean more (a scalar of several lines, brackets, anchors, tags, escapes, several documents, what is not ASCII) and whatever is
//! wrong is left to the grammar, also for its error.
//!
//! Invariant: what is read here the grammar reads the same. So a rule of YAML that this module does not know must make it give up, not guess.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::scalar::{self, Scalar, Tag};

/// Longer texts might be over the limits of values, which are the grammar's to hold.
const MAX_TEXT: usize = 1 << 20;
/// Deeper ones are rare.
const MAX_DEPTH: usize = 24;
/// Far below the length at which a key is none any more.
const MAX_KEY: usize = 256;

/// The value of a text that can be read line by line.
pub(super) fn read(text: &str) -> Option<Value> {
    if text.len() > MAX_TEXT || !is_printable(text) {
        return None;
    }
    let mut lines = Lines { rest: text.split('\n'), here: None };
    lines.advance();
    // A scalar alone may be a marker of documents.
    lines.here.filter(|line| line.item().is_some() || line.entry().is_some())?;
    let value = lines.node(MAX_DEPTH)?;
    lines.here.is_none().then_some(value)
}

/// Whether there are line feeds and what ASCII prints, nothing else.
fn is_printable(text: &str) -> bool {
    let printable = |byte: &u8| *byte == b'\n' || (b' '..=b'~').contains(byte);
    // In pieces without an early end, which processors take many bytes at a time.
    text.as_bytes().chunks(64).all(|piece| piece.iter().fold(true, |all, byte| all & printable(byte)))
}

/// The lines from here on, without those that are blank or a comment.
struct Lines<'a> {
    rest: std::str::Split<'a, char>,
    here: Option<Line<'a>>,
}

/// What of a line is still to be read.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// The column of its first character.
    indent: usize,
    /// Neither blank nor a comment.
    text: &'a str,
}

impl<'a> Line<'a> {
    /// What stands after the `-` of an item.
    fn item(self) -> Option<&'a str> {
        let rest = self.text.strip_prefix('-')?;
        (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
    }

    /// A plain key that is a string, and what stands after its `:`.
    fn entry(self) -> Option<(&'a str, &'a str)> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
        let end = self.text.bytes().position(|byte| !is_part(byte))?;
        let (name, rest) = self.text.split_at(end);
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let rest = rest.strip_prefix(':').filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
        (starts && name.len() <= MAX_KEY && scalar::plain(name).is_none()).then_some((name, rest))
    }
}

impl<'a> Lines<'a> {
    fn advance(&mut self) {
        self.here = self.rest.by_ref().find_map(|line| {
            let text = line.trim_start_matches(' ');
            let indent = line.len() - text.len();
            (!is_nothing(text)).then_some(Line { indent, text })
        });
    }

    /// The node that starts here.
    fn node(&mut self, depth: usize) -> Option<Value> {
        let (line, depth) = (self.here?, depth.checked_sub(1)?);
        if line.item().is_some() {
            return self.list(line.indent, depth);
        }
        if line.entry().is_some() {
            return self.mapping(line.indent, depth);
        }
        self.advance();
        scalar(line.text)
    }

    /// A list whose `-` stand in this column. A line that is indented further belongs to nothing that is known here.
    fn list(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        while let Some(line) = self.here.filter(|line| line.indent >= indent) {
            if line.indent > indent {
                return None;
            }
            let Some(rest) = line.item() else { break };
            let text = rest.trim_start_matches(' ');
            items.push(if is_nothing(text) {
                self.advance();
                self.below(|below| below.indent > indent, depth)?
            } else {
                self.here = Some(Line { indent: indent + line.text.len() - text.len(), text });
                self.node(depth)?
            });
        }
        Some(Value::Array(items))
    }

    /// A mapping whose keys stand in this column.
    fn mapping(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        while let Some(line) = self.here.filter(|line| line.indent >= indent) {
            let (name, rest) = line.entry().filter(|_| line.indent == indent)?;
            let text = rest.trim_start_matches(' ');
            self.advance();
            let value = if is_nothing(text) {
                // The `-` of a list below a key may stand in its column.
                let is_below = |below: Line<'_>| below.indent + usize::from(below.item().is_some()) > indent;
                self.below(is_below, depth)?
            } else {
                scalar(text)?
            };
            map.insert(name.to_owned(), value);
        }
        Some(Value::Object(map))
    }

    /// The node on the lines below, if they belong to what stands above them.
    fn below(&mut self, is_below: impl Fn(Line<'a>) -> bool, depth: usize) -> Option<Value> {
        if self.here.is_some_and(is_below) { self.node(depth) } else { Some(Value::Null) }
    }
}

/// Whether nothing or a comment is left of a line whose blanks are passed.
fn is_nothing(text: &str) -> bool {
    text.is_empty() || text.starts_with('#')
}

/// A scalar that ends in its line.
fn scalar(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first()?;
    match first {
        b'"' | b'\'' => quoted(first, &text[1..]),
        b'{' | b'[' => match until_comment(text)? {
            "{}" => Some(Value::Object(Map::new())),
            "[]" => Some(Value::Array(Vec::new())),
            _ => None,
        },
        b'-' if text == "-" || text.starts_with("- ") => None,
        b'-' | b'+' | b'.' | b'/' | b'_' | b'~' | b'$' | b'(' => plain(text),
        _ if first.is_ascii_alphanumeric() => plain(text),
        _ => None,
    }
}

fn plain(text: &str) -> Option<Value> {
    let text = until_comment(text)?;
    Scalar::resolve(Cow::Borrowed(text), true, Tag::None).ok()?.into_value().ok()
}

/// What stands before a comment; none when a `:` makes a key of it.
fn until_comment(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b':' && bytes.get(at + 1).is_none_or(|next| *next == b' ') {
            return None;
        }
        if *byte == b'#' && at > 0 && bytes[at - 1] == b' ' {
            end = at;
            break;
        }
    }
    Some(text[..end].trim_end_matches(' '))
}

/// `text` is what stands after the opening quote.
fn quoted(quote: u8, text: &str) -> Option<Value> {
    let (inside, after) = text.split_once(char::from(quote))?;
    let ends = after.is_empty() || after.starts_with(' ') && is_nothing(after.trim_start_matches(' '));
    let is_itself = quote == b'\'' || !inside.contains('\\');
    (ends && is_itself).then(|| Value::from(inside))
}

#[cfg(test)]
mod tests;
