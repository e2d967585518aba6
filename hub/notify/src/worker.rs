//! Tells one sink, one message after the other.

use crate::{
    cursor::{self, Cursor},
    metrics::{Labels, Metrics},
    sender::{Outcome, Sender},
    subject,
    tail::Tail,
};
use hub_records::{About, Notice, Records, history};
use hub_store::{Compare, Txn};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;
use shared_history::{Entry, What};
use shared_model::Kind;
use shared_notify::{Message, Sink, Told, batch};
use shared_project::settings;
use shared_runtime::Backoff;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How many entries one batch looks at.
const BATCH: usize = 1000;
/// How long to wait before a message is sent again: at first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How often a message is sent that the receiver declines.
const TRIES: u32 = 4;
/// After so many failures in a row a person is told.
const TOLD_AFTER: u32 = 3;
/// How often what concerns a sink not at all is written down.
const KEEP: SignedDuration = SignedDuration::from_secs(60);
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(5);

/// How a sink fares.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// When a message arrived last, since this hub started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_sent: Option<Timestamp>,
    /// Since when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failing_since: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) problem: String,
    /// Everything up to here was told.
    #[serde(skip)]
    pub(crate) after: u64,
}

/// How each sink fares.
pub(crate) type States = Arc<Mutex<BTreeMap<String, State>>>;

/// What a worker works with.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) sink: Arc<Sink>,
    pub(crate) records: Records,
    pub(crate) tail: Tail,
    pub(crate) fence: Compare,
    pub(crate) metrics: Metrics,
    pub(crate) states: States,
}

impl Worker {
    /// Tells the sink until it is dropped, or another hub does.
    pub(crate) async fn run(self, mut cursor: Cursor) {
        let mut sender = Sender::default();
        self.metrics.begin(&self.sink.name);
        loop {
            match self.follow(&mut cursor, &mut sender).await {
                Err(cursor::Error::Overtaken) => return,
                Err(error @ cursor::Error::Store(_)) => {
                    tracing::warn!(sink = self.sink.name, %error, "notifications wait for the store");
                    tokio::time::sleep(RETRY).await;
                }
                Ok(never) => match never {},
            }
        }
    }

    async fn follow(
        &self,
        cursor: &mut Cursor,
        sender: &mut Sender,
    ) -> Result<std::convert::Infallible, cursor::Error> {
        let mut kept = shared_runtime::now();
        loop {
            self.state(|state| state.after = cursor.after);
            if !cursor.is_under_way() {
                let tip = self.tail.past(cursor.after).await;
                if self.messages(cursor.after, tip).await?.is_empty() {
                    let passed = self.end(cursor.after, tip);
                    *cursor = Cursor::at(passed);
                    let now = shared_runtime::now();
                    if now.duration_since(kept) >= KEEP {
                        cursor::keep(&self.records, &self.fence, &self.sink.name, cursor).await?;
                        kept = now;
                    }
                    continue;
                }
                tokio::time::sleep(self.sink.group).await;
                cursor.upto = self.end(cursor.after, self.tail.tip());
                cursor.began = Some(shared_runtime::now());
                // How far the batch goes must not change when it is made again.
                cursor::keep(&self.records, &self.fence, &self.sink.name, cursor).await?;
            }
            // After a start the tail may not be as far as the batch.
            self.tail.past(cursor.upto.saturating_sub(1)).await;
            for message in self.messages(cursor.after, cursor.upto).await? {
                if cursor.done.contains(&message.id) {
                    continue;
                }
                self.deliver(&message, cursor.began.unwrap_or_else(shared_runtime::now), sender).await?;
                cursor.done.push(message.id);
                cursor::keep(&self.records, &self.fence, &self.sink.name, cursor).await?;
            }
            *cursor = Cursor::at(cursor.upto);
            cursor::keep(&self.records, &self.fence, &self.sink.name, cursor).await?;
            kept = shared_runtime::now();
        }
    }

    /// Where a batch after `after` ends: a burst is told in parts.
    fn end(&self, after: u64, tip: u64) -> u64 {
        let part = self.tail.range(after, tip, BATCH);
        match part.last() {
            // The entries of one transaction stay together.
            Some((last, _)) if part.len() == BATCH && *last > after => *last,
            Some(_) | None => tip,
        }
    }

