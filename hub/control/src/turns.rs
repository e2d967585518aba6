//! Who is evaluated when, fair between projects.
//!
//! An evaluation has a place while it computes, and gives that up when it waits for something that is not the hub's own: a
//! render slot, a tool, a server ([`outside`]). It never needs another one, so that nobody who has begun waits for
//! those that have not.
//!
//! # Invariants
//! - Of the places ([`WORKING`]) and of those under way together ([`UNDER_WAY`]) a project has another one only while as
//!   much, or more, is free as it has itself: whatever one project does, something is left for the others.
//! - Of those that wait, each project has its turn before another has a second one.
//!
//! It refuses to know what is evaluated.

use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// How many compute at once.
const WORKING: usize = 16;
/// How many have begun and not ended, whatever they do: each holds its owner's objects and members.
const UNDER_WAY: usize = 256;
/// What waits outside for longer gives up its place.
const BRIEF: Duration = Duration::from_millis(50);
/// What takes longer gives it up whatever it does.
const SLOW: Duration = Duration::from_secs(5);
/// What computes for longer lets others have the thread.
const STRETCH: Duration = Duration::from_millis(2);

tokio::task_local! {
    static PLACE: Arc<Place>;
}

/// What its parts tell whoever is evaluated.
#[derive(Debug)]
struct Place {
    /// How many of them wait outside, and have done so for longer than `brief`.
    outside: AtomicUsize,
    brief: Duration,
    /// Since when a thread is at it without a pause.
    since: Mutex<Instant>,
}

/// Waits for something that is not the hub's own: whoever is evaluated gives up its place when that takes a while.
pub(crate) fn outside<T>(wait: impl Future<Output = T>) -> impl Future<Output = T> {
    struct Counted(Arc<Place>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.outside.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let mut wait = Box::pin(wait);
    async move {
        // Absent where nobody has a place.
        let Ok(place) = PLACE.try_with(Arc::clone) else { return wait.await };
        if let Ok(done) = tokio::time::timeout(place.brief, wait.as_mut()).await {
            return done;
        }
        place.outside.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(place);
        wait.await
    }
}

/// Does one part of many that are done together. When a thread has been at them for [`STRETCH`], the others go on after
/// whatever else waits for a thread: the API and the agents are not kept waiting by a large set.
pub(crate) fn in_turn<T>(part: impl Future<Output = T>) -> impl Future<Output = T> {
    let mut part = Box::pin(part);
    poll_fn(move |context| {
        if PLACE.try_with(|place| place.since.lock().elapsed() >= STRETCH).unwrap_or(false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        part.as_mut().poll(context)
    })
}

/// Hands out turns. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    state: Arc<Mutex<State>>,
    brief: Duration,
    slow: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self { state: Arc::default(), brief: BRIEF, slow: SLOW }
    }
}

#[derive(Debug, Default)]
struct State {
    working: Shares,
    under_way: Shares,
    /// Whose turn is next, of those that wait.
    order: VecDeque<String>,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<Turn>>>,
}

/// How much of something each project has.
#[derive(Debug, Default)]
struct Shares {
    taken: usize,
    of: BTreeMap<String, usize>,
}

impl Shares {
    /// Whether a project may have one more of `all`, of which it is to leave so many times as much as it has.
    fn has_room(&self, project: &str, all: usize, times: usize) -> bool {
        let own = self.of.get(project).copied().unwrap_or_default();
        let free = all.saturating_sub(self.taken);
        free > 0 && (own == 0 || own * times < free)
    }

    fn take(&mut self, project: &str) {
        self.taken += 1;
        *self.of.entry(project.to_owned()).or_default() += 1;
    }

    fn give_back(&mut self, project: &str) {
        self.taken -= 1;
        if let Some(own) = self.of.get_mut(project) {
            *own -= 1;
            if *own == 0 {
                self.of.remove(project);
            }
        }
    }
}

impl State {
    /// Who begins now, if anybody may.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Turn>)> {
        let may_begin = |project: &String| {
            self.working.has_room(project, WORKING, 1) && self.under_way.has_room(project, UNDER_WAY, 4)
        };
        let at = self.order.iter().position(may_begin)?;
        let project = self.order.remove(at)?;
        let waiting = self.waiting.get_mut(&project)?;
        let ready = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&project);
        } else {
            self.order.push_back(project.clone());
        }
        self.working.take(&project);
        self.under_way.take(&project);
        Some((project, ready))
    }
}

/// An evaluation under way, until it is dropped.
#[derive(Debug)]
struct Turn {
    turns: Turns,
    project: String,
    /// Whether it has a place.
    works: bool,
}

impl Turn {
    /// Gives up its place.
    fn rest(&mut self) {
        if std::mem::take(&mut self.works) {
            self.turns.change(|state| state.working.give_back(&self.project));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.change(|state| {
            state.under_way.give_back(&self.project);
            if self.works {
                state.working.give_back(&self.project);
            }
        });
    }
}

impl Turns {
    /// Does the work of a project when it is its turn.
    pub(crate) async fn through<T>(&self, project: &str, work: impl Future<Output = T>) -> T {
        let mut turn = self.turn(project).await;
        let since = Mutex::new(Instant::now());
        let place = Arc::new(Place { outside: AtomicUsize::new(0), brief: self.brief, since });
        let mut work = pin!(PLACE.scope(Arc::clone(&place), work));
        let mut slow = pin!(tokio::time::sleep(self.slow));
        poll_fn(|context| {
            *place.since.lock() = Instant::now();
            let polled = work.as_mut().poll(context);
            let rests = || place.outside.load(Ordering::Relaxed) > 0;
            if polled.is_pending() && turn.works && (rests() || slow.as_mut().poll(context).is_ready()) {
                turn.rest();
            }
            polled
        })
        .await
    }

    async fn turn(&self, project: &str) -> Turn {
        let (ready, granted) = oneshot::channel();
        self.change(|state| {
            let waiting = state.waiting.entry(project.to_owned()).or_default();
            if waiting.is_empty() {
                state.order.push_back(project.to_owned());
            }
            waiting.push_back(ready);
        });
        granted.await.expect("who waits is never forgotten")
    }

    /// Changes who has what, and lets those begin who may then.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut granted = Vec::new();
        {
            let mut state = self.state.lock();
            change(&mut state);
            while let Some((project, ready)) = state.next() {
                if ready.is_closed() {
                    state.working.give_back(&project);
                    state.under_way.give_back(&project);
                } else {
                    granted.push((ready, Turn { turns: self.clone(), project, works: true }));
                }
            }
        }
        for (ready, turn) in granted {
            // Nobody waits for it any more: it goes back.
            drop(ready.send(turn));
        }
    }
}

#[cfg(test)]
mod tests;
