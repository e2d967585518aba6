//! One `Attach` stream, kept up.

use super::{Bundles, Error, Identities, dial::dial, trust};
use proto::v1::{self, agent_client::AgentClient, hub_message::Message};
use shared_runtime::Backoff;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Messages on their way up; a full queue makes the engine wait with what it has to say, the newest wins.
const OUTBOUND: usize = 16;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long until the next try when a person must do something first.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

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
}

/// How a session ended.
#[derive(Debug)]
struct Ended {
    error: Option<Error>,
    /// The hub had told everything: the link works.
    in_sync: bool,
    /// What the hub said against us.
    refused: Option<v1::Refused>,
}

/// Keeps a session up for as long as somebody listens.
pub(crate) async fn run(hub: String, identities: Identities, news: mpsc::Sender<News>) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let ended = session(&hub, &identities, &news).await;
        if news.send(News::Down).await.is_err() {
            return;
        }
        if ended.in_sync {
            backoff.reset();
        }
        let mut wait = backoff.next_wait();
        if let Some(refused) = &ended.refused {
            let remedy = remedy(&refused.reason);
            tracing::error!(
                hub,
                reason = refused.reason,
                "the hub does not work with this agent: {}; {remedy}",
                refused.message
            );
            // A hub that has not noticed yet that the agent before this one is gone will soon.
            if refused.reason != "DuplicateAgent" {
                wait = wait.max(AFTER_REFUSAL);
            }
        } else if let Some(error) = &ended.error {
            if error.is_transient() {
                tracing::warn!(hub, %error, again_in = ?wait, "no link to the hub; what is assigned goes on");
            } else {
                wait = wait.max(AFTER_REFUSAL);
                tracing::error!(hub, %error, again_in = ?wait, "the hub does not let the agent in; what is assigned goes on");
            }
        } else {
            tracing::info!(hub, again_in = ?wait, "the hub closed the link");
        }
        tokio::time::sleep(wait).await;
    }
}

fn remedy(reason: &str) -> &'static str {
    match reason {
        "DuplicateAgent" => {
            "if no other agent of this cluster runs, this ends when the hub notices that the old one is gone"
        }
        "ClusterReplaced" => {
            "join this cluster under its own name with a token of `flotilla cluster token --name NAME`"
        }
        "Revoked" => "what runs here stays; to join again ask for a token with `flotilla cluster token`",
        "HubBehindAgent" => "the hub lost state: see `flotilla hub restore --adopt`",
        _ => "see the hub's log",
    }
}

async fn session(hub: &str, identities: &Identities, news: &mpsc::Sender<News>) -> Ended {
    let mut ended = Ended { error: None, in_sync: false, refused: None };
    ended.error = converse(hub, identities, news, &mut ended).await.err();
    ended
}

async fn converse(
    hub: &str,
    identities: &Identities,
    news: &mpsc::Sender<News>,
    ended: &mut Ended,
) -> Result<(), Error> {
    let identity = identities.current();
    let (config, verdict) = trust::mutual(&identity)?;
    let channel = dial(hub, config, &verdict).await?;
    let client = AgentClient::new(channel).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let (outbound, messages) = mpsc::channel(OUTBOUND);
    let up = News::Up { outbound, bundles: Bundles::new(client.clone()) };
    if news.send(up).await.is_err() {
        return Ok(());
    }
    let answer = client.clone().attach(ReceiverStream::new(messages)).await;
    let mut inbound = answer.map_err(|status| Error::of_status(&status))?.into_inner();
    loop {
        let message = inbound.message().await.map_err(|status| Error::of_status(&status))?;
        let Some(message) = message else { return Ok(()) };
        match message.message {
            Some(Message::Refused(refused)) => ended.refused = Some(refused),
            Some(message) => {
                ended.in_sync |= matches!(message, Message::InSync(_));
                if news.send(News::Said(message)).await.is_err() {
                    return Ok(());
                }
            }
            // A message of a newer hub.
            None => {}
        }
    }
}
