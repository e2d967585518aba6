//! How bytes travel: HTTP by reqwest, SSH by the `ssh` program ([`super::ssh`]), local repositories by the
//! `git-upload-pack` program.
//!
//! # Caveats
//! - Over plain `http://` gix refuses credentials; they travel in a header of ours, as with Argo CD, and a
//!   redirect is then refused, so that no other host gets them.
//! - A local repository is read through a child process that gix starts: that one has no deadline of its
//!   own, the caller's wait has.

use super::{Bounded, Deadline, Most, Stop, Target, ssh};
use crate::{
    Error, RepoUrl,
    address::Place,
    credentials::{Credentials, Login, Proxy},
};
use base64::Engine as _;
use gix::protocol::transport::{
    Protocol,
    client::{
        TransportWithoutIO as _,
        blocking_io::{
            Transport, connect,
            http::{
                self, Http, Options, PostBodyDataKind,
                reqwest::{Options as Client, Remote},
            },
        },
    },
};
use std::{any::Any, sync::Arc, time::Duration};

/// A server that takes longer to accept a connection counts as not there.
const CONNECT: Duration = Duration::from_secs(10);

/// The authorities that TLS servers are checked against: the system's and these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust(Arc<Vec<reqwest::Certificate>>);

impl Trust {
    pub(crate) fn new(pem: &[String]) -> Result<Self, Error> {
        let mut certificates = Vec::new();
        for text in pem {
            let wrong = |cause: String| Error::Setup {
                what: "cannot use a CA certificate for Git".to_owned(),
                cause,
            };
            let bundle =
                reqwest::Certificate::from_pem_bundle(text.as_bytes()).map_err(|e| wrong(e.to_string()))?;
            if bundle.is_empty() {
                return Err(wrong("the text holds no PEM certificate".to_owned()));
            }
            certificates.extend(bundle);
        }
        Ok(Self(Arc::new(certificates)))
    }
}

/// A transport to the target. No answer over the network may bring more than `most` bytes.
pub(super) fn open(target: &Target<'_>, most: &Most) -> Result<Box<dyn Transport + Send>, Stop> {
    match &target.address.place {
        Place::File { path } => {
            let url = gix::url::parse(path.to_string_lossy().as_ref())?;
            let options = connect::Options { version: Protocol::V2, ..Default::default() };
            Ok(connect::connect(url, options)?)
        }
        Place::Ssh { .. } => {
            let server = target.address.server().expect("an address of SSH has a server");
            ssh::open(target, server, most)
        }
        Place::Http { url, secure, login } => {
            let own = target.credentials.and_then(|c| c.login.as_ref());
            let login = own.or(login.as_ref());
            let wire =
                Wire { remote: Remote::default(), deadline: target.deadline.clone(), most: most.clone() };
            let url = gix::url::parse(url.as_str())?;
            let mut transport = http::Transport::new_http(wire, url, Protocol::V2, false);
            let mut options = options(target)?;
            match login {
                Some(Login::Basic { username, password }) if *secure => {
                    let account = gix::sec::identity::Account {
                        username: username.clone(),
                        password: password.clone(),
                        oauth_refresh_token: None,
                    };
                    transport.set_identity(account).map_err(gix::Error::from_error)?;
                }
                Some(Login::Basic { username, password }) => {
                    options.extra_headers.push(basic(username, password));
                }
                Some(Login::Bearer { token }) => {
                    options.extra_headers.push(format!("Authorization: Bearer {token}"));
                }
                // They log in with a token that was got before.
                Some(Login::App(_)) => unreachable!("GitHub Apps log in with tokens"),
                Some(Login::SshKey { .. }) => {
                    let cause = "an `sshPrivateKey` needs an address of SSH (git@HOST:PATH)".to_owned();
                    return Err(Error::Credentials { url: target.address.url.clone(), cause }.into());
                }
                None => {}
            }
            transport.configure(&options)?;
            Ok(Box::new(transport))
        }
    }
}

fn basic(username: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    format!("Authorization: Basic {pair}")
}

fn options(target: &Target<'_>) -> Result<Options, Error> {
    let reach = Reach::of(target)?;
    let deadline = target.deadline.clone();
    let client = Client {
        configure_client: Some(Box::new(move |builder| {
            let left = deadline.left();
            Ok(reach.configure(builder.timeout(left).connect_timeout(CONNECT.min(left))))
        })),
        configure_request: None,
    };
    Ok(Options { backend: Some(shared(client)), ..Default::default() })
}

