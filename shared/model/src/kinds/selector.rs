//! LabelSelector, as in `meta/v1`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Selects objects by label; every part must hold. Without parts it selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::meta::nullable")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::meta::nullable")]
    pub match_expressions: Vec<Requirement>,
}

/// One condition on one label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values for `In` and `NotIn`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::meta::nullable")]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether it has no part and so selects everything.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether `labels` satisfy every part. `NotIn` holds for an absent label; an operator that
    /// Kubernetes does not know never holds ([`LabelSelector::problem`] says so beforehand).
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.holds(labels))
    }

    /// What is wrong with the selector, if anything, with the path below it.
    pub fn problem(&self) -> Option<String> {
        self.match_expressions.iter().enumerate().find_map(|(index, requirement)| {
            let at = format!("matchExpressions[{index}]");
            match requirement.operator.as_str() {
                "In" | "NotIn" if requirement.values.is_empty() => {
                    Some(format!("{at}.values: {} needs at least one value", requirement.operator))
                }
                "In" | "NotIn" => None,
                "Exists" | "DoesNotExist" if requirement.values.is_empty() => None,
                "Exists" | "DoesNotExist" => {
                    Some(format!("{at}.values: {} takes no values", requirement.operator))
                }
                other => Some(format!(
                    "{at}.operator: `{other}` is not an operator: use In, NotIn, Exists or DoesNotExist"
                )),
            }
        })
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => !value.is_some_and(|value| self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}
