//! The one loop: owns a machine for each application, tells it what happened, performs what it asks for.
//!
//! What happens comes in as one closed [`Event`]: the hub's messages, the cluster's answers, watches, work in the
//! background that ended, time. It is handled synchronously; then the machines' actions are taken out and
//! performed, those of one application started one after the other, those of different ones side by side.
//!
//! Invariants:
//! 1. An order reaches its machine only after the journal has it.
//! 2. While a pause or Observe holds, no write starts: machines give none out, and the gate stops those on their way.
//!    The hub's pause is acknowledged when every write that had started has its answer.
//! 3. A machine that panics is made again from the journal; the others never notice.
//! 4. Towards the hub the newest report of an application wins; events keep their order, and what is lost is counted.
//!
//! What it refuses to know: how to decide (the machines do), how to speak to cluster and hub.

mod app;
mod orders;
mod outbox;
mod pauses;
mod perform;
mod reports;
mod routes;
mod survey;
mod told;

use crate::{
    cluster::{Cluster, Facts, Limit, Watched, Watches},
    journal::{self, Journal, LocalPause},
    link::{Bundles, News},
};
use app::App;
use jiff::Timestamp;
use orders::Prepared;
use outbox::Outbox;
use pauses::Pauses;
use routes::Routes;
use shared_manifest::ObjectId;
use shared_model::{AppKey, ClusterName, Position};
use shared_runtime::Tasks;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};

/// What an engine is made of.
#[derive(Debug, Clone)]
pub(crate) struct Deps {
    pub(crate) name: ClusterName,
    pub(crate) hub: String,
    pub(crate) cluster: Cluster,
    pub(crate) facts: Facts,
    pub(crate) journal: Arc<Journal>,
    pub(crate) tasks: Tasks,
}

/// What happened.
#[derive(Debug)]
enum Event {
    /// Of the link.
    News(News),
    /// Of a watch.
    Watched(Watched),
    /// Work in the background ended.
    Done(Done),
    /// Time has passed.
    Tick,
    /// The process is to end.
    Stop,
}

/// Work in the background that ended.
#[derive(Debug)]
enum Done {
    /// The application's last action has started: the next one may.
    Started(AppKey),
    /// A request was answered; whether it was a write.
    Answered { application: AppKey, event: Box<shared_sync::Event>, write: bool },
    /// An order is in the journal, or could not be carried out.
    Ordered { application: AppKey, position: Position, result: Result<Prepared, orders::Failure> },
    /// The hub's pause or mode is in the journal.
    ControlKept,
    /// Everything that carries our marks was searched for.
    Surveyed(Result<BTreeMap<String, Vec<ObjectId>>, shared_sync::Failure>),
}

/// How often pauses, time-outs and the status file are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// Bundles in memory at once.
const PREPARING: usize = 2;

/// The loop's state.
#[derive(Debug)]
pub(crate) struct Engine {
    deps: Deps,
    apps: BTreeMap<AppKey, App>,
    timers: BTreeSet<(Timestamp, AppKey)>,
    routes: Routes,
    watches: Watches,
    limit: Limit,
    preparing: Arc<Semaphore>,
    pauses: Pauses,
    /// Closed while nothing may be written; asked by each write right before it starts.
    closed: Arc<AtomicBool>,
    /// Writes without an answer.
    writing: usize,
    outbox: Outbox,
    bundles: Option<Bundles>,
    /// Everything that carried our marks when it was searched for, by owner; `None` before that.
    survey: Option<BTreeMap<String, Vec<ObjectId>>>,
    status: told::Told,
    instance: String,
    done: mpsc::UnboundedSender<Done>,
    news: mpsc::Receiver<News>,
    watched: mpsc::Receiver<Watched>,
    finished: mpsc::UnboundedReceiver<Done>,
}

