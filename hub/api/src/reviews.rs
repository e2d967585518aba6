//! Reviews: who somebody is, and what they may, as `kubectl auth whoami` and `kubectl auth can-i` ask.
//!
//! Every subject of the hub may do what the hub serves, but for what [`crate::access`] keeps for some. What the hub does
//! not serve nobody may: `can-i get pods` is answered no, with the reason.

use crate::{
    access::{self, Subject, Token, Verb},
    route,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_objects::{
    Status,
    discovery::ApiResource,
    status::{FieldError, Resource},
};
use std::collections::BTreeMap;

/// The group of everybody whom the hub knows.
const EVERYBODY: &str = "system:authenticated";

/// What reviews are answered from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Who asks.
    pub(crate) subject: &'a Subject,
    pub(crate) tokens: &'a [Token],
    pub(crate) resources: &'a [ApiResource],
}

/// Answers a review.
///
/// # Errors
/// 404 when there is no such review, 422 when it asks nothing.
pub(crate) fn answer(
    known: Known<'_>,
    (plural, namespace): (&str, Option<&str>),
    mut asked: Value,
    now: Timestamp,
) -> Result<Value, Status> {
    let spec = &asked["spec"];
    let (group, kind, status) = match (plural, namespace) {
        ("selfsubjectaccessreviews", None) => {
            ("authorization", "SelfSubjectAccessReview", decided(known.access(known.subject, spec, None)?))
        }
        ("subjectaccessreviews", None) => {
            ("authorization", "SubjectAccessReview", decided(known.other(spec, None)?))
        }
        ("localsubjectaccessreviews", Some(_)) => {
            ("authorization", "LocalSubjectAccessReview", decided(known.other(spec, namespace)?))
        }
        ("selfsubjectrulesreviews", None) => ("authorization", "SelfSubjectRulesReview", known.rules()),
        ("selfsubjectreviews", None) => {
            ("authentication", "SelfSubjectReview", json!({"userInfo": info(known.subject)}))
        }
        ("tokenreviews", None) => ("authentication", "TokenReview", known.token(spec)?),
        _ => return Err(Status::no_such_path()),
    };
    asked["apiVersion"] = json!(format!("{group}.k8s.io/v1"));
    asked["kind"] = json!(kind);
    if !asked["metadata"].is_object() {
        asked["metadata"] = json!({});
    }
    if kind == "SelfSubjectReview" {
        asked["metadata"]["creationTimestamp"] = json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    asked["status"] = status;
    Ok(asked)
}

/// Who somebody is. The uid is made of the name: one name is one person, for as long as the hub knows it.
fn info(subject: &Subject) -> Value {
    let digest: [u8; 32] = Sha256::digest(format!("subject of the hub: {}", subject.user)).into();
    let uid = uuid::Builder::from_custom_bytes(digest[..16].try_into().expect("a digest has more"));
    let groups = subject.groups.iter().map(String::as_str).filter(|group| *group != EVERYBODY);
    let groups: Vec<&str> = groups.chain([EVERYBODY]).collect();
    json!({"username": subject.user, "uid": uid.into_uuid().to_string(), "groups": groups})
}

fn decided((allowed, reason): (bool, String)) -> Value {
    json!({"allowed": allowed, "reason": reason})
}

fn yes() -> (bool, String) {
    (true, "every subject of the hub may do this".to_owned())
}

impl Known<'_> {
    fn access(
        self,
        subject: &Subject,
        spec: &Value,
        namespace: Option<&str>,
    ) -> Result<(bool, String), Status> {
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        let why = match (resource.is_object(), path.is_object(), namespace) {
            (true, false, None) => return Ok(self.may(subject, resource)),
            (true, false, Some(namespace)) if resource["namespace"] == namespace => {
                return Ok(self.may(subject, resource));
            }
            (false, true, None) => return Ok(may_see(path["path"].as_str().unwrap_or_default())),
            (true, false, Some(_)) => "namespace must be that of the path",
            _ => "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        };
        Err(wrong("authorization.k8s.io", "spec.resourceAttributes", why))
    }

    fn may(self, subject: &Subject, attributes: &Value) -> (bool, String) {
        let of = |field: &str| attributes[field].as_str().unwrap_or_default();
        let (verb, group, plural, below) = (of("verb"), of("group"), of("resource"), of("subresource"));
        if verb == "impersonate" {
            return (false, "the hub acts for nobody else".to_owned());
        }
        if verb == "expedite" && plural == "fleetrollouts" {
            let allowed = access::allowed(subject, Verb::Expedite);
            return if allowed {
                yes()
            } else {
                (false, "admins and the group flotilla:expedite may".to_owned())
            };
        }
        if plural == "*" || group == "*" {
            return yes();
        }
        let found = self
            .resources
            .iter()
            .find(|served| (served.group.as_str(), served.plural.as_str()) == (group, plural));
        let Some(found) = found else {
            let named = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
            return (false, format!("the hub serves no {named}"));
        };
        let verbs = match below {
            "" => Some(&found.verbs),
            below => found.subresources.iter().find(|part| part.name == below).map(|part| &part.verbs),
        };
        match verbs {
            None => (false, format!("{plural} have no {below} here")),
            Some(verbs) if verb == "*" || verbs.iter().any(|served| served == verb) => yes(),
            Some(_) => (false, format!("the hub does not serve {verb} of {plural}")),
        }
    }

    fn other(self, spec: &Value, namespace: Option<&str>) -> Result<(bool, String), Status> {
        let user = spec["user"].as_str().unwrap_or_default();
        let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let groups: Vec<String> = groups.map(str::to_owned).collect();
        if user.is_empty() && groups.is_empty() {
            let why = "at least one of user or group must be specified";
            return Err(wrong("authorization.k8s.io", "spec.user", why));
        }
        // What is asked is looked at whoever it is about.
        let judged = self.access(&Subject { user: user.to_owned(), groups }, spec, namespace)?;
        if self.tokens.iter().any(|token| token.user == user) {
            return Ok(judged);
        }
        Ok((false, "the hub knows nobody of that name".to_owned()))
    }

    fn token(self, spec: &Value) -> Result<Value, Status> {
        let token = spec["token"].as_str().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            wrong("authentication.k8s.io", "spec.token", "there must be a token to look at")
        })?;
        Ok(match access::of_token(token, self.tokens) {
            Some(subject) => json!({"authenticated": true, "user": info(&subject)}),
            None => json!({"user": {}, "error": "invalid bearer token"}),
        })
    }

    fn rules(self) -> Value {
        let mut alike: BTreeMap<(&str, Vec<&str>), Vec<String>> = BTreeMap::new();
        for served in self.resources {
            let below = served.subresources.iter();
            let below = below.map(|part| (format!("{}/{}", served.plural, part.name), &part.verbs));
            for (name, verbs) in std::iter::once((served.plural.clone(), &served.verbs)).chain(below) {
                let verbs = verbs.iter().map(String::as_str).collect();
                alike.entry((&served.group, verbs)).or_default().push(name);
            }
        }
        let mut rules: Vec<Value> = alike
            .into_iter()
            .map(|((group, verbs), resources)| json!({"verbs": verbs, "apiGroups": [group], "resources": resources}))
            .collect();
        if access::allowed(self.subject, Verb::Expedite) {
            rules.push(
                json!({"verbs": ["expedite"], "apiGroups": ["flotilla.dev"], "resources": ["fleetrollouts"]}),
            );
        }
        let read = [
            "/",
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/metrics",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
        ];
        json!({
            "resourceRules": rules,
            "nonResourceRules": [
                {"verbs": ["get"], "nonResourceURLs": read},
                {"verbs": ["get", "post"], "nonResourceURLs": ["/flotilla/*"]},
            ],
            "incomplete": false,
        })
    }
}

fn may_see(path: &str) -> (bool, String) {
    if path.ends_with('*') || route::parse(path).is_some() {
        return yes();
    }
    (false, "the hub serves no such path".to_owned())
}

fn wrong(group: &str, field: &str, why: &str) -> Status {
    let nothing = Resource { group, kind: "", plural: "" };
    Status::invalid(nothing, "", &[FieldError::invalid(field, Value::Null, why)])
}
