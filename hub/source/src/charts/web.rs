//! One conversation with a server of HTTP: requests with their redirects, and what their failures mean. Blocking.
//!
//! # Guarantees
//! - A login and a client's certificate go to the origin (scheme, host, port) that they are meant for and to no
//!   other, wherever it redirects, unless the caller passes them on ([`Credentials::passed_on`]).
//! - Nothing goes from https to http, from the Internet into a private network, or to link-local addresses at all.
//! - No answer brings more than the caller allows, nor comes after the deadline.

use crate::{
    Credentials, Error, RepoUrl, Standing,
    credentials::Login,
    remote::{Deadline, Reach, Trust, told},
};
use base64::Engine as _;
use jiff::Timestamp;
use reqwest::{
    StatusCode, Url,
    blocking::{Client, Response},
    header::{HeaderMap, HeaderValue},
};
use std::{
    cell::OnceCell,
    io::{self, Read, Write},
    time::Duration,
};

/// A server that takes longer to accept a connection counts as not there.
const CONNECT: Duration = Duration::from_secs(10);
const REDIRECTS: usize = 10;
/// Bytes of an answer taken at a time.
const PIECE: usize = 64 << 10;

/// Who is asked, with what, and for how long.
#[derive(Debug)]
pub(super) struct Web<'a> {
    /// What the conversation is about, for the texts of errors.
    about: &'a RepoUrl,
    deadline: &'a Deadline,
    home: Url,
    login: Option<Login>,
    passed_on: bool,
    reach: Reach,
    client: OnceCell<Client>,
    stranger: OnceCell<Client>,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) url: &'a Url,
    pub(super) headers: HeaderMap,
    pub(super) as_whom: AsWhom,
    /// For the text of a deadline that passed.
    pub(super) stage: &'static str,
}

/// What a request is authorized by, where it may be known who asks.
#[derive(Debug, Clone)]
pub(super) enum AsWhom {
    /// By the login.
    Login,
    /// By nothing.
    Nobody,
    /// By this, which the server gave for it.
    Bearer(HeaderValue),
}

impl<'a> Ask<'a> {
    pub(super) fn new(url: &'a Url, stage: &'static str) -> Self {
        Self { url, headers: HeaderMap::new(), as_whom: AsWhom::Login, stage }
    }
}

impl<'a> Web<'a> {
    /// A conversation with the server at `home`.
    pub(super) fn new(
        about: &'a RepoUrl,
        home: &Url,
        credentials: Option<&Credentials>,
        trust: &Trust,
        deadline: &'a Deadline,
    ) -> Result<Self, Error> {
        let (home, own) = super::address::login(home);
        let given = credentials.and_then(|credentials| credentials.login.clone());
        let unusable = |cause: &str| Error::Credentials { url: about.clone(), cause: cause.to_owned() };
        let login = match given.or(own) {
            Some(Login::SshKey { .. }) => {
                return Err(unusable("an `sshPrivateKey` reads repositories of Git only"));
            }
            Some(Login::App(_)) => return Err(unusable("a GitHub App reads repositories of Git only")),
            login @ (Some(Login::Basic { .. } | Login::Bearer { .. }) | None) => login,
        };
        Ok(Self {
            about,
            deadline,
            home,
            login,
            passed_on: credentials.is_some_and(|credentials| credentials.passed_on),
            reach: Reach::to(about, credentials, trust)?,
            client: OnceCell::new(),
            stranger: OnceCell::new(),
        })
    }

    /// Keeps what it logs in with to its home, whatever the credentials say.
    pub(super) fn keeping_to_itself(mut self) -> Self {
        self.passed_on = false;
        self
    }

