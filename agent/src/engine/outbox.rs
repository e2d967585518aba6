//! What the hub is to be told: of reports the newest wins, events keep their order.

use jiff::{SignedDuration, Timestamp};
use proto::v1;
use shared_model::AppKey;
use shared_trace::Context;
use std::collections::{BTreeMap, VecDeque};
use tracing::field::display;

/// An application's reports that change nothing important are sent at most so often.
const CALM: SignedDuration = SignedDuration::from_millis(100);
/// Events that are kept while the link is down.
const EVENTS: usize = 500;
/// Reports in one message.
const BATCH: usize = 50;
const EVENT_BATCH: usize = 100;

/// Everything on its way to the hub.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    up: bool,
    hello: bool,
    /// The hub answered the hello.
    pub(super) welcome: bool,
    /// The session's first report is to come: it is everything that is held, even if that is nothing; the hub
    /// counts the cluster as connected from then on.
    first: bool,
    pause: bool,
    facts: bool,
    reports: BTreeMap<AppKey, Timestamp>,
    sent: BTreeMap<AppKey, Timestamp>,
    events: VecDeque<v1::Event>,
    dropped: u64,
    /// All that were ever dropped.
    lost: u64,
    results: VecDeque<v1::CommandResult>,
    holdings: VecDeque<v1::Holding>,
    compared: VecDeque<v1::Compared>,
}

/// What to say next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Hello,
    Pause,
    Facts,
    Result(v1::CommandResult),
    Holding(v1::Holding),
    Compared(v1::Compared),
    Reports(Vec<AppKey>),
    Events(v1::Events),
}

impl Outbox {
    /// A connection is up: the hello goes first.
    pub(super) fn up(&mut self) {
        self.up = true;
        self.hello = true;
        self.welcome = false;
        self.first = true;
        // The hello says them.
        self.pause = false;
        self.facts = false;
    }

    pub(super) fn down(&mut self) {
        self.up = false;
        self.hello = false;
        self.welcome = false;
        self.results.clear();
        self.holdings.clear();
        self.compared.clear();
        self.sent.clear();
    }

    /// How many events the hub will never hear of.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) const fn is_up(&self) -> bool {
        self.up
    }

    pub(super) const fn tell_facts(&mut self) {
        self.facts = true;
    }

    pub(super) fn holding(&mut self, holding: v1::Holding) {
        self.holdings.push_back(holding);
    }

    /// Nobody waits for it while the link is down.
    pub(super) fn compared(&mut self, compared: v1::Compared) {
        if self.up {
            self.compared.push_back(compared);
        }
    }

    pub(super) const fn tell_pause(&mut self) {
        self.pause = true;
    }

    pub(super) fn result(&mut self, result: v1::CommandResult) {
        self.results.push_back(result);
    }

    /// An application's report is new; at once when it matters.
    pub(super) fn report(&mut self, application: &AppKey, urgent: bool, now: Timestamp) {
        let calm = self.sent.get(application).map_or(now, |sent| after(*sent));
        let due = if urgent { now } else { calm.max(now) };
        let known = self.reports.entry(application.clone()).or_insert(due);
        *known = due.min(*known);
    }

    /// Something happened that people may want to read later.
    pub(super) fn event(&mut self, application: &AppKey, reason: &str, message: String, now: Timestamp) {
        self.event_of(application, None, reason, message, now);
    }

    /// As [`Outbox::event`], of an order that is a part of this trace.
    pub(super) fn event_of(
        &mut self,
        application: &AppKey,
        context: Option<Context>,
        reason: &str,
        message: String,
        now: Timestamp,
    ) {
        let (trace_id, span_id) =
            context.map(|context| (display(context.trace), display(context.span))).unzip();
        tracing::info!(%application, reason, trace_id, span_id, "{message}");
        if self.events.len() == EVENTS {
            self.events.pop_front();
            self.dropped += 1;
            self.lost += 1;
        }
        self.events.push_back(v1::Event {
            at_ms: now.as_millisecond(),
            application: Some(proto::application_to_wire(application)),
            reason: reason.to_owned(),
            message,
        });
    }

    /// When there is something to say; in the past when that is now. `None` while nobody listens.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.up || (!self.hello && !self.welcome) {
            return None;
        }
        let at_once = self.hello
            || self.first
            || self.pause
            || self.facts
            || !self.results.is_empty()
            || !self.holdings.is_empty()
            || !self.compared.is_empty()
            || !self.events.is_empty();
        if at_once {
            return Some(now);
        }
        // A clock that was set back must not silence anybody.
        self.reports.values().map(|due| (*due).min(after(now))).min()
    }

    /// Takes what goes next.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Next> {
        if !self.up {
            return None;
        }
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
        if std::mem::take(&mut self.facts) {
            return Some(Next::Facts);
        }
        if let Some(result) = self.results.pop_front() {
            return Some(Next::Result(result));
        }
        if let Some(holding) = self.holdings.pop_front() {
            return Some(Next::Holding(holding));
        }
        if let Some(compared) = self.compared.pop_front() {
            return Some(Next::Compared(compared));
        }
        let due: Vec<AppKey> = self
            .reports
            .iter()
            .filter(|(_, due)| **due <= now || **due > after(now))
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

