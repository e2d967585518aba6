//! Keeps the identity alive: asks for certificates when [`Renewal`] says so, joins again with a new token when a
//! person has put one in place.

use super::{
    Dialer, Error, Link, Nudge, Nudges, certificate,
    enroll::{Request, Untried, enroll},
    renewal::{Failure, Remedy, Renewal, Step},
    trust::Trust,
};
use crate::journal::Identity;
use jiff::Timestamp;
use proto::v1::{self, enrollment_client::EnrollmentClient};
use shared_model::JoinToken;
use shared_runtime::{Backoff, backoff};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long after a try that no hub answered a token is shown again.
const FIRST_SHOWN_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_SHOWN_AGAIN: Duration = Duration::from_secs(60);

/// Keeps the identity alive for as long as the process runs.
pub(crate) async fn keep(link: Arc<Link>, mut nudges: Nudges) {
    let mut identity = link.identities.subscribe();
    let mut renewal = Renewal::new(certificate::life(&identity.borrow_and_update()), backoff::random());
    let mut tokens = Tokens::new(link.token_file.clone(), nudges.untried.take());
    loop {
        let unsaved = link.identities.save().await.inspect_err(|error| {
            tracing::warn!(%error, "the agent's identity is not in the journal yet; it is tried again");
        });
        let now = link.now();
        show(&link, &mut renewal, now);
        let stuck = renewal.needs_person(now).is_some() || tokens.open.is_some();
        if stuck && let Some(new) = tokens.look(&link).await {
            let old = link.identities.current();
            took(&old, &new);
            renewal.handle_renewed(certificate::life(&new), backoff::random(), link.now());
            if let Err(error) = link.identities.replace(&old, new).await {
                tracing::warn!(%error, "the agent's new identity is used, but is not in the journal yet");
            }
            continue;
        }
        let wait = match renewal.poll(now) {
            Step::Ask => {
                attempt(&link, &mut renewal).await;
                continue;
            }
            Step::Wait(until) => Duration::try_from(until.duration_since(now)).unwrap_or_default(),
        };
        let wait = if unsaved.is_err() { wait.min(link.pace.save_again) } else { wait };
        let look = link.pace.look_for_token.mul_f64(0.5 + backoff::random() / 2.0);
        let wait = if stuck && tokens.any() { wait.min(look.max(tokens.held())) } else { wait };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Some(nudge) = nudges.said.recv() => match nudge {
                Nudge::RenewNow => {
                    tracing::info!("the hub asks for a new certificate");
                    renewal.handle_renew_now(link.now());
                }
                Nudge::NotLetIn => renewal.handle_not_let_in(),
                Nudge::Revoked => renewal.handle_revoked(link.now()),
            },
            Ok(()) = identity.changed() => {
                let life = certificate::life(&identity.borrow_and_update());
                renewal.handle_life(life);
            }
        }
    }
}

/// Says, and shows in the status, what a person must do.
fn show(link: &Link, renewal: &mut Renewal, now: Timestamp) {
    let cluster = link.identities.current().cluster.clone();
    let say = |remedy: Remedy| {
        let why = match remedy {
            Remedy::Refused => "the hub does not renew this agent's certificate",
            Remedy::TooOld => "this agent's certificate ended too long ago to be renewed",
        };
        let how =
            if link.token_file.is_some() { "put it into the token file" } else { "start the agent with it" };
        format!(
            "{why}: ask for a token with `flotilla cluster token --name {cluster} --reenrol` and {how}; what is assigned goes on"
        )
    };
    if let Some(remedy) = renewal.poll_remedy(now) {
        tracing::error!("{}", say(remedy));
    }
    let (remedy, until) = (renewal.needs_person(now).map(say), renewal.ends());
    link.standing.send_if_modified(|standing| {
        let changed = standing.remedy != remedy || standing.certificate_until != Some(until);
        standing.remedy = remedy;
        standing.certificate_until = Some(until);
        changed
    });
}

