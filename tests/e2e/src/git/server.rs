//! Git over HTTP as git itself serves it: `git http-backend` behind a small server.
//!
//! The server has a thread and a runtime of its own, so that it answers also while a test holds up its thread.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    thread::JoinHandle,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{io::AsyncWriteExt, process::Command, sync::oneshot};

use super::ALONE;
use crate::port::{free_port, listen};

/// What a client must know where a server is not open to all.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The password, or a token in its place.
    pub password: String,
}

/// A server for fetching, until it is dropped.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What each request needs.
struct Site {
    root: PathBuf,
    authorization: Option<String>,
}

impl GitServer {
    /// Serves the repositories in `root`, to whoever has the login if there is one.
    ///
    /// # Errors
    /// When there is no free port or no thread.
    pub fn start(root: &Path, login: Option<&Login>) -> Result<Self> {
        Self::start_on(free_port(), root, login)
    }

    /// As [`GitServer::start`], on the port of one that was there before.
    ///
    /// # Errors
    /// When the port is taken or there is no thread.
    pub fn start_on(port: u16, root: &Path, login: Option<&Login>) -> Result<Self> {
        let authorization = login.map(|Login { username, password }| {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
        });
        let site = Arc::new(Site { root: root.to_owned(), authorization });
        let listener = listen(port).context("find a port for git")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let router = Router::new().fallback(answer).with_state(site);
            tokio::select! {
                served = axum::serve(listener, router) => served,
                _ = stopped => Ok(()),
            }
        };
        let thread = std::thread::Builder::new().name("git server".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(serve) {
                eprintln!("the git server has ended: {error}");
            }
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the repository of that name.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    if let Some(expected) = &site.authorization
        && text(request.headers(), header::AUTHORIZATION.as_str()) != expected
    {
        let refused = Response::builder()
            .status(StatusCode::UNAUTHORIZED)
            .header(header::WWW_AUTHENTICATE, r#"Basic realm="git""#);
        return refused.body(Body::empty()).expect("the headers above are valid");
    }
    backend(&site, request).await.unwrap_or_else(|error| {
        let failed = Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR);
        failed.body(Body::from(format!("{error:#}"))).expect("there are no headers")
    })
}

/// One request by the Common Gateway Interface (RFC 3875), with the variables that git-http-backend(1) names.
async fn backend(site: &Site, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.context("read the request")?;
    let mut child = Command::new("git")
        .arg("http-backend")
        .envs(ALONE)
        .env("GIT_PROJECT_ROOT", &site.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or(""))
        .env("CONTENT_TYPE", text(&head.headers, "content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text(&head.headers, "content-encoding"))
        .env("GIT_PROTOCOL", text(&head.headers, "git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start git http-backend")?;
    let mut stdin = child.stdin.take().context("it was asked for a pipe")?;
    // It may answer without reading all.
    let write = async move { drop(stdin.write_all(&body).await) };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    from_cgi(&output.context("wait for git http-backend")?.stdout)
}

/// The answer of a CGI program: header lines, an empty line, the body.
fn from_cgi(output: &[u8]) -> Result<Response> {
    let end =
        output.windows(4).position(|four| four == b"\r\n\r\n").context("git http-backend has failed")?;
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end])?.lines() {
        let (name, value) = line.split_once(':').with_context(|| format!("{line:?} is not a header"))?;
        response = if name.eq_ignore_ascii_case("status") {
            response.status(value.trim().split(' ').next().unwrap_or_default())
        } else {
            response.header(name, value.trim())
        };
    }
    Ok(response.body(Body::from(output[end + 4..].to_vec()))?)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}
