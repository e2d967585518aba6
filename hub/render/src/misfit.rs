//! Reading what people wrote into what it is to be: what does not fit is told by its place, never by what stands there.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where more than this stands, single ones are not tried.
const MOST_TRIED: usize = 100;

/// Reads a value.
///
/// # Errors
/// Which field does not fit, and what is expected there.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let what = match T::deserialize(value) {
        Ok(read) => return Ok(read),
        Err(error) => what(&error.to_string()),
    };
    let mut path = String::new();
    narrow::<T>(value, "", &mut path);
    let path = path.trim_start_matches('.');
    Err(if path.is_empty() { what } else { format!("`{path}`: {what}") })
}

/// What serde says, without what it quotes.
fn what(error: &str) -> String {
    const QUOTING: [&str; 5] =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant ", "unknown field "];
    let quotes = QUOTING.iter().find(|start| error.starts_with(**start));
    // The last one is serde's own, whatever is quoted before.
    match (quotes, error.rsplit_once(", expected ")) {
        (Some(_), Some((_, expected))) => format!("expected {expected}"),
        _ if error.starts_with("missing field `") => error.to_owned(),
        _ => "it does not fit".to_owned(),
    }
}

/// The innermost place without which all fits.
fn narrow<T: DeserializeOwned>(whole: &Value, pointer: &str, path: &mut String) {
    let places: Vec<(String, String)> = match whole.pointer(pointer) {
        Some(Value::Object(fields)) if fields.len() <= MOST_TRIED => {
            fields.keys().map(|key| (key.replace('~', "~0").replace('/', "~1"), format!(".{key}"))).collect()
        }
        Some(Value::Array(items)) if items.len() <= MOST_TRIED => {
            (0..items.len()).map(|at| (at.to_string(), format!("[{at}]"))).collect()
        }
        _ => return,
    };
    for (at, (part, shown)) in places.into_iter().enumerate() {
        let mut without = whole.clone();
        match without.pointer_mut(pointer) {
            Some(Value::Object(fields)) => {
                let key = fields.keys().nth(at).cloned().unwrap_or_default();
                fields.remove(&key);
            }
            Some(Value::Array(items)) => drop(items.remove(at)),
            _ => return,
        }
        if T::deserialize(&without).is_ok() {
            path.push_str(&shown);
            return narrow::<T>(whole, &format!("{pointer}/{part}"), path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared_model::Source;

    fn check(value: &Value, expected: &str) {
        let said = read::<Source>(value).expect_err("it does not fit");
        assert_eq!(said, expected, "{value}");
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place_only() {
        check(&json!({"helm": {"parameters": "hunter2"}}), "`helm.parameters`: expected a sequence");
        check(&json!({"helm": {"skipCrds": "x, expected hunter2"}}), "`helm.skipCrds`: expected a boolean");
        let said = read::<Source>(&json!({"helm": {"valueFiles": ["a", {"b": "hunter2"}]}}));
        let said = said.expect_err("a mapping");
        assert!(said.starts_with("`helm.valueFiles[1]`") && !said.contains("hunter2"), "{said}");
    }
}
