//! sprig's questions about types.

use super::Row;
use super::text::{any, text};
use crate::Value;

pub(super) const TABLE: &[Row] = &[
    ("kindIs", "sa", |_, a| Ok(Value::Bool(any(a, 1).kind() == text(a, 0)))),
    ("kindOf", "a", |_, a| Ok(any(a, 0).kind().into())),
    ("typeIs", "sa", |_, a| Ok(Value::Bool(any(a, 1).type_name() == text(a, 0)))),
    ("typeIsLike", "sa", |_, a| {
        let name = any(a, 1).type_name();
        Ok(Value::Bool(name == text(a, 0) || name == format!("*{}", text(a, 0))))
    }),
    ("typeOf", "a", |_, a| Ok(any(a, 0).type_name().into())),
];
