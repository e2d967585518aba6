//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: Go compares an integer with an integer and a float with a float, never one with the other.

use std::rc::Rc;

use super::text::any;
use super::{Answer, Fail, Row};
use crate::Value;
use crate::go::Scope;

pub(super) const TABLE: &[Row] = &[
    ("eq", "rR", eq),
    ("ge", "rr", ge),
    ("gt", "rr", gt),
    ("le", "rr", le),
    ("lt", "rr", lt),
    ("ne", "rr", ne),
];

/// What `eq` and `lt` can compare.
#[derive(PartialEq, PartialOrd)]
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'v [u8]),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Basic::Int(*value),
        Value::Byte(value) => Basic::Int((*value).into()),
        Value::Float(value) => Basic::Float(*value),
        Value::Str(value) => Basic::Text(value.as_bytes()),
        Value::Missing | Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => Basic::Other,
    }
}

fn incompatible(left: &Value, right: &Value) -> Fail {
    Fail::from(format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name()))
}

fn is_absent(value: &Value) -> bool {
    matches!(value, Value::Missing | Value::Nil)
}

fn equal(scope: &mut Scope<'_>, left: &Value, right: &Value) -> Result<bool, Fail> {
    match (basic(left), basic(right)) {
        (Basic::Other, Basic::Other) => {
            if left.kind() != right.kind() && !is_absent(left) && !is_absent(right) {
                return Err(not_comparable(scope, left, right)?);
            }
            if left.is_nil() || right.is_nil() {
                return Ok(left.is_nil() == right.is_nil());
            }
            if let (Value::Object(left), Value::Object(right)) = (left, right) {
                return Ok(left.same(right.as_ref()).unwrap_or_else(|| Rc::ptr_eq(left, right)));
            }
            let shown = crate::format::as_string(scope, right)?;
            Err(Fail::from(format!("non-comparable type {shown}: {}", right.type_name())))
        }
        (one, other) if std::mem::discriminant(&one) == std::mem::discriminant(&other) => Ok(one == other),
        _ if is_absent(left) || is_absent(right) => Ok(false),
        _ => Err(incompatible(left, right)),
    }
}

fn not_comparable(scope: &mut Scope<'_>, left: &Value, right: &Value) -> Result<Fail, Fail> {
    let one = crate::format::as_string(scope, left)?;
    let other = crate::quote::replaced(&crate::format::plain(scope, right)?);
    Ok(Fail::from(format!(
        "non-comparable types {one}: {}, {}: {other}",
        left.type_name(),
        right.type_name()
    )))
}

fn less(left: &Value, right: &Value) -> Result<bool, Fail> {
    let invalid = || Fail::from("invalid type for comparison");
    match (basic(left), basic(right)) {
        (Basic::Other, _) | (_, Basic::Other) | (Basic::Bool(_), Basic::Bool(_)) => Err(invalid()),
        (one, other) if std::mem::discriminant(&one) == std::mem::discriminant(&other) => Ok(one < other),
        _ => Err(incompatible(left, right)),
    }
}

fn eq(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some((first, rest)) = arguments.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(Fail::from("missing argument for comparison"));
    };
    for other in rest {
        if equal(scope, first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn ne(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(!equal(scope, any(arguments, 0), any(arguments, 1))?))
}

fn lt(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(less(any(arguments, 0), any(arguments, 1))?))
}

fn at_most(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<bool, Fail> {
    let (left, right) = (any(arguments, 0), any(arguments, 1));
    Ok(less(left, right)? || equal(scope, left, right)?)
}

fn le(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(at_most(scope, arguments)?))
}

fn gt(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(!at_most(scope, arguments)?))
}

fn ge(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(!less(any(arguments, 0), any(arguments, 1))?))
}
