//! One `Attach` stream, kept up.

use super::{
    Bundles, Error, Link, Nudge, Standing,
    hubs::{Ended, Hubs},
    trust::{self, Proof, Trust},
};
use crate::{cluster::Facts, journal::Identity};
use jiff::Timestamp;
use parking_lot::Mutex;
use proto::v1::{self, agent_client::AgentClient, agent_message, hub_message::Message};
use shared_runtime::backoff;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

/// Messages on their way up; a full queue makes the engine wait with what it has to say, the newest wins.
const OUTBOUND: usize = 16;

/// What the link tells the engine.
#[derive(Debug)]
pub(crate) enum News {
    /// A connection is up: the hello goes first.
    Up {
        /// The way up.
        outbound: mpsc::Sender<v1::AgentMessage>,
        /// The way to bundles.
        bundles: Bundles,
    },
    /// The hub said this.
    Said(Message),
    /// The connection is gone.
    Down,
    /// How the link stands, for people.
    Standing(Standing),
    /// The cluster's facts were read again, at a moment that suits the link.
    Facts(Facts),
}

/// How one session went.
#[derive(Debug, Default)]
struct Course {
    /// The hub had told everything: the link works.
    in_sync: bool,
    /// What the hub said against us.
    refused: Option<v1::Refused>,
    /// The agent ended it to show another identity.
    outdated: bool,
}

/// Keeps a session up for as long as somebody listens.
pub(crate) async fn run(link: Arc<Link>, news: mpsc::Sender<News>) {
    let mut hubs = Hubs::new(link.hubs.len());
    let mut identity = link.identities.subscribe();
    loop {
        let now = shared_runtime::now();
        let next = hubs.poll(now);
        let wait = Duration::try_from(next.at.duration_since(now)).unwrap_or_default();
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = identity.changed() => {
                    hubs.handle_identity(backoff::random(), shared_runtime::now());
                    link.standing.send_modify(|standing| standing.refusals.clear());
                }
            }
            continue;
        }
        identity.mark_unchanged();
        link.current.store(next.hub, Ordering::Relaxed);
        let hub = &link.hubs[next.hub];
        let mut course = Course::default();
        let error = converse(&link, hub, &news, &mut course).await.err();
        if news.send(News::Down).await.is_err() {
            return;
        }
        let ended = told(&link, hub, &course, error.as_ref());
        hubs.handle_ended(next.hub, ended, backoff::random(), shared_runtime::now());
        link.standing.send_modify(|standing| standing.hub = link.hubs.join(", "));
    }
}

/// Says how a session ended, to people and to those who keep the identity.
fn told(link: &Link, hub: &str, course: &Course, error: Option<&Error>) -> Ended {
    let refusal = |text: String| {
        link.standing.send_modify(|standing| drop(standing.refusals.insert(hub.to_owned(), text)));
    };
    if let Some(refused) = &course.refused {
        let remedy = remedy(&refused.reason);
        let reason = &refused.reason;
        tracing::error!(hub, reason, "the hub does not work with this agent: {}; {remedy}", refused.message);
        refusal(format!("{hub}: {reason}: {}; {remedy}", refused.message));
        if refused.reason == "Revoked" {
            link.nudge(Nudge::Revoked);
        }
        // A hub that has not noticed yet that the agent before this one is gone will soon.
        return if refused.reason == "DuplicateAgent" { Ended::Failed } else { Ended::Refused };
    }
    let ended = if course.in_sync { Ended::Worked } else { Ended::Failed };
    match error {
        Some(error) if error.is_transient() => {
            tracing::warn!(hub, %error, "no link to the hub; what is assigned goes on");
        }
        Some(error) => {
            tracing::error!(hub, %error, "the hub does not let the agent in; what is assigned goes on");
            refusal(format!("{hub}: {error}"));
            if let Error::Refused(why) = error {
                link.nudge(if why.starts_with("Revoked") { Nudge::Revoked } else { Nudge::NotLetIn });
            }
            return Ended::Refused;
        }
        None if course.outdated => {
            tracing::info!(hub, "the link is made anew, with the present identity");
            return Ended::Worked;
        }
        None => tracing::info!(hub, "the hub closed the link"),
    }
    ended
}

fn remedy(reason: &str) -> &'static str {
    match reason {
        "DuplicateAgent" => {
            "if no other agent of this cluster runs, this ends when the hub notices that the old one is gone"
        }
        "ClusterReplaced" => {
            "join this cluster under its own name with a token of `flotilla cluster token --name NAME`"
        }
        // What mends it the hub has said.
        "Revoked" => "what is assigned goes on",
        "HubBehindAgent" => "the hub lost state: see `flotilla hub restore --adopt`",
        _ => "see the hub's log",
    }
}

