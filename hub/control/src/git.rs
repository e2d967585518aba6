//! Git for the whole fleet: one answer per (repository, revision), asked by one schedule.

use crate::{
    credentials,
    index::{Index, Shared},
    metrics::Work,
    modules::Mounted,
    trouble::{Failure, Trouble},
    turns::outside,
};
use hub_source::{
    Described, Error, Repositories,
    charts::{Address, Charts},
    poll::{Answer, Failed, Key, Schedule, Settings},
    webhook::Push,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use shared_model::{CommitId, RepoUrl};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Notify, mpsc, watch};

/// The longest the loop sleeps.
const LONGEST: Duration = Duration::from_secs(60);

/// What a revision is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The last commit that it was known to be.
    pub(crate) commit: Option<CommitId>,
    /// Why the last question was not answered; the commit, if any, stands.
    pub(crate) failure: Option<Failure>,
    /// When the server was asked that said so first, and when it had answered.
    pub(crate) seen: Option<(Timestamp, Timestamp)>,
}

/// Git and chart repositories, shared by everything that asks.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    pub(crate) repositories: Repositories,
    pub(crate) charts: Charts,
    pub(crate) mounted: Mounted,
    index: Shared,
    schedule: Arc<Mutex<Schedule>>,
    known: Arc<watch::Sender<BTreeMap<Key, Resolved>>>,
    /// Keys that somebody waits for right now: not to be forgotten whatever the owners say.
    asking: Arc<Mutex<BTreeMap<Key, usize>>>,
    wake: Arc<Notify>,
    metrics: Work,
}

/// Keeps a key from being forgotten while it lives.
struct Asking<'a>(&'a Git, Key);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut asking = self.0.asking.lock();
        if let Some(count) = asking.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                asking.remove(&self.1);
            }
        }
    }
}

impl Git {
    pub(crate) fn new(
        (repositories, charts): (Repositories, Charts),
        index: Shared,
        settings: Settings,
        metrics: Work,
    ) -> Self {
        Self {
            repositories,
            charts,
            mounted: Mounted::default(),
            index,
            schedule: Arc::new(Mutex::new(Schedule::new(settings))),
            known: Arc::new(watch::Sender::new(BTreeMap::new())),
            asking: Arc::default(),
            wake: Arc::new(Notify::new()),
            metrics,
        }
    }

    /// What a revision is: at once when it is known, else when the schedule has asked.
    pub(crate) async fn resolve(&self, url: &RepoUrl, revision: &str) -> Result<CommitId, String> {
        let key = Key::new(url.clone(), revision);
        *self.asking.lock().entry(key.clone()).or_default() += 1;
        let _asking = Asking(self, key.clone());
        let mut known = self.known.subscribe();
        let found = |known: &BTreeMap<Key, Resolved>| known.get(&key).cloned();
        let present = found(&known.borrow());
        let resolved = match present {
            Some(resolved) => resolved,
            None => {
                self.schedule.lock().subscribe(key.clone(), shared_runtime::now());
                self.wake.notify_one();
                match outside(known.wait_for(|known| known.contains_key(&key))).await {
                    Ok(known) => found(&known).unwrap_or_default(),
                    Err(_) => return Err("the hub is stopping".to_owned()),
                }
            }
        };
        let failure =
            || resolved.failure.map_or_else(|| "not resolved yet".to_owned(), |failure| failure.cause);
        resolved.commit.ok_or_else(failure)
    }

    /// What is to be said of a revision whose last known commit stands because it cannot be read any more.
    pub(crate) fn trouble(&self, url: &RepoUrl, revision: &str) -> Option<Trouble> {
        let key = Key::new(url.clone(), revision);
        let known = self.known.borrow();
        let Resolved { commit: Some(commit), failure: Some(failure), .. } = known.get(&key)? else {
            return None;
        };
        let longest = self.schedule.lock().settings().longest_retry;
        failure.shown.then(|| Trouble::new(&key, commit, failure, longest))
    }

    /// Goes on with other settings.
    pub(crate) fn set(&self, settings: Settings) {
        self.schedule.lock().set(settings, shared_runtime::now());
        self.wake.notify_one();
    }

    /// How often everything is asked for; zero for never by time.
    pub(crate) fn period(&self) -> Duration {
        self.schedule.lock().settings().period
    }

