//! What is refused before anything is done.

use super::*;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn nobody_acts_for_somebody_else() {
    let server = server().await;
    for header in ["impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-scopes"] {
        let said = server.send(server.request("GET", APPS).header(header, "bob")).await;
        let said = said.refused(403, "Forbidden");
        assert!(said.contains(header) && said.contains("without --as") && !said.contains("bob"), "{said}");
    }
    // A stranger is told nothing of that.
    let stranger = server.client.get(format!("{}{APPS}", server.url)).header("impersonate-user", "bob");
    server.send(stranger).await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn a_path_that_was_cut_short_deletes_nothing() {
    let server = server().await;
    server.post(APPS, app("web")).await.ok(201);
    server.delete("/apis/argoproj.io/v1alpha1/applications").await.refused(404, "NotFound");
    server.delete("/api/v1/configmaps").await.refused(404, "NotFound");
    server.delete("/api/v1/namespaces").await.refused(405, "MethodNotAllowed");
    server.get(&format!("{APPS}/web")).await.ok(200);
    let listed = server.get("/api/v1").await.ok(200);
    let verbs = |plural: &str| {
        let found = listed["resources"].as_array().unwrap().iter().find(|r| r["name"] == plural).unwrap();
        found["verbs"].as_array().unwrap().contains(&json!("deletecollection"))
    };
    assert_eq!((verbs("namespaces"), verbs("configmaps")), (false, true));
}

/// A body in sixteen parts, and how many of them were taken.
fn parts(size: usize) -> (reqwest::Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let frames = stream::iter(0..16).map(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![b'x'; size])))
    });
    (reqwest::Body::wrap(StreamBody::new(frames)), taken)
}

#[tokio::test]
async fn a_refusal_takes_the_body_before_it_answers() {
    let server = server().await;
    let check = async |request: reqwest::RequestBuilder, code: u16| {
        let (body, taken) = parts(100 << 10);
        let response = request.body(body).send().await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, code));
        assert_eq!(serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap()["kind"], "Status");
        assert_eq!(taken.load(Ordering::Relaxed), 16, "{code}");
    };
    check(server.request("PATCH", APPS), 405).await;
    check(server.request("POST", "/api/v1/none"), 404).await;
    check(server.client.post(format!("{}{APPS}", server.url)), 401).await;
    check(server.request("POST", &format!("{APPS}?dryRun=x")), 422).await;
    check(server.request("POST", APPS).header("impersonate-user", "bob"), 403).await;
}

#[tokio::test]
async fn wrong_options_are_refused_before_anything_is_done() {
    let server = server().await;
    server.post(MAPS, map("a")).await.ok(201);
    let path = format!("{MAPS}/a");
    let check = async |method: &str, path: &str, query: &str, kind: &str, field: &str| {
        let media_type = "application/merge-patch+json";
        let request = server.request(method, &format!("{path}?{query}")).header("content-type", media_type);
        let got = server.send(request.body("{}")).await;
        assert_eq!(got.body["details"]["causes"][0]["field"], field, "{}", got.body);
        let said = got.refused(422, "Invalid");
        assert!(said.starts_with(&format!("{kind}.meta.k8s.io \"\" is invalid: {field}: ")), "{said}");
    };
    check("POST", MAPS, "dryRun=x", "CreateOptions", "dryRun").await;
    check("PUT", &path, "fieldManager=a%01b", "UpdateOptions", "fieldManager").await;
    check("PATCH", &path, "force=true", "PatchOptions", "force").await;
    // This patch changes nothing: nobody would come to look at the option.
    check("PATCH", &path, "dryRun=x", "PatchOptions", "dryRun").await;
    let check = async |method: &str, path: &str, query: &str, kind: &str, field: &str| {
        let got = server.send(server.request(method, &format!("{path}?{query}"))).await;
        assert_eq!(got.body["details"]["causes"][0]["field"], field, "{}", got.body);
        let said = got.refused(422, "Invalid");
        assert!(said.starts_with(&format!("{kind}.meta.k8s.io")), "{said}");
    };
    check("DELETE", &path, "propagationPolicy=Foo", "DeleteOptions", "propagationPolicy").await;
    check("DELETE", MAPS, "dryRun=x", "DeleteOptions", "dryRun").await;
    check("GET", MAPS, "resourceVersionMatch=Exact", "ListOptions", "resourceVersionMatch").await;
    check("GET", MAPS, "sendInitialEvents=true", "ListOptions", "sendInitialEvents").await;
    check("GET", MAPS, "watch=1&resourceVersionMatch=Exact", "ListOptions", "resourceVersionMatch").await;
    let (wrong, right) = (json!({"dryRun": ["y"]}), json!({"dryRun": ["All"]}));
    server.send(server.request("DELETE", &path).json(&wrong)).await.refused(422, "Invalid");
    server.send(server.request("DELETE", &path).json(&right)).await.ok(200);
    server.get(&path).await.ok(200);
    assert_eq!(server.get(&format!("{MAPS}?limit=-1")).await.ok(200)["items"].as_array().unwrap().len(), 1);
}
