//! Label selectors over parameters and clusters.
//!
//! Keys must be qualified names, as in Kubernetes; values may be anything, as in Argo CD's own evaluator. `NotIn` holds for an absent key; no
//! requirement at all selects everything.

use crate::Problem;
use crate::check::is_dns_name;
use crate::fields;
use crate::generators::clusters::SECRET_TYPE;
use crate::run::failed;
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked selector.
#[derive(Debug, Default)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a `LabelSelector`; absent selects everything.
    pub(crate) fn parse(path: &str, value: Option<&Value>) -> Result<Self, Problem> {
        let map = fields::object(path, value)?;
        let mut requirements = Vec::new();
        for (key, value) in fields::strings(path, map, "matchLabels")? {
            check_key(&format!("{path}.matchLabels"), key)?;
            requirements.push(Requirement {
                key: key.to_owned(),
                operator: Operator::In,
                values: vec![value.to_owned()],
            });
        }
        for (index, expression) in fields::array(path, map, "matchExpressions")?.iter().enumerate() {
            requirements.push(requirement(&format!("{path}.matchExpressions[{index}]"), expression)?);
        }
        Ok(Self(requirements))
    }

    /// Reads the selector of a clusters generator: Kubernetes itself looks it up, so its values must be label values, and the label by which Argo
    /// CD finds cluster Secrets means them whatever `matchLabels` says.
    pub(crate) fn of_clusters(path: &str, value: Option<&Value>) -> Result<Self, Problem> {
        let mut selector = Self::parse(path, value)?;
        let labels = fields::object(path, fields::object(path, value)?.get("matchLabels"))?.len();
        for (index, requirement) in selector.0.iter_mut().enumerate() {
            if index < labels && requirement.key == SECRET_TYPE.0 {
                requirement.values = vec![SECRET_TYPE.1.to_owned()];
            }
            if let Some(value) = requirement.values.iter().find(|value| !is_label_value(value)) {
                let message =
                    format!("error converting label selector: `{value}` cannot be the value of a label");
                let remedy = "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; the entry's own `selector` takes any value";
                return Err(failed(path, message, remedy));
            }
        }
        Ok(selector)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selects(|key| labels.get(key).map(String::as_str))
    }

    /// Whether labels are selected that `label` looks up.
    pub(crate) fn selects<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = label(&requirement.key);
            let is_one = |value: &str| requirement.values.iter().any(|one| one == value);
            match requirement.operator {
                Operator::In => value.is_some_and(is_one),
                Operator::NotIn => !value.is_some_and(is_one),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn requirement(path: &str, expression: &Value) -> Result<Requirement, Problem> {
    let map = fields::object(path, Some(expression))?;
    let key = fields::string(path, map, "key")?;
    check_key(&format!("{path}.key"), key)?;
    let mut values = Vec::new();
    for (index, value) in fields::array(path, map, "values")?.iter().enumerate() {
        let text = value.as_str().ok_or_else(|| {
            failed(&format!("{path}.values[{index}]"), "must be a string", "put the value in quotes")
        })?;
        values.push(text.to_owned());
    }
    let operator = match fields::string(path, map, "operator")? {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            let message = format!("`{other}` is not a valid label selector operator");
            return Err(failed(
                &format!("{path}.operator"),
                message,
                "use In, NotIn, Exists or DoesNotExist",
            ));
        }
    };
    match (operator, values.is_empty()) {
        (Operator::In | Operator::NotIn, true) => {
            Err(failed(&format!("{path}.values"), "In and NotIn need at least one value", ""))
        }
        (Operator::Exists | Operator::DoesNotExist, false) => {
            Err(failed(&format!("{path}.values"), "Exists and DoesNotExist take no values", ""))
        }
        _ => Ok(Requirement { key: key.to_owned(), operator, values }),
    }
}

/// A qualified name (`validation.IsQualifiedName`): an optional DNS prefix and `/`, then at most 63 of `[A-Za-z0-9_.-]`, alphanumeric ends.
fn check_key(path: &str, key: &str) -> Result<(), Problem> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let ends = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let name_fits = name.len() <= 63
        && ends(name)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let prefix_fits = prefix.is_none_or(is_dns_name);
    if name_fits && prefix_fits {
        return Ok(());
    }
    let message = format!("error parsing label selector: `{key}` is not a valid label key");
    Err(failed(
        path,
        message,
        "use letters, digits, `-`, `_` and `.`, at most 63, with an optional DNS prefix and `/`",
    ))
}

/// What Kubernetes takes for the value of a label (`validation.IsValidLabelValue`).
fn is_label_value(value: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || value.len() <= 63
            && value.starts_with(end)
            && value.ends_with(end)
            && value.chars().all(|c| end(c) || "-_.".contains(c))
}
