//! What nobody may change through this agent, whatever the hub orders: set where the agent runs.
//!
//! The agent's own namespace is protected always: a release that takes it away would take away what keeps
//! releases. Everything else is the operator's: `--protect KIND[.GROUP][/NAMESPACE][/NAME]`, with `*` for any.

use shared_manifest::ObjectId;
use shared_sync::Action;
use std::{fmt, str::FromStr};

/// Objects that are not to be written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    kind: String,
    group: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

/// Why a text names no objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no objects: expected KIND[.GROUP][/NAMESPACE][/NAME], e.g. Namespace, Secret/payments, Certificate.cert-manager.io/*/web"
)]
pub struct NotProtectable(String);

impl FromStr for Protected {
    type Err = NotProtectable;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotProtectable(text.to_owned());
        let any = |part: &str| (part != "*").then(|| part.to_owned());
        let mut parts = text.split('/');
        let kind = parts.next().unwrap_or_default();
        let (kind, group) = match kind.split_once('.') {
            Some((kind, group)) => (kind, Some(group)),
            None => (kind, None),
        };
        let (namespace, name) = (parts.next(), parts.next());
        let empty = [Some(kind), group, namespace, name].into_iter().flatten().any(str::is_empty);
        if empty || parts.next().is_some() || text.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self {
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
            namespace: namespace.and_then(any),
            name: name.and_then(any),
        })
    }
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(group) = &self.group {
            write!(f, ".{group}")?;
        }
        match (&self.namespace, &self.name) {
            (None, None) => Ok(()),
            (Some(namespace), None) => write!(f, "/{namespace}"),
            (namespace, Some(name)) => write!(f, "/{}/{name}", namespace.as_deref().unwrap_or("*")),
        }
    }
}

impl Protected {
    fn holds(&self, id: &ObjectId) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        (self.kind == "*" || self.kind == id.kind)
            && fits(&self.group, &id.group)
            && fits(&self.namespace, &id.namespace)
            && fits(&self.name, &id.name)
    }
}

/// All that is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// The namespace that the agent itself lives in.
    pub own_namespace: Option<String>,
    /// What the operator protects.
    pub protected: Vec<Protected>,
}

impl Ceiling {
    /// Why an action must not be performed; `None` when it may be.
    pub(super) fn forbids(&self, action: &Action) -> Option<String> {
        let id = match action {
            Action::Apply { id, .. } | Action::Delete { id, .. } | Action::CreateNamespace { id, .. } => id,
            Action::Get(_) | Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => {
                return None;
            }
        };
        self.keeps(id)
    }

    /// Why an object is left alone whatever is ordered; `None` when it is not.
    pub(crate) fn keeps(&self, id: &ObjectId) -> Option<String> {
        if let Some(own) = self.own_namespace.as_deref() {
            let itself = id.group.is_empty() && id.kind == "Namespace" && id.name == own;
            if itself || id.namespace == own {
                return Some(format!("the agent itself lives in namespace {own}: it changes nothing there"));
            }
        }
        let protected = self.protected.iter().find(|protected| protected.holds(id))?;
        Some(format!("{protected} is protected in this cluster (--protect of its agent)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protect: &str, id: [&str; 4], expect: bool) {
        let [group, kind, namespace, name] = id.map(str::to_owned);
        let ceiling = Ceiling {
            own_namespace: Some("flotilla-agent".to_owned()),
            protected: protect.split_whitespace().map(|text| text.parse().unwrap()).collect(),
        };
        let id = ObjectId { group, kind, namespace, name };
        let action =
            Action::Delete { id: id.clone(), uid: None, propagation: shared_sync::Propagation::Background };
        assert_eq!(ceiling.forbids(&action).is_some(), expect, "{protect}: {id}");
        assert_eq!(ceiling.forbids(&Action::Get(id)), None);
    }

    #[test]
    fn what_is_protected() {
        check("", ["", "ConfigMap", "shop", "a"], false);
        check("", ["", "ConfigMap", "flotilla-agent", "a"], true);
        check("", ["", "Namespace", "", "flotilla-agent"], true);
        check("Namespace", ["", "Namespace", "", "shop"], true);
        check("Secret/payments", ["", "Secret", "payments", "key"], true);
        check("Secret/payments", ["", "Secret", "shop", "key"], false);
        check("*/payments", ["apps", "Deployment", "payments", "web"], true);
        check("Certificate.cert-manager.io/*/web", ["cert-manager.io", "Certificate", "shop", "web"], true);
        check("Certificate.cert-manager.io/*/web", ["other.io", "Certificate", "shop", "web"], false);
        check("Secret/a ConfigMap/b/c", ["", "ConfigMap", "b", "c"], true);
    }

    #[test]
    fn texts() {
        for text in ["", "/a", "Secret//a", "Secret/a/b/c", "Secret a"] {
            assert!(text.parse::<Protected>().is_err(), "{text}");
        }
        for text in ["Secret", "Secret/a", "Secret/a/b", "Certificate.cert-manager.io/*/web"] {
            assert_eq!(text.parse::<Protected>().unwrap().to_string(), text);
        }
    }
}
