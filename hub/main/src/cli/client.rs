//! Requests to the hub's API.

mod explained;

use crate::{
    args::Connection,
    cli::kubeconfig::{self, Way},
};
use anyhow::{Context as _, anyhow};
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::Value;
use shared_model::{Kind, gvk};
use std::{fmt, time::Duration};

/// Longer than any watch of the hub's.
const LONGEST_WATCH: Duration = Duration::from_secs(3600);

/// Longer than an agent may take for what it is asked.
const LONGEST_ANSWER: Duration = Duration::from_secs(180);

/// The hub said no.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: StatusCode,
    /// Whether it is about an object that the hub has or has not.
    of_object: bool,
    said: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Refused {}

/// A signed-in client.
#[derive(Clone)]
pub(crate) struct Hub {
    client: Client,
    server: String,
    token: String,
    /// Where the way to it was found, for people: `context flotilla of ~/.kube/config`.
    origin: String,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Hub {
    #[allow(clippy::needless_pass_by_value, reason = "a command has no further use for it")]
    pub(crate) fn connect(connection: Connection) -> anyhow::Result<Self> {
        Self::by(kubeconfig::read(&connection)?)
    }

    /// By a way that is known already.
    pub(crate) fn by(way: Way) -> anyhow::Result<Self> {
        let authorities = Certificate::from_pem_bundle(&way.authority_pem)
            .with_context(|| format!("the certificate authority of {}", way.origin))?;
        let client = Client::builder()
            .tls_certs_only(authorities)
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .context("TLS could not be set up")?;
        Ok(Self { client, server: way.server, token: way.token, origin: way.origin })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Asks the hub to do something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(("application/json", body))).await
    }

    /// Asks the hub for what an agent has to find out first.
    pub(crate) async fn post_patiently(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.server)).timeout(LONGEST_ANSWER);
        self.answered(request.header("Content-Type", "application/json").body(body.to_string())).await
    }

    /// One object.
    pub(crate) async fn read(&self, kind: Kind, namespace: &str, name: &str) -> anyhow::Result<Value> {
        let found = self.get(&object(kind, namespace, name)).await;
        self.explained(found, kind, namespace, name).await
    }

    /// One object, if there is one.
    pub(crate) async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<Option<Value>> {
        match self.get(&object(kind, namespace, name)).await {
            Ok(object) => Ok(Some(object)),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(refused) if refused.code == StatusCode::NOT_FOUND => Ok(None),
                Some(_) | None => Err(error),
            },
        }
    }

    /// Asks for an object's deletion; it may wait for others.
    pub(crate) async fn delete(&self, kind: Kind, namespace: &str, name: &str) -> anyhow::Result<Value> {
        let done = self.send(Method::DELETE, &object(kind, namespace, name), None).await;
        self.explained(done, kind, namespace, name).await
    }

    pub(crate) async fn create(&self, kind: Kind, namespace: &str, object: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, &collection(kind, namespace), Some(("application/json", object))).await
    }

    /// Changes fields of an object (JSON merge patch, RFC 7386).
    pub(crate) async fn merge(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> anyhow::Result<Value> {
        let path = object(kind, namespace, name);
        let done = self.send(Method::PATCH, &path, Some(("application/merge-patch+json", patch))).await;
        self.explained(done, kind, namespace, name).await
    }

    /// The items of a kind; of all namespaces where that is empty.
    pub(crate) async fn list(
        &self,
        kind: Kind,
        namespace: &str,
        selector: Option<&str>,
    ) -> anyhow::Result<Vec<Value>> {
        let mut path = collection(kind, namespace);
        if let Some(selector) = selector {
            path = format!("{path}?labelSelector={}", encoded(selector));
        }
        let mut list = self.get(&path).await?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Hands on the lines of an answer as they come, until it ends or `take` fails.
    pub(crate) async fn lines(
        &self,
        path: &str,
        mut take: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let request = self.client.get(format!("{}{path}", self.server)).bearer_auth(&self.token);
        // A watch lasts as long as the hub lets it.
        let mut answer = request.timeout(LONGEST_WATCH).send().await.with_context(|| self.unreachable())?;
        let status = answer.status();
        if !status.is_success() {
            let text = answer.text().await.unwrap_or_default();
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            return Err(self.refused(status, &value, &text));
        }
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().await.context("the hub's answer broke off")? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                take(String::from_utf8_lossy(&line).trim())?;
            }
        }
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.server));
        if let Some((media, value)) = body {
            request = request.header("Content-Type", media).body(value.to_string());
        }
        self.answered(request).await
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(&self.token).send().await.with_context(|| self.unreachable())?;
        let status = answer.status();
        let text = answer.text().await.context("the hub's answer broke off")?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        Err(self.refused(status, &value, &text))
    }

    /// What a refusal comes to, from its Status.
    fn refused(&self, code: StatusCode, value: &Value, text: &str) -> anyhow::Error {
        let said = value["message"].as_str().unwrap_or(text.trim()).to_owned();
        if code == StatusCode::UNAUTHORIZED {
            return anyhow!("{}", explained::unknown_token(&self.server, &self.origin, &said));
        }
        // A hub says which object it does not have.
        let of_object = value.pointer("/details/name").is_some();
        let said = if code == StatusCode::NOT_FOUND && !of_object {
            explained::no_hub(&self.server, &self.origin, &said)
        } else {
            said
        };
        Refused { code, of_object, said }.into()
    }
}

/// A word for a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The path of an object.
pub(crate) fn object(kind: Kind, namespace: &str, name: &str) -> String {
    format!("{}/{name}", collection(kind, namespace))
}

/// The path of a kind's objects; of all namespaces where that is empty.
pub(crate) fn collection(kind: Kind, namespace: &str) -> String {
    let gvk = gvk(kind);
    let root = if gvk.group.is_empty() {
        format!("/api/{}", gvk.version)
    } else {
        format!("/apis/{}/{}", gvk.group, gvk.version)
    };
    if gvk.namespaced && !namespace.is_empty() {
        format!("{root}/namespaces/{namespace}/{}", gvk.plural)
    } else {
        format!("{root}/{}", gvk.plural)
    }
}