fn took(old: &Identity, new: &Identity) {
    tracing::info!(cluster = new.cluster, "the cluster joined again");
    if old.cluster != new.cluster {
        tracing::warn!(
            "the token was made for {}, and this cluster was {} until now: the agent's status names it rightly after a restart",
            new.cluster,
            old.cluster
        );
    }
}

/// Asks each hub until one gives a new certificate.
async fn attempt(link: &Link, renewal: &mut Renewal) {
    let identity = link.identities.current();
    let mut failure = Failure::Passing;
    for hub in link.in_turn() {
        match ask(&link.dialer, hub, &identity).await {
            Ok(new) => {
                renewal.handle_renewed(certificate::life(&new), backoff::random(), link.now());
                tracing::info!("the agent's certificate was renewed; the next connection uses it");
                if let Err(error) = link.identities.replace(&identity, new).await {
                    tracing::warn!(%error, "the agent's new certificate is used, but is not in the journal yet");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(hub, %error, "the agent's certificate could not be renewed");
                if !error.is_transient() {
                    failure = Failure::Refused;
                }
            }
        }
    }
    renewal.handle_failed(failure, backoff::random(), link.now());
}

/// Asks one hub once.
pub(crate) async fn ask(dialer: &Dialer, hub: &str, identity: &Identity) -> Result<Identity, Error> {
    let (channel, _) = dialer.dial(hub, Trust::Mutual(identity)).await?;
    let new = Request::new()?;
    let message = v1::RenewRequest { certificate_request: new.der.clone().into() };
    let mut request = tonic::Request::new(message);
    request.set_timeout(ANSWER_WITHIN);
    let answer = EnrollmentClient::new(channel).renew(request).await;
    let answer = answer.map_err(|status| Error::of_status(&status))?.into_inner();
    new.answered(&answer, &identity.cluster_uid, &identity.token_id)
}

/// Tokens that a person puts in place while the agent runs.
#[derive(Debug)]
struct Tokens {
    file: Option<PathBuf>,
    /// The token that is being traded, with its key: an answer may be lost on its way.
    open: Option<Untried>,
    /// Ids that the hub refused.
    refused: BTreeSet<String>,
    /// While no hub answers the token is shown ever more rarely.
    not_before: Option<Instant>,
    waits: Backoff,
}

impl Tokens {
    fn new(file: Option<PathBuf>, open: Option<Untried>) -> Self {
        let waits = Backoff::new(FIRST_SHOWN_AGAIN, LONGEST_SHOWN_AGAIN);
        Self { file, open, refused: BTreeSet::new(), not_before: None, waits }
    }

    const fn any(&self) -> bool {
        self.file.is_some() || self.open.is_some()
    }

    /// How long no token is shown.
    fn held(&self) -> Duration {
        self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// The identity for a token that is new in the file, if there is one and the hub takes it.
    async fn look(&mut self, link: &Link) -> Option<Identity> {
        let present = link.identities.current();
        if !self.held().is_zero() {
            return None;
        }
        // A line, in a Secret's mount or a local file.
        let text = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let placed = text.and_then(|text| text.parse::<JoinToken>().ok());
        let placed = placed.filter(|token| !self.refused.contains(&token.id));
        let token = placed.or_else(|| self.open.as_ref().map(|(token, _)| token.clone()))?;
        if token.id == present.token_id || self.refused.contains(&token.id) {
            return None;
        }
        if self.open.as_ref().is_none_or(|(known, _)| *known != token) {
            tracing::info!("a new token is in place: the agent joins again with it");
            self.open = Some((token, enroll().ok()?));
        }
        let (token, enrolment) = self.open.as_ref()?;
        let asked = enrolment.ask_each(&link.dialer, link.in_turn(), token, &present.cluster_uid).await;
        match asked {
            Ok(identity) => {
                self.open = None;
                self.waits.reset();
                Some(identity)
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "joining again is tried again");
                self.not_before = Instant::now().checked_add(self.waits.next_wait());
                None
            }
            Err(error) => {
                tracing::error!(%error, "the new token was not accepted; the agent goes on as it is");
                self.refused.insert(token.id.clone());
                self.open = None;
                None
            }
        }
    }
}