    pub(super) fn about(&self) -> &'a RepoUrl {
        self.about
    }

    pub(super) fn deadline(&self) -> &'a Deadline {
        self.deadline
    }

    /// The login that goes with requests.
    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Asks, and goes where it is sent. Statuses that say that the server has no answer now are errors; any other is
    /// the caller's to read.
    pub(super) fn get(&self, ask: &Ask<'_>) -> Result<Answer<'a>, Error> {
        let (mut url, _) = super::address::login(ask.url);
        for _ in 0..=REDIRECTS {
            let response = self.once(ask, &url)?;
            let status = response.status();
            let sent = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let to = response.headers().get("location").filter(|_| sent);
            let Some(to) = to else { return self.judge(response, &url, ask.stage) };
            let next = to.to_str().ok().and_then(|to| url.join(to).ok());
            let next = next.filter(|next| ["https", "http"].contains(&next.scheme()));
            let next = next.ok_or_else(|| self.broken("its server redirects to what is no address"))?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(self.broken("its server redirects from https to http"));
            }
            url = next;
        }
        Err(self.broken("its server redirects for ever"))
    }

    /// Nothing is asked where no repository is, wherever a server redirects or an index points; nor does a server of the
    /// Internet have anything asked in a private network. What is reached through a proxy is the proxy's to judge.
    fn may_ask(&self, url: &Url) -> Result<(), Error> {
        let home = self.home.host_str().unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        if self.reach.has_proxy() {
            return Ok(());
        }
        let standing = match host.trim_matches(['[', ']']).parse() {
            Ok(address) => Standing::at(address),
            // Whoever named the repository's own server has looked at it.
            Err(_) if host == home => return Ok(()),
            Err(_) => Standing::look_up(host),
        };
        let why = match standing {
            Standing::Forbidden(_) => "a link-local address, at which no repository is",
            Standing::Private(_) if host != home && Standing::look_up(home) == Standing::Public => {
                "a private address, and the repository is not"
            }
            Standing::Private(_) | Standing::Public | Standing::Unknown => return Ok(()),
        };
        Err(self.broken(&format!("it leads to {host}, which is at {why}")))
    }

    fn once(&self, ask: &Ask<'_>, url: &Url) -> Result<Response, Error> {
        self.may_ask(url)?;
        let known = self.knows(url);
        let mut request = self.client(known)?.get(url.clone()).headers(ask.headers.clone());
        if known {
            let authorization = match &ask.as_whom {
                AsWhom::Login => self.authorization(),
                AsWhom::Nobody => None,
                AsWhom::Bearer(token) => Some(token.clone()),
            };
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
        }
        request.send().map_err(|err| self.failed(&err, ask.stage))
    }

    /// Whether a server may know who asks.
    pub(super) fn knows(&self, url: &Url) -> bool {
        let downgraded = self.home.scheme() == "https" && url.scheme() != "https";
        url.origin() == self.home.origin() || (self.passed_on && !downgraded)
    }

    fn authorization(&self) -> Option<HeaderValue> {
        match self.login.as_ref()? {
            Login::Basic { username, password } => Some(basic(username, password)),
            Login::Bearer { token } => secret(&format!("Bearer {token}")),
            // `Web::new` refuses them.
            Login::SshKey { .. } | Login::App(_) => None,
        }
    }

    fn client(&self, known: bool) -> Result<&Client, Error> {
        let (cell, reach) = match known {
            true => (&self.client, None),
            false => (&self.stranger, Some(self.reach.unknown())),
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let left = self.deadline.left();
        let builder = Client::builder()
            .timeout(left)
            .connect_timeout(CONNECT.min(left))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("flotilla/", env!("CARGO_PKG_VERSION")));
        let client = reach.as_ref().unwrap_or(&self.reach).configure(builder).build();
        let client = client.map_err(|err| self.broken(&cause(&err)))?;
        Ok(cell.get_or_init(|| client))
    }

    fn judge(&self, response: Response, url: &Url, stage: &'static str) -> Result<Answer<'a>, Error> {
        let about = self.about.clone();
        let status = response.status();
        match status.as_u16() {
            429 | 503 => {
                let after = told(response.headers(), Timestamp::now());
                Err(Error::TooMany { url: about, status: status.as_u16(), after })
            }
            500.. => Err(Error::Unreachable { url: about, cause: format!("its server answers {status}") }),
            _ => Ok(Answer { response, url: url.clone(), about: self.about, deadline: self.deadline, stage }),
        }
    }

    /// The error for a status that is no answer to what was asked.
    pub(super) fn refused(&self, answer: &Answer<'_>) -> Error {
        let url = self.about.clone();
        let with = match (self.login.is_some() || self.reach.shows_certificate(), self.knows(&answer.url)) {
            (true, true) => "with the given credentials",
            (true, false) => "without the credentials, which are another host's",
            (false, _) => "without credentials",
        };
        let remedy = match (answer.status(), self.login.is_some() && !self.knows(&answer.url)) {
            (401 | 403, true) => {
                "if the host that its archives are on may have the credentials, set `passCredentials: true` in the source's `helm`"
            }
            (401, false) => "create a repository Secret for it with a valid login, or renew the login there",
            (403, false) => "the server knows who asks and forbids it: give that user or token read access",
            (404 | 410, _) => return Error::NoRepository { url },
            (status, _) => return self.broken(&format!("its server answers status {status}")),
        };
        Error::Refused { url, with, remedy }
    }

    /// What the network or TLS say.
    fn failed(&self, err: &reqwest::Error, stage: &'static str) -> Error {
        let url = self.about.clone();
        if self.deadline.passed() || err.is_timeout() {
            return Error::TimedOut { url, stage, after: self.deadline.given() };
        }
        Error::Unreachable { url, cause: cause(err) }
    }

    pub(super) fn broken(&self, cause: &str) -> Error {
        Error::Broken { url: self.about.clone(), cause: cause.to_owned() }
    }
}

