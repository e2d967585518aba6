//! JSON in and out as `encoding/json` does it: keys sorted, `<`, `>` and `&` escaped, floats in full.

mod read;

use super::text::{any, bytes};
use std::fmt::Write as _;

use super::{Answer, Fail, Row};
use crate::error::Exceeded;
use crate::go::Scope;
use crate::number::format_json;
use crate::{Object, Value};

/// How deep values may nest.
const MAX_DEPTH: usize = 200;

pub(super) const TABLE: &[Row] = &[
    ("fromJson", "s", |scope, a| parse(scope, a).or_else(|fail| lenient(fail, Value::Nil))),
    ("mustFromJson", "s", parse),
    ("mustToJson", "a", |scope, a| write(scope, any(a, 0), Style::Compact)),
    ("mustToPrettyJson", "a", |scope, a| write(scope, any(a, 0), Style::Pretty)),
    ("mustToRawJson", "a", |scope, a| write(scope, any(a, 0), Style::Raw)),
    ("toJson", "a", |scope, a| {
        write(scope, any(a, 0), Style::Compact).or_else(|fail| lenient(fail, Value::from("")))
    }),
    ("toPrettyJson", "a", |scope, a| {
        write(scope, any(a, 0), Style::Pretty).or_else(|fail| lenient(fail, Value::from("")))
    }),
    ("toRawJson", "a", |scope, a| write(scope, any(a, 0), Style::Raw)),
];

/// Functions without `must` swallow what is wrong with the data, but not a limit.
fn lenient(fail: Fail, instead: Value) -> Answer {
    if matches!(fail, Fail::Message(_)) { Ok(instead) } else { Err(fail) }
}

pub(super) fn parse(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    read::read(scope, bytes(arguments, 0))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Compact,
    Pretty,
    /// Without HTML's escapes.
    Raw,
}

fn write(scope: &mut Scope<'_>, value: &Value, style: Style) -> Answer {
    let mut writer = Writer { scope, out: String::new(), style };
    writer.value(value, 0)?;
    Ok(writer.out.into())
}

struct Writer<'a, 't> {
    scope: &'a mut Scope<'t>,
    out: String,
    style: Style,
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) -> Result<(), Fail> {
        self.scope.charge(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Fail> {
        self.scope.step()?;
        if depth > MAX_DEPTH {
            return Err(Exceeded::Depth(MAX_DEPTH).into());
        }
        match value {
            Value::Missing | Value::Nil => self.push("null"),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(number) | Value::Int64(number) => self.push(&number.to_string()),
            Value::Byte(number) => self.push(&number.to_string()),
            Value::Float(number) if !number.is_finite() => Err(Fail::from(format!(
                "json: unsupported value: {}",
                crate::number::format_shortest(*number)
            ))),
            Value::Float(number) => self.push(&format_json(*number)),
            Value::Str(text) => self.text(text.as_bytes()),
            Value::List(list) if list.is_nil() => self.push("null"),
            Value::List(list) => {
                let items = super::text::items(self.scope, list)?;
                self.all(b"[]", &items, depth, |writer, item| writer.value(item, depth + 1))?;
                self.scope.release(size_of_val(items.as_slice()));
                Ok(())
            }
            Value::Map(map) => {
                self.scope.steps(map.len())?;
                let entries = map.entries();
                let colon = if self.style == Style::Pretty { ": " } else { ":" };
                self.all(b"{}", &entries, depth, |writer, (key, item)| {
                    writer.text(key.as_bytes())?;
                    writer.push(colon)?;
                    writer.value(item, depth + 1)
                })
            }
            Value::Object(object) => self.object(object.as_ref(), depth),
        }
    }

    fn object(&mut self, object: &dyn Object, depth: usize) -> Result<(), Fail> {
        match object.fields().filter(|fields| fields.printed) {
            Some(fields) => {
                let colon = if self.style == Style::Pretty { ": " } else { ":" };
                self.all(b"{}", &fields.values, depth, |writer, (name, value)| {
                    writer.text(name.as_bytes())?;
                    writer.push(colon)?;
                    writer.value(value, depth + 1)
                })
            }
            None => {
                let shown = object.json()?;
                self.value(&shown, depth + 1)
            }
        }
    }

    fn all<T>(
        &mut self,
        brackets: &[u8; 2],
        items: &[T],
        depth: usize,
        write: impl Fn(&mut Self, &T) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        let [open, close] = brackets.map(char::from);
        self.push(open.encode_utf8(&mut [0; 4]))?;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(",")?;
            }
            self.line(depth + 1)?;
            write(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth)?;
        }
        self.push(close.encode_utf8(&mut [0; 4]))
    }

    fn line(&mut self, depth: usize) -> Result<(), Fail> {
        if self.style == Style::Pretty { self.push(&format!("\n{}", "  ".repeat(depth))) } else { Ok(()) }
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Fail> {
        self.scope.charge(text.len().saturating_mul(2))?;
        self.out.push('"');
        for chunk in text.utf8_chunks() {
            self.characters(chunk.valid());
            chunk.invalid().iter().for_each(|_| self.out.push_str("\\ufffd"));
        }
        self.out.push('"');
        Ok(())
    }

    fn characters(&mut self, text: &str) {
        let raw = self.style == Style::Raw;
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let escape = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '<' if !raw => "\\u003c",
                '>' if !raw => "\\u003e",
                '&' if !raw => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                '\0'..='\x1f' => {
                    self.out.push_str(&text[plain..at]);
                    plain = at + 1;
                    write!(self.out, "\\u{:04x}", u32::from(character)).expect("writing to a String");
                    continue;
                }
                _ => continue,
            };
            self.out.push_str(&text[plain..at]);
            self.out.push_str(escape);
            plain = at + character.len_utf8();
        }
        self.out.push_str(&text[plain..]);
    }
}

/// The JSON that Go's packages hand on to one another.
pub(super) fn compact(scope: &mut Scope<'_>, value: &Value) -> Result<String, Fail> {
    let mut writer = Writer { scope, out: String::new(), style: Style::Compact };
    writer.value(value, 0)?;
    Ok(writer.out)
}
