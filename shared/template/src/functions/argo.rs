//! Argo CD's own functions for ApplicationSets (`applicationset/utils/template_functions.go`, `utils.go`).

use super::slug::slugify;
use super::text::text;
use super::{Answer, Fail, Row};
use crate::Value;
use crate::go::Scope;

/// The longest DNS name.
const MAX_NAME: usize = 253;

pub(super) const TABLE: &[Row] =
    &[("normalize", "s", |_, a| Ok(normalize(&text(a, 0)).into())), ("slugify", "A", slug)];

/// Lower case, everything but `[-a-z0-9.]` as `-`, cut to 253 bytes, then without `-` and `.` at the ends.
pub(super) fn normalize(name: &str) -> String {
    let allowed = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '.')
    };
    let mut out: String = name
        .to_lowercase()
        .chars()
        .map(|character| if allowed(character) { character } else { '-' })
        .collect();
    out.truncate(MAX_NAME);
    out.trim_matches(['-', '.']).to_owned()
}

/// `slugify [max [smart]] name`
fn slug(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some((name, settings)) = arguments.split_last() else {
        return Err(Fail::from("runtime error: index out of range [-1]"));
    };
    let wrong = |value: &Value, wanted: &str| {
        let found = if value.is_nil() { "nil".to_owned() } else { value.type_name() };
        Fail::from(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
    };
    let mut max = 50;
    let mut smart = true;
    match settings.first() {
        None => {}
        Some(Value::Int(number)) => max = *number,
        Some(other) => return Err(wrong(other, "int")),
    }
    match settings.get(1) {
        None => {}
        Some(Value::Bool(value)) => smart = *value,
        Some(other) => return Err(wrong(other, "bool")),
    }
    let Value::Str(name) = name else { return Err(wrong(name, "string")) };
    let max = match usize::try_from(max) {
        Ok(max) => max,
        // Go cuts before it looks whether there is a limit.
        Err(_) if !smart => {
            return Err(Fail::from(format!("runtime error: slice bounds out of range [:{max}]")));
        }
        Err(_) => 0,
    };
    Ok(slugify(&normalize(&name.text()), max, smart).into())
}
