use super::*;

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_limit() {
    let server = server().await;
    let large = |bytes: usize| json!({"metadata": {"name": "big"}, "data": {"a": "x".repeat(bytes)}});
    let said = server.post(MAPS, large(20 << 20)).await.refused(413, "RequestEntityTooLarge");
    assert!(said.contains("limit is 3145728 bytes for a request"), "{said}");
    let said = server.post(MAPS, large(2 << 20)).await.refused(413, "RequestEntityTooLarge");
    assert!(said.contains("configmaps \"big\" has") && said.contains("limit is 1048576"), "{said}");
    server.get(&format!("{MAPS}/big")).await.refused(404, "NotFound");
    server.post(MAPS, large(900 << 10)).await.ok(201);
}

#[tokio::test]
async fn malformed_bodies_are_told_where() {
    let server = server().await;
    let send = async |media_type: &str, body: &'static str| {
        let request = server.request("POST", SECRETS).header("content-type", media_type).body(body);
        server.send(request).await.refused(400, "BadRequest")
    };
    let said = send("application/json", "{\"data\": {\n  \"password\": hunter2\n}}").await;
    assert!(said.contains("line 2, column 1") && !said.contains("hunter2"), "{said}");
    let said = send("application/yaml", "metadata:\n  name: x\n   bad: y\n").await;
    assert!(said.contains("line 3"), "{said}");
    assert!(send("application/json", "[1]").await.contains("must be an object"));
    assert!(send("application/json", "{\"metadata\": \"x\"}").await.contains("metadata must be a map"));
    let request = server.request("POST", SECRETS).header("content-type", "text/html").body("x");
    server.send(request).await.refused(415, "UnsupportedMediaType");
    let request =
        server.request("PATCH", &format!("{CLUSTERS}/x")).header("content-type", "text/html").body("x");
    server.send(request).await.refused(415, "UnsupportedMediaType");
    let request = server.request("GET", CLUSTERS).header("accept", "text/html");
    server.send(request).await.refused(406, "NotAcceptable");
    server.send(server.request("PUT", CLUSTERS)).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn a_client_that_never_speaks_tls_is_let_go() {
    let server = server().await;
    let address = server.url.trim_start_matches("https://").to_owned();
    let mut plain = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer);
    tokio::time::timeout(WITHIN, read).await.unwrap().unwrap();
    assert!(!answer.starts_with(b"HTTP"), "only a TLS alert, if anything");
    server.get("/version").await.ok(200);
}