    /// The commit that a revision is known to be.
    pub(crate) fn known(&self, key: &Key) -> Option<CommitId> {
        self.known.borrow().get(key)?.commit.clone()
    }

    /// When it was first heard that a revision is what it is.
    pub(crate) fn seen(&self, url: &RepoUrl, revision: &str) -> Option<(Timestamp, Timestamp)> {
        self.known.borrow().get(&Key::new(url.clone(), revision))?.seen
    }

    /// Asks again soon.
    pub(crate) fn refresh(&self, keys: &BTreeSet<Key>) {
        let now = shared_runtime::now();
        let mut schedule = self.schedule.lock();
        for key in keys {
            schedule.refresh(key, now);
        }
        drop(schedule);
        self.wake.notify_one();
    }

    /// What repositories are read with has changed: asks again soon for everything that failed.
    pub(crate) fn retry(&self) {
        let failed = |(key, resolved): (&Key, &Resolved)| resolved.failure.is_some().then(|| key.clone());
        let failed = self.known.borrow().iter().filter_map(failed).collect();
        self.refresh(&failed);
    }

    /// Asks soon for what a webhook names and somebody follows; gives back which that is.
    pub(crate) fn push(&self, push: &Push) -> Vec<Key> {
        let asked = self.schedule.lock().push(push, shared_runtime::now());
        self.wake.notify_one();
        asked
    }

    /// Polls exactly these from now on; what nobody needs any more is forgotten.
    pub(crate) fn follow(&self, keys: &BTreeSet<Key>) {
        let mut keys = keys.clone();
        keys.extend(self.asking.lock().keys().cloned());
        self.schedule.lock().replace(keys.iter().cloned(), shared_runtime::now());
        self.known.send_if_modified(|known| {
            known.retain(|key, _| keys.contains(key));
            false
        });
        self.count();
        self.wake.notify_one();
    }

    /// The repositories that somebody follows, and those that are mounted in them and in what is frozen.
    pub(crate) fn polled(&self) -> BTreeSet<RepoUrl> {
        let mut polled: BTreeSet<RepoUrl> = self.known.borrow().keys().map(|key| key.url().clone()).collect();
        let index = self.index();
        let frozen = index.rollouts.values().flat_map(|rollout| &rollout.spec.commits);
        let mut outer = polled.clone();
        outer.extend(frozen.map(|pin| pin.repo_url.clone()));
        polled.retain(|url| !Address::is(url));
        polled.append(&mut self.mounted.within(&outer));
        polled
    }

