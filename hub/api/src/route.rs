//! Which object, kind or document a URL names.

use crate::{
    audit::{Named, short},
    query::decode,
};
use shared_model::{Kind, gvk};

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`
    Paths,
    /// `/healthz` and the like.
    Health,
    /// `/metrics`
    Metrics,
    /// `/api/webhook`
    Webhook,
    /// `/version`
    Version,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`
    Resources { group: String, version: String },
    /// `/openapi/v3`
    OpenApiIndex,
    /// A document below `/openapi/v3`, as in `apis/GROUP/VERSION`
    OpenApi(String),
    /// `/openapi/v2`
    OpenApiV2,
    /// `/flotilla/v1/info`
    Info,
    /// `/flotilla/v1/timeline`
    Timeline,
    /// `/flotilla/v1/notifications`
    Notifications,
    /// `/flotilla/v1/notifications/SINK/test`
    NotifyTest(String),
    /// `/flotilla/v1/authority`
    Authority,
    /// `/flotilla/v1/clusters/NAME/revoke`
    Revoke(String),
    /// `/flotilla/v1/clusters/NAME/compare`
    Compare(String),
    /// `/flotilla/v1/git`
    Git,
    /// A review of the authorization or authentication group, by its plural; of one namespace where it is there.
    Review { plural: String, namespace: Option<String> },
    /// All objects of a kind, in a namespace or all of them.
    Collection { kind: Kind, namespace: Option<String> },
    /// One object; `namespace` is empty for cluster-scoped kinds.
    Object { kind: Kind, namespace: String, name: String },
    /// Something below an object, as in `status`.
    Below { kind: Kind, namespace: String, name: String, subresource: String },
}

/// The reviews that are answered, by their plurals.
const REVIEWS: [&str; 6] = [
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "localsubjectaccessreviews",
    "selfsubjectreviews",
    "tokenreviews",
];

