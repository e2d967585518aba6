//! The one loop around the [`Engine`]: hears of hub, cluster, disk and time, and does the work that the engine asks for.
//!
//! Everything that happens comes in as an [`Event`]; the work goes out as tasks whose ends come back as events.
//! It decides nothing. Its clock never goes backwards: it counts on from the time of the start.

mod compare;
mod work;

use crate::{
    cluster::{Cluster, Facts, Limit, Watched, Watches},
    engine::{Ceiling, Done, Engine, Event, Known, Prepared, Restored, Way},
    journal::{self, Journal, Local},
    link::{Bundles, News},
    metrics::Metrics,
    seals::Seals,
};
use jiff::Timestamp;
use proto::v1;
use shared_model::{AppKey, ClusterName};
use shared_runtime::{Tasks, otlp::Tracing};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};

/// What a shell is made of.
#[derive(Debug, Clone)]
pub(crate) struct Deps {
    pub(crate) name: ClusterName,
    pub(crate) cluster: Cluster,
    pub(crate) facts: Facts,
    pub(crate) journal: Arc<Journal>,
    pub(crate) tasks: Tasks,
    pub(crate) ceiling: Ceiling,
    pub(crate) metrics: Metrics,
    pub(crate) tracing: Tracing,
    pub(crate) seals: Arc<Seals>,
}

/// Bundles in memory at once.
const PREPARING: usize = 2;
/// At most so long is slept at once.
const LONGEST: Duration = Duration::from_secs(3600);

/// The time since the start, counted on from the clock's time then: no jump of the clock ends a pause early
/// or makes a retry late.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Timestamp,
    at: Instant,
}

