//! How answers go out: compressed, in YAML, and to clients that do not read them.

use super::{metrics::scrape, *};
use crate::{Limits, Room};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use shared_model::Kind;
use std::io::Read as _;

/// ConfigMaps of so many bytes each.
async fn maps(server: &Server, count: usize, bytes: usize) {
    for n in 0..count {
        let metadata = json!({"name": format!("m-{n:04}"), "namespace": "argocd"});
        let object = json!({"metadata": metadata, "data": {"a": "x".repeat(bytes)}});
        server.records.create(Kind::ConfigMap, object, shared_runtime::now()).await.unwrap();
    }
}

/// Answers over HTTP/2 that nobody reads before the test does: its window has room for 64 KiB.
async fn unread(server: &Server, path: &str) -> http::Response<Incoming> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.authority.clone()).unwrap();
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = server.url.trim_start_matches("https://");
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(65_535)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    shared_runtime::spawn("client", async move {
        let _ended = connection.await;
    });
    let request = http::Request::get(format!("{}{path}", server.url))
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Empty::<Bytes>::new());
    sender.send_request(request.unwrap()).await.unwrap()
}

/// Waits until `/metrics` says so.
async fn shown(server: &Server, line: &str) {
    let line = format!("{line}\n");
    let seen = async { while !scrape(server).await.contains(&line) {} };
    tokio::time::timeout(WITHIN, seen).await.unwrap_or_else(|_| panic!("never: {line}"));
}

#[tokio::test]
async fn a_watcher_that_reads_nothing_is_ended_and_others_are_not() {
    let server = limited(Limits { stalled: Duration::from_millis(300), ..Limits::default() }).await;
    maps(&server, 100, 10_000).await;
    let mut reads = server.watch(&format!("{MAPS}?watch=1")).await;
    for _ in 0..100 {
        reads.next().await.unwrap();
    }
    let stalled = unread(&server, &format!("{MAPS}?watch=1")).await;
    assert_eq!(stalled.status(), 200);
    shown(&server, "flotilla_api_watches 1").await;
    assert!(stalled.into_body().collect().await.is_err(), "its stream was reset");
    server.post(MAPS, map("z")).await.ok(201);
    assert_eq!(reads.next().await.unwrap().1["metadata"]["name"], "z");
    let last = server.audited.0.lock().clone();
    assert!(String::from_utf8(last).unwrap().contains("\"outcome\":\"not taken in time\""));
    shown(&server, "flotilla_api_seats{class=\"watch\"} 0").await;
}

