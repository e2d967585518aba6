//! Starts and ends the workers: by the settings, and by who may send.

use crate::{
    Metrics,
    cursor::{self, Cursor},
    sender::{Outcome, Sender},
    tail::Tail,
    worker::{States, Worker},
};
use hub_records::{About, Notice, Records, Stored, keys};
use hub_store::{Compare, Op, Txn, lease};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared_model::Kind;
use shared_notify::{Event, Format, Sink, Written, example};
use shared_project::settings;
use shared_runtime::Tasks;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;

/// Who sends.
const LEASE: &str = "notify";
const LASTS: Duration = Duration::from_secs(15);
/// How often the lease is looked at.
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

/// What people ask of notifications.
#[derive(Debug, Clone)]
pub struct Handle {
    records: Records,
    states: States,
}

/// Starts sending, until `tasks` stops.
pub fn build(config: Config, deps: Deps, tasks: &Tasks) -> Handle {
    let states = States::default();
    let handle = Handle { records: deps.records.clone(), states: Arc::clone(&states) };
    let service = Service {
        records: deps.records,
        metrics: deps.metrics,
        states,
        holder: format!("hub-{}", uuid::Uuid::new_v4()),
        tail: Tail::new(),
        following: None,
        running: BTreeMap::new(),
        written: None,
        told: None,
    };
    tasks.spawn_until_stopped("notifications", service.run(config));
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
    /// The settings that are in force, and under which fence.
    written: Option<(Option<String>, Compare)>,
    /// Which wrong settings were told, and when.
    told: Option<(Vec<String>, Timestamp)>,
}

impl Service {
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
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                changes = watch.next() => match changes {
                    Some(changes) => drop(changes?),
                    None => return Ok(()),
                },
                _ = tick.tick() => {}
            }
            self.look().await?;
        }
    }

    async fn look(&mut self) -> Result<(), cursor::Error> {
        let now = shared_runtime::now();
        let held = lease::acquire(&**self.records.store(), LEASE, &self.holder, LASTS, now).await?;
        let lease::Acquired::Held(lease) = held else {
            self.running.clear();
            self.written = None;
            return Ok(());
        };
        let stored = self.records.get(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await;
        let stored = match stored {
            Ok(stored) => stored,
            Err(hub_records::Error::Store(error)) => return Err(error.into()),
            Err(_) => None,
        };
        let text = stored.as_ref().and_then(|stored| stored.value["data"][settings::NOTIFICATIONS].as_str());
        let wanted = (text.map(str::to_owned), lease.fence());
        if self.written.as_ref() != Some(&wanted) {
            let config = match &stored {
                Some(stored) => shared_notify::Config::read(&stored.value, now),
                None => shared_notify::Config::default(),
            };
            if config.problems.is_empty() {
                self.told = None;
                self.start(config.sinks, &lease.fence()).await?;
                self.written = Some(wanted);
            } else {
                // Those that were in force stay so.
                self.tell(&config.problems, stored.as_ref(), now).await?;
                if self.written.as_ref().is_some_and(|(_, fence)| *fence != wanted.1) {
                    self.running.clear();
                }
            }
        }
        let states = self.states.lock();
        let after = self.running.keys().map(|name| states.get(name).map_or(0, |state| state.after)).min();
        drop(states);
        self.tail.forget(after.unwrap_or_else(|| self.tail.tip()));
        Ok(())
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
            let floor = starting.iter().map(|(_, cursor)| cursor.after).min().unwrap_or(newest);
            self.tail = Tail::new();
            let following =
                shared_runtime::spawn("history tail", self.tail.clone().follow(self.records.clone(), floor));
            self.following = Some(Task(following));
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
            if ours && sinks.iter().any(same) {
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

impl Handle {
    /// Every sink that is configured, and how it fares.
    ///
    /// # Errors
    /// Why the settings cannot be read.
    pub async fn list(&self) -> Result<Value, String> {
        let sinks = self.sinks().await?;
        let states = self.states.lock();
        let items: Vec<Value> = sinks
            .iter()
            .map(|sink| {
                let mut item = json!(states.get(&sink.name).cloned().unwrap_or_default());
                item["name"] = json!(sink.name);
                item["type"] = json!(match sink.format {
                    Format::Generic => "generic",
                    Format::Slack => "slack",
                });
                item["on"] = json!(sink.on);
                item
            })
            .collect();
        Ok(json!({"items": items}))
    }

    /// What a sink would be sent on an event; with `send` it is.
    ///
    /// # Errors
    /// Why it cannot: there is no such sink, a template fails, or the receiver does not take it.
    pub async fn test(&self, name: &str, event: Option<Event>, send: bool) -> Result<Value, String> {
        let sinks = self.sinks().await?;
        let Some(sink) = sinks.iter().find(|sink| sink.name == name) else {
            let known: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
            let known = if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(format!("there is no sink `{name}`; {known}"));
        };
        let now = shared_runtime::now();
        let event = event.or_else(|| sink.on.first().copied()).unwrap_or(Event::Halted);
        let message = example(sink, event, now);
        let body =
            message.body(sink, now).map_err(|problem| format!("{}: {}", problem.field, problem.why))?;
        let mut answer = json!({"sink": name, "event": event, "body": body.0, "sent": false});
        if send {
            match Sender::default().send(&self.records, sink, &message, body.bytes()).await {
                Outcome::Sent(status) => {
                    answer["sent"] = json!(true);
                    answer["status"] = json!(status);
                }
                Outcome::Refused(why) | Outcome::Failed { why, .. } => {
                    return Err(format!("{name} did not take it: {why}"));
                }
            }
        }
        Ok(answer)
    }

    async fn sinks(&self) -> Result<Vec<Sink>, String> {
        let stored = self.records.get(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await;
        let stored = stored.map_err(|_| "the hub's settings cannot be read".to_owned())?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        let config = shared_notify::Config::read(&stored.value, shared_runtime::now());
        if config.problems.is_empty() { Ok(config.sinks) } else { Err(config.problems.join("; ")) }
    }
}
