//! What the hub is to be told: of reports the newest wins, events keep their order.

use jiff::Timestamp;
use proto::v1;
use shared_model::AppKey;
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// An application's reports that change nothing important are sent at most so often.
const CALM: Duration = Duration::from_millis(100);
/// Events that are kept while the link is down.
const EVENTS: usize = 500;
/// Reports in one message.
const BATCH: usize = 50;
const EVENT_BATCH: usize = 100;

/// Everything on its way to the hub.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    way: Option<mpsc::Sender<v1::AgentMessage>>,
    hello: bool,
    /// The hub answered the hello.
    pub(super) welcome: bool,
    /// The session's first report is to come: it is everything that is held, even if that is nothing; the hub
    /// counts the cluster as connected from then on.
    first: bool,
    pause: bool,
    reports: BTreeMap<AppKey, Instant>,
    sent: BTreeMap<AppKey, Instant>,
    events: VecDeque<v1::Event>,
    dropped: u64,
    results: VecDeque<v1::CommandResult>,
}

/// What to say next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Hello,
    Pause,
    Result(v1::CommandResult),
    Reports(Vec<AppKey>),
    Events(v1::Events),
}

impl Outbox {
    /// A connection is up: the hello goes first.
    pub(super) fn up(&mut self, way: mpsc::Sender<v1::AgentMessage>) {
        self.way = Some(way);
        self.hello = true;
        self.welcome = false;
        self.first = true;
        // The hello says it.
        self.pause = false;
    }

    pub(super) fn down(&mut self) {
        self.way = None;
        self.welcome = false;
        self.results.clear();
        self.sent.clear();
    }

    pub(super) const fn is_up(&self) -> bool {
        self.way.is_some()
    }

    pub(super) const fn tell_pause(&mut self) {
        self.pause = true;
    }

    pub(super) fn result(&mut self, result: v1::CommandResult) {
        self.results.push_back(result);
    }

    /// An application's report is new; at once when it matters.
    pub(super) fn report(&mut self, application: &AppKey, urgent: bool, now: Instant) {
        let calm = self.sent.get(application).map_or(now, |sent| *sent + CALM);
        let due = if urgent { now } else { calm.max(now) };
        let known = self.reports.entry(application.clone()).or_insert(due);
        *known = due.min(*known);
    }

