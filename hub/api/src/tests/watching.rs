use super::*;
use hub_records::keys;
use shared_model::{AppKey, ClusterName, Kind};

/// A watch whose lines are read one by one.
pub(super) struct Watch {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl Server {
    pub(super) async fn watch(&self, path: &str) -> Watch {
        let response = self.request("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Watch { response, buffer: Vec::new() }
    }
}

impl Watch {
    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let mut event: Value = serde_json::from_slice(&line).unwrap();
                return Some((event["type"].as_str().unwrap().to_owned(), event["object"].take()));
            }
            self.buffer.extend_from_slice(&self.response.chunk().await.unwrap()?);
        }
    }

    async fn expect(&mut self, word: &str, name: &str) -> Value {
        let (got, object) = self.next().await.unwrap();
        assert_eq!(
            (got.as_str(), object["metadata"]["name"].as_str().unwrap_or_default()),
            (word, name),
            "{object}"
        );
        object
    }
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_then_what_happens() {
    let server = server().await;
    server.post(MAPS, map("a")).await.ok(201);
    let mut watch = server.watch(&format!("{MAPS}?watch=1")).await;
    watch.expect("ADDED", "a").await;
    server.post(MAPS, map("b")).await.ok(201);
    server.post("/api/v1/namespaces/default/configmaps", map("elsewhere")).await.ok(201);
    server.patch("merge", &format!("{MAPS}/a"), json!({"data": {"a": "c"}})).await.ok(200);
    server.delete(&format!("{MAPS}/b")).await.ok(200);
    watch.expect("ADDED", "b").await;
    assert_eq!(watch.expect("MODIFIED", "a").await["data"]["a"], "c");
    watch.expect("DELETED", "b").await;
}

#[tokio::test]
async fn a_watch_from_a_list_misses_nothing() {
    let server = server().await;
    server.post(MAPS, map("a")).await.ok(201);
    let list = server.get(MAPS).await.ok(200);
    let created = server.post(MAPS, map("b")).await.ok(201);
    server.delete(&format!("{MAPS}/a")).await.ok(200);
    let mut watch = server.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&list))).await;
    assert_eq!(version(&watch.expect("ADDED", "b").await), version(&created));
    let gone = watch.expect("DELETED", "a").await;
    let mut later = server.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&gone))).await;
    server.post(MAPS, map("c")).await.ok(201);
    later.expect("ADDED", "c").await;
    watch.expect("ADDED", "c").await;
}

#[tokio::test]
async fn selectors_turn_changes_into_coming_and_going() {
    let server = server().await;
    let mut watch = server.watch(&format!("{MAPS}?watch=1&labelSelector=on%3Dyes")).await;
    let mut one = server.watch(&format!("{MAPS}?watch=1&fieldSelector=metadata.name%3Db")).await;
    server.post(MAPS, map("a")).await.ok(201);
    let label = async |on: &str| {
        server.patch("merge", &format!("{MAPS}/a"), json!({"metadata": {"labels": {"on": on}}})).await.ok(200)
    };
    label("yes").await;
    watch.expect("ADDED", "a").await;
    label("no").await;
    watch.expect("DELETED", "a").await;
    server.post(MAPS, map("b")).await.ok(201);
    one.expect("ADDED", "b").await;
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let server = server().await;
    server.post(MAPS, map("a")).await.ok(201);
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = server.watch(&format!("{MAPS}?{query}")).await;
    watch.expect("ADDED", "a").await;
    let bookmark = watch.expect("BOOKMARK", "").await;
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(bookmark["kind"], "ConfigMap");
    server.get(&format!("{MAPS}?watch=1&sendInitialEvents=true")).await.refused(422, "Invalid");
}

#[tokio::test]
async fn an_applications_watch_tells_of_its_status_and_its_cluster() {
    let server = server().await;
    server.post(APPS, app("web")).await.ok(201);
    let mut watch = server.watch(&format!("{APPS}?watch=1")).await;
    watch.expect("ADDED", "web").await;
    let decided = json!({"cluster": "eu-1"});
    server.records.put_status(Kind::Application, "argocd", "web", &decided).await.unwrap();
    assert_eq!(watch.expect("MODIFIED", "web").await["status"]["cluster"], "eu-1");
    let (cluster, app) = (ClusterName::new("eu-1"), AppKey::new("argocd", "web"));
    let seen = json!({
        "application": app, "cluster": cluster, "position": shared_model::Position::default(), "release": null,
        "phase": "Running", "sync": "Unknown", "health": {"status": "Progressing"}, "received_at": "2026-01-01T00:00:00Z",
        "receivedAt": "2026-01-01T00:00:00Z",
    });
    server.records.write(&keys::observation(&cluster, &app), &seen).await.unwrap();
    let shown = watch.expect("MODIFIED", "web").await;
    assert_eq!(
        (&shown["status"]["health"]["status"], &shown["status"]["operationState"]["phase"]),
        (&json!("Progressing"), &json!("Running"))
    );
    server.delete(&format!("{APPS}/web")).await.ok(200);
    assert_eq!(watch.expect("DELETED", "web").await["status"]["cluster"], "eu-1");
}

#[tokio::test]
async fn a_watch_can_be_a_table() {
    let server = server().await;
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}, "spec": {}})).await.ok(201);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let request = server.request("GET", &format!("{CLUSTERS}?watch=1")).header("accept", accept);
    let mut watch = Watch { response: request.send().await.unwrap(), buffer: Vec::new() };
    let (_, first) = watch.next().await.unwrap();
    assert_eq!((&first["kind"], &first["rows"][0]["cells"][1]), (&json!("Table"), &json!("Never")));
    server.patch("merge", &format!("{CLUSTERS}/eu-1"), json!({"spec": {"pause": {}}})).await.ok(200);
    let (_, second) = watch.next().await.unwrap();
    assert_eq!(second["columnDefinitions"], Value::Null);
    assert!(second["rows"][0]["cells"][2].as_str().unwrap().starts_with("requested, not acknowledged since"));
}

#[tokio::test]
async fn what_is_no_longer_kept_is_expired() {
    let server = server().await;
    // The feed starts after the namespaces of the first start were made.
    server.get(&format!("{MAPS}?watch=1&resourceVersion=1")).await.refused(410, "Expired");
}

#[tokio::test]
async fn a_watch_ends_when_asked_to_and_when_the_hub_stops() {
    let server = server().await;
    let mut brief = server.watch(&format!("{MAPS}?watch=1&timeoutSeconds=1")).await;
    assert!(brief.next().await.is_none());
    let mut watch = server.watch(&format!("{MAPS}?watch=1")).await;
    assert!(server.tasks.drain(WITHIN).await, "every task ends");
    assert!(watch.next().await.is_none());
}
