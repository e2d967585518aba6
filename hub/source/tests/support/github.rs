//! GitHub's API for Apps, as far as it is documented and used here, over TLS; it checks the statements.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use parking_lot::Mutex;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::Arc,
};

/// A running API, for as long as the process runs.
pub(crate) struct Api {
    pub(crate) url: String,
    /// What was asked, such as `POST /app/installations/9/access_tokens`.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// What the next answers are instead of what was asked for: status line and headers.
    pub(crate) refusals: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// An App 7, whose public key is a PEM of PKCS #1, installed as 9 for all of `team`.
    pub(crate) fn start(tls: Arc<ServerConfig>, public: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("https://localhost:{}/api/v3", listener.local_addr().expect("bound").port());
        let body: String = public.lines().filter(|line| !line.starts_with("-----")).collect();
        let public = STANDARD.decode(body).expect("PEM");
        let (asked, refusals) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (seen, refusing) = (Arc::clone(&asked), Arc::clone(&refusals));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(session) = ServerConnection::new(Arc::clone(&tls)) else { continue };
                let mut stream = BufReader::new(StreamOwned::new(session, stream));
                let mut head = Vec::new();
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                    head.push(std::mem::take(&mut line));
                }
                if head.is_empty() {
                    continue;
                }
                let answer = answer(&head, &public, &seen, &refusing);
                stream.get_mut().write_all(answer.as_bytes()).ok();
                stream.get_mut().conn.send_close_notify();
                stream.get_mut().flush().ok();
            }
        });
        Self { url, asked, refusals }
    }
}

fn answer(
    head: &[String],
    public: &[u8],
    asked: &Mutex<Vec<String>>,
    refusals: &Mutex<Vec<String>>,
) -> String {
    let form = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    };
    let request = head[0].trim().trim_end_matches(" HTTP/1.1").replace("/api/v3", "");
    let mut asked = asked.lock();
    asked.push(request.clone());
    if let Some(refusal) = refusals.lock().pop() {
        let (status, headers) = refusal.split_once('\n').unwrap_or((&refusal, ""));
        return form(status, headers, "{}");
    }
    let statement = head.iter().find_map(|line| {
        line.to_ascii_lowercase().starts_with("authorization: bearer ").then(|| line[22..].trim())
    });
    if !statement.is_some_and(|statement| is_true(statement, public)) {
        return form("401 Unauthorized", "", "{}");
    }
    match request.as_str() {
        "GET /repos/team/app/installation" => form("200 OK", "", r#"{"id": 9, "app_id": 7}"#),
        "POST /app/installations/9/access_tokens" => {
            let count = asked.iter().filter(|one| **one == request).count();
            let token = format!(r#"{{"token": "ghs_s3cret{count}", "expires_at": "2099-01-01T00:00:00Z"}}"#);
            form("201 Created", "", &token)
        }
        _ => form("404 Not Found", "", "{}"),
    }
}

fn is_true(statement: &str, public: &[u8]) -> bool {
    let Some((signed, signature)) = statement.rsplit_once('.') else { return false };
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, public);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let claims = signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: serde_json::Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    let now = jiff::Timestamp::now().as_second();
    let in_time = claims["iat"].as_i64().is_some_and(|at| at <= now)
        && claims["exp"].as_i64().is_some_and(|at| at > now && at <= now + 600);
    key.verify(signed.as_bytes(), &signature).is_ok() && in_time && claims["iss"] == "7"
}
