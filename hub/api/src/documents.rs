//! What the API says of itself: discovery, OpenAPI, version.

use crate::{
    answer::{self, Answer},
    query::Query,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use shared_kinds::openapi;
use shared_objects::discovery::ApiResource;
use std::{collections::BTreeMap, sync::LazyLock};

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

/// The version that OpenAPI documents are of.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What kubectl accepts for version 2, and what it is answered: `@` may not stand in a Content-Type (kube-openapi's
/// `pkg/handler/handler.go` answers so too).
const OPENAPI_V2_PROTOBUF: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
];

/// The hash of each document of OpenAPI v3, by its name. The documents themselves are made when they are asked for:
/// clients keep them by their hash.
static HASHES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let documents = openapi::documents().into_iter();
    let hash = |name: String| {
        let document = openapi::v3(&name, VERSION)?;
        Some((name, etag(document.to_string().as_bytes())))
    };
    documents.filter_map(hash).collect()
});

fn etag(document: &[u8]) -> String {
    hex::encode_upper(Sha256::digest(document))
}

/// `GET /openapi/v3`
pub(crate) fn openapi_index() -> Value {
    let entry = |(name, hash): (&String, &String)| {
        (name.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{name}?hash={hash}")}))
    };
    json!({"paths": HASHES.iter().map(entry).collect::<Map<_, _>>()})
}

/// `GET /openapi/v3/NAME`; `None` when there is no such document.
///
/// As Kubernetes answers it (kube-openapi's `pkg/handler3`): with its hash in the query it may be kept for ever, with
/// another one it is somewhere else.
pub(crate) fn openapi_v3(name: &str, headers: &HeaderMap, query: &Query) -> Option<Answer> {
    let hash = HASHES.get(name)?;
    let asked = query.get("hash");
    if !asked.is_empty() && asked != hash {
        let mut moved = answer::bytes(StatusCode::MOVED_PERMANENTLY, "application/json", Bytes::new());
        let place = HeaderValue::from_str(&format!("/openapi/v3/{name}?hash={hash}")).ok()?;
        moved.headers_mut().insert(header::LOCATION, place);
        return Some(moved);
    }
    let mut found = unless_known(headers, hash, "application/json", || {
        openapi::v3(name, VERSION).map(|document| document.to_string().into_bytes()).unwrap_or_default()
    });
    if !asked.is_empty() {
        found.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        let year = std::time::Duration::from_secs(365 * 24 * 60 * 60);
        let expires = shared_runtime::now() + year;
        let expires = expires.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        found.headers_mut().insert(header::EXPIRES, HeaderValue::from_str(&expires).ok()?);
    }
    Some(found)
}

/// `GET /openapi/v2`, as JSON or as kubectl's protobuf.
pub(crate) fn openapi_v2(headers: &HeaderMap) -> Answer {
    static TAG: LazyLock<String> = LazyLock::new(|| etag(openapi::v2(VERSION).to_string().as_bytes()));
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if OPENAPI_V2_PROTOBUF.iter().any(|kind| accept.contains(kind)) {
        return unless_known(headers, &TAG, OPENAPI_V2_PROTOBUF[1], || openapi::v2_protobuf(VERSION));
    }
    unless_known(headers, &TAG, "application/json", || openapi::v2(VERSION).to_string().into_bytes())
}

/// A document, unless the client says that it has it.
fn unless_known(
    headers: &HeaderMap,
    hash: &str,
    media_type: &'static str,
    document: impl FnOnce() -> Vec<u8>,
) -> Answer {
    let tag = format!("\"{hash}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known =
        known.flat_map(|tags| tags.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut answer = if is_known {
        answer::bytes(StatusCode::NOT_MODIFIED, media_type, Bytes::new())
    } else {
        answer::bytes(StatusCode::OK, media_type, Bytes::from(document()))
    };
    let tag = HeaderValue::from_str(&tag).expect("a hash in hex is a header");
    answer.headers_mut().insert(header::ETAG, tag);
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    answer
}

/// `GET /`: every document that is served.
pub(crate) fn paths(resources: &[ApiResource]) -> Value {
    let mut paths: Vec<String> =
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            .into_iter()
            .chain([
                "/healthz/ping",
                "/healthz/store",
                "/livez/ping",
                "/readyz/ping",
                "/readyz/store",
                "/api",
                "/apis",
            ])
            .chain([
                "/flotilla/v1/authority",
                "/flotilla/v1/info",
                "/flotilla/v1/notifications",
                "/flotilla/v1/timeline",
            ])
            .map(str::to_owned)
            .collect();
    for resource in resources {
        let ApiResource { group, version, .. } = resource;
        let versions =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        if !resource.group.is_empty() {
            paths.push(format!("/apis/{}", resource.group));
        }
        paths.push(format!("/openapi/v3{versions}"));
        paths.push(versions);
    }
    paths.sort();
    paths.dedup();
    json!({"paths": paths})
}