/// What a server said.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    response: Response,
    /// Where it came from in the end.
    pub(super) url: Url,
    about: &'a RepoUrl,
    deadline: &'a Deadline,
    stage: &'static str,
}

impl Answer<'_> {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn is_good(&self) -> bool {
        self.response.status() == StatusCode::OK
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// All of it, no more than `most` bytes; `what` is named when it is more.
    pub(super) fn bytes(self, most: u64, what: &str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes, most, what)?;
        Ok(bytes)
    }

    /// Writes it, no more than `most` bytes.
    pub(super) fn write_to(self, to: &mut impl Write, most: u64, what: &str) -> Result<(), Error> {
        self.read(most, what, |piece| {
            to.write_all(piece).map_err(|err| Error::disk("cannot keep what a server sends", &err))
        })
    }

    /// Hands it over piece by piece.
    pub(super) fn read(
        self,
        most: u64,
        what: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { mut response, about, deadline, stage, .. } = self;
        let timed_out = || Error::TimedOut { url: about.clone(), stage, after: deadline.given() };
        let mut piece = vec![0; PIECE];
        let mut come = 0_u64;
        loop {
            if deadline.passed() {
                return Err(timed_out());
            }
            let length = match response.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) if err.kind() == io::ErrorKind::TimedOut || is_timeout(&err) => {
                    return Err(timed_out());
                }
                Err(err) => {
                    return Err(Error::Unreachable { url: about.clone(), cause: cause(&err) });
                }
            };
            come += length as u64;
            if come > most {
                let of = "and more";
                return Err(Error::TooLarge {
                    url: about.clone(),
                    path: what.to_owned(),
                    size: come,
                    of,
                    limit: most,
                });
            }
            take(&piece[..length])?;
        }
    }
}

fn is_timeout(err: &io::Error) -> bool {
    let inner = err.get_ref().and_then(|err| err.downcast_ref::<reqwest::Error>());
    inner.is_some_and(reqwest::Error::is_timeout)
}

/// `Basic …`.
pub(super) fn basic(username: &str, password: &str) -> HeaderValue {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    secret(&format!("Basic {pair}")).expect("base64 is text that headers may have")
}

/// A value of a header that no `Debug` shows.
pub(super) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The innermost error's words, which have no address in them: that could have a login or a signature.
fn cause(err: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = err;
    while let Some(source) = innermost.source() {
        if source.to_string().is_empty() {
            break;
        }
        innermost = source;
    }
    match innermost.downcast_ref::<reqwest::Error>() {
        Some(_) => "the server's answer breaks off or is none of HTTP".to_owned(),
        None => innermost.to_string(),
    }
}
