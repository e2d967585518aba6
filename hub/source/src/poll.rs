//! When which reference is asked for: one question per (repository, reference) for the whole fleet.
//!
//! [`Schedule`] decides from subscriptions, answers and the time that it is given; it asks nobody. Times
//! of questions are spread by a hash of the key and the number of the question, so that a thousand
//! repositories do not ask at once and the same inputs give the same times.
//!
//! # Flow
//! The caller takes keys from [`Schedule::poll_action`] until there is none, resolves each, hands every
//! answer to [`Schedule::handle_resolved`], and sleeps until [`Schedule::poll_timeout`] or a signal.
//!
//! # Guarantees
//! - *One at a time*: a key that was given out is not given out again before its answer is in.
//! - *In time*: while its host has a free slot, a key is given out again after `period` and at most `jitter` more
//!   (the first time after half of it or more, so that what began together goes apart), and sooner after
//!   [`Schedule::refresh`] and [`Schedule::push`].
//! - *Backs off*: after the n-th bad answer in a row it takes `first_retry · 2ⁿ⁻¹`, at most
//!   `longest_retry`, `± ` a tenth. A server that fails is left alone by all its keys together ([`host`]).
//! - *Hears of pushes*: a repository whose webhooks come is polled every `period_with_webhooks` only, until a poll finds
//!   what no webhook told.
//! - *Fair to hosts*: at most [`Settings::per_host`] keys of one host are out; the one that waits longest
//!   goes first.
//!
//! It refuses to know what an answer is used for, and who subscribed: subscriptions are a set.

mod host;
mod places;

use crate::{CommitId, Error, RepoUrl, address, webhook::Push};
use host::{Host, May};
use jiff::{SignedDuration, Timestamp};
use places::Places;
use sha2::{Digest, Sha256};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// A reference of a repository. Two spellings of one repository are one key.
#[derive(Clone)]
pub struct Key {
    identity: String,
    host: String,
    url: RepoUrl,
    revision: String,
}

impl Key {
    /// The key of `revision` (a branch, a tag, `HEAD`, empty for `HEAD`) in the repository at `url`.
    pub fn new(url: RepoUrl, revision: impl Into<String>) -> Self {
        let revision = revision.into();
        let revision = if revision.is_empty() { "HEAD".to_owned() } else { revision };
        Self { identity: address::identity(&url), host: address::host(&url), url, revision }
    }

    /// The repository, as first written.
    pub fn url(&self) -> &RepoUrl {
        &self.url
    }

    /// The reference.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Whether this is the key of `revision` in the repository at `url`.
    pub fn is(&self, url: &RepoUrl, revision: &str) -> bool {
        let revision = if revision.is_empty() { "HEAD" } else { revision };
        self.revision == revision && (self.url == *url || self.identity == address::identity(url))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.identity, &self.revision).cmp(&(&other.identity, &other.revision))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.url, self.revision)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How often, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two good answers; zero for never again by time. Argo CD's `timeout.reconciliation` is 120 s by default.
    pub period: Duration,
    /// The most that a time between two good answers is longer than the period (`timeout.reconciliation.jitter`).
    pub jitter: Duration,
    /// The period of repositories whose webhooks come, where that is longer.
    pub period_with_webhooks: Option<Duration>,
    /// After the first bad answer.
    pub first_retry: Duration,
    /// After many bad answers.
    pub longest_retry: Duration,
    /// Keys of one host that are out at once. At least 1.
    pub per_host: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(120),
            jitter: Duration::from_secs(12),
            period_with_webhooks: None,
            first_retry: Duration::from_secs(10),
            longest_retry: Duration::from_secs(300),
            per_host: 8,
        }
    }
}

/// The question was not answered. Why is the caller's to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// This repository or revision could not be read; its server is there.
    Repository,
    /// The server gave no answer, or wants to be left alone.
    Server {
        /// For how long, if it said so.
        after: Option<Duration>,
    },
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        if let Error::TooMany { status, after, .. } = error {
            // 503 without a time is what one shard that is down says, of the repositories in it.
            let untold = (*status != UNAVAILABLE).then_some(UNTOLD);
            return Self::Server { after: after.or(untold) };
        }
        if matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. }) {
            return Self::Server { after: None };
        }
        Self::Repository
    }
}

const UNAVAILABLE: u16 = 503;
/// How long a server is left alone that says that it is asked too much, and not for how long.
const UNTOLD: Duration = Duration::from_secs(60);

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// The reference is this commit and was another, or none was known.
    Changed(CommitId),
    /// The reference is the commit that it was.
    Same,
    /// No answer; the last known commit stands.
    Failed {
        /// Bad answers in a row, this one included.
        times: u32,
        /// When it is asked again.
        next: Timestamp,
    },
    /// Nobody is subscribed to the key any more, or nobody asked.
    Unwanted,
}

