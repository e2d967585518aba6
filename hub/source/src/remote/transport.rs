//! How bytes travel: HTTP by reqwest, local repositories by the `git-upload-pack` program.
//!
//! # Caveats
//! - Over plain `http://` gix refuses credentials; they travel in a header of ours, as with Argo CD, and a
//!   redirect is then refused, so that no other host gets them.
//! - A local repository is read through a child process that gix starts: that one has no deadline of its
//!   own, the caller's wait has.

use super::{Bounded, Deadline, Target};
use crate::{Error, address::Place, config::Login};
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

/// A transport to the target. No answer over HTTP may bring more than `most` bytes.
pub(super) fn open(target: &Target<'_>, most: u64) -> gix::Result<Box<dyn Transport + Send>> {
    match &target.address.place {
        Place::File { path } => {
            let url = gix::url::parse(path.to_string_lossy().as_ref())?;
            let options = connect::Options { version: Protocol::V2, ..Default::default() };
            connect::connect(url, options)
        }
        Place::Http { url, secure, login } => {
            let credentials = target.credentials.or(login.as_ref());
            let remote = Remote::default();
            let wire = Wire { remote, deadline: target.deadline.clone(), most };
            let url = gix::url::parse(url.as_str())?;
            let mut transport = http::Transport::new_http(wire, url, Protocol::V2, false);
            let mut options = options(target);
            match credentials.map(|c| &c.0) {
                Some(Login::Basic { username, password }) if *secure => {
                    let account = gix::sec::identity::Account {
                        username: username.clone(),
                        password: password.clone(),
                        oauth_refresh_token: None,
                    };
                    transport.set_identity(account).map_err(gix::Error::from_error)?;
                }
                Some(login) => options.extra_headers.push(authorization(login)),
                None => {}
            }
            transport.configure(&options)?;
            Ok(Box::new(transport))
        }
    }
}

fn authorization(login: &Login) -> String {
    match login {
        Login::Basic { username, password } => {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
            format!("Authorization: Basic {pair}")
        }
        Login::Bearer { token } => format!("Authorization: Bearer {token}"),
    }
}

fn options(target: &Target<'_>) -> Options {
    let (deadline, trust) = (target.deadline.clone(), target.trust.clone());
    let client = Client {
        configure_client: Some(Box::new(move |builder| {
            let left = deadline.left();
            let builder = builder.timeout(left).connect_timeout(CONNECT.min(left));
            // Merging even nothing would make reqwest read the system's authorities in another way.
            if trust.0.is_empty() {
                return Ok(builder);
            }
            Ok(builder.tls_certs_merge(trust.0.iter().cloned()))
        })),
        configure_request: None,
    };
    Options { backend: Some(shared(client)), ..Default::default() }
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
    most: u64,
}

impl Wire {
    fn bounded<R>(&self, inner: R) -> Bounded<R> {
        Bounded::new(inner, self.deadline.clone(), self.most)
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
