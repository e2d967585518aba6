//! Webhooks of Git forges: who sent one, whether it may be believed, and which references it says moved.
//!
//! Decides from a request's headers and body, the secrets that were agreed on and the time it is given; it asks nobody and changes nothing.
//! [`crate::poll::Schedule::push`] then has exactly those references asked for that a [`Push`] names.
//!
//! # Flow
//! [`Forge::of`] the headers, then the forge's proof ([`verify`]) over the raw body, and only then is the body parsed.
//!
//! # Guarantees
//! - Nothing of a body is looked at before its proof was checked, and secrets are compared in constant time.
//! - A forge without a secret is refused, unless [`Secrets::allow_unsigned`].
//! - No header and no body makes it panic; texts of errors repeat neither secrets nor bodies.
//!
//! # Why
//! - *A push is a hint, never a fact*: the commit that a payload names is not taken over, the reference is asked for. Whoever forges or repeats
//!   a webhook can at most have the hub ask Git once more.
//! - *A signature covers the body and not the headers* (but GitLab's signing token): the forge is found by headers that a sender chooses, which
//!   only chooses whose secret it has to know.
//!
//! It refuses to know where secrets are kept, who follows what, and HTTP's status codes.

mod azure;
mod bitbucket;
mod bitbucket_server;
mod forge;
mod github;
mod gitlab;
mod gogs;
mod guard;
mod place;
mod push;
mod secrets;
mod verify;

pub use forge::Forge;
pub use guard::{Guard, Novelty, TooMany};
pub use place::Place;
pub use push::{Change, Push};
pub use secrets::{Given, Secrets};

use http::HeaderMap;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A request as it came, its body unchanged.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl<'a> Request<'a> {
    /// A header that is text.
    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }
}

/// A webhook that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub forge: Forge,
    /// What the forge calls it; nobody vouches for that.
    pub id: Option<String>,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// Why it may be believed.
    pub trust: Trust,
    /// What it says.
    pub event: Event,
}

/// Why a webhook may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its sender knows the secret.
    Proven,
    /// Anybody may have sent it: it says nothing that matters, or unsigned ones are believed.
    Unsigned,
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// References of a repository moved.
    Push(Push),
    /// The forge tries whether anybody listens.
    Ping,
    /// Nothing that could move a reference; why.
    Ignored(String),
}

/// Why a webhook is not believed or not understood. The texts are for whoever sets it up, who reads them in the forge's list of deliveries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No forge that is known sends such headers.
    #[error(
        "no webhook of a known forge: GitHub, GitLab, Bitbucket, Gitea, Forgejo, Gogs and Azure DevOps are known by their headers"
    )]
    UnknownForge,
    /// No secret was agreed on.
    #[error(
        "webhooks of {forge} need a secret: write `{key}` into the Secret argocd/argocd-secret and the same text into the webhook's settings"
    )]
    NoSecret {
        /// The forge.
        forge: Forge,
        /// The key of the Secret.
        key: &'static str,
    },
    /// A secret was agreed on, and the request proves nothing.
    #[error(
        "this webhook of {forge} is not signed: its settings need the secret that `{key}` of argocd/argocd-secret holds"
    )]
    NotSigned {
        /// The forge.
        forge: Forge,
        /// The key of the Secret.
        key: &'static str,
    },
    /// The proof is another secret's, or another body's.
    #[error(
        "this webhook of {forge} does not match `{key}` of argocd/argocd-secret: write the same secret into the webhook's settings"
    )]
    WrongSecret {
        /// The forge.
        forge: Forge,
        /// The key of the Secret.
        key: &'static str,
    },
    /// The signature is good, and too old or from the future.
    #[error(
        "this webhook of {forge} was signed more than five minutes from now: it is a repetition, or a clock is wrong"
    )]
    Stale {
        /// The forge.
        forge: Forge,
    },
    /// The body is not what this forge sends.
    #[error("the body of this webhook of {forge} cannot be read: {why}")]
    Malformed {
        /// The forge.
        forge: Forge,
        /// What is wrong, without a word of the body.
        why: String,
    },
}

/// Checks a request and reads it.
///
/// # Errors
/// Why it is not believed or not understood.
pub fn read(request: &Request<'_>, secrets: &Secrets, now: Timestamp) -> Result<Delivery, Refusal> {
    let forge = Forge::of(request.headers).ok_or(Refusal::UnknownForge)?;
    if forge == Forge::BitbucketServer && bitbucket_server::is_ping(request) {
        // Its "test connection" is not signed: it says nothing, and is answered without being believed.
        return Ok(delivery(forge, request, Trust::Unsigned, Event::Ping));
    }
    let trust = verify::check(forge, request, secrets, now)?;
    let payload = Payload { forge, text: document(forge, request)? };
    let event = match forge {
        Forge::GitHub => github::read(request, &payload)?,
        Forge::GitLab => gitlab::read(&payload)?,
        Forge::BitbucketCloud => bitbucket::read(request, &payload)?,
        Forge::BitbucketServer => bitbucket_server::read(request, &payload)?,
        Forge::Gogs | Forge::Gitea | Forge::Forgejo => gogs::read(request, &payload)?,
        Forge::AzureDevOps => azure::read(&payload)?,
    };
    Ok(delivery(forge, request, trust, event))
}

fn delivery(forge: Forge, request: &Request<'_>, trust: Trust, event: Event) -> Delivery {
    let id = forge.delivery_headers().iter().find_map(|name| request.header(name));
    let id = id.filter(|id| !id.is_empty()).map(|id| id.chars().take(128).collect());
    Delivery { forge, id, digest: Sha256::digest(request.body).into(), trust, event }
}

/// The JSON document of a body that was verified.
struct Payload<'a> {
    forge: Forge,
    text: std::borrow::Cow<'a, [u8]>,
}

impl Payload<'_> {
    /// The fields of it that matter.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.text).map_err(|error| {
            let why = match error.classify() {
                serde_json::error::Category::Eof => "the text ends too early",
                serde_json::error::Category::Io | serde_json::error::Category::Syntax => {
                    "it is not valid JSON"
                }
                serde_json::error::Category::Data => "a field is missing or of another type than documented",
            };
            self.malformed(&format!("line {}, column {}: {why}", error.line(), error.column()))
        })
    }

    fn malformed(&self, why: &str) -> Refusal {
        Refusal::Malformed { forge: self.forge, why: why.to_owned() }
    }
}

/// The body, or the form's field that GitHub and Gitea put it into when they are told to send forms.
fn document<'a>(forge: Forge, request: &Request<'a>) -> Result<std::borrow::Cow<'a, [u8]>, Refusal> {
    let form = request.header("content-type").is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !form {
        return Ok(request.body.into());
    }
    let field = request.body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"payload="));
    let why = "the form has no field `payload`; choose application/json in the webhook's settings";
    let field = field.ok_or_else(|| Refusal::Malformed { forge, why: why.to_owned() })?;
    Ok(form_decoded(field).into())
}

fn form_decoded(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        rest = after;
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                rest = &after[2..];
            }
            (b'+', ..) => out.push(b' '),
            (other, ..) => out.push(*other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
