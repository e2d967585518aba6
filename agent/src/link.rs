//! The way to the hub: joining, one session, bundles. The only home of tonic.
//!
//! The agent dials, the hub never does. [`enroll`] trades a token for an identity once; [`session`] keeps one
//! `Attach` stream up for as long as the agent runs, with one of several hubs ([`hubs`] decides which);
//! [`keeper`] replaces the certificate ([`renewal`] decides when), and the session is made anew with it;
//! [`proxy`] finds the way through proxies; [`bundle`] fetches what an assignment names.
//!
//! Invariants:
//! 1. The private key never leaves the agent.
//! 2. A token is shown only to the hub whose authority it names; an identity only to a hub of its authorities;
//!    `--hub-ca` adds authorities to both, by an operator's word.
//! 3. What is trusted changes only by the word of a hub that is trusted, over mutual TLS, and never to nothing.
//! 4. A refusal is told with what a person may do about it, and tried again slowly; a link that is lost is
//!    tried again soon, with jitter.
//!
//! What it refuses to know: what messages mean; the engine does.

mod bundle;
mod certificate;
mod dial;
mod enroll;
mod give;
pub mod hubs;
mod identities;
mod keeper;
mod proxy;
pub mod renewal;
mod roots;
mod session;
mod standing;
mod trust;

pub(crate) use bundle::Bundles;
pub use bundle::FetchError;
pub(crate) use dial::Dialer;
pub(crate) use enroll::{Untried, enroll};
pub(crate) use identities::Identities;
#[cfg(test)]
pub(crate) use keeper::ask as ask_renewal;
pub(crate) use keeper::keep;
pub use proxy::{InvalidProxy, Proxies};
pub(crate) use session::{News, run};
pub use standing::Standing;

use jiff::{SignedDuration, Timestamp};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc, watch};

/// Within this the agent shows a new identity.
const RECONNECT_WITHIN: Duration = Duration::from_secs(60);
/// While a person is needed, the token's file is read so often.
const LOOK_FOR_TOKEN: Duration = Duration::from_secs(10);
/// How often an identity is written again that could not be.
const SAVE_AGAIN: Duration = Duration::from_secs(30);

/// How to reach the hub.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The hubs' agent ports, `HOST:PORT`, tried in turn. All are doors to one fleet. At least one.
    pub hubs: Vec<String>,
    /// The proxies on the way.
    pub proxies: Proxies,
    /// A file with authorities (PEM) that may vouch for a hub's certificate beside the fleet's own.
    pub hub_authorities: Option<PathBuf>,
    /// A file that is read for a new token when the agent's identity is not worth anything any more.
    pub token_file: Option<PathBuf>,
    /// How often an idle link is tested, 30 s when absent; without an answer within two thirds of that again it is lost.
    pub keepalive: Option<Duration>,
}

impl Config {
    /// One hub, reached straight.
    pub fn of(hub: impl Into<String>) -> Self {
        Self { hubs: vec![hub.into()], ..Self::default() }
    }
}

/// Why the hub could not be reached or did not let the agent in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("`{0}` is not the address of a hub: expected HOST:PORT, e.g. hub.example.com:8443")]
    Address(String),
    /// No connection.
    #[error("the hub {hub} cannot be reached: {problem}")]
    Unreachable {
        /// Its address.
        hub: String,
        /// What the network says.
        problem: String,
    },
    /// Somebody else answers there.
    #[error(
        "{0} is not the hub that made the token: its authority is another one; check the address, or ask that hub for a token"
    )]
    WrongAuthority(String),
    /// The hub's certificate does not name the address.
    #[error(
        "the hub's certificate is not for {0}: start the hub with that name, or use a name that it has: {1}"
    )]
    WrongName(String, String),
    /// The hub's certificate cannot be trusted.
    #[error("{hub} did not prove to be the hub: {problem}")]
    Untrusted {
        /// Its address.
        hub: String,
        /// What is wrong.
        problem: String,
    },
    /// The proxy does not let the agent through.
    #[error("the hub {hub} cannot be reached: the proxy {proxy} {problem}")]
    Proxy {
        /// The hub's address.
        hub: String,
        /// The proxy, without user and password.
        proxy: String,
        /// What went wrong.
        problem: String,
    },
    /// The proxy's URL cannot be used.
    #[error(transparent)]
    InvalidProxy(InvalidProxy),
    /// A file of authorities cannot be used.
    #[error("the authorities in {} cannot be used: {problem}; expected certificates in PEM", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The hub said no.
    #[error("the hub refused: {0}")]
    Refused(String),
    /// The hub or the connection failed.
    #[error("the hub failed: {0}")]
    Failed(String),
    /// Our own key or certificate cannot be used.
    #[error("the agent's identity cannot be used: {0}")]
    Identity(String),
}

