//! Replacing the authority without any agent noticing.
//!
//! # Flow
//! 1. *Introducing*: a new authority is made. The hub trusts both, agents are told to trust both, and each
//!    confirms in the hello of its next connection, for which its stream is ended gently. Nothing of the new
//!    one is in use.
//! 2. *Replacing*: once every cluster that may connect has confirmed, the hub's own certificate and those of
//!    agents come from the new one; agents are told to renew, and their streams end gently once they did.
//! 3. Once every such cluster was seen with a certificate of the new one, and no token is left that names
//!    the old one, the old one is given up, and agents are told so.
//!
//! # Invariants
//! 1. A cluster that is away holds a phase up and is named; only a person goes on without it. One that was
//!    revoked, or whose certificate cannot be renewed any more, has to join again anyhow and holds nothing up.
//! 2. What is waited for is read from the store and the folder at every look: a hub that starts again goes on.
//! 3. At most [`AT_ONCE`] streams are ended in one look, and an agent that does not react is left alone for
//!    longer each time.
//!
//! What it refuses to know: how certificates are made, what a session does.

mod wait;

use crate::{Authority, AuthorityError, Links, Phase, attach, session::Input};
use hub_records::{Identity, Records, Stored};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use serde_json::{Value, json};
use shared_model::{ClusterName, EnrollmentToken, Kind};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use wait::{Member, Pending, Waits};

/// How often it is looked while a replacement goes on.
const LOOK: Duration = Duration::from_secs(1);
/// How many agents are asked in one look.
const AT_ONCE: usize = 50;
/// How long an agent that did not react is left alone, at first and at most.
const FIRST_PATIENCE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// How many clusters a report names.
const NAMED: usize = 50;

/// Why a rotation could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store failed.
    #[error("the hub's records cannot be read")]
    Records(#[from] hub_records::Error),
    /// The authority is in another phase, or its folder failed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The machine refused.
    #[error("writing was interrupted")]
    Interrupted,
}

/// The way to replace the authority. Clones share it.
#[derive(Debug, Clone)]
pub struct Rotation {
    authority: Arc<Authority>,
    records: Records,
    links: Links,
}

impl Rotation {
    pub(crate) const fn new(authority: Arc<Authority>, records: Records, links: Links) -> Self {
        Self { authority, records, links }
    }

    /// Where the replacement is and what it waits for, for people: `phase`, `since`, `by`, `authorities`
    /// (the one that issues first), `expiresAt` of that one, `waitsFor` (sentences), `waitsForCount`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn report(&self, now: Timestamp) -> Result<Value, RotationError> {
        let mut report = json!(self.authority.phase());
        let waits = self.waits(now).await?;
        let mut lines = waits.lines();
        report["authorities"] = json!(self.authority.fingerprints());
        report["expiresAt"] = json!(self.authority.expires());
        report["waitsForCount"] = json!(lines.len());
        lines.truncate(NAMED);
        report["waitsFor"] = json!(lines);
        Ok(report)
    }

    /// Makes a new authority and begins to replace the present one by it.
    ///
    /// # Errors
    /// When that is going on already, or the folder cannot be written.
    pub async fn start(&self, by: &str, now: Timestamp) -> Result<(), RotationError> {
        let by = by.to_owned();
        self.write(move |authority| authority.introduce(&by, now)).await?;
        tracing::info!("a new authority is introduced to the agents");
        Ok(())
    }

    /// Goes on to the next phase without those that it waits for: they will have to join again.
    ///
    /// # Errors
    /// When no replacement is going on, or the folder cannot be written.
    pub async fn go_on(&self, now: Timestamp) -> Result<(), RotationError> {
        for left in self.waits(now).await?.clusters {
            tracing::warn!(cluster = %left.0, "the authority is replaced without waiting for the cluster");
        }
        self.next(now).await
    }

    async fn next(&self, now: Timestamp) -> Result<(), RotationError> {
        match self.authority.phase() {
            Phase::Settled => {
                Err(AuthorityError::Phase("no replacement of the authority is going on").into())
            }
            Phase::Introducing { .. } => {
                self.write(move |authority| authority.replace(now)).await?;
                tracing::info!("certificates come from the new authority from now on");
                Ok(())
            }
            Phase::Replacing { .. } => {
                self.write(Authority::settle).await?;
                tracing::info!("the old authority is given up: its replacement is done");
                let message = attach::authorities_message(&self.authority);
                for cluster in self.links.snapshot().into_keys() {
                    self.links.tell(&cluster, Input::Say(message.clone()));
                }
                Ok(())
            }
        }
    }

    async fn write(
        &self,
        change: impl FnOnce(&Authority) -> Result<(), AuthorityError> + Send + 'static,
    ) -> Result<(), RotationError> {
        let authority = Arc::clone(&self.authority);
        let written = tokio::task::spawn_blocking(move || change(&authority)).await;
        Ok(written.map_err(|_| RotationError::Interrupted)??)
    }

    /// What the present phase waits for.
    async fn waits(&self, now: Timestamp) -> Result<Waits, RotationError> {
        let phase = self.authority.phase();
        let fingerprints = self.authority.fingerprints();
        if phase == Phase::Settled {
            return Ok(Waits::default());
        }
        let (clusters, _) = self.records.list(Kind::Cluster, None).await?;
        let links = self.links.snapshot();
        let mut members = Vec::new();
        for cluster in clusters {
            let status = self.records.status(Kind::Cluster, "", cluster.name()).await?;
            let Some(identity) = status.and_then(|(status, _)| Identity::of(&status)) else { continue };
            let name = ClusterName::new(cluster.name());
            let link = links.get(&name).map(|state| state.link);
            members.push(Member { cluster: name, connected: link.is_some_and(is_connected), identity });
        }
        let tokens = match phase {
            Phase::Replacing { .. } => self.tokens().await?,
            Phase::Settled | Phase::Introducing { .. } => Vec::new(),
        };
        Ok(wait::wait(&phase, &fingerprints, members, tokens, now))
    }

    /// Tokens that were not used.
    async fn tokens(&self) -> Result<Vec<Pending>, RotationError> {
        let (tokens, _) = self.records.list(Kind::EnrollmentToken, None).await?;
        let mut pending = Vec::new();
        for stored in tokens {
            let used = self.records.status(Kind::EnrollmentToken, "", stored.name()).await?.is_some();
            if let (false, Ok(token)) = (used, EnrollmentToken::from_value(&stored.value)) {
                let made = made(&stored);
                pending.push(Pending { id: stored.name().to_owned(), spec: token.spec, made });
            }
        }
        Ok(pending)
    }
}

