//! GitHub Apps: a token of the App's installation, asked for with a signed statement of who the App is.
//!
//! # Guarantees
//! - One question per App and owner at a time, and none while the token before is good for
//!   [`SPARE`] more, or while the API has said to wait.
//! - Neither key nor token is in an error, a log line or a file.
//!
//! # Why
//! *The API's failures are its own* ([`Error::Api`]): Git has no part in its quota and goes on where the API is down, for all repositories of
//! the host that are read otherwise.
//!
//! The installation is asked for by the repository, not listed: an App that many have installed would have
//! pages of them.

use super::{Target, transport::Reach};
use crate::{
    Credentials, Error,
    address::{self, Place},
    credentials::{App, Login},
};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::HashMap, io::Read as _, sync::Arc, time::Duration};

const GITHUB: &str = "https://api.github.com";
/// A token is not used for the last of its time: tokens last an hour.
const SPARE: SignedDuration = SignedDuration::from_mins(5);
/// GitHub takes statements of at most ten minutes, and our clock may be ahead.
const STATEMENT: SignedDuration = SignedDuration::from_mins(9);
const BACKDATED: SignedDuration = SignedDuration::from_secs(60);
/// Of an answer of the API.
const MOST_ANSWER: u64 = 1 << 20;
/// Where the API does not say how long to wait.
const WAIT: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// An API that takes longer to answer counts as not there, and is not asked for a while: who waits for it holds a turn at the Git server.
const PATIENCE: Duration = Duration::from_secs(10);
const HANGS: SignedDuration = SignedDuration::from_secs(30);

/// The tokens of all Apps.
#[derive(Debug, Default)]
pub(crate) struct Apps(Mutex<HashMap<Account, Arc<Mutex<State>>>>);

/// An App at an owner of repositories.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Account {
    api: String,
    app: String,
    /// The installation, or the owner whose installation is to be looked up.
    at: String,
}

#[derive(Default)]
struct State {
    token: Option<(String, Timestamp)>,
    installation: Option<String>,
    /// The API is left alone.
    rest: Option<Rest>,
    /// The App's key that the token was got with, digested by its being equal.
    key: String,
}

