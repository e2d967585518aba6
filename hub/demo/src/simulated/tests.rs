use super::Simulated;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use serde_json::{Value, json};
use shared_runtime::Tasks;
use std::{convert::Infallible, time::Duration};
use tower::ServiceExt as _;

const JSON: &str = "application/json";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn cluster() -> Simulated {
    Simulated::start("eu-1", Duration::from_millis(20), &Tasks::new())
}

async fn ask(
    cluster: &Simulated,
    method: &str,
    uri: &str,
    media: &str,
    body: &Value,
) -> Response<BoxBody<Bytes, Infallible>> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request = Request::builder().method(method).uri(uri).header("content-type", media);
    cluster.clone().oneshot(request.body(Full::new(body)).unwrap()).await.unwrap()
}

/// The code and the answer of one request.
async fn send(cluster: &Simulated, method: &str, uri: &str, media: &str, body: Value) -> (u16, Value) {
    let answer = ask(cluster, method, uri, media, &body).await;
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap())
}

async fn ok(cluster: &Simulated, method: &str, uri: &str, media: &str, body: Value) -> Value {
    let (code, answer) = send(cluster, method, uri, media, body).await;
    assert!(code < 300, "{method} {uri}: {code} {answer}");
    answer
}

async fn refused(
    cluster: &Simulated,
    method: &str,
    uri: &str,
    media: &str,
    body: Value,
    expect: (u16, &str),
) {
    let (code, answer) = send(cluster, method, uri, media, body).await;
    assert_eq!((code, answer["reason"].as_str().unwrap()), expect, "{method} {uri}: {answer}");
}

/// The events of a watch.
struct Events(BoxBody<Bytes, Infallible>);

impl Events {
    async fn open(cluster: &Simulated, uri: &str) -> Self {
        let answer = ask(cluster, "GET", uri, JSON, &Value::Null).await;
        assert_eq!(answer.status(), 200);
        Self(answer.into_body())
    }

    async fn next(&mut self) -> Value {
        let frame = self.0.frame().await.expect("the watch goes on").unwrap();
        serde_json::from_slice(&frame.into_data().unwrap()).unwrap()
    }

    /// `ADDED web`.
    async fn told(&mut self) -> String {
        let event = self.next().await;
        let name = event.pointer("/object/metadata/name").and_then(Value::as_str).unwrap_or_default();
        format!("{} {name}", event["type"].as_str().unwrap()).trim().to_owned()
    }
}

fn map(name: &str, labels: &Value, data: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "data": {"key": data},
    })
}

fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
    })
}