/// Reads a URL's path; `None` when it names nothing that is served.
pub(crate) fn parse(path: &str) -> Option<Route> {
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(|part| decode(part, false)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let text = |text: &str| text.to_owned();
    Some(match parts[..] {
        [] => Route::Paths,
        ["healthz" | "readyz" | "livez", ..] => Route::Health,
        ["metrics"] => Route::Metrics,
        ["version"] => Route::Version,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", ref name @ ..] => Route::OpenApi(name.join("/")),
        ["flotilla", "v1", "info"] => Route::Info,
        ["flotilla", "v1", "timeline"] => Route::Timeline,
        ["flotilla", "v1", "notifications"] => Route::Notifications,
        ["flotilla", "v1", "notifications", name, "test"] => Route::NotifyTest(text(name)),
        ["flotilla", "v1", "authority"] => Route::Authority,
        ["flotilla", "v1", "clusters", name, "revoke"] => Route::Revoke(text(name)),
        ["flotilla", "v1", "clusters", name, "compare"] => Route::Compare(text(name)),
        ["flotilla", "v1", "git"] => Route::Git,
        ["api", "webhook"] => Route::Webhook,
        ["api", version] => Route::Resources { group: String::new(), version: text(version) },
        ["apis", group] => Route::Group(text(group)),
        ["apis", group, version] => Route::Resources { group: text(group), version: text(version) },
        ["apis", "authorization.k8s.io" | "authentication.k8s.io", "v1", plural] => {
            Route::Review { plural: text(plural), namespace: None }
        }
        ["apis", "authorization.k8s.io", "v1", "namespaces", namespace, plural] => {
            Route::Review { plural: text(plural), namespace: Some(text(namespace)) }
        }
        ["api", version, ref rest @ ..] => objects("", version, rest)?,
        ["apis", group, version, ref rest @ ..] => objects(group, version, rest)?,
        _ => return None,
    })
}

impl Route {
    /// What it names, as audit lines tell it: nothing of it but names of objects is the client's.
    pub(crate) fn named(&self) -> Named {
        let of = |kind: Kind, namespace: &str, name: &str, subresource: &str| {
            let gvk = gvk(kind);
            Named {
                group: gvk.group.to_owned(),
                version: gvk.version.to_owned(),
                resource: gvk.plural.to_owned(),
                subresource: short(subresource),
                namespace: short(namespace),
                name: short(name),
            }
        };
        let document = |path: &str, name: &str| Named {
            resource: path.to_owned(),
            name: short(name),
            ..Named::default()
        };
        match self {
            Self::Collection { kind, namespace } => {
                of(*kind, namespace.as_deref().unwrap_or_default(), "", "")
            }
            Self::Object { kind, namespace, name } => of(*kind, namespace, name, ""),
            Self::Below { kind, namespace, name, subresource } => {
                // What is not served may be anything.
                let known =
                    ["status", "scale", "events", "members", "decisions"].contains(&subresource.as_str());
                of(*kind, namespace, name, if known { subresource } else { "(not served)" })
            }
            Self::Paths => document("/", ""),
            Self::Health => document("/healthz", ""),
            Self::Metrics => document("/metrics", ""),
            Self::Webhook => document("/api/webhook", ""),
            Self::Version => document("/version", ""),
            Self::CoreVersions => document("/api", ""),
            Self::Groups | Self::Group(_) => document("/apis", ""),
            Self::Resources { .. } => document("/apis/GROUP/VERSION", ""),
            Self::OpenApiIndex | Self::OpenApi(_) => document("/openapi/v3", ""),
            Self::OpenApiV2 => document("/openapi/v2", ""),
            Self::Info => document("/flotilla/v1/info", ""),
            Self::Timeline => document("/flotilla/v1/timeline", ""),
            Self::Notifications => document("/flotilla/v1/notifications", ""),
            Self::NotifyTest(name) => document("/flotilla/v1/notifications/test", name),
            Self::Authority => document("/flotilla/v1/authority", ""),
            Self::Revoke(name) => document("/flotilla/v1/clusters/revoke", name),
            Self::Git => document("/flotilla/v1/git", ""),
            Self::Compare(name) => document("/flotilla/v1/clusters/compare", name),
            Self::Review { plural, namespace } => {
                let known = REVIEWS.iter().find(|known| **known == plural.as_str());
                Named {
                    namespace: short(namespace.as_deref().unwrap_or_default()),
                    ..document(known.unwrap_or(&"(not served)"), "")
                }
            }
        }
    }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Option<Route> {
    let of = |plural: &str| Kind::of_plural(group, plural).filter(|kind| gvk(*kind).version == version);
    match rest {
        ["namespaces", namespace, plural, rest @ ..]
            if of(plural).is_some_and(|kind| gvk(kind).namespaced) =>
        {
            below(of(plural)?, Some(namespace), rest)
        }
        [plural, rest @ ..] => below(of(plural)?, None, rest),
        [] => None,
    }
}

fn below(kind: Kind, namespace: Option<&str>, rest: &[&str]) -> Option<Route> {
    // A namespaced object is reached through its namespace only.
    if namespace.is_none() && gvk(kind).namespaced && !rest.is_empty() {
        return None;
    }
    let place = namespace.unwrap_or_default().to_owned();
    Some(match rest {
        [] => Route::Collection { kind, namespace: namespace.map(str::to_owned) },
        [name] => Route::Object { kind, namespace: place, name: (*name).to_owned() },
        [name, subresource] => Route::Below {
            kind,
            namespace: place,
            name: (*name).to_owned(),
            subresource: (*subresource).to_owned(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

    use super::*;

    fn check(path: &str, expect: Option<Route>) {
        assert_eq!(parse(path), expect, "{path}");
    }

    #[test]
    fn objects_and_collections() {
        let collection = |kind, namespace: Option<&str>| {
            Some(Route::Collection { kind, namespace: namespace.map(str::to_owned) })
        };
        let object = |kind, namespace: &str, name: &str| {
            Some(Route::Object { kind, namespace: namespace.into(), name: name.into() })
        };
        check("/api/v1/secrets", collection(Kind::Secret, None));
        check("/api/v1/namespaces/a/secrets/", collection(Kind::Secret, Some("a")));
        check("/api/v1/namespaces", collection(Kind::Namespace, None));
        check("/api/v1/namespaces/secrets", object(Kind::Namespace, "", "secrets"));
        check("/api/v1/namespaces/a/secrets/b%2ec", object(Kind::Secret, "a", "b.c"));
        check("/apis/flotilla.dev/v1alpha1/clusters/eu", object(Kind::Cluster, "", "eu"));
        let status = Route::Below {
            kind: Kind::Application,
            namespace: "argocd".into(),
            name: "web".into(),
            subresource: "status".into(),
        };
        check("/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web/status", Some(status));
        let status = Route::Below {
            kind: Kind::Namespace,
            namespace: String::new(),
            name: "a".into(),
            subresource: "status".into(),
        };
        check("/api/v1/namespaces/a/status", Some(status));
        check("/api/v1/secrets/b", None);
        check("/api/v1/pods", None);
        check("/apis/flotilla.dev/v1/clusters", None);
    }

    #[test]
    fn documents() {
        check("/readyz/ping", Some(Route::Health));
        check("/flotilla/v1/timeline", Some(Route::Timeline));
        check("/api/webhook", Some(Route::Webhook));
        check("/flotilla/v1/notifications", Some(Route::Notifications));
        check("/flotilla/v1/notifications/a/test", Some(Route::NotifyTest("a".into())));
        check("/flotilla/v1/authority", Some(Route::Authority));
        check("/flotilla/v1/clusters/eu-1/revoke", Some(Route::Revoke("eu-1".into())));
        check("/flotilla/v1/clusters/eu-1/compare", Some(Route::Compare("eu-1".into())));
        check("/flotilla/v1/git", Some(Route::Git));
        check("/flotilla/v1/clusters/eu-1", None);
        check("/apis/argoproj.io", Some(Route::Group("argoproj.io".into())));
        let v1 = || (String::new(), "v1".to_owned());
        check("/api/v1", Some(Route::Resources { group: v1().0, version: v1().1 }));
        check("/openapi/v3/api/v1", Some(Route::OpenApi("api/v1".into())));
        check("/openapi/v3", Some(Route::OpenApiIndex));
        check("/", Some(Route::Paths));
        let review = |plural: &str, namespace: Option<&str>| {
            Some(Route::Review { plural: plural.into(), namespace: namespace.map(str::to_owned) })
        };
        check("/apis/authentication.k8s.io/v1/tokenreviews", review("tokenreviews", None));
        let path = "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews";
        check(path, review("localsubjectaccessreviews", Some("a")));
        check("/metrics", Some(Route::Metrics));
    }
}
