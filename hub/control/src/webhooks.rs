//! Webhooks of Git forges, on the hub: what was agreed on with each forge, and what is asked for when one pushes.
//!
//! Decides, from a request and the objects in force now, what a webhook is worth: `hub_source::webhook` checks and reads it, the schedule asks
//! for the references that it names and somebody follows. Nothing else is refreshed, and nothing that a payload says is taken over.
//!
//! Secrets are those of Argo CD's `argocd-secret`, read at each webhook, so that a new one counts at once.
//!
//! It refuses to know HTTP: which status says what is the API's.

mod metrics;
mod secrets;

pub(crate) use metrics::WebhookMetrics;

use crate::{git::Git, index::Shared};
use http::HeaderMap;
use hub_source::webhook::{
    self, Delivery, Event, Forge, Guard, Novelty, Push, Refusal, Request, TooMany, Trust,
};
use metrics::Outcome;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc};
use tokio::sync::watch;

/// Bodies from this size on are checked where they hold up nothing else.
const LARGE: usize = 256 << 10;

/// Takes webhooks. Clones share everything.
#[derive(Debug, Clone)]
pub struct Webhooks {
    index: Shared,
    git: Git,
    metrics: WebhookMetrics,
    limit: watch::Receiver<usize>,
    guard: Arc<Mutex<Guard>>,
}

/// Why a webhook comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unheard {
    /// It is not believed or not understood.
    Refused(Refusal),
    /// There are too many.
    TooMany(TooMany),
}

impl Webhooks {
    pub(crate) fn new(
        index: Shared,
        git: Git,
        metrics: WebhookMetrics,
        limit: watch::Receiver<usize>,
    ) -> Self {
        Self { index, git, metrics, limit, guard: Arc::default() }
    }

    /// The most bytes that a body may have.
    pub fn limit(&self) -> watch::Receiver<usize> {
        self.limit.clone()
    }

    /// Checks a webhook and has asked for what it names. Gives back what was done, for whoever looks at the forge's list of deliveries.
    ///
    /// # Errors
    /// Why it comes to nothing.
    pub async fn take(
        &self,
        headers: HeaderMap,
        body: bytes::Bytes,
        sender: IpAddr,
    ) -> Result<Value, Unheard> {
        let forge = Forge::of(&headers);
        let entered = self.guard.lock().enter(sender, shared_runtime::now());
        let secrets = secrets::agreed(&self.index.read());
        let bytes = body.len();
        let read = move || {
            let request = Request { headers: &headers, body: &body };
            webhook::read(&request, &secrets, shared_runtime::now())
        };
        let read = if bytes < LARGE {
            read()
        } else {
            // A panic there would be a defect, and answers as one here would.
            tokio::task::spawn_blocking(read).await.unwrap_or(Err(Refusal::UnknownForge))
        };
        match (read, entered) {
            // Others may have sent them from there: what is proven is heard all the same.
            (Ok(Delivery { trust: Trust::Unsigned, .. }) | Err(_), Err(many)) => {
                Err(self.too_many(forge, many))
            }
            (Ok(delivery), _) => {
                let known = self.guard.lock().believe(&delivery, shared_runtime::now());
                let novelty = known.map_err(|many| self.too_many(forge, many))?;
                Ok(self.act(delivery, novelty))
            }
            (Err(refusal), Ok(())) => {
                self.guard.lock().refused(sender, shared_runtime::now());
                tracing::info!(forge = forge.map(Forge::label), bytes, reason = %refusal, "a webhook was refused");
                self.metrics.count(forge, Outcome::of(&refusal));
                Err(Unheard::Refused(refusal))
            }
        }
    }

    fn too_many(&self, forge: Option<Forge>, many: TooMany) -> Unheard {
        self.metrics.count(forge, Outcome::Limited);
        Unheard::TooMany(many)
    }

    fn act(&self, delivery: Delivery, novelty: Novelty) -> Value {
        let Delivery { forge, id, event, .. } = delivery;
        let (outcome, mut done) = match event {
            Event::Push(_) if novelty == Novelty::Repeated => {
                (Outcome::Repeated, json!({"message": "this was taken before; nothing is asked for again"}))
            }
            Event::Ping => (Outcome::Ping, json!({"message": "webhooks are taken here"})),
            Event::Ignored(why) => (Outcome::Ignored, json!({"message": why})),
            Event::Push(push) => self.push(forge, id.as_deref(), &push),
        };
        self.metrics.count(Some(forge), outcome);
        done["result"] = json!(outcome.label());
        done
    }

    fn push(&self, forge: Forge, id: Option<&str>, push: &Push) -> (Outcome, Value) {
        let asked = self.git.push(push);
        let moved: Vec<&str> =
            push.changes.iter().map(|change| change.reference.as_str()).take(SHOWN).collect();
        tracing::info!(
            forge = forge.label(),
            delivery = id,
            repository = push.name,
            moved = ?moved,
            asked = asked.len(),
            "a webhook"
        );
        let revisions: Vec<&str> = asked.iter().map(hub_source::poll::Key::revision).take(SHOWN).collect();
        let (outcome, message) = match asked.len() {
            0 => (
                Outcome::Unfollowed,
                format!(
                    "nothing follows these references of {}: no ApplicationSet and no Application",
                    push.name
                ),
            ),
            1 => (Outcome::Refreshed, "one revision is asked for now".to_owned()),
            many => (Outcome::Refreshed, format!("{many} revisions are asked for now")),
        };
        let done =
            json!({"repository": push.name, "moved": moved, "revisions": revisions, "message": message});
        (outcome, done)
    }
}

/// References that answers and logs name.
const SHOWN: usize = 10;
