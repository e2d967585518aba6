//! Starts and ends the workers: by the settings, and by who may send.

use crate::{
    Handle, Metrics,
    cursor::{self, Cursor},
    tail::Tail,
    worker::{States, Worker},
};
use hub_records::{About, Notice, Records, Stored, keys};
use hub_store::{
    Compare, Op, Txn,
    lease::{self, Lease},
};
use jiff::{SignedDuration, Timestamp};
use shared_model::Kind;
use shared_notify::{Sink, Written};
use shared_project::settings;
use shared_runtime::Tasks;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// Who sends.
const LEASE: &str = "notify";
const LASTS: Duration = Duration::from_secs(15);
/// It is renewed at half its life, and no sooner: each time is a durable write.
const RENEW: Duration = Duration::from_millis(7_500);
/// How often it is looked, besides.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(5);
/// How often wrong settings are told: Events are kept for an hour.
const EVERY: SignedDuration = SignedDuration::from_mins(50);

/// How notifications are sent.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Whether the store belongs to this process alone: then whoever sent before is dead.
    pub exclusive: bool,
}

/// What they stand on.
#[derive(Debug)]
pub struct Deps {
    /// The hub's records.
    pub records: Records,
    /// What is counted.
    pub metrics: Metrics,
}

/// Starts sending, until `tasks` stops.
pub fn build(config: Config, deps: Deps, tasks: &Tasks) -> Handle {
    let states = States::default();
    let handle = Handle::new(deps.records.clone(), Arc::clone(&states));
    tasks.spawn_until_stopped("notifications", Service::new(deps, states).run(config));
    handle
}

/// A task that ends with whoever holds it.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Task {
    /// Ends it; when this is through it writes nothing any more.
    async fn stop(mut self) {
        self.0.abort();
        let _ended = (&mut self.0).await;
    }

    /// Whether it ended by itself.
    fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A worker, and for whom and under which fence it works.
#[derive(Debug)]
struct Running {
    written: Written,
    fence: Compare,
    task: Task,
}

struct Service {
    records: Records,
    metrics: Metrics,
    states: States,
    holder: String,
    tail: Tail,
    following: Option<Task>,
    running: BTreeMap<String, Running>,
    /// The lease, and when it was renewed.
    held: Option<(Lease, Instant)>,
    /// The settings as they were read last, and what they say.
    read: Option<(Option<String>, Arc<shared_notify::Config>)>,
    /// The settings that are in force, and under which fence.
    in_force: Option<(Option<String>, Compare)>,
    /// Which wrong settings were told, and when.
    told: Option<(Vec<String>, Timestamp)>,
}

impl Service {
    fn new(deps: Deps, states: States) -> Self {
        Self {
            records: deps.records,
            metrics: deps.metrics,
            states,
            holder: format!("hub-{}", uuid::Uuid::new_v4()),
            tail: Tail::new(),
            following: None,
            running: BTreeMap::new(),
            held: None,
            read: None,
            in_force: None,
            told: None,
        }
    }