impl Engine {
    /// An engine that goes on from the journal.
    ///
    /// # Errors
    /// When the journal's folder cannot be read.
    pub(crate) async fn load(deps: Deps, news: mpsc::Receiver<News>) -> Result<Self, journal::Error> {
        let reading = Arc::clone(&deps.journal);
        let (kept, damaged, control, local, survey) = tokio::task::spawn_blocking(move || {
            let (kept, damaged) = reading.apps()?;
            Ok::<_, journal::Error>((
                kept,
                damaged,
                reading.control(),
                reading.local_pause(),
                reading.survey(),
            ))
        })
        .await
        .expect("the journal does not panic")?;
        for error in &damaged {
            tracing::error!(%error, "a record of the journal was lost");
        }
        let lost = kept.iter().any(|app| app.inventory.is_none());
        let (done, finished) = mpsc::unbounded_channel();
        let (told, watched) = mpsc::channel(256);
        let now = shared_runtime::now();
        let mut engine = Self {
            apps: BTreeMap::new(),
            timers: BTreeSet::new(),
            routes: Routes::default(),
            watches: Watches::new(deps.cluster.clone(), deps.tasks.clone(), told),
            limit: Limit::new(),
            preparing: Arc::new(Semaphore::new(PREPARING)),
            pauses: Pauses::new(control, local),
            closed: Arc::new(AtomicBool::new(false)),
            writing: 0,
            outbox: Outbox::default(),
            bundles: None,
            survey: survey.filter(|_| !lost),
            status: told::Told::default(),
            instance: uuid::Uuid::new_v4().to_string(),
            done,
            news,
            watched,
            finished,
            deps,
        };
        // Before any machine is made: none may write while a pause holds.
        engine.obey_pauses(now);
        for app in kept {
            engine.restore(app);
        }
        if engine.survey.is_none() {
            engine.search(Duration::ZERO);
        }
        Ok(engine)
    }

    /// Runs until the tasks stop.
    pub(crate) async fn run(mut self) {
        let stopped = self.deps.tasks.stopped();
        let mut stopped = std::pin::pin!(stopped);
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut linked = true;
        loop {
            let now = shared_runtime::now();
            let wake = self.next_wake(now);
            let outbound = self.outbox.ready(std::time::Instant::now());
            let event = tokio::select! {
                () = &mut stopped => Event::Stop,
                Some(done) = self.finished.recv() => Event::Done(done),
                news = self.news.recv(), if linked => match news {
                    Some(news) => Event::News(news),
                    None => {
                        linked = false;
                        continue;
                    }
                },
                Some(watched) = self.watched.recv() => Event::Watched(watched),
                permit = reserve(outbound) => {
                    self.say(permit);
                    continue;
                }
                () = tokio::time::sleep(wake) => Event::Tick,
                _ = housekeeping.tick() => {
                    self.keep_house(shared_runtime::now());
                    Event::Tick
                }
            };
            if matches!(event, Event::Stop) {
                self.write_status(shared_runtime::now()).await;
                return;
            }
            self.handle(event, shared_runtime::now());
        }
    }

    fn handle(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::News(news) => self.news(news, now),
            Event::Watched(watched) => self.take_watched(watched, now),
            Event::Done(Done::Started(application)) => {
                if let Some(app) = self.apps.get_mut(&application) {
                    app.starting = false;
                }
                self.pump(&application, now);
            }
            Event::Done(Done::Answered { application, event, write }) => {
                self.writing -= usize::from(write);
                self.take_answer(&application, *event, now);
                self.acknowledge();
            }
            Event::Done(Done::Ordered { application, position, result }) => {
                self.ordered(&application, position, result, now);
            }
            Event::Done(Done::ControlKept) => {
                self.pauses.kept = true;
                self.acknowledge();
            }
            Event::Done(Done::Surveyed(found)) => self.take_survey(found, now),
            Event::Tick => self.tick(now),
            Event::Stop => {}
        }
    }

    /// Wakes the machines whose time has come.
    fn tick(&mut self, now: Timestamp) {
        // Those due now, once each: one that is due again at once waits for the next turn of the loop,
        // so that no application can keep the others from being heard.
        let due: Vec<_> = self.timers.iter().take_while(|(at, _)| *at <= now).cloned().collect();
        for timer in due {
            self.timers.remove(&timer);
            if let Some(app) = self.apps.get_mut(&timer.1) {
                app.timer = None;
            }
            self.wake(&timer.1, now);
        }
    }

    fn next_wake(&self, now: Timestamp) -> Duration {
        let machine = self.timers.first().map(|(due, _)| due.duration_since(now));
        let machine = machine.map_or(Duration::from_secs(3600), |wait| {
            if wait.is_negative() { Duration::ZERO } else { wait.unsigned_abs() }
        });
        self.outbox.due(std::time::Instant::now()).map_or(machine, |report| report.min(machine))
    }

    fn keep_house(&mut self, now: Timestamp) {
        let local: Option<LocalPause> = self.deps.journal.local_pause();
        if self.pauses.housekeeping(local, now) {
            self.obey_pauses(now);
        }
        self.mend(now);
        self.tell_removals_done();
        self.poll_unwatched();
        self.write_status_behind(now);
    }
}

/// A place in the queue to the hub, once there is something to say.
async fn reserve<T>(outbound: Option<mpsc::Sender<T>>) -> Option<mpsc::OwnedPermit<T>> {
    match outbound {
        Some(outbound) => outbound.reserve_owned().await.ok(),
        None => std::future::pending().await,
    }
}
