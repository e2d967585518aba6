//! Values in Go's own notation (`%#v`), in which go-yaml's errors show what cannot be a key.

use serde_json::Value;

use super::number;
use super::scalar::{self, Scalar};

/// Nobody reads more of it.
const MOST: usize = 4096;

pub(super) fn go_value(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    if out.len() > MOST {
        out.truncate(out.floor_char_boundary(MOST));
    }
    out
}

pub(super) fn go_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::UInt(int) => format!("{int:#x}"),
        Scalar::Float(float) if float.is_nan() => "NaN".to_owned(),
        Scalar::Float(float) if float.is_infinite() => if *float > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        Scalar::Float(float) => number::format(*float),
        Scalar::Null => go_value(&Value::Null),
        Scalar::Bool(bool) => bool.to_string(),
        Scalar::Int(int) => int.to_string(),
        Scalar::Str(text) => go_value(&Value::String(text.clone())),
    }
}

fn write(out: &mut String, value: &Value) {
    if out.len() > MOST {
        return;
    }
    match value {
        Value::Null => out.push_str("interface {}(nil)"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.push_str(&number::format(float)),
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => quote(out, text),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(out, item);
            }
            out.push('}');
        }
        Value::Object(map) => {
            out.push_str("map[interface {}]interface {}{");
            for (index, (key, item)) in map.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                // A key that looks like another type most likely was one.
                match scalar::plain(key) {
                    Some(scalar) if scalar != Scalar::Null => out.push_str(&go_scalar(&scalar)),
                    Some(_) | None => quote(out, key),
                }
                out.push(':');
                write(out, item);
            }
            out.push('}');
        }
    }
}

/// Go's `strconv.Quote`.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..=' ' | '\u{7f}' if char != ' ' => out.push_str(&format!("\\x{:02x}", u32::from(char))),
            '\u{80}'..='\u{a0}'
            | '\u{ad}'
            | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}
