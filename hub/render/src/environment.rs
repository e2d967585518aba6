//! The build environment of Argo CD and how it is filled into texts
//! (`docs/user-guide/build-environment.md`, Go's `os.Expand`).

use crate::request::Request;
use std::collections::BTreeMap;

/// Variables and their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let Request { source, app, revision, capabilities, .. } = request;
        let first = |length: usize| revision.chars().take(length).collect::<String>();
        Self(BTreeMap::from([
            ("ARGOCD_APP_NAME", app.instance_name()),
            ("ARGOCD_APP_NAMESPACE", app.destination.clone()),
            ("ARGOCD_APP_PROJECT_NAME", app.project.clone()),
            ("ARGOCD_APP_REVISION", (*revision).to_owned()),
            ("ARGOCD_APP_REVISION_SHORT", first(7)),
            ("ARGOCD_APP_REVISION_SHORT_8", first(8)),
            ("ARGOCD_APP_SOURCE_REPO_URL", source.repo_url.clone()),
            ("ARGOCD_APP_SOURCE_PATH", source.path.clone()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.target_revision.clone()),
            ("KUBE_VERSION", capabilities.kube_version.trim_start_matches('v').to_owned()),
            ("KUBE_API_VERSIONS", capabilities.api_versions.join(",")),
        ]))
    }

    /// Whether there is a variable of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Fills in `$NAME` and `${NAME}`; `$$` is a dollar sign, a name that is not there is nothing.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            filled.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, length) = name(after);
            match name {
                Some("$") => filled.push('$'),
                Some(name) => filled.push_str(self.0.get(name).map_or("", String::as_str)),
                // A dollar sign that names nothing stays; a brace that is wrong is eaten.
                None if length == 0 => filled.push('$'),
                None => {}
            }
            rest = &after[length..];
        }
        filled.push_str(rest);
        filled
    }
}

/// The name at the start of what follows a dollar sign, and how many bytes it takes; without one, how many are eaten.
fn name(after: &str) -> (Option<&str>, usize) {
    const SPECIAL: &str = "*#$@!?-0123456789";
    let special = |text: &str| text.chars().next().is_some_and(|c| SPECIAL.contains(c));
    if let Some(inner) = after.strip_prefix('{') {
        if special(inner) && inner[1..].starts_with('}') {
            return (Some(&inner[..1]), 3);
        }
        return match inner.find('}') {
            Some(0) => (None, 2),
            Some(end) => (Some(&inner[..end]), end + 2),
            None => (None, 1),
        };
    }
    if special(after) {
        return (Some(&after[..1]), 1);
    }
    let end = after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len());
    if end == 0 { (None, 0) } else { (Some(&after[..end]), end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_as_go_does_it() {
        let known = Environment(BTreeMap::from([("APP", "web".to_owned()), ("REV", "abc".to_owned())]));
        for (text, expected) in [
            ("plain", "plain"),
            ("$APP-${REV}", "web-abc"),
            ("$APPS", ""),
            ("a$$b", "a$b"),
            ("cost: 5$", "cost: 5$"),
            ("$ 5", "$ 5"),
            ("${}x", "x"),
            ("${APP", "APP"),
            ("$1${2}", ""),
            ("ä$APP", "äweb"),
        ] {
            assert_eq!(known.fill(text), expected, "{text}");
        }
    }

    #[test]
    fn applications_of_other_namespaces_are_named_with_theirs() {
        use crate::request::App;
        let app = |namespace: &str| App { name: "web".into(), namespace: namespace.into(), ..App::default() };
        for (namespace, expected) in [("argocd", "web"), ("", "web"), ("team-a", "team-a_web")] {
            assert_eq!(app(namespace).instance_name(), expected, "{namespace}");
        }
    }
}
