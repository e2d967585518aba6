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
//! - *In time*: while its host has a free slot, a key is given out again `period ± jitter` after a good
//!   answer, and sooner after [`Schedule::refresh`].
//! - *Backs off*: after the n-th bad answer in a row it takes `first_retry · 2ⁿ⁻¹`, at most
//!   `longest_retry`, `± ` a tenth.
//! - *Fair to hosts*: at most [`Settings::per_host`] keys of one host are out; the one that waits longest
//!   goes first.
//!
//! It refuses to know what an answer is used for, and who subscribed: subscriptions are a set.

mod places;

use crate::{CommitId, RepoUrl, address, webhook::Push};
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
    /// Between two good answers. Argo CD's `timeout.reconciliation` is 120 s by default.
    pub period: Duration,
    /// The most that a time between two good answers differs from the period.
    pub jitter: Duration,
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
            first_retry: Duration::from_secs(10),
            longest_retry: Duration::from_secs(300),
            per_host: 8,
        }
    }
}

/// The question was not answered. Why is the caller's to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the queue, with this time.
    Due(Timestamp),
    /// Due since then, but its host has no free slot.
    Held(Timestamp),
    /// Given out. `again`: somebody asked for a refresh since.
    Out { again: bool },
}

#[derive(Debug, Clone, Default)]
struct Host {
    out: usize,
    held: BTreeSet<(Timestamp, Key)>,
}

/// Who is to be asked, and when.
#[derive(Debug, Clone)]
pub struct Schedule {
    settings: Settings,
    keys: BTreeMap<Key, Subscription>,
    queue: BTreeSet<(Timestamp, Key)>,
    hosts: BTreeMap<String, Host>,
    places: Places,
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
        }
    }

    /// Has the key asked for, the first time at once. Subscribing again changes nothing.
    pub fn subscribe(&mut self, key: Key, now: Timestamp) {
        match self.keys.get_mut(&key) {
            Some(subscription) => subscription.wanted = true,
            None => {
                let state = State::Due(now);
                let subscription = Subscription { wanted: true, state, asked: 0, failures: 0, last: None };
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
            State::Out { again } => *again = true,
            State::Held(_) => {}
            State::Due(at) => {
                let earlier = now.min(*at);
                self.queue.remove(&(*at, key.clone()));
                self.queue.insert((earlier, key.clone()));
                *at = earlier;
            }
        }
    }

    /// Has asked for now what a webhook names: of its repository, by whatever address somebody follows that, the revisions that it could have
    /// moved. Gives back which.
    pub fn push(&mut self, push: &Push, now: Timestamp) -> Vec<Key> {
        let concerned = self.places.concerned(push);
        for key in &concerned {
            self.refresh(key, now);
        }
        concerned
    }

    /// Takes in the answer for a key that [`Schedule::poll_action`] gave out.
    pub fn handle_resolved(&mut self, key: &Key, answer: Result<CommitId, Failed>, now: Timestamp) -> Answer {
        let Some(subscription) = self.keys.get_mut(key) else { return Answer::Unwanted };
        let State::Out { again } = subscription.state else { return Answer::Unwanted };
        let wanted = subscription.wanted;
        subscription.failures = if answer.is_ok() { 0 } else { subscription.failures.saturating_add(1) };
        let wait = match subscription.failures {
            0 => spread(key, subscription.asked, self.settings.period, self.settings.jitter),
            times => {
                let wait = retry(&self.settings, times);
                spread(key, subscription.asked, wait, wait / 10)
            }
        };
        let next = if again { now } else { later(now, wait) };
        subscription.state = State::Due(next);
        let result = match answer {
            Err(Failed) => Answer::Failed { times: subscription.failures, next },
            Ok(commit) if subscription.last.as_ref() == Some(&commit) => Answer::Same,
            Ok(commit) => {
                subscription.last = Some(commit.clone());
                Answer::Changed(commit)
            }
        };
        self.release(&key.host);
        if wanted {
            self.queue.insert((next, key.clone()));
            result
        } else {
            self.forget(key);
            Answer::Unwanted
        }
    }

    /// The next key to be resolved now, if any. It is out until [`Schedule::handle_resolved`].
    pub fn poll_action(&mut self, now: Timestamp) -> Option<Key> {
        while let Some((at, _)) = self.queue.first()
            && *at <= now
        {
            let (at, key) = self.queue.pop_first()?;
            let host = self.hosts.entry(key.host.clone()).or_default();
            let subscription = self.keys.get_mut(&key).expect("a key in the queue has a subscription");
            if host.out < self.settings.per_host.max(1) {
                host.out += 1;
                subscription.state = State::Out { again: false };
                subscription.asked += 1;
                return Some(key);
            }
            subscription.state = State::Held(at);
            host.held.insert((at, key));
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
    }

    /// Gives a host's slot back: the key that waits longest may go.
    fn release(&mut self, host: &str) {
        let Some(slots) = self.hosts.get_mut(host) else { return };
        slots.out -= 1;
        match slots.held.pop_first() {
            Some((since, key)) => {
                self.keys.get_mut(&key).expect("a held key has a subscription").state = State::Due(since);
                self.queue.insert((since, key));
            }
            None if slots.out == 0 => {
                self.hosts.remove(host);
            }
            None => {}
        }
    }
}

fn retry(settings: &Settings, times: u32) -> Duration {
    let factor = 2_u32.saturating_pow(times.saturating_sub(1));
    settings.first_retry.saturating_mul(factor).min(settings.longest_retry)
}

/// `around ± by`, by a hash of the key and the number of the question.
fn spread(key: &Key, number: u64, around: Duration, by: Duration) -> Duration {
    let mut hash = Sha256::new();
    for part in [key.identity.as_bytes(), b"\0", key.revision.as_bytes(), b"\0", &number.to_le_bytes()] {
        hash.update(part);
    }
    let digest = hash.finalize();
    let unit = digest.iter().take(4).fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    let offset = by.mul_f64(2.0 * f64::from(unit) / f64::from(u32::MAX));
    (around + offset).saturating_sub(by)
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
