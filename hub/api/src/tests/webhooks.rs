use super::*;
use crate::{Delivery, Verdict, Webhooks};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{mpsc, watch},
};

const HOOK: &str = "/api/webhook";

/// A server whose webhooks the test takes itself.
async fn door(limit: usize) -> (Server, mpsc::Receiver<Delivery>) {
    let (deliveries, delivered) = mpsc::channel(8);
    let webhooks = Webhooks { deliveries, limit: watch::channel(limit).1 };
    (with(hub_store::Config::default(), Some(webhooks)).await, delivered)
}

/// Answers every webhook, by its body.
fn answering(mut delivered: mpsc::Receiver<Delivery>) {
    shared_runtime::spawn("answering", async move {
        while let Some(Delivery { headers, body, answer, .. }) = delivered.recv().await {
            let text = String::from_utf8_lossy(&body).into_owned();
            let verdict = match text.as_str() {
                "malformed" => Verdict::Malformed(text),
                "unproven" => Verdict::Unproven(text),
                "closed" => Verdict::Closed(text),
                "many" => Verdict::TooMany(text, 7),
                _ => Verdict::Taken(
                    json!({"bytes": body.len(), "event": headers["x-event"].to_str().unwrap()}),
                ),
            };
            answer.send(verdict).unwrap();
        }
    });
}

impl Server {
    async fn hook(&self, body: impl Into<reqwest::Body>) -> Got {
        let request = self.client.post(format!("{}{HOOK}", self.url)).header("x-event", "push");
        self.send(request.body(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_needs_no_token_and_nothing_else_is_open() {
    let (server, delivered) = door(1000).await;
    answering(delivered);
    assert_eq!(server.hook("12345").await.ok(200), json!({"bytes": 5, "event": "push"}));
    assert_eq!(server.hook("malformed").await.refused(400, "BadRequest"), "malformed");
    assert_eq!(server.hook("unproven").await.refused(401, "Unauthorized"), "unproven");
    assert_eq!(server.hook("closed").await.refused(403, "Forbidden"), "closed");
    let many = server.hook("many").await;
    assert_eq!(many.body["details"]["retryAfterSeconds"], 7);
    many.refused(429, "TooManyRequests");
    for (method, path, code) in [
        ("GET", HOOK, 405),
        ("PUT", HOOK, 405),
        ("POST", "/api/webhook/x", 401),
        ("POST", "/api/webhooks", 401),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let got = server.send(server.client.request(method, format!("{}{path}", server.url))).await;
        assert_eq!(got.code, code, "{path}");
    }
    let silent = self::server().await;
    assert_eq!(silent.hook("12345").await.code, 401, "a hub without webhooks has no such path");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_not_taken() {
    let (server, delivered) = door(3 << 20).await;
    answering(delivered);
    assert_eq!(server.hook(vec![b'x'; 3 << 20]).await.ok(200)["bytes"], 3 << 20);
    let said = server.hook(vec![b'x'; (3 << 20) + 1]).await.refused(413, "RequestEntityTooLarge");
    assert!(said.contains("3 MB") && said.contains("webhook.maxPayloadSizeMB"), "{said}");
    // Announced by nobody: it comes in pieces.
    let mut stream = connect(&server).await;
    let head = format!("POST {HOOK} HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..5 {
        stream.write_all(b"100000\r\n").await.unwrap();
        stream.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut stream).await, "HTTP/1.1 413");
    // What was held for them is free again.
    for _ in 0..40 {
        assert_eq!(server.hook(vec![b'x'; 3 << 20]).await.ok(200)["bytes"], 3 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_announces_much_and_sends_nothing_keeps_nobody_out() {
    let (server, delivered) = door(30 << 20).await;
    answering(delivered);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&server).await;
        let head = format!("POST {HOOK} HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\nx", 30 << 20);
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(server.hook(vec![b'x'; 20 << 20]).await.ok(200)["bytes"], 20 << 20);
    // And is given up after a while.
    assert_eq!(status(&mut slow[0]).await, "HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_the_room_and_stops_keeps_nobody_out() {
    let (server, delivered) = door(30 << 20).await;
    answering(delivered);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&server).await;
        let head = format!("POST {HOOK} HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n", 30 << 20);
        // More than there is room for, so what is last is not read.
        slow.push(shared_runtime::spawn("slow", async move {
            stream.write_all(head.as_bytes()).await.unwrap();
            let _cut = stream.write_all(&vec![b'x'; 33 << 17]).await;
            stream
        }));
    }
    for size in [20 << 10, 3 << 20] {
        assert_eq!(server.hook(vec![b'x'; size]).await.ok(200)["bytes"], size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_do_not_wait_for_one_another_for_ever() {
    let (server, delivered) = door(30 << 20).await;
    answering(delivered);
    let hooks: Vec<_> = (0..3).map(|_| server.hook(vec![b'x'; 25 << 20])).collect();
    let codes: Vec<u16> = futures::future::join_all(hooks).await.into_iter().map(|got| got.code).collect();
    assert!(codes.iter().filter(|code| **code == 200).count() >= 2, "{codes:?}");
}

/// A connection below HTTP.
async fn connect(server: &Server) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.authority.clone()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address = server.url.strip_prefix("https://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// The first line of an answer.
async fn status(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut said = vec![0; 12];
    stream.read_exact(&mut said).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}