fn made(stored: &Stored) -> Option<Timestamp> {
    stored.value.pointer("/metadata/creationTimestamp").and_then(Value::as_str)?.parse().ok()
}

const fn is_connected(link: shared_rollout::Link) -> bool {
    matches!(link, shared_rollout::Link::Connected)
}

/// What an agent is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    /// Trust both, and confirm it by connecting again.
    Confirm,
    /// Renew the certificate.
    Renew,
    /// Connect with the new one.
    Reconnect,
}

/// Goes on with a replacement for as long as the hub runs.
pub(crate) async fn run(rotation: Rotation) {
    let mut changes = rotation.authority.changes();
    let mut asked = Asked::default();
    loop {
        if rotation.authority.phase() == Phase::Settled {
            let _changed = changes.changed().await;
            continue;
        }
        let now = shared_runtime::now();
        let looked = async {
            let waits = rotation.waits(now).await?;
            if waits.is_empty() {
                asked = Asked::default();
                return rotation.next(now).await;
            }
            ask(&rotation, &waits, &mut asked, now);
            Ok(())
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "the replacement of the authority cannot go on now and is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _changed = changes.changed() => {}
        }
    }
}

/// Asks the connected agents that something waits for.
fn ask(rotation: &Rotation, waits: &Waits, asked: &mut Asked, now: Timestamp) {
    let mut room = AT_ONCE;
    for (cluster, member) in &waits.clusters {
        let Some(certificate) = rotation.links.certificate(cluster) else { continue };
        let ask = match rotation.authority.phase() {
            Phase::Settled => return,
            Phase::Introducing { .. } => Ask::Confirm,
            // The new certificate was given after this connection's.
            Phase::Replacing { since, .. }
                if member.identity.last_issued > certificate.issued.max(since.as_microsecond()) =>
            {
                Ask::Reconnect
            }
            Phase::Replacing { .. } => Ask::Renew,
        };
        if room == 0 || !asked.is_due(cluster, ask, now) {
            continue;
        }
        room -= 1;
        let again = || Input::Cut("the hub replaces its authority: connect again".to_owned());
        match ask {
            Ask::Confirm => {
                let message = attach::authorities_message(&rotation.authority);
                rotation.links.tell(cluster, Input::Say(message));
                rotation.links.tell(cluster, again());
            }
            Ask::Renew => {
                let renew = v1::hub_message::Message::RenewNow(v1::RenewNow {});
                rotation.links.tell(cluster, Input::Say(renew));
            }
            Ask::Reconnect => rotation.links.tell(cluster, again()),
        }
    }
}

/// Who was asked, and when they are asked again.
#[derive(Debug, Default)]
struct Asked(BTreeMap<(ClusterName, Ask), (Timestamp, SignedDuration)>);

impl Asked {
    /// Whether it is time to ask; counts as asked then.
    fn is_due(&mut self, cluster: &ClusterName, ask: Ask, now: Timestamp) -> bool {
        let key = (cluster.clone(), ask);
        let patience = match self.0.get(&key) {
            Some((next, _)) if now < *next => return false,
            Some((_, patience)) => LONGEST_PATIENCE.min(*patience * 2),
            None => FIRST_PATIENCE,
        };
        let next = now.checked_add(patience).unwrap_or(Timestamp::MAX);
        self.0.insert(key, (next, patience));
        true
    }
}