#[derive(Debug, Clone)]
struct Subscription {
    wanted: bool,
    state: State,
    /// Questions given out so far: the jitter's second input.
    asked: u64,
    failures: u32,
    last: Option<CommitId>,
    /// Somebody asked for it since it was last given out.
    refreshed: bool,
    /// What a webhook says that it is now.
    expected: Option<Expected>,
}

/// A forge tells of a push before all its servers know of it: then they are asked again, soon.
#[derive(Debug, Clone)]
struct Expected {
    commit: CommitId,
    tries: u32,
}

/// How often a forge is asked for what it has told already, a second after the first and twice as long after each.
const EXPECTED_TRIES: u32 = 4;

/// What a failed key lets others go first by.
const BEHIND: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the queue, with this time.
    Due(Timestamp),
    /// Due since then, but its host has no free slot.
    Held(Timestamp),
    /// Given out.
    Out {
        /// Somebody asked for a refresh since.
        again: bool,
        /// It is out because somebody asked for it.
        refreshed: bool,
    },
}

/// Who is to be asked, and when.
#[derive(Debug, Clone)]
pub struct Schedule {
    settings: Settings,
    keys: BTreeMap<Key, Subscription>,
    queue: BTreeSet<(Timestamp, Key)>,
    hosts: BTreeMap<String, Host>,
    places: Places,
    /// Repositories whose webhooks come, by identity.
    heard: BTreeSet<String>,
}