/// How a server of HTTP is reached and trusted.
#[derive(Debug)]
pub(crate) struct Reach {
    authorities: Vec<reqwest::Certificate>,
    identity: Option<reqwest::Identity>,
    proxy: Option<reqwest::Proxy>,
    insecure: bool,
}

impl Reach {
    pub(super) fn of(target: &Target<'_>) -> Result<Self, Error> {
        Self::to(&target.address.url, target.credentials, target.trust)
    }

    /// Whether a proxy is in between.
    pub(crate) const fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// To the server of a repository.
    pub(crate) fn to(url: &RepoUrl, credentials: Option<&Credentials>, trust: &Trust) -> Result<Self, Error> {
        let none = Credentials::none();
        let credentials = credentials.unwrap_or(&none);
        let wrong = |what: &str, err: &dyn std::fmt::Display| Error::Credentials {
            url: url.clone(),
            cause: format!("{what}: {err}"),
        };
        let mut authorities = trust.0.to_vec();
        if let Some(pem) = &credentials.authorities {
            let more = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            authorities.extend(more.map_err(|_| wrong("its authorities", &"they are no PEM certificates"))?);
        }
        let identity = credentials.client_certificate.as_ref().map(|(chain, key)| {
            // reqwest's words could quote the key.
            let form = "write PEM, the key without a passphrase";
            reqwest::Identity::from_pem(format!("{chain}\n{key}\n").as_bytes()).map_err(|_| {
                wrong("`tlsClientCertData` and `tlsClientCertKey` are no certificate with its key", &form)
            })
        });
        let proxy =
            credentials.proxy.as_ref().map(|proxy| proxy.for_http().map_err(|err| wrong("`proxy`", &err)));
        Ok(Self {
            authorities,
            identity: identity.transpose()?,
            proxy: proxy.transpose()?,
            insecure: credentials.insecure,
        })
    }

    /// The same without what shows who asks: for another host than the one that it is meant for.
    pub(crate) fn unknown(&self) -> Self {
        Self {
            authorities: self.authorities.clone(),
            identity: None,
            proxy: self.proxy.clone(),
            insecure: self.insecure,
        }
    }

    pub(crate) fn shows_certificate(&self) -> bool {
        self.identity.is_some()
    }

    pub(crate) fn configure(
        &self,
        builder: reqwest::blocking::ClientBuilder,
    ) -> reqwest::blocking::ClientBuilder {
        let mut builder = builder;
        // Merging even nothing would make reqwest read the system's authorities in another way.
        if !self.authorities.is_empty() {
            builder = builder.tls_certs_merge(self.authorities.iter().cloned());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        if self.insecure { builder.tls_danger_accept_invalid_certs(true) } else { builder }
    }
}

impl Proxy {
    fn for_http(&self) -> Result<reqwest::Proxy, &'static str> {
        const FORM: &str = "write http://HOST:PORT or https://HOST:PORT";
        let known = ["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme));
        // The words of the error could hold the proxy's password.
        let proxy = reqwest::Proxy::all(&self.url).ok().filter(|_| known).ok_or(FORM)?;
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&self.except)))
    }
}

/// gix asks for the standard library's mutex.
#[expect(clippy::disallowed_types, reason = "the type of gix's public field")]
fn shared(client: Client) -> Arc<std::sync::Mutex<dyn Any + Send + Sync>> {
    Arc::new(std::sync::Mutex::new(client))
}

/// gix's client, with a deadline on everything that is read from it.
struct Wire {
    remote: Remote,
    deadline: Deadline,
    most: Most,
}

impl Wire {
    fn bounded<R>(&self, inner: R) -> Bounded<R> {
        Bounded::new(inner, self.deadline.clone(), self.most.clone())
    }
}

impl Http for Wire {
    type Headers = Bounded<<Remote as Http>::Headers>;
    type ResponseBody = Bounded<<Remote as Http>::ResponseBody>;
    type PostBody = <Remote as Http>::PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<http::GetResponse<Self::Headers, Self::ResponseBody>> {
        let answer = self.remote.get(url, base_url, headers)?;
        Ok(http::GetResponse { headers: self.bounded(answer.headers), body: self.bounded(answer.body) })
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        body: PostBodyDataKind,
    ) -> gix::Result<http::PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let answer = self.remote.post(url, base_url, headers, body)?;
        Ok(http::PostResponse {
            post_body: answer.post_body,
            headers: self.bounded(answer.headers),
            body: self.bounded(answer.body),
        })
    }

    fn configure(&mut self, config: &dyn Any) -> gix::Result<()> {
        self.remote.configure(config)
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.remote.redirected_base_url()
    }
}
