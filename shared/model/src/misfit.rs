//! Reading what people wrote into what it is to be: what does not fit is told by its place, never by what stands there.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// Where more than this stands, single ones are not tried.
const MOST_TRIED: usize = 100;

/// What does not fit, and where. It never holds what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field, as people write it: `spec.source.helm.valueFiles[1]`; empty where it cannot be told.
    pub path: String,
    /// What is expected there.
    pub what: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Misfit {}

/// Reads a value.
///
/// # Errors
/// Which field does not fit, and what is expected there.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Misfit> {
    let what = match T::deserialize(value) {
        Ok(read) => return Ok(read),
        Err(error) => what(&error.to_string()),
    };
    let mut path = String::new();
    narrow::<T>(value, "", &mut path);
    let path = path.trim_start_matches('.').to_owned();
    Err(Misfit { path, what })
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
        let mut missing = None;
        match without.pointer_mut(pointer) {
            Some(Value::Object(fields)) => {
                let key = fields.keys().nth(at).cloned().unwrap_or_default();
                fields.remove(&key);
                // It is missed only where all others fit.
                missing = Some(format!("missing field `{key}`"));
            }
            Some(Value::Array(items)) => drop(items.remove(at)),
            _ => return,
        }
        let fits = match T::deserialize(&without) {
            Ok(_) => true,
            Err(error) => missing.is_some_and(|missing| error.to_string().starts_with(&missing)),
        };
        if fits {
            path.push_str(&shown);
            return narrow::<T>(whole, &format!("{pointer}/{part}"), path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Application, Source};
    use serde_json::json;

    fn check<T: DeserializeOwned + fmt::Debug>(value: &Value, expected: &str) {
        let said = read::<T>(value).expect_err("it does not fit");
        assert_eq!(said.to_string(), expected, "{value}");
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place_only() {
        check::<Source>(&json!({"helm": {"parameters": "hunter2"}}), "helm.parameters: expected a sequence");
        check::<Source>(
            &json!({"helm": {"skipCrds": "x, expected hunter2"}}),
            "helm.skipCrds: expected a boolean",
        );
        let said = read::<Source>(&json!({"helm": {"valueFiles": ["a", {"b": "hunter2"}]}}));
        let said = said.expect_err("a mapping").to_string();
        assert!(said.starts_with("helm.valueFiles[1]: ") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn fields_of_an_application_are_named_from_its_top() {
        let application = |spec: Value| json!({"metadata": {"name": "web"}, "spec": spec});
        let said = |value: &Value, expected: &str| {
            let error = Application::from_value(value).expect_err("it does not fit");
            assert_eq!(error.to_string(), expected, "{value}");
        };
        said(
            &application(json!({"source": {"helm": {"valueFiles": "abc"}}})),
            "spec.source.helm.valueFiles: expected a sequence",
        );
        said(
            &application(json!({"sources": [{}, {"helm": {"skipTests": "abc"}}]})),
            "spec.sources[1].helm.skipTests: expected a boolean",
        );
        said(&application(json!({"destination": {"name": 5}})), "spec.destination.name: expected a string");
        said(&json!({"metadata": {"labels": {"a": {}}}, "spec": {}}), "metadata.labels.a: expected a string");
        said(&json!({"metadata": {}}), "missing field `spec`");
    }
}
