use super::*;

/// What `/metrics` says.
pub(super) async fn scrape(server: &Server) -> String {
    server.get("/metrics").await.ok(200).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn requests_are_counted_by_verb_and_answer() {
    let server = server().await;
    server.post(APPS, app("web")).await.ok(201);
    server.get(APPS).await.ok(200);
    server.get(&format!("{APPS}/none")).await.refused(404, "NotFound");
    server.delete(&format!("{APPS}/none")).await.refused(404, "NotFound");
    let text = scrape(&server).await;
    let check = |verb: &str, code: u16, count: u64| {
        let line = format!("flotilla_api_requests_total{{verb=\"{verb}\",code=\"{code}\"}} {count}\n");
        assert!(text.contains(&line), "{line} in {text}");
    };
    check("create", 201, 1);
    check("list", 200, 1);
    check("get", 404, 1);
    check("delete", 404, 1);
    assert!(text.contains("flotilla_api_request_seconds_count{verb=\"list\"} 1\n"), "{text}");
}

#[tokio::test]
async fn a_watch_counts_for_as_long_as_it_lasts() {
    let server = server().await;
    let shown = async |expect: &str| {
        let line = format!("flotilla_api_watches {expect}\n");
        let seen = async { while !scrape(&server).await.contains(&line) {} };
        tokio::time::timeout(WITHIN, seen).await.unwrap_or_else(|_| panic!("never: {line}"));
    };
    shown("0").await;
    let watch =
        server.request("GET", &format!("{APPS}?watch=true&allowWatchBookmarks=true")).send().await.unwrap();
    shown("1").await;
    drop(watch);
    shown("0").await;
}

#[tokio::test]
async fn strangers_see_no_metrics() {
    let server = server().await;
    let stranger = server.client.get(format!("{}/metrics", server.url));
    server.send(stranger).await.refused(401, "Unauthorized");
    let post = server.request("POST", "/metrics");
    server.send(post).await.refused(405, "MethodNotAllowed");
}