async fn converse(
    link: &Arc<Link>,
    hub: &str,
    news: &mpsc::Sender<News>,
    course: &mut Course,
) -> Result<(), Error> {
    let identity = link.identities.current();
    let (channel, proof) = link.dialer.dial(hub, Trust::Mutual(&identity)).await?;
    let client = AgentClient::new(channel).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let (outbound, messages) = mpsc::channel(OUTBOUND);
    let up = News::Up { outbound, bundles: Bundles::new(client.clone()) };
    if news.send(up).await.is_err() {
        return Ok(());
    }
    let greeting = Greeting { authorities: link.identities.trusted().await, said: Arc::default() };
    let said = Arc::clone(&greeting.said);
    let messages = ReceiverStream::new(messages).map(move |message| greeting.complete(message));
    let answer = client.clone().attach(messages).await;
    let mut inbound = answer.map_err(|status| Error::of_status(&status))?.into_inner();
    let outdated = outdated(link, &identity, &proof);
    let mut outdated = std::pin::pin!(outdated);
    loop {
        let message = tokio::select! {
            message = inbound.message() => message.map_err(|status| Error::of_status(&status))?,
            () = &mut outdated => {
                course.outdated = true;
                return Ok(());
            }
        };
        let Some(message) = message else { return Ok(()) };
        match message.message {
            Some(Message::Refused(refused)) => course.refused = Some(refused),
            Some(Message::Authorities(list)) => trust_from_now_on(link, &identity, &proof, &list).await,
            Some(Message::RenewNow(_)) => link.nudge(Nudge::RenewNow),
            Some(message) => {
                if let Message::Welcome(answer) = &message {
                    heard(link, hub, answer, *said.lock());
                }
                course.in_sync |= matches!(message, Message::InSync(_));
                if news.send(News::Said(message)).await.is_err() {
                    return Ok(());
                }
            }
            // A message of a newer hub.
            None => {}
        }
    }
}

/// The hub answered the hello.
fn heard(link: &Link, hub: &str, welcome: &v1::Welcome, said: Option<Timestamp>) {
    let now = shared_runtime::now();
    // Half way between the hello and its answer; a clock that was set meanwhile gives nonsense once.
    let half = said.map_or(0, |said| now.as_millisecond().saturating_sub(said.as_millisecond()) / 2);
    let skew = welcome.clock_ms.saturating_sub(now.as_millisecond().saturating_sub(half));
    link.standing.send_modify(|standing| {
        hub.clone_into(&mut standing.hub);
        standing.refusals.remove(hub);
        // A hub that does not tell the time.
        if welcome.clock_ms != 0 {
            standing.measured(skew);
        }
    });
    link.heard.notify_one();
}

/// What the link adds to the hello.
#[derive(Debug)]
struct Greeting {
    authorities: Vec<String>,
    /// When the hello went.
    said: Arc<Mutex<Option<Timestamp>>>,
}

impl Greeting {
    fn complete(&self, mut message: v1::AgentMessage) -> v1::AgentMessage {
        if let Some(agent_message::Message::Hello(hello)) = &mut message.message {
            hello.authorities.clone_from(&self.authorities);
            *self.said.lock() = Some(shared_runtime::now());
        }
        message
    }
}

/// Resolves a while after the session began to stand on what is not the agent's identity any more.
async fn outdated(link: &Link, used: &Identity, proof: &Proof) {
    let mut changes = link.identities.subscribe();
    loop {
        let present = Arc::clone(&changes.borrow_and_update());
        if present.certificates != used.certificates || !trust::vouches(&present, link.dialer.extra(), proof)
        {
            break;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
    // Not all agents of a hub at once.
    tokio::time::sleep(link.pace.reconnect.mul_f64(backoff::random())).await;
}

/// Takes what is to be trusted from a hub that is trusted now.
async fn trust_from_now_on(link: &Link, used: &Identity, proof: &Proof, list: &v1::Authorities) {
    if list.authorities.len() > MOST_AUTHORITIES || !trust::are_authorities(&list.authorities) {
        tracing::error!("the hub's new list of authorities is empty or unreadable: the old one is kept");
        return;
    }
    let new: Vec<String> = list.authorities.iter().map(|der| Identity::encode(der)).collect();
    let number = new.len();
    let known = |present: &Identity| {
        present.token_id == used.token_id && trust::vouches(present, link.dialer.extra(), proof)
    };
    match link.identities.trust(new, known).await {
        Ok(true) => tracing::info!(authorities = number, "the agent trusts a new list of authorities"),
        Ok(false) => tracing::warn!(
            "a new list of authorities came from a hub that is not trusted any more: the next session asks again"
        ),
        Err(error) => {
            tracing::error!(%error, "the new list of authorities could not be kept: the old one counts");
        }
    }
}

const MOST_AUTHORITIES: usize = 32;