impl Clock {
    fn new() -> Self {
        Self { start: shared_runtime::now(), at: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.start.checked_add(self.at.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// The loop.
#[derive(Debug)]
pub(crate) struct Shell {
    engine: Engine,
    clock: Clock,
    deps: Deps,
    watches: Watches,
    limit: Limit,
    preparing: Arc<Semaphore>,
    /// One comparison at a time.
    comparing: compare::Turns,
    /// The way up, while there is one.
    outbound: Option<mpsc::Sender<v1::AgentMessage>>,
    bundles: Option<Bundles>,
    done: mpsc::UnboundedSender<Done>,
    finished: mpsc::UnboundedReceiver<Done>,
    news: mpsc::Receiver<News>,
    watched: mpsc::Receiver<Watched>,
    local: mpsc::Receiver<Local>,
    openable: mpsc::Receiver<BTreeSet<AppKey>>,
}

impl Shell {
    /// A shell whose engine goes on from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) async fn load(deps: Deps, news: mpsc::Receiver<News>) -> Result<Self, journal::Error> {
        let reading = Arc::clone(&deps.journal);
        let restored = tokio::task::spawn_blocking(move || {
            let (apps, damaged) = reading.apps()?;
            let (local, control) = (reading.local(), reading.control());
            Ok::<_, journal::Error>(Restored { apps, damaged, control, local })
        });
        let restored = restored.await.expect("the journal does not panic")?;
        let known = Known {
            name: deps.name.clone(),
            facts: deps.facts.clone(),
            instance: uuid::Uuid::new_v4().to_string(),
            ceiling: deps.ceiling.clone(),
        };
        let way = if deps.tracing.exporter.is_some() { Way::Straight } else { Way::Relayed };
        let clock = Clock::new();
        let (done, finished) = mpsc::unbounded_channel();
        let (told, watched) = mpsc::channel(256);
        let (decided, local) = mpsc::channel(4);
        deps.tasks.spawn_until_stopped("local", Arc::clone(&deps.journal).follow_local(decided));
        let (retold, openable) = mpsc::channel(4);
        deps.tasks.spawn_until_stopped("keys", Arc::clone(&deps.seals).follow(retold));
        let limit = Limit::new();
        limit.show(&deps.metrics.waiting, &deps.metrics.asking);
        let mut shell = Self {
            engine: Engine::new(known, restored, clock.now())
                .with_traces(way, deps.tracing.resource.0.clone()),
            clock,
            watches: Watches::new(deps.cluster.clone(), deps.tasks.clone(), told),
            limit,
            preparing: Arc::new(Semaphore::new(PREPARING)),
            comparing: compare::Turns::default(),
            outbound: None,
            bundles: None,
            done,
            finished,
            news,
            watched,
            local,
            openable,
            deps,
        };
        shell.work();
        Ok(shell)
    }

    /// Runs until the tasks stop.
    pub(crate) async fn run(mut self) {
        let stopped = self.deps.tasks.stopped();
        let mut stopped = std::pin::pin!(stopped);
        let mut linked = true;
        loop {
            let now = self.clock.now();
            let wake = self.engine.poll_timeout(now).map_or(LONGEST, |(due, _)| {
                let wait = due.duration_since(now);
                if wait.is_negative() { Duration::ZERO } else { wait.unsigned_abs().min(LONGEST) }
            });
            let outbound = self.outbound.clone().filter(|_| self.engine.has_message(now));
            let event = tokio::select! {
                () = &mut stopped => break,
                Some(done) = self.finished.recv() => Event::Done(done),
                news = self.news.recv(), if linked => match news {
                    Some(news) => self.hear(news),
                    None => {
                        linked = false;
                        continue;
                    }
                },
                Some(watched) = self.watched.recv() => Event::Watched(watched),
                Some(local) = self.local.recv() => Event::Local(local),
                Some(applications) = self.openable.recv() => Event::Openable(applications),
                place = reserve(outbound) => {
                    self.say(place);
                    continue;
                }
                () = tokio::time::sleep(wake) => Event::Tick,
            };
            let event = self.sealed(event);
            self.engine.handle(event, self.clock.now());
            self.work();
            self.deps.metrics.counted(self.engine.counts());
        }
        self.engine.handle(Event::Down, self.clock.now());
        work::write_status(&self.deps, &self.engine.status(self.clock.now())).await;
    }

    /// The event as the engine may know it: live objects without the plain form of what their release encrypts. Here and
    /// nowhere else, so that an object is always told by the release that its machine has by then.
    fn sealed(&self, mut event: Event) -> Event {
        use shared_sync::Event as Told;
        let seals = &self.deps.seals;
        match &mut event {
            Event::Done(Done::Ordered { application, result: Ok(prepared), .. }) => match prepared {
                Prepared::Run { assignment, .. } if self.engine.is_pinned(application) => {
                    seals.skip(application, &assignment.spec.bundle);
                }
                Prepared::Run { assignment, .. } | Prepared::Pinned { assignment, .. } => {
                    seals.learn(application, &assignment.spec.bundle);
                }
                Prepared::Remove { .. } if !self.engine.is_pinned(application) => seals.forget(application),
                Prepared::Remove { .. } => {}
            },
            Event::Done(Done::Answered { event, .. } | Done::Read { event, .. }) => {
                if let Told::Applied(id, Ok(object)) | Told::Live(id, Some(object)) = &mut **event {
                    seals.dress(id, object);
                }
            }
            Event::Watched(Watched::Changed(id, object)) => seals.dress(id, object),
            Event::Up
            | Event::Said(_)
            | Event::Down
            | Event::Watched(_)
            | Event::Done(_)
            | Event::Local(_)
            | Event::Standing(_)
            | Event::Facts(_)
            | Event::Openable(_)
            | Event::Tick => {}
        }
        event
    }

    fn hear(&mut self, news: News) -> Event {
        match news {
            News::Up { outbound, bundles } => {
                self.outbound = Some(outbound);
                self.bundles = Some(bundles);
                Event::Up
            }
            News::Down => {
                self.outbound = None;
                self.bundles = None;
                self.deps.metrics.linked(false);
                Event::Down
            }
            News::Said(message) => {
                self.deps.metrics.messages.came(1);
                if matches!(message, v1::hub_message::Message::Welcome(_)) {
                    self.deps.metrics.linked(true);
                }
                Event::Said(message)
            }
            News::Standing(standing) => Event::Standing(standing),
            News::Facts(facts) => Event::Facts(facts),
        }
    }

    fn say(&mut self, place: Option<mpsc::OwnedPermit<v1::AgentMessage>>) {
        let Some(place) = place else {
            // The session ended; the link says so next.
            self.outbound = None;
            return;
        };
        if let Some(message) = self.engine.poll_message(self.clock.now()) {
            place.send(message);
            self.deps.metrics.messages.went(1);
        }
    }
}

/// A place in the queue to the hub, once there is something to say.
async fn reserve<T>(outbound: Option<mpsc::Sender<T>>) -> Option<mpsc::OwnedPermit<T>> {
    match outbound {
        Some(outbound) => outbound.reserve_owned().await.ok(),
        None => std::future::pending().await,
    }
}
