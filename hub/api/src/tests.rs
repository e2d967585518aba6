//! The whole API in one process: a real TLS listener, and a client that speaks HTTP to it.

mod auditing;
mod decisions;
mod documents;
mod identities;
mod limits;
mod metrics;
mod outgoing;
mod reading;
mod refusing;
mod reviewing;
mod timeline;
mod watching;
mod webhooks;
mod writing;

use crate::{Api, AuditLog, Config, HubInfo, Limits, Token, listen};
use hub_records::Records;
use hub_store::Memory;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_runtime::{Tasks, metrics::Exposed};
use std::{sync::Arc, time::Duration};

const TOKEN: &str = "let-me-in";
const ADMIN: &str = "let-the-admin-in";
const WITHIN: Duration = Duration::from_secs(20);
const APPS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";
const CLUSTERS: &str = "/apis/flotilla.dev/v1alpha1/clusters";
const SECRETS: &str = "/api/v1/namespaces/argocd/secrets";
const MAPS: &str = "/api/v1/namespaces/argocd/configmaps";

/// A running API and a client that trusts it.
struct Server {
    client: reqwest::Client,
    url: String,
    authority: rustls::pki_types::CertificateDer<'static>,
    records: Records,
    tasks: Tasks,
    audited: Audited,
}

/// The audit lines so far.
#[derive(Debug, Clone, Default)]
struct Audited(Arc<parking_lot::Mutex<Vec<u8>>>);

impl std::io::Write for Audited {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

async fn server() -> Server {
    on(hub_store::Config::default()).await
}

async fn on(store: hub_store::Config) -> Server {
    with(store, None).await
}

async fn with(store: hub_store::Config, webhooks: Option<crate::Webhooks>) -> Server {
    start(store, webhooks, Limits::default(), None).await
}

async fn limited(limits: Limits) -> Server {
    start(hub_store::Config::default(), None, limits, None).await
}

async fn start(
    store: hub_store::Config,
    webhooks: Option<crate::Webhooks>,
    limits: Limits,
    runtime: Option<tokio::runtime::Handle>,
) -> Server {
    shared_runtime::install_crypto();
    let records = Records::new(Arc::new(Memory::new(store)));
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let token = |secret: &str, user: &str, group: &str| Token {
        hash: hex::encode(Sha256::digest(secret.as_bytes())),
        user: user.to_owned(),
        groups: vec![group.to_owned()],
    };
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let tasks = Tasks::new();
    let deps = hub_notify::Deps { records: records.clone(), metrics: hub_notify::Metrics::default() };
    let notify = hub_notify::build(hub_notify::Config { exclusive: true }, deps, &tasks);
    let metrics = crate::Metrics::default();
    let audited = Audited::default();
    let config = Config {
        certificate: crate::fixed(vec![made.cert.der().clone()], &key).unwrap(),
        keeper: None,
        comparer: None,
        asker: None,
        webhooks,
        notify: Some(notify),
        violations: Default::default(),
        metrics: metrics.clone(),
        exposed: Exposed::new("hub", "1.2.3", |registry| metrics.register(registry)),
        tokens: vec![token(TOKEN, "ada", "admins"), token(ADMIN, "root", "system:masters")],
        info: tokio::sync::watch::channel(HubInfo {
            agent_address: "hub:8444".to_owned(),
            ca_pem: made.cert.pem(),
            version: "0.1.0".to_owned(),
            trust_domain: "example.org".to_owned(),
        })
        .1,
        audit: AuditLog::to(audited.clone()),
        limits,
        runtime,
    };
    let api = Api::build(config, listener, records.clone(), tasks.clone()).await.unwrap();
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).timeout(WITHIN).build().unwrap();
    Server {
        authority: made.cert.der().clone(),
        client,
        url: format!("https://{}", api.address),
        records,
        tasks,
        audited,
    }
}

/// An answer, as far as the tests look at it.
struct Got {
    code: u16,
    warnings: Vec<String>,
    body: Value,
}

impl Server {
    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.unwrap();
        let warnings = response.headers().get_all("warning").iter().map(|w| w.to_str().unwrap().to_owned());
        let (code, warnings) = (response.status().as_u16(), warnings.collect());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Got { code, warnings, body }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(self.request("GET", path)).await
    }

    async fn post(&self, path: &str, object: Value) -> Got {
        self.send(self.request("POST", path).json(&object)).await
    }

    async fn put(&self, path: &str, object: Value) -> Got {
        self.send(self.request("PUT", path).json(&object)).await
    }

    async fn delete(&self, path: &str) -> Got {
        self.send(self.request("DELETE", path)).await
    }

    async fn patch(&self, kind: &str, path: &str, patch: Value) -> Got {
        let media_type = match kind {
            "apply" => "application/apply-patch+yaml".to_owned(),
            kind => format!("application/{kind}-patch+json"),
        };
        let request = self.request("PATCH", path).header("content-type", media_type);
        self.send(request.body(patch.to_string())).await
    }

    async fn table(&self, path: &str) -> Value {
        let request =
            self.request("GET", path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        self.send(request).await.ok(200)
    }
}

impl Got {
    /// The body, of an answer that must have this code.
    #[track_caller]
    fn ok(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.body);
        self.body
    }

    /// The message of a refusal, whose code and reason must be these.
    #[track_caller]
    fn refused(self, code: u16, reason: &str) -> String {
        assert_eq!((self.code, self.body["reason"].as_str()), (code, Some(reason)), "{}", self.body);
        assert_eq!(self.body["kind"], "Status");
        self.body["message"].as_str().unwrap().to_owned()
    }
}

fn app(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name},
        "spec": {"project": "default", "destination": {"name": "eu-1"}, "source": {"repoURL": "https://x", "path": "web"}},
    })
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"a": "b"}})
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}