#[tokio::test]
async fn says_what_it_serves() {
    let cluster = cluster();
    assert_eq!(ok(&cluster, "GET", "/api", JSON, Value::Null).await["versions"], json!(["v1"]));
    let groups = ok(&cluster, "GET", "/apis", JSON, Value::Null).await;
    let names: Vec<_> =
        groups["groups"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["apps", "networking.k8s.io", "rbac.authorization.k8s.io"]);
    let apps = ok(&cluster, "GET", "/apis/apps/v1", JSON, Value::Null).await;
    let plurals: Vec<_> =
        apps["resources"].as_array().unwrap().iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert_eq!(plurals, ["deployments", "deployments/status"]);
    refused(&cluster, "GET", "/apis/batch/v1", JSON, Value::Null, (404, "NotFound")).await;
    let system = ok(&cluster, "GET", "/api/v1/namespaces/kube-system", JSON, Value::Null).await;
    assert!(!system["metadata"]["uid"].as_str().unwrap().is_empty());
    assert_eq!(
        ok(&cluster, "GET", "/api/v1/nodes?limit=1", JSON, Value::Null).await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn two_clusters_are_not_one() {
    let uid = async |name| {
        let cluster = Simulated::start(name, Duration::ZERO, &Tasks::new());
        ok(&cluster, "GET", "/api/v1/namespaces/kube-system", JSON, Value::Null).await["metadata"]["uid"]
            .clone()
    };
    assert_ne!(uid("eu-1").await, uid("eu-2").await);
}

#[tokio::test]
async fn objects_are_made_changed_and_deleted() {
    let cluster = cluster();
    let made = ok(&cluster, "POST", MAPS, JSON, map("one", &json!({}), "a")).await;
    refused(&cluster, "POST", MAPS, JSON, map("one", &json!({}), "a"), (409, "AlreadyExists")).await;
    let elsewhere = "/api/v1/namespaces/nowhere/configmaps";
    refused(&cluster, "POST", elsewhere, JSON, json!({"metadata": {"name": "x"}}), (404, "NotFound")).await;

    let one = format!("{MAPS}/one");
    let mut changed = made.clone();
    changed["data"]["key"] = json!("b");
    let changed = ok(&cluster, "PUT", &one, JSON, changed).await;
    assert_eq!(changed["metadata"]["uid"], made["metadata"]["uid"]);
    // Based on a version that is no longer the latest.
    refused(&cluster, "PUT", &one, JSON, made, (409, "Conflict")).await;
    let patched = ok(&cluster, "PATCH", &one, MERGE, json!({"data": {"key": null, "other": "c"}})).await;
    assert_eq!(patched["data"], json!({"other": "c"}));
    refused(&cluster, "PATCH", &format!("{one}?dryRun=All"), MERGE, json!({}), (400, "BadRequest")).await;

    let another = json!({"preconditions": {"uid": "another"}});
    refused(&cluster, "DELETE", &one, JSON, another, (409, "Conflict")).await;
    ok(&cluster, "DELETE", &one, JSON, Value::Null).await;
    refused(&cluster, "GET", &one, JSON, Value::Null, (404, "NotFound")).await;
}

#[tokio::test]
async fn a_finalizer_holds_a_deleted_object() {
    let cluster = cluster();
    let mut held = map("held", &json!({}), "a");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    ok(&cluster, "POST", MAPS, JSON, held).await;
    let uri = format!("{MAPS}/held");
    let marked = ok(&cluster, "DELETE", &uri, JSON, Value::Null).await;
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    ok(&cluster, "PATCH", &uri, MERGE, json!({"metadata": {"finalizers": null}})).await;
    refused(&cluster, "GET", &uri, JSON, Value::Null, (404, "NotFound")).await;
}

#[tokio::test]
async fn a_namespace_takes_what_is_in_it_along() {
    let cluster = cluster();
    ok(&cluster, "POST", "/api/v1/namespaces", JSON, json!({"metadata": {"name": "shop"}})).await;
    let inside = "/api/v1/namespaces/shop/configmaps";
    ok(&cluster, "POST", inside, JSON, json!({"metadata": {"name": "one"}})).await;
    ok(&cluster, "DELETE", "/api/v1/namespaces/shop", JSON, Value::Null).await;
    refused(&cluster, "GET", &format!("{inside}/one"), JSON, Value::Null, (404, "NotFound")).await;
}

#[tokio::test]
async fn apply_makes_changes_and_lets_go_of_fields() {
    let cluster = cluster();
    let uri = format!("{MAPS}/web?fieldManager=flotilla&force=true");
    let mut wanted = map("web", &json!({"app": "web"}), "a");
    wanted["data"]["gone"] = json!("soon");
    let first = ok(&cluster, "PATCH", &uri, APPLY, wanted).await;
    let second = ok(&cluster, "PATCH", &uri, APPLY, map("web", &json!({"app": "web"}), "b")).await;
    assert_eq!(second["data"], json!({"key": "b"}));
    assert_ne!(first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]);
    // Nothing new: no new version, so that watches stay quiet.
    let third = ok(&cluster, "PATCH", &uri, APPLY, map("web", &json!({"app": "web"}), "b")).await;
    assert_eq!(second["metadata"]["resourceVersion"], third["metadata"]["resourceVersion"]);
    // Another manager needs force for the field.
    let other = format!("{MAPS}/web?fieldManager=other");
    refused(&cluster, "PATCH", &other, APPLY, map("web", &json!({}), "c"), (409, "Conflict")).await;
}

#[tokio::test]
async fn lists_and_watches_by_label_and_from_a_version() {
    let cluster = cluster();
    ok(&cluster, "POST", MAPS, JSON, map("ours", &json!({"owner": "us"}), "a")).await;
    ok(&cluster, "POST", MAPS, JSON, map("theirs", &json!({}), "a")).await;
    let list = ok(&cluster, "GET", "/api/v1/configmaps?labelSelector=owner", JSON, Value::Null).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let watch = format!("/api/v1/configmaps?watch=true&labelSelector=owner&resourceVersion={version}");

    let mut events = Events::open(&cluster, &watch).await;
    ok(&cluster, "PATCH", &format!("{MAPS}/theirs"), MERGE, json!({"data": {"key": "unseen"}})).await;
    ok(&cluster, "PATCH", &format!("{MAPS}/ours"), MERGE, json!({"data": {"key": "b"}})).await;
    assert_eq!(events.told().await, "MODIFIED ours");
    ok(&cluster, "PATCH", &format!("{MAPS}/theirs"), MERGE, json!({"metadata": {"labels": {"owner": "us"}}}))
        .await;
    assert_eq!(events.told().await, "ADDED theirs");
    ok(&cluster, "PATCH", &format!("{MAPS}/ours"), MERGE, json!({"metadata": {"labels": null}})).await;
    assert_eq!(events.told().await, "DELETED ours");
    ok(&cluster, "DELETE", &format!("{MAPS}/theirs"), JSON, Value::Null).await;
    assert_eq!(events.told().await, "DELETED theirs");

    // Resumed, it tells the same again.
    let mut resumed = Events::open(&cluster, &watch).await;
    for expect in ["MODIFIED ours", "ADDED theirs", "DELETED ours", "DELETED theirs"] {
        assert_eq!(resumed.told().await, expect);
    }
    let mut initial = Events::open(&cluster, "/api/v1/nodes?watch=true&sendInitialEvents=true").await;
    assert_eq!(initial.told().await, "ADDED eu-1-node");
    assert_eq!(initial.told().await, "BOOKMARK");
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_is_told_to_list_again() {
    let cluster = cluster();
    let made = ok(&cluster, "POST", MAPS, JSON, map("busy", &json!({}), "a")).await;
    for turn in 0..300 {
        ok(&cluster, "PATCH", &format!("{MAPS}/busy"), MERGE, json!({"data": {"key": turn.to_string()}}))
            .await;
    }
    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    let mut events = Events::open(&cluster, &format!("{MAPS}?watch=true&resourceVersion={version}")).await;
    let told = events.next().await;
    assert_eq!((told["type"].as_str(), told["object"]["code"].as_u64()), (Some("ERROR"), Some(410)));
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over() {
    let cluster = cluster();
    let mut events = Events::open(&cluster, &format!("{MAPS}?watch=true&timeoutSeconds=0")).await;
    assert!(events.0.frame().await.is_none());
}

#[tokio::test]
async fn deployments_become_ready_unless_their_image_is_broken() {
    let cluster = cluster();
    let mut events = Events::open(&cluster, "/apis/apps/v1/deployments?watch=true").await;
    ok(&cluster, "POST", DEPLOYMENTS, JSON, deployment("bad", "example.com/shop:broken-2")).await;
    ok(&cluster, "POST", DEPLOYMENTS, JSON, deployment("good", "example.com/shop:2")).await;
    let ready = |event: &Value, name: &str, generation: i64| {
        let object = &event["object"];
        object["metadata"]["name"] == name
            && object["status"]["observedGeneration"] == generation
            && object["status"]["updatedReplicas"] == 2
    };
    while !ready(&events.next().await, "good", 1) {}
    // Its time came no later than that of the good one.
    let bad = ok(&cluster, "GET", &format!("{DEPLOYMENTS}/bad"), JSON, Value::Null).await;
    assert_eq!(bad["status"]["availableReplicas"], 0);
    assert_eq!(bad["status"]["observedGeneration"], 1);

    // A change starts new pods while the old ones serve.
    let good = format!("{DEPLOYMENTS}/good");
    ok(&cluster, "PATCH", &good, MERGE, deployment("good", "example.com/shop:3")).await;
    let starting = loop {
        let event = events.next().await;
        if event["object"]["metadata"]["name"] == "good"
            && event["object"]["status"]["observedGeneration"] == 2
        {
            break event;
        }
    };
    assert_eq!(starting["object"]["status"]["availableReplicas"], 2);
    assert_eq!(starting["object"]["status"]["updatedReplicas"], 0);
    while !ready(&events.next().await, "good", 2) {}
}
