use super::*;
use hub_records::keys;
use shared_model::{
    AppKey, ClusterName, Digest, Health, HealthStatus, Kind, Observation, Position, ReleaseId, SyncPhase,
    SyncState,
};

#[tokio::test]
async fn every_hub_starts_with_its_namespaces() {
    let server = server().await;
    let list = server.get("/api/v1/namespaces").await.ok(200);
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|n| n["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["argocd", "default", "flotilla"]);
    assert_eq!(list["items"][0]["status"]["phase"], "Active");
    let said = server.post("/api/v1/namespaces/nope/configmaps", map("x")).await.refused(404, "NotFound");
    assert_eq!(said, "namespaces \"nope\" not found");
}

/// Names, what they hold, and where the next page starts.
fn shown(page: &Value) -> (Vec<String>, Option<String>) {
    let items = page["items"].as_array().unwrap().iter();
    let one = |map: &Value| {
        format!("{}={}", map["metadata"]["name"].as_str().unwrap(), map["data"]["a"].as_str().unwrap_or("-"))
    };
    (items.map(one).collect(), page["metadata"]["continue"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn all_pages_of_a_list_show_the_state_of_the_first() {
    let server = server().await;
    for name in ["a", "b", "c", "d", "e"] {
        server.post(MAPS, map(name)).await.ok(201);
    }
    let first = server.get(&format!("{MAPS}?limit=2")).await.ok(200);
    // Everything changes in between.
    server.post(MAPS, map("f")).await.ok(201);
    server.delete(&format!("{MAPS}/c")).await.ok(200);
    server.patch("merge", &format!("{MAPS}/d"), json!({"data": {"a": "new"}})).await.ok(200);
    server.patch("merge", &format!("{MAPS}/a"), json!({"data": {"a": "new"}})).await.ok(200);
    let (mut seen, mut page) = (Vec::new(), first.clone());
    loop {
        assert_eq!(version(&page), version(&first));
        let (names, next) = shown(&page);
        seen.extend(names);
        let Some(next) = next else { break };
        page = server.get(&format!("{MAPS}?limit=2&continue={next}")).await.ok(200);
    }
    assert_eq!(seen, ["a=b", "b=b", "c=b", "d=b", "e=b"]);
    // So does whoever asks for that version, and nobody else.
    let then = version(&first);
    let exact =
        server.get(&format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact")).await.ok(200);
    assert_eq!((shown(&exact).0, version(&exact)), (seen.clone(), then));
    let limited = server.get(&format!("{MAPS}?resourceVersion={then}&limit=4")).await.ok(200);
    assert_eq!((shown(&limited).0.as_slice(), version(&limited)), (&seen[..4], then));
    let newest = server.get(&format!("{MAPS}?resourceVersion={then}")).await.ok(200);
    assert_eq!(shown(&newest).0, ["a=new", "b=b", "d=new", "e=b", "f=b"]);
    server.get(&format!("{MAPS}?continue=garbage")).await.refused(400, "BadRequest");
    server.get(&format!("{MAPS}?resourceVersion=999999")).await.refused(504, "Timeout");
}

#[tokio::test]
async fn a_state_that_is_not_kept_any_more_is_expired() {
    let server = on(hub_store::Config { window_changes: 2, ..hub_store::Config::default() }).await;
    for name in ["a", "b", "c"] {
        server.post(MAPS, map(name)).await.ok(201);
    }
    let first = server.get(&format!("{MAPS}?limit=1")).await.ok(200);
    let (_, next) = shown(&first);
    for name in ["d", "e", "f"] {
        server.post(MAPS, map(name)).await.ok(201);
    }
    let said =
        server.get(&format!("{MAPS}?limit=1&continue={}", next.unwrap())).await.refused(410, "Expired");
    assert!(said.contains("list again from the beginning"), "{said}");
    let exact = format!("{MAPS}?resourceVersion={}&resourceVersionMatch=Exact", version(&first));
    server.get(&exact).await.refused(410, "Expired");
}

#[tokio::test]
async fn a_list_of_more_than_one_page_of_the_store_is_whole() {
    let server = server().await;
    for n in 0..1100 {
        let object = json!({"metadata": {"name": format!("m-{n:04}"), "namespace": "argocd", "labels": {"last": (n >= 1090).to_string()}}});
        server.records.create(Kind::ConfigMap, object, shared_runtime::now()).await.unwrap();
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = (0..1100).map(|n| format!("m-{n:04}")).collect();
    assert_eq!(names(&server.get(MAPS).await.ok(200)), all);
    assert_eq!(names(&server.get("/api/v1/configmaps?limit=0").await.ok(200)), all);
    let some = server.get(&format!("{MAPS}?limit=1001")).await.ok(200);
    assert_eq!(names(&some), all[..1001]);
    let next = some["metadata"]["continue"].as_str().unwrap();
    let rest = server.get(&format!("{MAPS}?limit=1001&continue={next}")).await.ok(200);
    assert_eq!((names(&rest).as_slice(), &rest["metadata"]["continue"]), (&all[1001..], &Value::Null));
    // A page is full when the selector has found enough, however much it had to read.
    let last = server.get(&format!("{MAPS}?labelSelector=last%3Dtrue&limit=4")).await.ok(200);
    assert_eq!(names(&last), all[1090..1094]);
    let next = last["metadata"]["continue"].as_str().unwrap();
    let rest =
        server.get(&format!("{MAPS}?labelSelector=last%3Dtrue&limit=50&continue={next}")).await.ok(200);
    assert_eq!(names(&rest), all[1094..]);
    assert_eq!(server.table(MAPS).await["rows"].as_array().unwrap().len(), 1100);
}

#[tokio::test]
async fn selectors_pick() {
    let server = server().await;
    for (name, ring) in [("a", "canary"), ("b", "rest"), ("c", "rest")] {
        let object = json!({"metadata": {"name": name, "labels": {"ring": ring}}, "spec": {}});
        server.post(CLUSTERS, object).await.ok(201);
    }
    let check = async |query: &str, expect: &[&str]| {
        let list = server.get(&format!("{CLUSTERS}?{query}")).await.ok(200);
        let names: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|m| m["metadata"]["name"].clone()).collect();
        assert_eq!(json!(names), json!(expect), "{query}");
    };
    check("labelSelector=ring%3Drest", &["b", "c"]).await;
    check("labelSelector=ring%20notin%20(rest)", &["a"]).await;
    check("fieldSelector=metadata.name%3Db", &["b"]).await;
    check("labelSelector=ring%3Drest&limit=1", &["b"]).await;
    server.get(&format!("{CLUSTERS}?labelSelector=a%20b")).await.refused(400, "BadRequest");
    server.get(&format!("{CLUSTERS}?fieldSelector=spec.x%3Db")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn an_application_shows_what_its_cluster_reports() {
    let server = server().await;
    server.post(APPS, app("web")).await.ok(201);
    let (cluster, key) = (ClusterName::new("eu-1"), AppKey::new("argocd", "web"));
    let release = ReleaseId(Digest::of(b"release"));
    let decided = json!({"cluster": "eu-1", "target": {"release": release, "revisions": ["c0ffee"]}});
    server.records.put_status(Kind::Application, "argocd", "web", &decided).await.unwrap();
    let before = server.get(&format!("{APPS}/web")).await.ok(200);
    assert_eq!(before["status"]["sync"]["status"], "Unknown");
    let seen = Observation {
        application: key.clone(),
        cluster: cluster.clone(),
        position: Position::default(),
        release: Some(release),
        phase: SyncPhase::Succeeded,
        message: String::new(),
        sync: SyncState::Synced,
        health: Health::new(HealthStatus::Progressing, "1 of 2 ready"),
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        removed: false,
        pin: None,
        unsupported: Vec::new(),
        received_at: shared_runtime::now(),
        healthy_since: None,
    };
    server.records.write(&keys::observation(&cluster, &key), &seen).await.unwrap();
    let after = server.get(&format!("{APPS}/web")).await.ok(200);
    assert_eq!(after["status"]["sync"], json!({"status": "Synced", "revision": "c0ffee"}));
    assert_eq!(after["status"]["health"], json!({"status": "Progressing", "message": "1 of 2 ready"}));
    assert_ne!(version(&before), version(&after));

    let table = server.table(APPS).await;
    let headings: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(json!(headings[..3]), json!(["Name", "Sync Status", "Health Status"]));
    assert_eq!(
        json!(table["rows"][0]["cells"].as_array().unwrap()[..6]),
        json!(["web", "Synced", "Progressing", "c0ffee", "default", "eu-1"])
    );
    // The client's version is newer than the object's own: no conflict.
    let mut changed = after.clone();
    changed["spec"]["project"] = json!("other");
    server.put(&format!("{APPS}/web"), changed).await.ok(200);
    server.put(&format!("{APPS}/web"), before).await.refused(409, "Conflict");
}