    /// Something happened that people may want to read later.
    pub(super) fn event(&mut self, application: &AppKey, reason: &str, message: String, now: Timestamp) {
        tracing::info!(%application, reason, "{message}");
        if self.events.len() == EVENTS {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(v1::Event {
            at_ms: now.as_millisecond(),
            application: Some(proto::application_to_wire(application)),
            reason: reason.to_owned(),
            message,
        });
    }

    /// The way up, when there is something to say now.
    pub(super) fn ready(&self, now: Instant) -> Option<mpsc::Sender<v1::AgentMessage>> {
        let something = self.hello
            || (self.welcome
                && (self.first
                    || self.pause
                    || !self.results.is_empty()
                    || !self.events.is_empty()
                    || self.reports.values().any(|due| *due <= now)));
        self.way.clone().filter(|_| something)
    }

    /// How long until a report is due.
    pub(super) fn due(&self, now: Instant) -> Option<Duration> {
        self.reports.values().filter(|_| self.welcome).map(|due| due.saturating_duration_since(now)).min()
    }

    /// Takes what goes next.
    pub(super) fn take(&mut self, now: Instant) -> Option<Next> {
        if std::mem::take(&mut self.hello) {
            return Some(Next::Hello);
        }
        if !self.welcome {
            return None;
        }
        if std::mem::take(&mut self.first) {
            let all: Vec<AppKey> = std::mem::take(&mut self.reports).into_keys().collect();
            self.sent.extend(all.iter().map(|application| (application.clone(), now)));
            return Some(Next::Reports(all));
        }
        if std::mem::take(&mut self.pause) {
            return Some(Next::Pause);
        }
        if let Some(result) = self.results.pop_front() {
            return Some(Next::Result(result));
        }
        let due: Vec<AppKey> = self
            .reports
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(application, _)| application.clone())
            .take(BATCH)
            .collect();
        if !due.is_empty() {
            for application in &due {
                self.reports.remove(application);
                self.sent.insert(application.clone(), now);
            }
            return Some(Next::Reports(due));
        }
        if self.events.is_empty() {
            return None;
        }
        let events = self.events.drain(..self.events.len().min(EVENT_BATCH)).collect();
        Some(Next::Events(v1::Events { events, dropped: std::mem::take(&mut self.dropped) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppKey {
        AppKey::new("argocd", name)
    }

    fn connected() -> (Outbox, mpsc::Receiver<v1::AgentMessage>) {
        let (way, receiver) = mpsc::channel(1);
        let mut outbox = Outbox::default();
        outbox.up(way);
        (outbox, receiver)
    }

    #[test]
    fn the_hello_goes_first_and_the_rest_after_the_welcome() {
        let now = Instant::now();
        let (mut outbox, _receiver) = connected();
        outbox.report(&app("web"), true, now);
        outbox.tell_pause();
        assert_eq!(outbox.take(now), Some(Next::Hello));
        assert_eq!(outbox.take(now), None);
        assert!(outbox.ready(now).is_none());
        outbox.welcome = true;
        assert_eq!(outbox.take(now), Some(Next::Reports(vec![app("web")])));
        assert_eq!(outbox.take(now), Some(Next::Pause));
        assert_eq!(outbox.take(now), None);
    }

    #[test]
    fn the_first_report_of_a_session_is_everything_that_is_held() {
        let now = Instant::now();
        let (mut outbox, _receiver) = connected();
        let all: Vec<AppKey> = (0..3 * BATCH).map(|number| app(&format!("{number:03}"))).collect();
        for application in &all {
            outbox.report(application, false, now + CALM);
        }
        outbox.take(now);
        outbox.welcome = true;
        assert_eq!(outbox.take(now), Some(Next::Reports(all)));
        // Nothing held is said too.
        let (mut outbox, _receiver) = connected();
        outbox.take(now);
        outbox.welcome = true;
        assert!(outbox.ready(now).is_some());
        assert_eq!(outbox.take(now), Some(Next::Reports(Vec::new())));
        assert_eq!(outbox.take(now), None);
    }

    #[test]
    fn small_news_are_calm_and_important_ones_are_not() {
        let now = Instant::now();
        let (mut outbox, _receiver) = connected();
        outbox.take(now);
        outbox.welcome = true;
        outbox.take(now);
        outbox.report(&app("web"), false, now);
        assert_eq!(outbox.take(now), Some(Next::Reports(vec![app("web")])));
        outbox.report(&app("web"), false, now);
        assert_eq!(outbox.take(now), None);
        assert_eq!(outbox.due(now), Some(CALM));
        assert_eq!(outbox.take(now + CALM), Some(Next::Reports(vec![app("web")])));
        outbox.report(&app("web"), true, now + CALM);
        assert_eq!(outbox.take(now + CALM), Some(Next::Reports(vec![app("web")])));
    }

    #[test]
    fn events_keep_their_order_and_what_is_lost_is_counted() {
        let now = Instant::now();
        let (mut outbox, _receiver) = connected();
        outbox.take(now);
        outbox.welcome = true;
        outbox.take(now);
        for number in 0..EVENTS + 7 {
            outbox.event(&app("web"), "DriftHealed", number.to_string(), Timestamp::UNIX_EPOCH);
        }
        let mut seen = Vec::new();
        let mut dropped = 0;
        while let Some(Next::Events(batch)) = outbox.take(now) {
            dropped += batch.dropped;
            seen.extend(batch.events.into_iter().map(|event| event.message));
        }
        let expected: Vec<String> = (7..EVENTS + 7).map(|number| number.to_string()).collect();
        assert_eq!((seen, dropped), (expected, 7));
    }
}