impl Schedule {
    /// A schedule without subscriptions.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: BTreeMap::new(),
            queue: BTreeSet::new(),
            hosts: BTreeMap::new(),
            places: Places::default(),
            heard: BTreeSet::new(),
        }
    }

    /// The settings in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Goes on with other settings: what would wait longer than they allow is asked for sooner.
    pub fn set(&mut self, settings: Settings, now: Timestamp) {
        self.settings = settings;
        let mut moved = Vec::new();
        for (key, subscription) in &self.keys {
            let State::Due(at) = subscription.state else { continue };
            // One that was never answered, or that somebody asked for, waits for its server, not for its period.
            let by_time = subscription.last.is_some() && !subscription.refreshed;
            if !by_time || subscription.failures > 0 || at <= now {
                continue;
            }
            let next = self.by_time(key, subscription, now);
            if next < at || self.settings.period.is_zero() {
                moved.push((key.clone(), at, next));
            }
        }
        for (key, at, next) in moved {
            self.queue.remove(&(at, key.clone()));
            if let Some(subscription) = self.keys.get_mut(&key) {
                subscription.state = State::Due(next);
            }
            self.queue.insert((next, key));
        }
    }

    /// When a key is asked for again that was answered now.
    fn by_time(&self, key: &Key, subscription: &Subscription, now: Timestamp) -> Timestamp {
        let Settings { period, jitter, period_with_webhooks, .. } = self.settings;
        if period.is_zero() {
            return Timestamp::MAX;
        }
        let slow = period_with_webhooks.filter(|_| self.heard.contains(&key.identity));
        let period = slow.map_or(period, |slow| slow.max(period));
        // What began together goes apart with the second question.
        let first = if subscription.asked <= 1 { period / 2 } else { Duration::ZERO };
        later(now, spread(key, subscription.asked, period - first, jitter + first))
    }

    /// Has the key asked for, the first time at once. Subscribing again changes nothing.
    pub fn subscribe(&mut self, key: Key, now: Timestamp) {
        match self.keys.get_mut(&key) {
            Some(subscription) => subscription.wanted = true,
            None => {
                let state = State::Due(now);
                let subscription = Subscription {
                    wanted: true,
                    state,
                    asked: 0,
                    failures: 0,
                    last: None,
                    refreshed: false,
                    expected: None,
                };
                self.keys.insert(key.clone(), subscription);
                self.places.insert(&key);
                self.queue.insert((now, key));
            }
        }
    }

    /// Ends a subscription. An answer that is still to come is [`Answer::Unwanted`].
    pub fn unsubscribe(&mut self, key: &Key) {
        let Some(subscription) = self.keys.get_mut(key) else { return };
        match subscription.state {
            State::Out { .. } => subscription.wanted = false,
            State::Due(at) => {
                self.queue.remove(&(at, key.clone()));
                self.forget(key);
            }
            State::Held(since) => {
                if let Some(host) = self.hosts.get_mut(&key.host) {
                    host.held.remove(&(since, key.clone()));
                }
                self.forget(key);
            }
        }
    }

    /// Makes `keys` the subscriptions: new ones are asked for at once, others are ended, the rest go on.
    pub fn replace(&mut self, keys: impl IntoIterator<Item = Key>, now: Timestamp) {
        let keys: BTreeSet<Key> = keys.into_iter().collect();
        let gone: Vec<Key> = self.keys.keys().filter(|key| !keys.contains(key)).cloned().collect();
        for key in &gone {
            self.unsubscribe(key);
        }
        for key in keys {
            self.subscribe(key, now);
        }
    }

    /// Has the key asked for now (a webhook, a refresh annotation), even while it backs off. While it is
    /// out, it is asked for once more after its answer, which may be older than the refresh.
    pub fn refresh(&mut self, key: &Key, now: Timestamp) {
        let Some(subscription) = self.keys.get_mut(key) else { return };
        match &mut subscription.state {
            State::Out { again, .. } => *again = true,
            State::Held(_) => subscription.refreshed = true,
            State::Due(at) => {
                subscription.refreshed = true;
                let earlier = now.min(*at);
                self.queue.remove(&(*at, key.clone()));
                self.queue.insert((earlier, key.clone()));
                *at = earlier;
            }
        }
        if let Some(host) = self.hosts.get_mut(&key.host) {
            host.refresh(now);
        }
    }

    /// Has asked for now what a webhook names: of its repository, by whatever address somebody follows that, the revisions that it could have
    /// moved. Gives back which.
    pub fn push(&mut self, push: &Push, now: Timestamp) -> Vec<Key> {
        let concerned = self.places.concerned(push);
        for key in &concerned {
            self.refresh(key, now);
            self.heard.insert(key.identity.clone());
            let commit = push.commit_of(&key.revision);
            if let Some(subscription) = self.keys.get_mut(key) {
                subscription.expected = commit.map(|commit| Expected { commit: commit.clone(), tries: 0 });
            }
        }
        concerned
    }

    /// Takes in the answer for a key that [`Schedule::poll_action`] gave out.
    pub fn handle_resolved(&mut self, key: &Key, answer: Result<CommitId, Failed>, now: Timestamp) -> Answer {
        let Some(subscription) = self.keys.get(key) else { return Answer::Unwanted };
        let State::Out { again, refreshed } = subscription.state else { return Answer::Unwanted };
        let rests = self.hear(key, answer.as_ref().map(|_| ()).map_err(|failed| *failed), now);
        let Some(subscription) = self.keys.get_mut(key) else { return Answer::Unwanted };
        subscription.failures = if answer.is_ok() { 0 } else { subscription.failures.saturating_add(1) };
        let changed = answer.as_ref().is_ok_and(|commit| subscription.last.as_ref() != Some(commit));
        let news = changed && subscription.last.is_some();
        if news && !refreshed && !again {
            // No webhook told of it.
            self.heard.remove(&key.identity);
        }
        let awaited = awaited(subscription, answer.as_ref().ok().filter(|_| !changed));
        let times = subscription.failures;
        // The next answer is one that somebody asked for.
        subscription.refreshed |= again || awaited.is_some();
        if let Ok(commit) = &answer {
            subscription.last = Some(commit.clone());
        }
        let next = match self.keys.get(key) {
            _ if again => now,
            _ if awaited.is_some() => later(now, awaited.unwrap_or_default()),
            Some(subscription) if times == 0 => self.by_time(key, subscription, now),
            Some(subscription) => {
                let wait = retry(&self.settings, times);
                later(now, spread(key, subscription.asked, wait - wait / 10, wait / 5))
            }
            None => return Answer::Unwanted,
        };
        // Behind those that wait for the server as well: one that did not fail is the better question.
        let next = rests.map_or(next, |until| next.max(later(until, BEHIND)));
        self.requeue(key, next);
        match answer {
            _ if !self.keys.contains_key(key) => Answer::Unwanted,
            Err(_) => Answer::Failed { times, next },
            Ok(commit) if changed => Answer::Changed(commit),
            Ok(_) => Answer::Same,
        }
    }

    /// Has a key that was answered wait until then, or forgets it when nobody wants it.
    fn requeue(&mut self, key: &Key, next: Timestamp) {
        let Some(subscription) = self.keys.get_mut(key) else { return };
        if subscription.wanted {
            subscription.state = State::Due(next);
            self.queue.insert((next, key.clone()));
        } else {
            self.forget(key);
        }
    }

    /// Has the host of an answer hear it; those that wait for it are looked at again.
    fn hear(&mut self, key: &Key, answer: Result<(), Failed>, now: Timestamp) -> Option<Timestamp> {
        let host = self.hosts.get_mut(&key.host)?;
        let rests = host.answered(key, answer, &self.settings, now);
        let free = self.settings.per_host.max(1).saturating_sub(host.out);
        let go: Vec<_> = match rests {
            // All of them, to the end of the wait.
            Some(_) => std::mem::take(&mut host.held).into_iter().collect(),
            None => std::iter::from_fn(|| host.held.pop_first()).take(free).collect(),
        };
        if host.is_idle() {
            self.hosts.remove(&key.host);
        }
        for (since, held) in go {
            let at = rests.unwrap_or(since);
            self.keys.get_mut(&held).expect("a held key has a subscription").state = State::Due(at);
            self.queue.insert((at, held));
        }
        rests
    }

    /// The next key to be resolved now, if any. It is out until [`Schedule::handle_resolved`].
    pub fn poll_action(&mut self, now: Timestamp) -> Option<Key> {
        while let Some((at, _)) = self.queue.first()
            && *at <= now
        {
            let (at, key) = self.queue.pop_first()?;
            let host = self.hosts.entry(key.host.clone()).or_default();
            let subscription = self.keys.get_mut(&key).expect("a key in the queue has a subscription");
            match host.may(now, &self.settings) {
                May::Ask => {
                    host.ask();
                    let refreshed = std::mem::take(&mut subscription.refreshed);
                    subscription.state = State::Out { again: false, refreshed };
                    subscription.asked += 1;
                    return Some(key);
                }
                May::Later(until) => {
                    let until = if subscription.failures > 0 { later(until, BEHIND) } else { until };
                    subscription.state = State::Due(until);
                    self.queue.insert((until, key));
                }
                May::Wait => {
                    subscription.state = State::Held(at);
                    host.held.insert((at, key));
                }
            }
        }
        None
    }

    /// When [`Schedule::poll_action`] will next have something if no answer comes before, and why.
    pub fn poll_timeout(&self) -> Option<(Timestamp, &'static str)> {
        let (at, key) = self.queue.first()?;
        let failing = self.keys.get(key).is_some_and(|s| s.failures > 0);
        Some((
            *at,
            if failing {
                "a repository that did not answer is asked again"
            } else {
                "a repository is polled"
            },
        ))
    }

    /// The commit that the reference was when it was last answered.
    pub fn last(&self, key: &Key) -> Option<&CommitId> {
        self.keys.get(key)?.last.as_ref()
    }

    /// The keys that somebody is subscribed to, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|(_, s)| s.wanted).map(|(key, _)| key)
    }

    fn forget(&mut self, key: &Key) {
        self.keys.remove(key);
        self.places.remove(key);
        if let Some(host) = self.hosts.get_mut(&key.host) {
            host.forget(key);
            if host.is_idle() {
                self.hosts.remove(&key.host);
            }
        }
        // Keys of one repository are neighbours.
        let least = Key { revision: String::new(), ..key.clone() };
        if self.keys.range(least..).next().is_none_or(|(next, _)| next.identity != key.identity) {
            self.heard.remove(&key.identity);
        }
    }
}

