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
    let cluster = &document["components"]["schemas"]["dev.flotilla.v1alpha1.Cluster"]["properties"]["spec"];
    assert_eq!(cluster["properties"]["mode"]["enum"], json!(["Enforce", "Observe"]));
    assert_eq!(server.get("/openapi/v2").await.ok(200)["swagger"], "2.0");
    for name in ["api", "apis", "version", "apis/argoproj.io"] {
        assert_eq!(server.get(&format!("/openapi/v3/{name}")).await.ok(200)["openapi"], "3.0.0", "{name}");
    }
    server.get("/openapi/v3/apis/nothing.io/v1").await.refused(404, "NotFound");
    assert!(server.get("/version").await.ok(200)["gitVersion"].as_str().unwrap().contains("flotilla"));
}

#[tokio::test]
async fn open_api_is_kept_by_its_hash() {
    let server = server().await;
    let index = server.get("/openapi/v3").await.ok(200);
    let url = index["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let hash = url.split_once("?hash=").unwrap().1.to_owned();
    let send = async |url: &str, known: &str| {
        let request = server.request("GET", url).header("if-none-match", known);
        request.send().await.unwrap()
    };
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let kept = send(&url, "").await;
    assert_eq!((kept.status().as_u16(), header(&kept, "etag")), (200, format!("\"{hash}\"")));
    assert_eq!(header(&kept, "cache-control"), "public, immutable");
    assert!(header(&kept, "expires").ends_with(" GMT"), "{:?}", kept.headers());
    let plain = send("/openapi/v3/api/v1", &format!("\"{hash}\"")).await;
    assert_eq!(
        (plain.status().as_u16(), header(&plain, "cache-control")),
        (304, "no-cache, private".to_owned())
    );
    // Redirects are followed: another hash leads to the right one.
    let moved = send("/openapi/v3/api/v1?hash=AA", "").await;
    assert_eq!((moved.status().as_u16(), moved.url().query()), (200, Some(format!("hash={hash}").as_str())));
    let request = server.request("GET", "/openapi/v2");
    let kind = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let binary = request.header("accept", kind).send().await.unwrap();
    assert_eq!(header(&binary, "content-type"), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    assert!(binary.bytes().await.unwrap().starts_with(b"\x0a\x032.0"), "not gnostic's Document");
}

#[tokio::test]
async fn the_hub_says_how_it_is_reached() {
    let server = server().await;
    let info = server.get("/flotilla/v1/info").await.ok(200);
    assert_eq!((&info["agentAddress"], &info["trustDomain"]), (&json!("hub:8444"), &json!("example.org")));
    let review = json!({"spec": {"resourceAttributes": {"group": "flotilla.dev", "resource": "clusters", "verb": "get"}}});
    let answer = server.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).await.ok(201);
    assert_eq!(answer["status"]["allowed"], true);
    let who = server.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await.ok(201);
    assert_eq!(who["status"]["userInfo"]["username"], "ada");
}
