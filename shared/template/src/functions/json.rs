//! JSON in and out as `encoding/json` does it: keys sorted, `<`, `>` and `&` escaped, floats in full.

use super::text::{any, text};
use super::{Answer, Fail, Row};
use crate::Value;
use crate::error::Exceeded;
use crate::go::Scope;
use crate::number::format_json;

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

fn parse(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    scope.charge(source.len().saturating_mul(16))?;
    let json: serde_json::Value =
        serde_json::from_str(&source).map_err(|error| Fail::from(error.to_string()))?;
    Ok(Value::from(json))
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
            Value::Str(text) => self.text(&text.text()),
            Value::List(list) if list.is_nil() => self.push("null"),
            Value::List(list) => {
                let items = super::text::items(self.scope, list)?;
                self.all(b"[]", &items, depth, |writer, item| writer.value(item, depth + 1))
            }
            Value::Map(map) => {
                self.scope.steps(map.len())?;
                let entries = map.entries();
                let colon = if self.style == Style::Pretty { ": " } else { ":" };
                self.all(b"{}", &entries, depth, |writer, (key, item)| {
                    writer.text(&key.text())?;
                    writer.push(colon)?;
                    writer.value(item, depth + 1)
                })
            }
            Value::Object(object) => self.text(&object.print()),
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

    fn text(&mut self, text: &str) -> Result<(), Fail> {
        self.scope.charge(text.len().saturating_mul(2))?;
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.style != Style::Raw => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(character)))
                }
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(character)))
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

/// The JSON that Go's packages hand on to one another.
pub(super) fn compact(scope: &mut Scope<'_>, value: &Value) -> Result<String, Fail> {
    let mut writer = Writer { scope, out: String::new(), style: Style::Compact };
    writer.value(value, 0)?;
    Ok(writer.out)
}