/// How long to wait for what a webhook told of and the answer, which is what it was before, does not know yet.
fn awaited(subscription: &mut Subscription, same: Option<&CommitId>) -> Option<Duration> {
    let expected = subscription.expected.as_mut()?;
    let waits = same.is_some_and(|commit| *commit != expected.commit) && expected.tries < EXPECTED_TRIES;
    if !waits {
        subscription.expected = None;
        return None;
    }
    let wait = Duration::from_secs(1) * 2_u32.pow(expected.tries);
    expected.tries += 1;
    Some(wait)
}

fn retry(settings: &Settings, times: u32) -> Duration {
    let factor = 2_u32.saturating_pow(times.saturating_sub(1));
    settings.first_retry.saturating_mul(factor).min(settings.longest_retry)
}

/// `least` and up to `more`, by a hash of the key and the number of the question.
fn spread(key: &Key, number: u64, least: Duration, more: Duration) -> Duration {
    let mut hash = Sha256::new();
    for part in [key.identity.as_bytes(), b"\0", key.revision.as_bytes(), b"\0", &number.to_le_bytes()] {
        hash.update(part);
    }
    let digest = hash.finalize();
    let unit = digest.iter().take(4).fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    least + more.mul_f64(f64::from(unit) / f64::from(u32::MAX))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
