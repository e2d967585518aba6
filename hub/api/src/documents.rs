//! What the API says of itself: discovery, OpenAPI, version, reviews.

use crate::{
    access::{self, Subject, Verb},
    query::Query,
};
use serde_json::{Map, Value, json};
use shared_model::{Kind, gvk};
use shared_objects::discovery::ApiResource;

/// The version of Kubernetes whose conventions are followed, for clients that look.
const KUBERNETES: (&str, &str) = ("1", "33");

/// `GET /version`
pub(crate) fn version(hub: &str) -> Value {
    json!({
        "major": KUBERNETES.0,
        "minor": KUBERNETES.1,
        "gitVersion": format!("v{}.{}.0+flotilla-{hub}", KUBERNETES.0, KUBERNETES.1),
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        "compiler": "rustc",
        "goVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "",
    })
}

/// `GET /openapi/v3`
pub(crate) fn openapi_index(resources: &[ApiResource]) -> Value {
    let mut paths = Map::new();
    for resource in resources {
        let path = base(&resource.group, &resource.version);
        let url = format!("/openapi/v3{path}?hash={}", env!("CARGO_PKG_VERSION"));
        paths.insert(path.trim_start_matches('/').to_owned(), json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// `GET /openapi/v3/apis/GROUP/VERSION`; `None` when nothing is served there.
///
/// Objects are free-form here: the hub validates fields itself, and says so by `fieldValidation`.
pub(crate) fn openapi(group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in
        Kind::ALL.into_iter().filter(|kind| (gvk(*kind).group, gvk(*kind).version) == (group, version))
    {
        let gvk = gvk(kind);
        let place = if gvk.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("{}{place}/{}", base(group, version), gvk.plural);
        let object = format!("{collection}/{{name}}");
        let id = json!({"group": group, "version": version, "kind": gvk.kind});
        let schema = schema_name(kind);
        let operation = |verb: &str, parameters: &[&str]| {
            let parameters: Vec<Value> = parameters.iter().map(|name| parameter(name)).collect();
            json!({
                "operationId": format!("{verb}{}", gvk.kind),
                "parameters": parameters,
                "responses": {"200": {"description": "OK", "content": {"application/json": {
                    "schema": {"$ref": format!("#/components/schemas/{schema}")},
                }}}},
                "x-kubernetes-action": verb,
                "x-kubernetes-group-version-kind": id,
            })
        };
        let writes = ["dryRun", "fieldManager", "fieldValidation"];
        paths.insert(
            collection,
            json!({"get": operation("list", &[]), "post": operation("post", &writes), "delete": operation("deletecollection", &["dryRun"])}),
        );
        let mut patch = operation("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]);
        patch["requestBody"] = json!({"content": {
            "application/json-patch+json": {}, "application/merge-patch+json": {},
            // Strategic merge patches are served for core kinds, but not announced: kubectl would compute them
            // from schemas that these documents do not hold. It knows core kinds by itself.
            "application/apply-patch+yaml": {},
        }});
        paths.insert(
            object,
            json!({
                "get": operation("get", &[]), "put": operation("put", &writes), "patch": patch,
                "delete": operation("delete", &["dryRun"]),
            }),
        );
        schemas.insert(
            schema,
            json!({
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-group-version-kind": [id],
            }),
        );
    }
    let known = !paths.is_empty() || ["authorization.k8s.io", "authentication.k8s.io"].contains(&group);
    known.then(|| {
        json!({
            "openapi": "3.0.0",
            "info": {"title": "Flotilla", "version": env!("CARGO_PKG_VERSION")},
            "paths": paths,
            "components": {"schemas": schemas},
        })
    })
}

/// As in `dev.flotilla.v1alpha1.Cluster`.
fn schema_name(kind: Kind) -> String {
    let gvk = gvk(kind);
    let mut parts: Vec<&str> = gvk.group.split('.').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    if parts.is_empty() {
        parts = vec!["io", "k8s", "api", "core"];
    }
    parts.extend([gvk.version, gvk.kind]);
    parts.join(".")
}

fn parameter(name: &str) -> Value {
    let kind = if name == "force" { "boolean" } else { "string" };
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

/// `GET /openapi/v2`: as little as a client of this form takes.
pub(crate) fn openapi_v2() -> Value {
    json!({
        "swagger": "2.0",
        "info": {"title": "Flotilla", "version": env!("CARGO_PKG_VERSION")},
        "paths": {},
        "definitions": {},
    })
}

/// The form of [`openapi_v2`] that kubectl asks for when it meets a kind that is not served here; it gives up on
/// anything else before it gets to say so. A `Document` of gnostic's `openapiv2/OpenAPIv2.proto`: its fields 1
/// (`swagger`) and 2 (`info`, with `title` and `version`).
pub(crate) fn openapi_v2_protobuf() -> Vec<u8> {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).expect("these texts are short");
        [&[number << 3 | 2, length], bytes].concat()
    }
    let info = [field(1, b"Flotilla"), field(2, env!("CARGO_PKG_VERSION").as_bytes())].concat();
    [field(1, b"2.0"), field(2, &info)].concat()
}

/// Answers a review; `None` when there is no such one.
pub(crate) fn review(plural: &str, mut asked: Value, subject: &Subject) -> Option<Value> {
    let (kind, status) = match plural {
        "selfsubjectaccessreviews" => ("SelfSubjectAccessReview", access_review(&asked, subject)),
        "selfsubjectrulesreviews" => (
            "SelfSubjectRulesReview",
            json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
        ),
        "selfsubjectreviews" => {
            ("SelfSubjectReview", json!({"userInfo": {"username": subject.user, "groups": subject.groups}}))
        }
        _ => return None,
    };
    let group =
        if kind == "SelfSubjectReview" { "authentication.k8s.io/v1" } else { "authorization.k8s.io/v1" };
    asked["apiVersion"] = json!(group);
    asked["kind"] = json!(kind);
    asked["status"] = status;
    Some(asked)
}

fn access_review(asked: &Value, subject: &Subject) -> Value {
    let attributes = &asked["spec"]["resourceAttributes"];
    let expedites = attributes["verb"] == "expedite" && attributes["resource"] == "fleetrollouts";
    if expedites && !access::allowed(subject, Verb::Expedite) {
        return json!({"allowed": false, "reason": "admins and the group flotilla:expedite may"});
    }
    json!({"allowed": true, "reason": "every subject of the hub may do this"})
}

/// The answer of `/healthz` and the like, with `?verbose` a line per check. Refused plans are a defect and no
/// reason to send nobody here: the hub goes on with every other line.
pub(crate) fn health(path: &str, query: &Query, violations: u64) -> String {
    if query.has("verbose") {
        let plans = match violations {
            0 => "[+]plans ok".to_owned(),
            count => format!(
                "[-]plans {count} would have broken an invariant and were refused: the hub's log says which"
            ),
        };
        format!("[+]ping ok\n[+]store ok\n{plans}\n{} check passed\n", path.trim_matches('/'))
    } else {
        "ok".to_owned()
    }
}
