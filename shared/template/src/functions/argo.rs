//! Argo CD's own functions for ApplicationSets (`applicationset/utils/template_functions.go`, `utils.go`).

use serde_json::Value as Json;

use super::slug::slugify;
use super::text::{any, text};
use super::{Answer, Fail, Row};
use crate::Value;
use crate::go::Scope;

/// The longest DNS name.
const MAX_NAME: usize = 253;

pub(super) const TABLE: &[Row] = &[
    ("fromYaml", "s", from_yaml),
    ("fromYamlArray", "s", from_yaml_array),
    ("normalize", "s", |_, a| Ok(normalize(&text(a, 0)).into())),
    ("slugify", "A", slug),
    ("toYaml", "a", to_yaml),
];

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

fn to_yaml(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    // What JSON would take bounds what YAML takes, but for indentation.
    super::json::measure(scope, any(arguments, 0))?;
    let json = any(arguments, 0)
        .to_json()
        .ok_or_else(|| Fail::from("error marshaling into JSON: unsupported value"))?;
    let yaml = shared_manifest::yaml::to_string(&json);
    scope.charge(yaml.len())?;
    Ok(yaml.strip_suffix('\n').unwrap_or(&yaml).into())
}

fn parse(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Json, Fail> {
    let source = text(arguments, 0);
    scope.charge(source.len().saturating_mul(16))?;
    shared_manifest::yaml::parse(&source).map_err(|error| Fail::from(error.to_string()))
}

fn from_yaml(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let parsed = parse(scope, arguments)?;
    if parsed.is_null() {
        return Ok(Value::from(Json::Object(serde_json::Map::new())));
    }
    if parsed.is_object() { Ok(parsed.into()) } else { Err(mismatch(&parsed, "map[string]interface {}")) }
}

fn from_yaml_array(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let parsed = parse(scope, arguments)?;
    if parsed.is_null() {
        return Ok(Value::list(Vec::new()));
    }
    if parsed.is_array() { Ok(parsed.into()) } else { Err(mismatch(&parsed, "[]interface {}")) }
}

fn mismatch(found: &Json, wanted: &str) -> Fail {
    let found = match found {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    Fail::from(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}