#[derive(Debug, Clone)]
struct Rest {
    until: Timestamp,
    cause: String,
    /// What it was asked with, where that may be why it did not answer (a proxy, an authority).
    with: Option<Credentials>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl Apps {
    /// Does `work` with a login that a server understands. A token that is refused is got anew, once.
    pub(crate) fn with<T>(
        &self,
        target: &Target<'_>,
        now: impl Fn() -> Timestamp,
        work: impl Fn(&Target<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(Login::App(app)) = target.credentials.and_then(|c| c.login.as_ref()) else {
            return work(target);
        };
        let repository = repository(target)?;
        let state = self.state(app, &repository);
        for fresh in [false, true] {
            let token = token(&mut state.lock(), target, app, &repository, now())?;
            let own = target.credentials.cloned().unwrap_or_default();
            let credentials = Credentials { login: Credentials::basic("", token.as_str()).login, ..own };
            let logged_in = Target { credentials: Some(&credentials), ..target.clone() };
            match work(&logged_in) {
                Err(Error::Refused { .. }) if !fresh => {
                    // Only the one that was refused: somebody else may have got another since.
                    let mut state = state.lock();
                    if state.token.as_ref().is_some_and(|(held, _)| *held == token) {
                        state.token = None;
                    }
                }
                done => return done,
            }
        }
        unreachable!("the second round returns")
    }

    fn state(&self, app: &App, repository: &str) -> Arc<Mutex<State>> {
        let owner = repository.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let at = app.installation.clone().unwrap_or(owner);
        let account = Account { api: api(app), app: app.id.clone(), at };
        let mut states = self.0.lock();
        Arc::clone(states.entry(account).or_default())
    }
}

fn api(app: &App) -> String {
    let base = app.base_url.as_deref().unwrap_or(GITHUB);
    base.trim_end_matches('/').to_owned()
}

/// `owner/name`.
fn repository(target: &Target<'_>) -> Result<String, Error> {
    let wrong = |cause: &str| unusable(target, cause.to_owned());
    match &target.address.place {
        Place::Http { secure: true, .. } => {}
        Place::Http { .. } | Place::Ssh { .. } | Place::File { .. } => {
            return Err(wrong("a GitHub App reads addresses of https:// only"));
        }
    }
    let identity = address::identity(&target.address.url);
    let path = identity.splitn(4, '/').nth(3).unwrap_or_default();
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [owner, name] if !owner.is_empty() && !name.is_empty() => Ok(format!("{owner}/{name}")),
        _ => Err(wrong("a GitHub App reads https://HOST/OWNER/NAME")),
    }
}

fn unusable(target: &Target<'_>, cause: String) -> Error {
    Error::Credentials { url: target.address.url.clone(), cause }
}

/// The token that is there, or a new one.
fn token(
    state: &mut State,
    target: &Target<'_>,
    app: &App,
    repository: &str,
    now: Timestamp,
) -> Result<String, Error> {
    if state.key != app.key {
        *state = State { key: app.key.clone(), ..State::default() };
    }
    if let Some((token, expires)) = &state.token
        && now + SPARE < *expires
    {
        return Ok(token.clone());
    }
    let concerns = |rest: &&Rest| {
        now < rest.until && rest.with.as_ref().is_none_or(|with| target.credentials == Some(with))
    };
    if let Some(rest) = state.rest.as_ref().filter(concerns) {
        let after = Duration::try_from(rest.until.duration_since(now)).ok();
        return Err(Error::Api { url: target.address.url.clone(), cause: rest.cause.clone(), after });
    }
    state.rest = None;
    let api = Api { target, app, now };
    let asked = api.token(state, repository);
    let (token, expires) = asked?;
    state.token = Some((token.clone(), expires));
    Ok(token)
}

struct Api<'a> {
    target: &'a Target<'a>,
    app: &'a App,
    now: Timestamp,
}