    /// What the entries between two revisions are to the sink.
    async fn messages(&self, after: u64, upto: u64) -> Result<Vec<Message>, cursor::Error> {
        let mut told = Vec::new();
        for (_, key) in self.tail.range(after, upto, BATCH + hub_store::MAX_OPS) {
            // One that is too old by now is gone.
            let Some(stored) = self.records.store().get(&key).await? else { continue };
            let Some(entry) = history::read(&stored) else { continue };
            if shared_notify::Event::of(entry.what).is_none_or(|event| !self.sink.on.contains(&event)) {
                continue;
            }
            let subject = subject::of(&self.records, &entry).await.unwrap_or_else(|error| {
                tracing::warn!(key, %error, "what an entry is about cannot be read");
                shared_notify::Subject::default()
            });
            told.push(Told { key, entry, subject });
        }
        Ok(batch(&self.sink, &told))
    }

    /// Sends a message until it arrives or is given up.
    async fn deliver(
        &self,
        message: &Message,
        began: Timestamp,
        sender: &mut Sender,
    ) -> Result<(), cursor::Error> {
        let labels = Labels::of(&self.sink.name);
        let mut backoff = Backoff::new(WAITS.0, WAITS.1);
        let body = match message.body(&self.sink, message.at) {
            Ok(body) => body,
            Err(problem) => {
                // It worked on the example: what it was given now is otherwise.
                tracing::warn!(
                    sink = self.sink.name,
                    field = problem.field,
                    why = problem.why,
                    "a template failed; its message is sent without it"
                );
                message.plain(&self.sink)
            }
        };
        let body = body.bytes();
        let mut declined = 0;
        loop {
            let outcome = sender.send(&self.records, &self.sink, message, body.clone()).await;
            let now = shared_runtime::now();
            let (why, wait) = match outcome {
                Outcome::Sent(_) => {
                    self.metrics.sent.get_or_create(&labels).inc();
                    self.metrics.failing.get_or_create(&labels).set(0);
                    self.state(|state| {
                        *state = State { last_sent: Some(now), after: state.after, ..State::default() };
                    });
                    tracing::info!(sink = self.sink.name, event = %message.event, id = message.id, count = message.count, "a notification was sent");
                    return Ok(());
                }
                Outcome::Refused(why) => return self.give_up(message, &why, now).await,
                Outcome::Declined(why) => {
                    declined += 1;
                    (why, None)
                }
                Outcome::Failed { why, wait } => (why, wait),
            };
            self.metrics.failed.get_or_create(&labels).inc();
            self.metrics.failing.get_or_create(&labels).set(1);
            let mut since = now;
            self.state(|state| {
                since = *state.failing_since.get_or_insert(now);
                state.problem.clone_from(&why);
            });
            let limit = SignedDuration::try_from(self.sink.retry_for).unwrap_or(SignedDuration::MAX);
            if declined >= TRIES || now.duration_since(began) >= limit {
                return self.give_up(message, &why, now).await;
            }
            let next = backoff.next_wait();
            tracing::warn!(sink = self.sink.name, event = %message.event, id = message.id, attempts = backoff.attempts(), why, "a notification did not arrive; it is sent again");
            if backoff.attempts() == TOLD_AFTER {
                let message =
                    format!("notifications to {} do not arrive since {since:.0}: {why}", self.sink.name);
                self.event("NotificationFailing", message, format!("{}/{since}", self.sink.name), now)
                    .await?;
            }
            tokio::time::sleep(next.max(wait.unwrap_or_default())).await;
        }
    }

    /// A message will not arrive: whoever looks must see that.
    async fn give_up(&self, message: &Message, why: &str, now: Timestamp) -> Result<(), cursor::Error> {
        let sink = &self.sink.name;
        self.metrics.given_up.get_or_create(&Labels::of(sink)).inc();
        tracing::error!(sink, event = %message.event, id = message.id, why, "a notification was given up");
        let text = format!(
            "a notification ({}) to {sink} was given up: {why}; it said: {}",
            message.event, message.title
        );
        let entry =
            Entry { wave: message.id.clone(), ..Entry::new(What::NotificationLost, now, text.clone()) };
        self.records.note(vec![entry]).await;
        self.event("NotificationLost", text, message.id.clone(), now).await
    }

    /// A warning on the settings.
    async fn event(
        &self,
        reason: &'static str,
        message: String,
        key: String,
        now: Timestamp,
    ) -> Result<(), cursor::Error> {
        let settings = self.records.get(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await;
        let Ok(Some(settings)) = settings else { return Ok(()) };
        let notice = Notice { reason, warning: true, message, key };
        let op = notice.put(About::of(Kind::ConfigMap, &settings), now);
        let _committed =
            self.records.store().commit(Txn { compares: Vec::new(), ops: op.into_iter().collect() }).await?;
        Ok(())
    }

    fn state(&self, change: impl FnOnce(&mut State)) {
        change(self.states.lock().entry(self.sink.name.clone()).or_default());
    }
}
