//! Values of Go that hardly any template meets, kept out of [`Value`]: unsigned and complex numbers, and a nil pointer in a struct.

use std::any::Any;

use super::{Object, Value};
use crate::functions::{Answer, Fail};
use crate::go::Scope;
use crate::number::format_general;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exotic {
    Unsigned(u64),
    Complex(f64, f64),
    NilPointer(&'static str),
}

impl Exotic {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        if let Value::Object(object) = value { object.as_any().downcast_ref().copied() } else { None }
    }
}

impl Object for Exotic {
    fn type_name(&self) -> &str {
        match self {
            Self::Unsigned(_) => "uint64",
            Self::Complex(..) => "complex128",
            Self::NilPointer(name) => name,
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Unsigned(_) => "uint64",
            Self::Complex(..) => "complex128",
            Self::NilPointer(_) => "ptr",
        }
    }

    fn member(&self, _: &mut Scope<'_>, _: &str, _: &[Value]) -> Option<Answer> {
        None
    }

    fn print(&self) -> String {
        match self {
            Self::Unsigned(number) => number.to_string(),
            Self::Complex(real, imaginary) => {
                format!("({}{}i)", format_general(*real, false), format_general(*imaginary, true))
            }
            Self::NilPointer(_) => "<nil>".to_owned(),
        }
    }

    fn json(&self) -> Answer {
        match self {
            Self::Unsigned(number) => Ok(Value::Int64(i64::try_from(*number).unwrap_or(i64::MAX))),
            Self::Complex(..) => Err(Fail::from("json: unsupported type: complex128")),
            Self::NilPointer(_) => Ok(Value::Nil),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Self::Unsigned(number) => *number != 0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::NilPointer(_) => false,
        }
    }

    fn same(&self, other: &dyn Object) -> Option<bool> {
        Some(other.as_any().downcast_ref::<Self>() == Some(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
