//! One line for every request, and nothing secret in it.

use super::*;

impl Audited {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for what is written when a client has gone.
    async fn within(&self, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let seen = async {
            loop {
                let lines = self.lines();
                if done(&lines) {
                    return lines;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WITHIN, seen).await.unwrap_or_else(|_| panic!("only {}", self.text()))
    }
}

#[tokio::test]
async fn every_request_leaves_one_line() {
    let server = server().await;
    let check = async |request: reqwest::RequestBuilder,
                       verb: &str,
                       what: [&str; 4],
                       code: u16,
                       outcome: &str| {
        let before = server.audited.lines().len();
        let response = request.header("user-agent", "probe/1.0").send().await.unwrap();
        let id = response.headers()["audit-id"].to_str().unwrap().to_owned();
        assert_eq!(response.headers()["cache-control"], "no-cache, private");
        let size = response.bytes().await.unwrap().len();
        let lines = server.audited.lines();
        assert_eq!(lines.len(), before + 1, "{lines:?}");
        let line = &lines[before];
        let [resource, subresource, namespace, name] = what;
        let expect = json!({
            "auditId": id, "stage": "complete", "verb": verb, "resource": resource, "subresource": subresource,
            "namespace": namespace, "name": name, "code": code, "outcome": outcome, "userAgent": "probe/1.0",
            "source": "127.0.0.1", "bytes": size,
        });
        for (field, value) in expect.as_object().unwrap() {
            assert_eq!(&line[field], value, "{field} of {line}");
        }
        assert!(line["time"].is_string() && line["milliseconds"].is_u64());
        line.clone()
    };
    let apps = ["applications", "", "argocd", ""];
    let web = ["applications", "", "argocd", "web"];
    let path = format!("{APPS}/web");
    let made = check(server.request("POST", APPS).json(&app("web")), "create", web, 201, "created").await;
    assert_eq!((&made["user"], &made["groups"]), (&json!("ada"), &json!(["admins"])));
    assert_eq!((&made["group"], &made["version"]), (&json!("argoproj.io"), &json!("v1alpha1")));
    check(server.request("GET", APPS), "list", apps, 200, "ok").await;
    check(server.request("GET", &path), "get", web, 200, "ok").await;
    let patch = server.request("PATCH", &format!("{path}/status?dryRun=All"));
    let patch = patch.header("content-type", "application/merge-patch+json").body("{}");
    let patched = check(patch, "patch", ["applications", "status", "argocd", "web"], 200, "ok").await;
    assert_eq!(patched["dryRun"], true);
    check(
        server.request("DELETE", &format!("{APPS}/none")),
        "delete",
        ["applications", "", "argocd", "none"],
        404,
        "NotFound",
    )
    .await;
    let stranger = server.client.get(format!("{}{path}", server.url));
    let line = check(stranger, "get", web, 401, "Unauthorized").await;
    assert_eq!(line["user"], "");
    check(server.request("GET", "/else/where"), "get", ["(not served)", "", "", ""], 404, "NotFound").await;
    check(server.request("PUT", APPS), "update", apps, 405, "MethodNotAllowed").await;
    let html = server.request("POST", APPS).header("content-type", "text/html").body("x");
    check(html, "create", apps, 415, "UnsupportedMediaType").await;
    let html = server.request("GET", APPS).header("accept", "text/html");
    check(html, "list", apps, 406, "NotAcceptable").await;
    check(server.request("GET", "/readyz"), "get", ["/healthz", "", "", ""], 200, "ok").await;
    check(server.request("GET", "/metrics"), "get", ["/metrics", "", "", ""], 200, "ok").await;
    check(server.request("GET", "/version"), "get", ["/version", "", "", ""], 200, "ok").await;
    let review = server.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews").json(&json!({}));
    check(review, "create", ["selfsubjectreviews", "", "", ""], 201, "created").await;
    let decision =
        server.request("POST", "/apis/flotilla.dev/v1alpha1/namespaces/argocd/fleetrollouts/r/decisions");
    let decision = decision.json(&json!({"decision": "pause", "reason": "why"}));
    let decided =
        check(decision, "create", ["fleetrollouts", "decisions", "argocd", "r"], 404, "NotFound").await;
    assert_eq!(decided["action"], "pause");
}

#[tokio::test]
async fn a_watch_has_a_line_when_it_begins_and_one_when_it_ends() {
    let server = server().await;
    let mut watch = server.watch(&format!("{MAPS}?watch=1&timeoutSeconds=1")).await;
    let begun = server.audited.within(|lines| lines.len() == 1).await;
    assert_eq!((&begun[0]["stage"], &begun[0]["verb"]), (&json!("started"), &json!("watch")));
    server.post(MAPS, map("a")).await.ok(201);
    while watch.next().await.is_some() {}
    let all = server.audited.within(|lines| lines.len() == 3).await;
    assert_eq!((&all[2]["stage"], &all[2]["outcome"]), (&json!("complete"), &json!("ok")));
    assert_eq!(all[2]["auditId"], begun[0]["auditId"]);
    assert!(all[2]["bytes"].as_u64().unwrap() > 100);
    // One whose client just goes.
    let watch = server.watch(&format!("{MAPS}?watch=1")).await;
    server.audited.within(|lines| lines.len() == 4).await;
    drop(watch);
    let all = server.audited.within(|lines| lines.len() == 5).await;
    assert_eq!((&all[4]["stage"], &all[4]["code"]), (&json!("complete"), &json!(200)));
}

#[tokio::test]
async fn no_line_holds_a_secret() {
    const HIDDEN: &str = "hunter2-do-not-tell";
    let (deliveries, _delivered) = tokio::sync::mpsc::channel(8);
    let webhooks = crate::Webhooks { deliveries, limit: tokio::sync::watch::channel(10).1 };
    let server = with(hub_store::Config::default(), Some(webhooks)).await;
    let secret =
        json!({"metadata": {"name": "s", "annotations": {"a": HIDDEN}}, "stringData": {"password": HIDDEN}});
    server.post(SECRETS, secret.clone()).await.ok(201);
    server.put(&format!("{SECRETS}/s"), secret).await.ok(200);
    server.patch("merge", &format!("{SECRETS}/s"), json!({"stringData": {"b": HIDDEN}})).await.ok(200);
    server.get(&format!("{SECRETS}/s?token={HIDDEN}")).await.ok(200);
    server.get(&format!("{SECRETS}?fieldSelector=metadata.name%3D{HIDDEN}")).await.ok(200);
    server.get(&format!("{SECRETS}?labelSelector=a%3D{HIDDEN}")).await.ok(200);
    server.get(&format!("{SECRETS}?fieldSelector={HIDDEN}")).await.refused(400, "BadRequest");
    server.get(&format!("{SECRETS}?continue={HIDDEN}")).await.refused(400, "BadRequest");
    server.post(&format!("{SECRETS}?dryRun={HIDDEN}"), json!({})).await.refused(422, "Invalid");
    server
        .post(&format!("{SECRETS}?fieldManager={HIDDEN}"), json!([HIDDEN]))
        .await
        .refused(400, "BadRequest");
    server.get(&format!("/{HIDDEN}")).await.refused(404, "NotFound");
    server.get(&format!("/api/v1/{HIDDEN}")).await.refused(404, "NotFound");
    server.get(&format!("/apis/{HIDDEN}/v1")).await.refused(404, "NotFound");
    server.get(&format!("{SECRETS}/s/{HIDDEN}")).await.refused(404, "NotFound");
    let odd = server.request("GET", SECRETS).header("x-api-key", HIDDEN).header("cookie", HIDDEN);
    server.send(odd).await.ok(200);
    let stranger = server.client.get(format!("{}{SECRETS}", server.url)).bearer_auth(HIDDEN);
    server.send(stranger).await.refused(401, "Unauthorized");
    let review = json!({"spec": {"token": HIDDEN}});
    server.post("/apis/authentication.k8s.io/v1/tokenreviews", review).await.ok(201);
    for path in [format!("/api/webhook/{HIDDEN}"), format!("/api/webhook?secret={HIDDEN}")] {
        let hook = server.client.post(format!("{}{path}", server.url)).header("x-gitlab-token", HIDDEN);
        server.send(hook.body(HIDDEN)).await;
    }
    let text = server.audited.text();
    assert_eq!(text.lines().count(), 19, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn what_a_stranger_says_of_itself_is_bounded() {
    let server = server().await;
    let request = server.request("GET", &format!("{MAPS}/{}", "n".repeat(4000)));
    let got = server.send(request.header("user-agent", "u".repeat(4000))).await;
    assert!(got.code >= 400, "{}", got.code);
    let line = &server.audited.text();
    assert!(line.len() < 1500, "{}", line.len());
}