    async fn run(mut self, config: Config) {
        if config.exclusive {
            let txn = Txn { compares: Vec::new(), ops: vec![Op::Delete { key: lease::key(LEASE) }] };
            if let Err(error) = self.records.store().commit(txn).await {
                tracing::warn!(%error, "the lease of notifications could not be taken");
            }
        }
        loop {
            if let Err(error) = self.follow().await {
                tracing::warn!(%error, "notifications wait for the store");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Looks at the settings whenever they change, and at the lease all the time.
    async fn follow(&mut self) -> Result<(), cursor::Error> {
        let key = keys::object(Kind::ConfigMap, settings::NAMESPACE, settings::NAME);
        let from = self.records.store().revision().await?;
        let mut watch = self.records.store().watch(&key, from).await?;
        loop {
            self.look().await?;
            let looks = Instant::now() + LOOK;
            let looks = self.held.as_ref().map_or(looks, |(_, since)| looks.min(*since + RENEW));
            tokio::select! {
                changes = watch.next() => match changes {
                    Some(changes) => drop(changes?),
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(looks) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), cursor::Error> {
        let now = shared_runtime::now();
        let stored = self.records.get(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await;
        let stored = match stored {
            Ok(stored) => stored,
            Err(hub_records::Error::Store(error)) => return Err(error.into()),
            Err(_) => None,
        };
        let (text, config) = self.read(stored.as_ref(), now);
        if config.problems.is_empty() {
            self.told = None;
        }
        if config.sinks.is_empty() && config.problems.is_empty() {
            return self.rest(now).await;
        }
        let Some(fence) = self.hold(now).await? else {
            self.leave();
            return Ok(());
        };
        if !config.problems.is_empty() {
            // Those that were in force stay so.
            self.tell(&config.problems, stored.as_ref(), now).await?;
            self.running.retain(|_, running| running.fence == fence);
        } else if self.in_force.as_ref().is_none_or(|(was, under)| *was != text || *under != fence) {
            self.start(config.sinks.clone(), &fence).await?;
            self.in_force = Some((text, fence));
        }
        let states = self.states.lock();
        let after = self.running.keys().map(|name| states.get(name).map_or(0, |state| state.after)).min();
        drop(states);
        self.tail.forget(after.unwrap_or_else(|| self.tail.tip()));
        Ok(())
    }

    /// What the settings say; read again when they are others.
    fn read(
        &mut self,
        stored: Option<&Stored>,
        now: Timestamp,
    ) -> (Option<String>, Arc<shared_notify::Config>) {
        let text = stored.and_then(|stored| stored.value["data"][settings::NOTIFICATIONS].as_str());
        match &self.read {
            Some(read) if read.0.as_deref() == text => read.clone(),
            Some(_) | None => {
                let config =
                    stored.map(|stored| shared_notify::Config::read(&stored.value, now)).unwrap_or_default();
                self.read.insert((text.map(str::to_owned), Arc::new(config))).clone()
            }
        }
    }

    /// The fence of the lease; `None` when another hub has it.
    async fn hold(&mut self, now: Timestamp) -> Result<Option<Compare>, cursor::Error> {
        // A worker ends when it is overtaken.
        if self.running.values().any(|running| running.task.is_over()) {
            (self.held, self.in_force) = (None, None);
        }
        if self.held.as_ref().is_none_or(|(_, since)| since.elapsed() >= RENEW) {
            let since = Instant::now();
            let held = lease::acquire(&**self.records.store(), LEASE, &self.holder, LASTS, now).await?;
            self.held = match held {
                lease::Acquired::Held(lease) => Some((lease, since)),
                lease::Acquired::HeldBy { .. } => None,
            };
        }
        Ok(self.held.as_ref().map(|(lease, _)| lease.fence()))
    }

    /// Nobody is to be told. Whoever was is forgotten, and from then on nothing is written.
    async fn rest(&mut self, now: Timestamp) -> Result<(), cursor::Error> {
        if self.held.is_none() && cursor::all(&self.records).await?.is_empty() {
            return Ok(());
        }
        if let Some(fence) = self.hold(now).await? {
            self.start(Vec::new(), &fence).await?;
        }
        if let Some((lease, _)) = self.held.take() {
            let _overtaken = self.records.store().commit(lease.release()).await?;
        }
        self.leave();
        Ok(())
    }

    /// This hub tells nobody.
    fn leave(&mut self) {
        self.running.clear();
        self.following = None;
        self.in_force = None;
    }

    /// These sinks are told from now on, and no others. A worker for whose sink the same is written goes on: what one sink
    /// is sent at the moment is not sent again because of another.
    async fn start(&mut self, sinks: Vec<Sink>, fence: &Compare) -> Result<(), cursor::Error> {
        let passed = self.stop_others(&sinks, fence).await;
        let mut cursors = cursor::all(&self.records).await?;
        let newest = self.records.store().revision().await?.0;
        let mut starting: Vec<(Sink, Cursor)> = Vec::new();
        let mut names = BTreeSet::new();
        for sink in sinks {
            names.insert(sink.name.clone());
            let cursor = cursors.remove(&sink.name);
            if self.running.contains_key(&sink.name) {
                continue;
            }
            let cursor = match cursor {
                Some(cursor) => cursor.from(passed.get(&sink.name).copied().unwrap_or_default()),
                None => {
                    let new = Cursor::at(newest);
                    cursor::keep(&self.records, fence, &sink.name, &new).await?;
                    new
                }
            };
            starting.push((sink, cursor));
        }
        for gone in cursors.keys() {
            cursor::forget(&self.records, fence, gone).await?;
            self.metrics.end(gone);
            tracing::info!(sink = gone, "a sink of notifications was taken away");
        }
        {
            let mut states = self.states.lock();
            states.retain(|name, _| names.contains(name));
            for (sink, cursor) in &starting {
                states.entry(sink.name.clone()).or_default().after = cursor.after;
            }
        }
        if self.running.is_empty() {
            // Nobody looks at the tail: it begins where the sink that is furthest back needs it.
            self.tail = Tail::new();
            self.following = starting.iter().map(|(_, cursor)| cursor.after).min().map(|floor| {
                let tail = self.tail.clone().follow(self.records.clone(), floor);
                Task(shared_runtime::spawn("history tail", tail))
            });
        }
        for (sink, cursor) in starting {
            let (name, written) = (sink.name.clone(), sink.written.clone());
            let worker = Worker {
                sink: Arc::new(sink),
                records: self.records.clone(),
                tail: self.tail.clone(),
                fence: fence.clone(),
                metrics: self.metrics.clone(),
                states: Arc::clone(&self.states),
            };
            let task = Task(shared_runtime::spawn("sink", worker.run(cursor)));
            self.running.insert(name, Running { written, fence: fence.clone(), task });
        }
        Ok(())
    }

    /// Ends the workers that are to work otherwise, or not at all. Answers how far those under this fence were: what
    /// concerned them not at all is written down rarely, and the tail may have forgotten it.
    async fn stop_others(&mut self, sinks: &[Sink], fence: &Compare) -> BTreeMap<String, u64> {
        let mut passed = BTreeMap::new();
        for (name, running) in std::mem::take(&mut self.running) {
            let same = |sink: &Sink| sink.name == name && sink.written == running.written;
            let ours = running.fence == *fence;
            if ours && !running.task.is_over() && sinks.iter().any(same) {
                self.running.insert(name, running);
                continue;
            }
            running.task.stop().await;
            if ours {
                passed.extend(self.states.lock().get(&name).map(|state| (name.clone(), state.after)));
            }
        }
        passed
    }

    /// Tells of settings that cannot be read, if that is news.
    async fn tell(
        &mut self,
        problems: &[String],
        source: Option<&Stored>,
        now: Timestamp,
    ) -> Result<(), cursor::Error> {
        let known = self.told.as_ref();
        if known.is_some_and(|(told, at)| told == problems && now.duration_since(*at) < EVERY) {
            return Ok(());
        }
        let message = format!(
            "notifications cannot be read; what was configured before stays in force: {}",
            problems.join("; ")
        );
        tracing::warn!("{message}");
        if let Some(source) = source {
            let notice =
                Notice { reason: "NotificationsInvalid", warning: true, key: message.clone(), message };
            let op = notice.put(About::of(Kind::ConfigMap, source), now);
            let txn = Txn { compares: Vec::new(), ops: op.into_iter().collect() };
            let _committed = self.records.store().commit(txn).await?;
        }
        self.told = Some((problems.to_vec(), now));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