fn after(sent: Timestamp) -> Timestamp {
    sent.checked_add(CALM).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppKey {
        AppKey::new("argocd", name)
    }

    fn connected() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.up();
        outbox
    }

    #[test]
    fn the_hello_goes_first_and_the_rest_after_the_welcome() {
        let now = Timestamp::UNIX_EPOCH;
        let mut outbox = connected();
        outbox.report(&app("web"), true, now);
        outbox.tell_pause();
        assert_eq!(outbox.take(now), Some(Next::Hello));
        assert_eq!(outbox.take(now), None);
        assert_eq!(outbox.due(now), None);
        outbox.welcome = true;
        assert_eq!(outbox.take(now), Some(Next::Reports(vec![app("web")])));
        assert_eq!(outbox.take(now), Some(Next::Pause));
        assert_eq!(outbox.take(now), None);
    }

    #[test]
    fn the_first_report_of_a_session_is_everything_that_is_held() {
        let now = Timestamp::UNIX_EPOCH;
        let mut outbox = connected();
        let all: Vec<AppKey> = (0..3 * BATCH).map(|number| app(&format!("{number:03}"))).collect();
        for application in &all {
            outbox.report(application, false, now + CALM);
        }
        outbox.take(now);
        outbox.welcome = true;
        assert_eq!(outbox.take(now), Some(Next::Reports(all)));
        // Nothing held is said too.
        let mut outbox = connected();
        outbox.take(now);
        outbox.welcome = true;
        assert_eq!(outbox.due(now), Some(now));
        assert_eq!(outbox.take(now), Some(Next::Reports(Vec::new())));
        assert_eq!(outbox.take(now), None);
    }

    #[test]
    fn small_news_are_calm_and_important_ones_are_not() {
        let now = Timestamp::UNIX_EPOCH;
        let mut outbox = connected();
        outbox.take(now);
        outbox.welcome = true;
        outbox.take(now);
        outbox.report(&app("web"), false, now);
        assert_eq!(outbox.take(now), Some(Next::Reports(vec![app("web")])));
        outbox.report(&app("web"), false, now);
        assert_eq!(outbox.take(now), None);
        assert_eq!(outbox.due(now), Some(now + CALM));
        assert_eq!(outbox.take(now + CALM), Some(Next::Reports(vec![app("web")])));
        outbox.report(&app("web"), true, now + CALM);
        assert_eq!(outbox.take(now + CALM), Some(Next::Reports(vec![app("web")])));
    }

    #[test]
    fn events_keep_their_order_and_what_is_lost_is_counted() {
        let now = Timestamp::UNIX_EPOCH;
        let mut outbox = connected();
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
