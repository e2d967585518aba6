use super::*;
use shared_objects::discovery::AGGREGATED;

#[tokio::test]
async fn nothing_is_answered_to_strangers_but_health() {
    let server = server().await;
    let stranger = server.client.get(format!("{}/api", server.url));
    assert_eq!(server.send(stranger).await.refused(401, "Unauthorized"), "Unauthorized");
    let wrong = server.client.post(format!("{}{APPS}", server.url)).bearer_auth("guess").json(&app("web"));
    server.send(wrong).await.refused(401, "Unauthorized");
    for path in ["/healthz", "/readyz", "/livez"] {
        let health = server.client.get(format!("{}{path}", server.url));
        assert_eq!(server.send(health).await.ok(200), "ok");
    }
}

#[test]
fn health_counts_the_plans_that_were_refused() {
    let verbose = crate::query::Query::parse("verbose");
    let said = |violations| crate::documents::health("/readyz", &verbose, violations);
    assert_eq!(said(0), "[+]ping ok\n[+]store ok\n[+]plans ok\nreadyz check passed\n");
    assert!(said(3).contains("[-]plans 3 would have broken an invariant"), "{}", said(3));
}

#[tokio::test]
async fn discovery_lists_every_kind_plainly_and_at_once() {
    let server = server().await;
    let plain = server.get("/apis/argoproj.io/v1alpha1").await.ok(200);
    let names: Vec<_> =
        plain["resources"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"applications") && names.contains(&"applicationsets/status"), "{names:?}");
    assert_eq!(server.get("/api").await.ok(200)["versions"], json!(["v1"]));
    assert_eq!(server.get("/apis").await.ok(200)["kind"], "APIGroupList");

    let request = server.request("GET", "/apis").header("accept", AGGREGATED);
    let whole = server.send(request).await.ok(200);
    assert_eq!(whole["kind"], "APIGroupDiscoveryList");
    server.get("/apis/nothing.io/v1").await.refused(404, "NotFound");
    server.get("/api/v1/pods").await.refused(404, "NotFound");
}

#[tokio::test]
async fn open_api_announces_field_validation() {
    let server = server().await;
    let index = server.get("/openapi/v3").await.ok(200);
    let url = index["paths"]["apis/flotilla.dev/v1alpha1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = server.get(&url).await.ok(200);
    let parameters = &document["paths"]["/apis/flotilla.dev/v1alpha1/clusters/{name}"]["patch"]["parameters"];
    assert!(parameters.as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"), "{parameters}");
    assert_eq!(server.get("/openapi/v2").await.ok(200)["swagger"], "2.0");
    assert!(server.get("/version").await.ok(200)["gitVersion"].as_str().unwrap().contains("flotilla"));
}

#[tokio::test]
async fn the_hub_says_how_it_is_reached() {
    let server = server().await;
    let info = server.get("/flotilla/v1/info").await.ok(200);
    assert_eq!((&info["agentAddress"], &info["trustDomain"]), (&json!("hub:8444"), &json!("example.org")));
    let review = json!({"spec": {"resourceAttributes": {"verb": "get"}}});
    let answer = server.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).await.ok(201);
    assert_eq!(answer["status"]["allowed"], true);
    let who = server.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await.ok(201);
    assert_eq!(who["status"]["userInfo"], json!({"username": "ada", "groups": ["admins"]}));
}
