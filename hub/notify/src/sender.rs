//! One request to one sink.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_records::Records;
use reqwest::{
    Certificate, Client, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use shared_model::{DEFAULT_NAMESPACE, Kind};
use shared_notify::{LARGEST, Message, Sink, Text};
use std::{error::Error as _, time::Duration};

/// How much of an answer is read, in bytes.
const READ: usize = 1024;
/// How much of it is shown.
const SHOWN: usize = 200;
/// The longest that a receiver may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It arrived.
    Sent(u16),
    /// It did not, and may later.
    Failed {
        /// Why, without a secret.
        why: String,
        /// How long the receiver asks to wait.
        wait: Option<Duration>,
    },
    /// The receiver says no. That may be for a moment, as while it is deployed anew, and is no reason to keep what comes
    /// later back. Argo CD's notifications and Prometheus' Alertmanager do not try again at all.
    Declined(String),
    /// It is refused however often it is sent.
    Refused(String),
}

/// Sends to one sink.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    /// The client, and the authority that it was made for.
    client: Option<(Option<String>, Client)>,
}

/// What a request needs and nobody may see.
struct Secrets {
    url: String,
    headers: HeaderMap,
    authority: Option<String>,
}

impl Sender {
    /// Sends a message, with its body.
    pub(crate) async fn send(
        &mut self,
        records: &Records,
        sink: &Sink,
        message: &Message,
        body: Vec<u8>,
    ) -> Outcome {
        let failed = |why: String| Outcome::Failed { why, wait: None };
        if body.len() > LARGEST {
            return Outcome::Refused(format!("its body has {} bytes, and may have {LARGEST}", body.len()));
        }
        let secrets = match secrets(records, sink).await {
            Ok(secrets) => secrets,
            Err(why) => return failed(why),
        };
        let client = match self.client(sink, secrets.authority.as_deref()) {
            Ok(client) => client,
            Err(why) => return failed(why),
        };
        let request = client
            .post(&secrets.url)
            .headers(secrets.headers.clone())
            .header("Content-Type", "application/json")
            .header("X-Flotilla-Id", &message.id)
            .header("X-Flotilla-Event", message.event.word())
            .body(body);
        match request.send().await {
            Ok(answer) => judge(answer, &secrets).await,
            Err(error) => failed(chain(&error.without_url())),
        }
    }

    fn client(&mut self, sink: &Sink, authority: Option<&str>) -> Result<Client, String> {
        if let Some((of, client)) = &self.client
            && of.as_deref() == authority
        {
            return Ok(client.clone());
        }
        // What a receiver moved to is for a person to write down: a secret must not go where a receiver says.
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .timeout(sink.timeout)
            .user_agent(concat!("flotilla/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = authority {
            let certificates = Certificate::from_pem_bundle(pem.as_bytes());
            let certificates = certificates
                .map_err(|_| "caFrom: the Secret's key holds no certificates as PEM".to_owned())?;
            if certificates.is_empty() {
                return Err("caFrom: the Secret's key holds no certificates as PEM".to_owned());
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client =
            builder.build().map_err(|error| format!("TLS could not be set up: {}", chain(&error)))?;
        self.client = Some((authority.map(str::to_owned), client.clone()));
        Ok(client)
    }
}

/// Reads what a request needs, so that a changed Secret is used at once.
async fn secrets(records: &Records, sink: &Sink) -> Result<Secrets, String> {
    let url = text(records, &sink.url, "urlFrom").await?.trim().to_owned();
    Text::check_url(&url).map_err(|problem| format!("urlFrom: its value {problem}"))?;
    let mut headers = HeaderMap::new();
    for header in &sink.headers {
        let path = format!("headers[{}]", header.name);
        let value = text(records, &header.value, &path).await?;
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| format!("{path}: is no name of a header"))?;
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| format!("{path}: its value must be ASCII in one line"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let authority = match &sink.authority {
        Some(from) => Some(text(records, from, "caFrom").await?),
        None => None,
    };
    Ok(Secrets { url, headers, authority })
}

async fn text(records: &Records, text: &Text, path: &str) -> Result<String, String> {
    let secret = match text {
        Text::Plain(text) => return Ok(text.clone()),
        Text::Secret(secret) => secret,
    };
    let (name, key) = (&secret.secret, &secret.key);
    let stored = records.get(Kind::Secret, DEFAULT_NAMESPACE, name).await;
    let stored = stored.map_err(|_| "the store cannot be read".to_owned())?;
    let stored = stored.ok_or_else(|| {
        format!(
            "{path}: there is no Secret {name} in namespace {DEFAULT_NAMESPACE}; create it with the key {key}"
        )
    })?;
    let value = stored.value["data"][key.as_str()].as_str();
    let value = value.ok_or_else(|| format!("{path}: Secret {name} has no key {key}"))?;
    let bytes =
        STANDARD.decode(value).map_err(|_| format!("{path}: the key {key} of Secret {name} is no base64"))?;
    String::from_utf8(bytes).map_err(|_| format!("{path}: the key {key} of Secret {name} is no text"))
}

async fn judge(mut answer: reqwest::Response, secrets: &Secrets) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        return Outcome::Sent(status.as_u16());
    }
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let wait = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
    let mut said = Vec::new();
    while said.len() < READ
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        said.extend_from_slice(&chunk);
    }
    let why = format!("it answers {status}{}", shown(&said, secrets));
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Outcome::Refused(why)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Failed { why, wait }
        }
        _ if status.is_redirection() => Outcome::Declined(format!(
            "{why}; redirects are not followed: write its new address into the settings"
        )),
        _ if status.is_client_error() => Outcome::Declined(why),
        _ => Outcome::Failed { why, wait },
    }
}

/// What a receiver said, unless it says what nobody may see.
fn shown(said: &[u8], secrets: &Secrets) -> String {
    let text: String = String::from_utf8_lossy(said)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    let text = text.trim();
    let path = secrets.url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let values = secrets.headers.values().filter_map(|value| value.to_str().ok());
    let parts = path.into_iter().chain(values).flat_map(|value| value.split([' ', '/', '?', '&', '=']));
    let tells = parts.filter(|part| part.len() >= 6).any(|part| text.contains(part));
    if text.is_empty() || tells { String::new() } else { format!(": {text}") }
}

/// An error with its causes, in one line.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
