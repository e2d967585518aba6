//! A way to a cluster's API on which every request is seen, and which can be made to fail.
//!
//! It stands where a load balancer stands: between one client (an agent with a token of its own) and the API server. It
//! passes requests on as they are, `Authorization` included, and streams what comes back, so that watches work.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Cluster;

/// The largest object that etcd takes is 1.5 MiB.
const LARGEST: usize = 4 << 20;

/// A way to a cluster's API. It ends when it is dropped.
#[derive(Debug)]
pub struct Way {
    road: Arc<Road>,
    server: JoinHandle<()>,
    folder: TempDir,
}

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When it arrived.
    pub at: Instant,
    /// `GET`, `PATCH`, …
    pub verb: String,
    /// `/api/v1/namespaces/web/configmaps/settings`
    pub path: String,
    /// What follows the `?`; empty when there is none.
    pub query: String,
    /// The answer's status code.
    pub status: u16,
}

impl Asked {
    /// Whether it would have changed something, had the server liked it. A dry run counts: it asks for the same rights.
    pub fn is_write(&self) -> bool {
        self.verb != "GET"
    }
}

/// What happens to requests instead of being passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429 in the words of Kubernetes' priority and fairness, with `Retry-After` in seconds.
    Throttled(u32),
    /// 502 in the words of a load balancer with nobody behind it.
    Nobody,
}

struct Road {
    client: Client,
    asked: Mutex<Vec<Asked>>,
    trouble: Mutex<Option<Trouble>>,
}

impl std::fmt::Debug for Road {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Road").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl Way {
    /// Opens a way to this cluster for a client with this token.
    ///
    /// # Errors
    /// When the cluster's kubeconfig cannot be read, or no port is free.
    pub async fn to(cluster: &Cluster, token: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("flotilla-e2e-way-").tempdir()?;
        let road = Arc::new(Road {
            client: anonymous(&cluster.kubeconfig()).await?,
            asked: Mutex::default(),
            trouble: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("find a free port")?;
        let port = listener.local_addr()?.port();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&road));
        #[allow(clippy::disallowed_methods, reason = "it ends with its handle; there is nothing to drain")]
        let server = tokio::spawn(async move {
            drop(axum::serve(listener, router).await);
        });
        let name = cluster.name();
        let kubeconfig = format!(
            "apiVersion: v1
kind: Config
current-context: {name}
contexts: [{{name: {name}, context: {{cluster: {name}, user: agent}}}}]
clusters: [{{name: {name}, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]
users: [{{name: agent, user: {{token: {token}}}}}]
"
        );
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig)?;
        Ok(Self { road, server, folder })
    }

    /// The kubeconfig that leads along it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// From now on every request meets this trouble; watches that are under way go on. `None`: passes all on again.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        *self.road.trouble.lock() = trouble;
    }

    /// How many requests were made so far: a mark for [`Way::since`].
    pub fn mark(&self) -> usize {
        self.road.asked.lock().len()
    }

    /// The requests after a mark.
    pub fn since(&self, mark: usize) -> Vec<Asked> {
        self.road.asked.lock().get(mark..).unwrap_or_default().to_vec()
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client for the API server that says nothing of who asks.
async fn anonymous(kubeconfig: &Path) -> Result<Client> {
    let parsed = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await?;
    config.auth_info = kube::config::AuthInfo::default();
    config.proxy_url = None;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn pass(State(road): State<Arc<Road>>, request: Request) -> Response {
    let uri = request.uri();
    let mut asked = Asked {
        at: Instant::now(),
        verb: request.method().to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        status: 0,
    };
    let trouble = *road.trouble.lock();
    let response = match trouble {
        Some(trouble) => refuse(trouble),
        None => forward(&road.client, request).await.unwrap_or_else(|_| refuse(Trouble::Nobody)),
    };
    asked.status = response.status().as_u16();
    road.asked.lock().push(asked);
    response
}

fn refuse(trouble: Trouble) -> Response {
    match trouble {
        Trouble::Throttled(seconds) => {
            let after = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, after, "Too many requests, please try again later.\n")
                .into_response()
        }
        Trouble::Nobody => (StatusCode::BAD_GATEWAY, "no healthy upstream\n").into_response(),
    }
}

async fn forward(client: &Client, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await?;
    let mut passed = http::Request::builder().method(parts.method).uri(parts.uri);
    for (name, value) in &parts.headers {
        let of_this_connection = [header::HOST, header::CONNECTION, header::CONTENT_LENGTH];
        if !of_this_connection.contains(name) {
            passed = passed.header(name, value);
        }
    }
    let answer = client.send(passed.body(kube::client::Body::from(body))?).await?;
    let (mut parts, body) = answer.into_parts();
    for header in [header::TRANSFER_ENCODING, header::CONNECTION] {
        parts.headers.remove(header);
    }
    Ok(Response::from_parts(parts, Body::new(body)))
}