impl Error {
    /// Whether trying again may help without a person.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Proxy { .. } | Self::Failed(_) => true,
            Self::Address(_)
            | Self::WrongAuthority(_)
            | Self::WrongName(..)
            | Self::Untrusted { .. }
            | Self::Refused(_)
            | Self::InvalidProxy(_)
            | Self::Roots { .. }
            | Self::Identity(_) => false,
        }
    }

    fn of_status(status: &tonic::Status) -> Self {
        use tonic::Code;
        match status.code() {
            Code::PermissionDenied
            | Code::Unauthenticated
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::Unimplemented => Self::Refused(status.message().to_owned()),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => {
                // A connection that broke says why only in its causes.
                let text = dial::causes(status.message().to_owned(), std::error::Error::source(status));
                if text.contains("invalid compression flag") {
                    // An answer that is no gRPC: `{` or `<` where a flag is.
                    return Self::Refused(
                        "what answers is no hub's port for agents; is it its port for kubectl? `flotilla cluster token` names the right one"
                            .to_owned(),
                    );
                }
                Self::Failed(format!("{text} ({:?})", status.code()))
            }
        }
    }
}

/// What the session hears that matters to whoever keeps the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nudge {
    /// The hub asks for a renewal.
    RenewNow,
    /// A hub did not let the identity in.
    NotLetIn,
    /// A hub says that the identity is revoked.
    Revoked,
}

/// What everything of the link shares.
#[derive(Debug)]
pub(crate) struct Link {
    hubs: Vec<String>,
    /// The hub that was tried last.
    current: AtomicUsize,
    dialer: Dialer,
    pub(crate) identities: Identities,
    token_file: Option<PathBuf>,
    standing: watch::Sender<Standing>,
    /// A hub answered.
    heard: Arc<Notify>,
    nudges: mpsc::Sender<Nudge>,
    pace: Pace,
}

/// Times that tests shorten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Within this a new identity is shown.
    pub(crate) reconnect: Duration,
    /// So often the token's file is read while a person is needed.
    pub(crate) look_for_token: Duration,
    /// So often an identity is written again that could not be.
    pub(crate) save_again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { reconnect: RECONNECT_WITHIN, look_for_token: LOOK_FOR_TOKEN, save_again: SAVE_AGAIN }
    }
}

/// What [`keep`] listens to.
#[derive(Debug)]
pub(crate) struct Nudges {
    said: mpsc::Receiver<Nudge>,
    untried: Option<Untried>,
}

impl Nudges {
    /// With a token that no hub has answered yet.
    pub(crate) fn with_token(self, untried: Option<Untried>) -> Self {
        Self { untried, ..self }
    }
}

impl Link {
    pub(crate) fn new(
        config: Config,
        dialer: Dialer,
        identities: Identities,
        pace: Pace,
    ) -> (Arc<Self>, Nudges) {
        let (nudges, received) = mpsc::channel(8);
        let standing = Standing { hub: config.hubs.join(", "), ..Standing::default() };
        let link = Self {
            hubs: config.hubs,
            current: AtomicUsize::new(0),
            dialer,
            identities,
            token_file: config.token_file,
            standing: watch::Sender::new(standing),
            heard: Arc::default(),
            nudges,
            pace,
        };
        (Arc::new(link), Nudges { said: received, untried: None })
    }

    /// Notified when a hub answered: a good moment to look at the cluster's facts again.
    pub(crate) fn heard(&self) -> Arc<Notify> {
        Arc::clone(&self.heard)
    }

    /// The hubs, the one that was tried last first.
    fn in_turn(&self) -> impl Iterator<Item = &str> {
        let first = self.current.load(Ordering::Relaxed);
        let count = self.hubs.len();
        (0..count).map(move |step| self.hubs[(first + step) % count].as_str())
    }

    /// One that is lost comes again with the next session.
    fn nudge(&self, nudge: Nudge) {
        let _full = self.nudges.try_send(nudge);
    }

    /// The hub's time, as far as it is known: certificates are judged by it.
    fn now(&self) -> Timestamp {
        let now = shared_runtime::now();
        let skew = SignedDuration::from_millis(self.standing.borrow().clock_skew_ms.unwrap_or(0));
        now.checked_add(skew).unwrap_or(now)
    }
}

/// Tells how the link stands, whenever that changes, for as long as somebody listens.
pub(crate) async fn tell(link: Arc<Link>, news: mpsc::Sender<News>) {
    let mut standing = link.standing.subscribe();
    loop {
        let now = standing.borrow_and_update().clone();
        if news.send(News::Standing(now)).await.is_err() || standing.changed().await.is_err() {
            return;
        }
    }
}