    /// What the store holds now.
    pub(crate) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read())
    }

    /// The credentials for a repository.
    pub(crate) fn credentials(&self, url: &RepoUrl) -> Option<hub_source::Credentials> {
        credentials::find(&self.index.read(), url)
    }

    /// Which commit a revision is now, or which archive a chart's version; asks the server.
    async fn ask(&self, url: &RepoUrl, revision: &str) -> Result<CommitId, Error> {
        let credentials = self.credentials(url);
        if Address::is(url) {
            self.charts.resolve(url, revision, credentials.as_ref()).await
        } else {
            self.repositories.resolve(url, revision, credentials.as_ref()).await
        }
    }

    /// Who made a commit, and what is said of it; of a chart, its name and version.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) async fn describe(&self, url: &RepoUrl, commit: &CommitId) -> Result<Described, String> {
        if Address::is(url) {
            let label = self.charts.describe(commit);
            let message = label.map(|label| format!("{} {}", label.name, label.version)).unwrap_or_default();
            return Ok(Described { message: message.trim().to_owned(), ..Described::default() });
        }
        self.repositories.describe(url, commit).await.map_err(|error| chain(&error))
    }

    /// What people call a commit: a chart's version, else its own digits.
    pub(crate) fn called(&self, url: &RepoUrl, commit: &CommitId) -> String {
        let label = Address::is(url).then(|| self.charts.describe(commit)).flatten();
        let version = label.map(|label| label.version).filter(|version| !version.is_empty());
        version.unwrap_or_else(|| commit.as_str().to_owned())
    }

    /// The chart that a source or a dependency names.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn chart(&self, repository: &str, name: &str) -> Result<RepoUrl, String> {
        let named = credentials::chart(&self.index.read(), repository, name);
        named.map(|named| named.address.to_url()).map_err(|error| chain(&error))
    }

    /// All that people may call the repository of a chart that is at `url` by what somebody wrote.
    pub(crate) fn names(&self, (repository, name): (&str, &str), url: &RepoUrl) -> Vec<RepoUrl> {
        match credentials::chart(&self.index.read(), repository, name) {
            Ok(named) if named.address.to_url() == *url => named.called,
            // Secrets say something else since it was frozen.
            Ok(_) | Err(_) => credentials::names(repository, url),
        }
    }

    /// Makes a commit readable.
    pub(crate) async fn fetch(&self, url: &RepoUrl, commit: &CommitId, revision: &str) -> Result<(), String> {
        let credentials = self.credentials(url);
        if Address::is(url) {
            let fetched = outside(self.charts.fetch(url, commit, revision, credentials.as_ref())).await;
            return fetched.map(drop).map_err(|error| chain(&error));
        }
        let fetched = outside(self.repositories.fetch(url, commit, revision, credentials.as_ref())).await;
        fetched.map_err(|error| chain(&error))
    }

    /// Asks what the schedule says, for as long as it runs; tells of every change.
    pub(crate) async fn poll(self, changed: mpsc::Sender<Key>) {
        let (answers, mut answered) = mpsc::channel::<(Key, Timestamp, Result<CommitId, Error>)>(64);
        loop {
            loop {
                let due = self.schedule.lock().poll_action(shared_runtime::now());
                let Some(key) = due else { break };
                let (git, answers) = (self.clone(), answers.clone());
                shared_runtime::spawn("resolve", async move {
                    let asked = shared_runtime::now();
                    let resolved = git.ask(key.url(), key.revision()).await;
                    drop(answers.send((key, asked, resolved)).await);
                });
            }
            let timeout = self.schedule.lock().poll_timeout().map(|(at, _)| at);
            let wait = timeout.map_or(LONGEST, |at| {
                Duration::try_from(at.duration_since(shared_runtime::now())).unwrap_or_default().min(LONGEST)
            });
            tokio::select! {
                Some((key, asked, answer)) = answered.recv() => {
                    if self.take(&key, asked, answer) {
                        drop(changed.send(key).await);
                    }
                }
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(1))) => {}
            }
        }
    }

    /// Takes an answer; whether owners have to hear of it.
    fn take(&self, key: &Key, asked: Timestamp, answer: Result<CommitId, Error>) -> bool {
        let now = shared_runtime::now();
        let heard = answer.clone().map_err(|error| Failed::from(&error));
        let verdict = self.schedule.lock().handle_resolved(key, heard, now);
        let (mut differs, mut counts) = (false, false);
        self.known.send_modify(|known| {
            let new = !known.contains_key(key);
            let then = known.get(key).cloned().unwrap_or_default();
            let resolved = match answer {
                Ok(commit) => {
                    let seen = then.seen.filter(|_| then.commit.as_ref() == Some(&commit));
                    Resolved { commit: Some(commit), failure: None, seen: seen.or(Some((asked, now))) }
                }
                Err(error) => {
                    let times = if let Answer::Failed { times, .. } = verdict { times } else { 1 };
                    let cause = chain(&error);
                    tracing::warn!(repository = %key.url(), revision = key.revision(), times, failure = cause, "Git did not answer");
                    let failure = Failure::after(then.failure.as_ref(), &error, cause, times, now);
                    Resolved { failure: Some(failure), ..then.clone() }
                }
            };
            // While a commit stands, owners hear of a failure when it is to be said.
            let said = |resolved: &Resolved| {
                resolved.failure.clone().filter(|failure| failure.shown || resolved.commit.is_none())
            };
            differs = new || then.commit != resolved.commit || said(&then) != said(&resolved);
            counts = new || then.failure.is_some() != resolved.failure.is_some();
            known.insert(key.clone(), resolved);
        });
        if counts {
            self.count();
        }
        differs
    }

    /// Counts what is followed, for people.
    fn count(&self) {
        let known = self.known.borrow();
        let failing = known.values().filter(|resolved| resolved.failure.is_some()).count();
        self.metrics.references.set(known.len() as i64);
        self.metrics.failing.set(failing as i64);
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
