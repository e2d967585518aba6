//! text/template's built-in functions but for comparisons. `slice` is absent: Argo CD's templates see sprig's.

use super::text::{any, text};
use super::{Answer, Fail, Row};
use crate::Value;
use crate::format::Printer;
use crate::go::Scope;
use crate::quote::is_print;

pub(super) const TABLE: &[Row] = &[
    ("call", "rR", call),
    ("html", "A", html),
    ("index", "rR", index),
    ("js", "A", js),
    ("len", "r", len),
    ("not", "r", not),
    ("print", "A", print),
    ("printf", "sA", printf),
    ("println", "A", println),
    ("urlquery", "A", url_query),
];

fn call(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let value = any(arguments, 0);
    if matches!(value, Value::Missing | Value::Nil) {
        return Err(Fail::from("call of nil"));
    }
    Err(Fail::from(format!("non-function of type {}", value.type_name())))
}

fn not(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(!any(arguments, 0).truth()))
}

fn len(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let length = match any(arguments, 0) {
        Value::Str(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err(Fail::from("len of nil pointer")),
        Value::Missing => return Err(Fail::from("reflect: call of reflect.Value.Type on zero Value")),
        other @ (Value::Bool(_)
        | Value::Int(_)
        | Value::Int64(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::Object(_)) => {
            return Err(Fail::from(format!("len of type {}", other.type_name().trim_start_matches('*'))));
        }
    };
    Ok(count(length))
}

/// A length as Go's `int`.
pub(super) fn count(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn index(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut item = any(arguments, 0).clone();
    if matches!(item, Value::Missing | Value::Nil) {
        return Err(Fail::from("index of untyped nil"));
    }
    for key in arguments.iter().skip(1) {
        item = match &item {
            Value::Missing | Value::Nil => return Err(Fail::from("index of nil pointer")),
            Value::Str(text) => Value::Byte(text.as_bytes()[position(key, text.len())?]),
            Value::List(list) => list.get(position(key, list.len())?).unwrap_or_default(),
            Value::Map(map) => match key.as_str() {
                Some(key) => map.get(key.as_bytes()).unwrap_or_else(|| map.element().zero()),
                None if matches!(key, Value::Missing | Value::Nil) => {
                    return Err(Fail::from("value is nil; should be of type string"));
                }
                None => {
                    return Err(Fail::from(format!("value has type {}; should be string", key.type_name())));
                }
            },
            other @ (Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Byte(_)
            | Value::Float(_)
            | Value::Object(_)) => {
                return Err(Fail::from(format!("can't index item of type {}", other.type_name())));
            }
        };
    }
    Ok(item)
}

fn position(key: &Value, length: usize) -> Result<usize, Fail> {
    let position = match key {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Byte(number) => (*number).into(),
        Value::Missing | Value::Nil => return Err(Fail::from("cannot index slice/array with nil")),
        Value::Bool(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Object(_) => {
            return Err(Fail::from(format!("cannot index slice/array with type {}", key.type_name())));
        }
    };
    match usize::try_from(position) {
        Ok(index) if index < length => Ok(index),
        _ => Err(Fail::from(format!("index out of range: {position}"))),
    }
}

fn print(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut printer = Printer::new(scope);
    printer.print(arguments)?;
    Ok(printer.into_bytes().into())
}

fn println(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut printer = Printer::new(scope);
    printer.println(arguments)?;
    Ok(printer.into_bytes().into())
}

fn printf(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let format = text(arguments, 0);
    let mut printer = Printer::new(scope);
    printer.printf(&format, arguments.get(1..).unwrap_or(&[]))?;
    Ok(printer.into_bytes().into())
}

/// What an escaper escapes: the one string, or all arguments printed, where nothing prints as `<no value>`.
fn escapee(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Vec<u8>, Fail> {
    if let [Value::Str(text)] = arguments {
        return Ok(text.as_bytes().to_vec());
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(|value| {
            if matches!(value, Value::Nil | Value::Missing) {
                Value::from("<no value>")
            } else {
                value.clone()
            }
        })
        .collect();
    let mut printer = Printer::new(scope);
    printer.print(&shown)?;
    Ok(printer.into_bytes())
}

fn html(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input = escapee(scope, arguments)?;
    scope.charge(input.len().saturating_mul(5))?;
    let mut out = Vec::with_capacity(input.len());
    for byte in input {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
    Ok(out.into())
}

fn js(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input = escapee(scope, arguments)?;
    scope.charge(input.len().saturating_mul(6))?;
    let mut out = String::with_capacity(input.len());
    for character in crate::quote::replaced(&input).chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.push_str(&format!("\\u{:04X}", u32::from(character)))
            }
            _ if character.is_ascii() || is_print(character) => out.push(character),
            _ => out.push_str(&format!("\\u{:04X}", u32::from(character))),
        }
    }
    Ok(out.into())
}

fn url_query(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input = escapee(scope, arguments)?;
    scope.charge(input.len().saturating_mul(3))?;
    let mut out = String::with_capacity(input.len());
    for byte in input {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(out.into())
}
