//! Requests to the hub's API, as its admin.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use reqwest::{Certificate, Client, Method};
use serde_json::Value;
use shared_model::{Kind, gvk};
use std::path::Path;

/// The admin.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    client: Client,
    server: String,
    token: String,
}

impl Admin {
    /// By the kubeconfig that the hub made.
    pub(crate) fn of(kubeconfig: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(kubeconfig).context("read the admin's kubeconfig")?;
        let config = shared_manifest::yaml::parse(&text)?;
        let at = |path: &str| config.pointer(path).and_then(Value::as_str).with_context(|| path.to_owned());
        let authority = base64::engine::general_purpose::STANDARD
            .decode(at("/clusters/0/cluster/certificate-authority-data")?)?;
        let client = Client::builder()
            .tls_certs_only(Certificate::from_pem_bundle(&authority)?)
            .no_proxy()
            .build()
            .context("set up TLS")?;
        let (server, token) = (at("/clusters/0/cluster/server")?, at("/users/0/user/token")?);
        Ok(Self { client, server: server.to_owned(), token: token.to_owned() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).with_context(|| format!("the answer to {path}"))
    }

    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, "", String::new()).await
    }

    pub(crate) async fn create(&self, kind: Kind, object: &Value) -> Result<()> {
        let sent = self.send(Method::POST, &collection(kind), "application/json", object.to_string()).await;
        sent.map(drop)
    }

    pub(crate) async fn list(&self, kind: Kind) -> Result<Vec<Value>> {
        let mut list = self.get(&collection(kind)).await?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Sends a webhook, as a forge does, which has no token.
    pub(crate) async fn webhook(&self, headers: &[(&str, &str)], body: String) -> Result<Value> {
        let mut request = self.client.post(format!("{}/api/webhook", self.server));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.header("Content-Type", "application/json").body(body).send().await;
        Ok(answer.context("reach the hub")?.json().await?)
    }

    async fn send(&self, method: Method, path: &str, media: &str, body: String) -> Result<String> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.server)).bearer_auth(&self.token);
        if !media.is_empty() {
            request = request.header("Content-Type", media).body(body);
        }
        let answer = request.send().await.context("reach the hub")?;
        let status = answer.status();
        let text = answer.text().await.context("the hub's answer broke off")?;
        if !status.is_success() {
            bail!("{path}: {status}: {text}");
        }
        Ok(text)
    }
}

fn collection(kind: Kind) -> String {
    let gvk = gvk(kind);
    let root = match gvk.group {
        "" => format!("/api/{}", gvk.version),
        group => format!("/apis/{group}/{}", gvk.version),
    };
    let namespace = if gvk.namespaced { "/namespaces/argocd" } else { "" };
    format!("{root}{namespace}/{}", gvk.plural)
}
