//! TOML as Helm's `toToml` writes it (`BurntSushi/toml`): plain keys before tables, both sorted, tables below tables indented.

use std::fmt::Write as _;

use crate::error::Exceeded;
use crate::functions::Fail;
use crate::functions::text::items;
use crate::go::Scope;
use crate::number::{format_shortest, format_special};
use crate::{Map, Str, Value};

/// How deep values may nest.
const MAX_DEPTH: usize = 100;

struct Writer<'a, 't> {
    scope: &'a mut Scope<'t>,
    out: String,
}

/// The value as a document.
///
/// # Errors
/// In the library's words, when TOML cannot say it.
pub(super) fn write(scope: &mut Scope<'_>, value: &Value) -> Result<String, Fail> {
    let mut writer = Writer { scope, out: String::new() };
    if let Some(map) = value.as_map() {
        writer.table(&[], map)?;
    } else if writer.is_tables(value)? {
        return Err(Fail::from("toml: top-level values must be Go maps or structs"));
    } else {
        writer.element(value, 0)?;
    }
    Ok(writer.out)
}

fn is_nil(value: &Value) -> bool {
    value.is_nil()
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) -> Result<(), Fail> {
        self.scope.charge(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    /// A list of nothing but tables, and of at least one.
    fn is_tables(&mut self, value: &Value) -> Result<bool, Fail> {
        let Value::List(list) = value else { return Ok(false) };
        let items = items(self.scope, list)?;
        if items.iter().any(is_nil) {
            return Err(Fail::from("toml: cannot encode array with nil element"));
        }
        Ok(!items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_))))
    }

    /// Whether it stands below its own heading.
    fn is_table(&mut self, value: &Value) -> Result<bool, Fail> {
        Ok(matches!(value, Value::Map(_)) || self.is_tables(value)?)
    }

    /// Plain entries first.
    fn sorted(&mut self, map: &Map) -> Result<Vec<(Str, Value)>, Fail> {
        self.scope.steps(map.len())?;
        let (mut plain, mut tables) = (Vec::new(), Vec::new());
        for (key, value) in map.entries().into_iter().filter(|(_, value)| !is_nil(value)) {
            if self.is_table(&value)? { tables.push((key, value)) } else { plain.push((key, value)) }
        }
        plain.append(&mut tables);
        Ok(plain)
    }

    fn table(&mut self, path: &[String], map: &Map) -> Result<(), Fail> {
        if path.len() > MAX_DEPTH {
            return Err(Exceeded::Depth(MAX_DEPTH).into());
        }
        let indent = "  ".repeat(path.len());
        for (key, value) in self.sorted(map)? {
            let key = bare(&key);
            let inner = [path, std::slice::from_ref(&key)].concat();
            match &value {
                Value::Map(map) => {
                    if path.is_empty() && !self.out.is_empty() {
                        self.push("\n")?;
                    }
                    self.push(&format!("{indent}[{}]\n", inner.join(".")))?;
                    self.table(&inner, map)?;
                }
                Value::List(list) if self.is_tables(&value)? => {
                    for item in items(self.scope, list)? {
                        let Value::Map(map) = &item else { continue };
                        let newline = if self.out.is_empty() { "" } else { "\n" };
                        self.push(&format!("{newline}{indent}[[{}]]\n", inner.join(".")))?;
                        self.table(&inner, map)?;
                    }
                }
                Value::Missing
                | Value::Nil
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Int64(_)
                | Value::Byte(_)
                | Value::Float(_)
                | Value::Str(_)
                | Value::List(_)
                | Value::Object(_) => {
                    self.push(&format!("{indent}{key} = "))?;
                    self.element(&value, 0)?;
                    self.push("\n")?;
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, value: &Value, depth: usize) -> Result<(), Fail> {
        self.scope.step()?;
        if depth > MAX_DEPTH {
            return Err(Exceeded::Depth(MAX_DEPTH).into());
        }
        match value {
            Value::Missing | Value::Nil => Err(Fail::from("toml: cannot encode array with nil element")),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(number) | Value::Int64(number) => self.push(&number.to_string()),
            Value::Byte(number) => self.push(&number.to_string()),
            Value::Float(number) => self.push(&float(*number)),
            Value::Str(text) => self.push(&quoted(&text.text())),
            Value::List(list) => {
                self.push("[")?;
                for (index, item) in items(self.scope, list)?.iter().enumerate() {
                    self.push(if index > 0 { ", " } else { "" })?;
                    self.element(item, depth + 1)?;
                }
                self.push("]")
            }
            Value::Map(map) => {
                self.push("{")?;
                for (index, (key, value)) in self.sorted(map)?.into_iter().enumerate() {
                    self.push(if index > 0 { ", " } else { "" })?;
                    self.push(&format!("{} = ", bare(&key)))?;
                    self.element(&value, depth + 1)?;
                }
                self.push("}")
            }
            Value::Object(object) => self.push(&quoted(&object.print())),
        }
    }
}

fn float(number: f64) -> String {
    match format_special(number) {
        Some("NaN") => "nan".to_owned(),
        Some(name) => name.to_lowercase().trim_start_matches('+').to_owned(),
        None => {
            let text = format_shortest(number);
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
    }
}

/// A key, in quotes when it needs them.
fn bare(key: &Str) -> String {
    let key = key.text();
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if plain && !key.is_empty() { key.into_owned() } else { quoted(&key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => {
                write!(out, "\\u{:04x}", u32::from(character)).expect("writing to a String");
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