impl Api<'_> {
    fn token(&self, state: &mut State, repository: &str) -> Result<(String, Timestamp), Error> {
        let reach = Reach::of(self.target)?;
        let left = self.target.deadline.left().min(PATIENCE);
        let client = reach.configure(reqwest::blocking::Client::builder().timeout(left));
        let client = client.build().map_err(|err| self.failed(&err.without_url()))?;
        let statement = statement(self.app, self.now).map_err(|cause| unusable(self.target, cause))?;
        let known = self.app.installation.clone().or_else(|| state.installation.clone());
        let installation = match known {
            Some(installation) => installation,
            None => {
                let url = format!("{}/repos/{repository}/installation", api(self.app));
                let absent = "it is not installed for the repository";
                let answer = self.ask(state, client.get(url), &statement, absent)?;
                let id = answer["id"].as_u64().ok_or_else(|| self.odd())?.to_string();
                state.installation.insert(id).clone()
            }
        };
        let url = format!("{}/app/installations/{installation}/access_tokens", api(self.app));
        let answer = self.ask(state, client.post(url), &statement, "it has no such installation");
        if answer.is_err() {
            // It may have been removed and installed again.
            state.installation = None;
        }
        let answer = answer?;
        let token = answer["token"].as_str().ok_or_else(|| self.odd())?.to_owned();
        let expires = answer["expires_at"].as_str().and_then(|text| text.parse().ok());
        // GitHub's own time for them, less a little.
        let expires = expires.unwrap_or(self.now + SignedDuration::from_mins(50));
        Ok((token, expires))
    }

    fn ask(
        &self,
        state: &mut State,
        request: reqwest::blocking::RequestBuilder,
        statement: &str,
        absent: &str,
    ) -> Result<Value, Error> {
        let request = request
            .bearer_auth(statement)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28")
            .header("User-Agent", concat!("flotilla/", env!("CARGO_PKG_VERSION")));
        let answer = request.send().map_err(|err| {
            let hangs = err.is_timeout() && !self.target.deadline.passed();
            let err = err.without_url();
            if hangs {
                self.rests(state, &err, self.now + HANGS, self.target.credentials)
            } else {
                self.failed(&err)
            }
        })?;
        let status = answer.status().as_u16();
        if let Some(until) = self.wait(&answer) {
            return Err(self.rests(state, &format!("it is asked too often ({status})"), until, None));
        }
        let mut body = Vec::new();
        let read = answer.take(MOST_ANSWER).read_to_end(&mut body);
        let cause = |what: String| unusable(self.target, format!("the GitHub App {}: {what}", self.app.id));
        match status {
            200..300 => {
                read.map_err(|err| self.failed(&err))?;
                serde_json::from_slice(&body).map_err(|_| self.odd())
            }
            401 => Err(cause(
                "the API does not take its key: check githubAppID and githubAppPrivateKey".to_owned(),
            )),
            404 => Err(cause(absent.to_owned())),
            _ => Err(self.failed(&format!("it answers status {status}"))),
        }
    }

    /// How long the API says to wait, if it does (docs.github.com, "Rate limits for the REST API").
    fn wait(&self, answer: &reqwest::blocking::Response) -> Option<Timestamp> {
        let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let status = answer.status().as_u16();
        if !matches!(status, 403 | 429) {
            return None;
        }
        let after = number("retry-after")
            .map(|seconds| self.now + SignedDuration::from_secs(seconds.clamp(0, 86_400)));
        let reset = (number("x-ratelimit-remaining") == Some(0))
            .then(|| number("x-ratelimit-reset").and_then(|second| Timestamp::from_second(second).ok()))
            .flatten();
        let until = after.or(reset).or((status == 429).then(|| self.now + WAIT))?;
        Some(until.clamp(self.now, self.now + LONGEST_WAIT))
    }

    fn failed(&self, err: &dyn std::fmt::Display) -> Error {
        Error::Api { url: self.target.address.url.clone(), cause: self.cause(err), after: None }
    }

    fn cause(&self, err: &dyn std::fmt::Display) -> String {
        format!("the API of GitHub Apps at {}: {err}", api(self.app))
    }

    /// A failure after which the API is left alone until then: by all, or by who has the same credentials.
    fn rests(
        &self,
        state: &mut State,
        err: &dyn std::fmt::Display,
        until: Timestamp,
        with: Option<&Credentials>,
    ) -> Error {
        let (url, cause) = (self.target.address.url.clone(), self.cause(err));
        state.rest = Some(Rest { until, cause: cause.clone(), with: with.cloned() });
        Error::Api { url, cause, after: Duration::try_from(until.duration_since(self.now)).ok() }
    }

    fn odd(&self) -> Error {
        self.failed(&"its answer is none of GitHub's")
    }
}

/// A JSON Web Token (RFC 7519) that says who the App is, signed by RS256 (RFC 7518).
fn statement(app: &App, now: Timestamp) -> Result<String, String> {
    const FORM: &str =
        "`githubAppPrivateKey` is no RSA key as GitHub gives them (`-----BEGIN RSA PRIVATE KEY-----`)";
    let body: String = app.key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| FORM)?;
    let key = match app.key.contains("BEGIN RSA PRIVATE KEY") {
        true => ring::signature::RsaKeyPair::from_der(&der),
        false => ring::signature::RsaKeyPair::from_pkcs8(&der),
    };
    let key = key.map_err(|_| FORM)?;
    let text = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iat": (now - BACKDATED).as_second(),
        "exp": (now + STATEMENT).as_second(),
        "iss": app.id,
    });
    let signed = format!("{}.{}", text(&json!({"alg": "RS256", "typ": "JWT"})), text(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
        .map_err(|_| "the system has no random numbers".to_owned())?;
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature);
    Ok(format!("{signed}.{signature}"))
}