#[tokio::test]
async fn a_watcher_that_falls_behind_is_told_410_when_it_reads_again() {
    let server = limited(Limits { stalled: WITHIN * 10, ..Limits::default() }).await;
    server.post(MAPS, map("a")).await.ok(201);
    let mut watch = unread(&server, &format!("{MAPS}?watch=1")).await.into_body();
    for n in 0..45 {
        let large = json!({"data": {"a": format!("{n}{}", "x".repeat(900_000))}});
        server.patch("merge", &format!("{MAPS}/a"), large).await.ok(200);
    }
    let mut read = Vec::new();
    while let Some(frame) = tokio::time::timeout(WITHIN, watch.frame()).await.unwrap() {
        read.extend_from_slice(frame.unwrap().data_ref().unwrap());
    }
    let last = read.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    assert_eq!((&last["type"], &last["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(last["object"]["reason"], "Expired");
    assert!(read.len() < 20_000_000, "it was not told everything first");
}

#[tokio::test]
async fn a_list_that_nobody_takes_keeps_its_seats_for_a_while_and_the_next_is_told_to_come_back() {
    let lists = Room { seats: 1, queue: 0 };
    let server = limited(Limits { stalled: Duration::from_secs(2), lists, ..Limits::default() }).await;
    maps(&server, 200, 10_000).await;
    let stalled = unread(&server, MAPS).await;
    let response = server.request("GET", MAPS).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &http::HeaderValue::from_static("3"))
    );
    let status: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(
        (&status["reason"], &status["details"]["retryAfterSeconds"]),
        (&json!("TooManyRequests"), &json!(3))
    );
    // What is no list goes on.
    server.get(&format!("{MAPS}/m-0000")).await.ok(200);
    shown(&server, "flotilla_api_turned_away_total{class=\"list\"} 1").await;
    shown(&server, "flotilla_api_seats{class=\"list\"} 0").await;
    assert!(stalled.into_body().collect().await.is_err(), "half a list never looks whole");
    server.get(MAPS).await.ok(200);
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_take_them_so() {
    let server = server().await;
    maps(&server, 300, 1_000).await;
    let check = async |path: &str, accept: Option<&str>, packed: bool| {
        let request = server.request("GET", path);
        let request = match accept {
            Some(accept) => request.header("accept-encoding", accept),
            None => request,
        };
        let response = request.send().await.unwrap();
        let encoding = response.headers().get("content-encoding").cloned();
        assert_eq!(encoding.is_some_and(|encoding| encoding == "gzip"), packed, "{path} {accept:?}");
        assert_eq!(response.headers().contains_key("vary"), packed);
        let body = response.bytes().await.unwrap();
        if !packed {
            return serde_json::from_slice::<Value>(&body).unwrap();
        }
        assert!(body.len() < 60_000, "{}", body.len());
        let mut read = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut read).unwrap();
        serde_json::from_str(&read).unwrap()
    };
    let plain = check(MAPS, None, false).await;
    assert_eq!(check(MAPS, Some("gzip"), true).await, plain);
    check(MAPS, Some("gzip;q=0"), false).await;
    check(&format!("{MAPS}?limit=10"), Some("gzip"), false).await;
    // One large object, which is whole from the start.
    server.post(MAPS, json!({"metadata": {"name": "big"}, "data": {"a": "y".repeat(500_000)}})).await.ok(201);
    check(&format!("{MAPS}/big"), Some("gzip"), true).await;
}

#[tokio::test]
async fn answers_can_be_yaml() {
    let server = server().await;
    maps(&server, 2, 10).await;
    let get = async |path: &str| {
        let response = server.request("GET", path).header("accept", "application/yaml").send().await.unwrap();
        let (code, media_type) = (response.status().as_u16(), response.headers()["content-type"].clone());
        assert_eq!(media_type, "application/yaml", "{path}");
        let text = response.text().await.unwrap();
        assert!(!text.starts_with('{'), "{text}");
        (code, shared_manifest::yaml::parse(&text).unwrap())
    };
    for path in [MAPS, &format!("{MAPS}/m-0001"), "/api/v1"] {
        assert_eq!(get(path).await, (200, server.get(path).await.ok(200)), "{path}");
    }
    let (code, status) = get(&format!("{MAPS}/none")).await;
    assert_eq!((code, &status["reason"]), (404, &json!("NotFound")));
    assert_eq!(get(&format!("{MAPS}?watch=1")).await.0, 406);
}

#[tokio::test]
async fn a_request_for_what_clusters_have_is_told_where_that_is() {
    let server = server().await;
    let said = server.post("/api/v1/namespaces/a/pods/b/exec", json!({})).await.refused(404, "NotFound");
    assert!(said.contains("kubectl --context CLUSTER exec"), "{said}");
    let said = server.get(&format!("{APPS}/web/scale")).await.refused(404, "NotFound");
    assert!(said.contains("have no scale"), "{said}");
    let paths = server.get("/").await.ok(200);
    assert!(paths["paths"].as_array().unwrap().contains(&json!("/apis/argoproj.io/v1alpha1")), "{paths}");
    let health = server.client.get(format!("{}/readyz/nothing", server.url)).send().await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.text().await.unwrap()),
        (404, "404 page not found\n".to_owned())
    );
}

#[tokio::test]
async fn requests_are_worked_on_by_a_runtime_of_their_own() {
    let own = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ours = tokio::runtime::Handle::current();
    let server =
        start(hub_store::Config::default(), None, Limits::default(), Some(own.handle().clone())).await;
    maps(&server, 30, 10_000).await;
    let before = (own.metrics().num_alive_tasks(), ours.metrics().num_alive_tasks());
    // Over connections of their own, so that what the client does stays the same.
    let streams = [unread(&server, &format!("{MAPS}?watch=1")).await, unread(&server, MAPS).await];
    let after = (own.metrics().num_alive_tasks(), ours.metrics().num_alive_tasks());
    assert!(after.0 >= before.0 + 4, "connections and their streams: {before:?} {after:?}");
    // The client's end of each connection is ours, and nothing else.
    assert!(after.1 <= before.1 + 2 * streams.len(), "{before:?} {after:?}");
    drop((streams, server));
    own.shutdown_background();
}
