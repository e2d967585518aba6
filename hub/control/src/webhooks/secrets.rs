//! What was agreed on with each forge, from the Secret `argocd/argocd-secret`.
//!
//! As in Argo CD (`util/settings`, `ReplaceStringSecret`) a value may refer to another: `$key` of the same Secret, `$secret:key` of another one
//! in its namespace. A reference to nothing is no secret, and nobody is believed without one then; Argo CD would take the reference itself for one, which
//! others can read.

use crate::{credentials::field, index::Index};
use hub_source::webhook::{Given, Secrets};
use shared_model::{DEFAULT_NAMESPACE, Kind};
use shared_project::{Settings, settings};

const NAME: &str = "argocd-secret";

/// The secrets in force now.
pub(super) fn agreed(index: &Index) -> Secrets {
    let settings = index.object(Kind::ConfigMap, settings::NAMESPACE, settings::NAME);
    let allow_unsigned = settings.is_some_and(|stored| Settings::read(&stored.value()).allow_unsigned);
    let text = |name: &str, key: &str| field(index.object(Kind::Secret, DEFAULT_NAMESPACE, name)?, key);
    Secrets::read(allow_unsigned, |key| {
        let value = text(NAME, key)?;
        match reference(value.trim()) {
            None => Some(Given::Text(value)),
            Some((secret, key)) => {
                Some(text(secret.unwrap_or(NAME), key).map_or(Given::Dangling, Given::Text))
            }
        }
    })
}

/// The Secret, if another one, and the key that a value refers to.
fn reference(value: &str) -> Option<(Option<&str>, &str)> {
    let named = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let rest = value.strip_prefix('$')?;
    let (secret, key) = rest.split_once(':').map_or((None, rest), |(secret, key)| (Some(secret), key));
    (named(key) && secret.is_none_or(named)).then_some((secret, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_secrets() {
        let check = |value: &str, expect: Option<(Option<&str>, &str)>| assert_eq!(reference(value), expect);
        check("$webhook.shared", Some((None, "webhook.shared")));
        check("$forges:github", Some((Some("forges"), "github")));
        check("plain", None);
        check("$pa$$word", None);
        check("$", None);
        check("$a:b:c", None);
    }
}
