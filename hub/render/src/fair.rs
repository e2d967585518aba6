//! Who may render now: as many at once as there are cores, in turns between projects.
//!
//! Decides from who asks (a project), from whether what it renders was slow before, and from how long it takes now.
//!
//! # Invariants
//! - Never more than twice as many slots are taken as there are: once in each lane.
//! - Of those that wait in a lane, each project has its turn before another has a second one.
//! - Who takes longer than [`SLOW`] goes over to the slow lane while that has room, and who is known to be slow begins
//!   there: a chart that takes a minute keeps nobody waiting who takes a moment.
//!
//! It refuses to know what is rendered.

use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// What takes longer is slow.
pub(crate) const SLOW: Duration = Duration::from_secs(5);

/// Hands out slots. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Fair(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    slots: usize,
    slow: Duration,
    lanes: [Lane; 2],
}

#[derive(Debug, Default)]
struct Lane {
    taken: usize,
    /// Whose turn is next, of those that wait.
    turns: VecDeque<String>,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<Permit>>>,
}

/// Where a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Quick = 0,
    Slow = 1,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    fair: Fair,
    /// Nothing once it was given back.
    lane: Mutex<Option<Which>>,
}

impl Fair {
    /// That many slots in each lane; what takes longer than `slow` is slow.
    pub(crate) fn new(slots: usize, slow: Duration) -> Self {
        Self(Arc::new(Mutex::new(State { slots: slots.max(1), slow, lanes: Default::default() })))
    }

    /// A slot for a project, when it is its turn.
    pub(crate) async fn slot(&self, project: &str, is_slow: bool) -> Permit {
        let (ready, granted) = oneshot::channel();
        let which = if is_slow { Which::Slow } else { Which::Quick };
        self.change(|state| {
            let lane = &mut state.lanes[which as usize];
            let waiting = lane.waiting.entry(project.to_owned()).or_default();
            if waiting.is_empty() {
                lane.turns.push_back(project.to_owned());
            }
            waiting.push_back(ready);
        });
        granted.await.expect("who waits is never forgotten")
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.0.lock().lanes.iter().flat_map(|lane| lane.waiting.values()).map(VecDeque::len).sum()
    }

    /// How many slots are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.lock().lanes.iter().map(|lane| lane.taken).sum()
    }

    /// Changes who has what, and hands out what is free then.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut granted = self.granted(change);
        while let Some((ready, permit)) = granted.pop_front() {
            // Nobody waits for it any more: it goes to the next. Not by dropping it, which would come back here for as
            // many as have gone.
            if let Err(permit) = ready.send(permit)
                && let Some(which) = permit.lane.lock().take()
            {
                granted.extend(self.granted(|state| state.lanes[which as usize].taken -= 1));
            }
        }
    }

    /// What is free after a change, and who is next for it.
    fn granted(&self, change: impl FnOnce(&mut State)) -> VecDeque<(oneshot::Sender<Permit>, Permit)> {
        let mut granted = VecDeque::new();
        let mut state = self.0.lock();
        change(&mut state);
        for which in [Which::Quick, Which::Slow] {
            while let Some(ready) = state.next(which) {
                granted.push_back((ready, Permit { fair: self.clone(), lane: Mutex::new(Some(which)) }));
            }
        }
        granted
    }
}

impl State {
    /// Takes a free slot for whoever is next.
    fn next(&mut self, which: Which) -> Option<oneshot::Sender<Permit>> {
        let lane = &mut self.lanes[which as usize];
        if lane.taken >= self.slots {
            return None;
        }
        let project = lane.turns.pop_front()?;
        let waiting = lane.waiting.get_mut(&project)?;
        let ready = waiting.pop_front()?;
        if waiting.is_empty() {
            lane.waiting.remove(&project);
        } else {
            lane.turns.push_back(project);
        }
        lane.taken += 1;
        Some(ready)
    }
}

impl Permit {
    /// Goes over to the slow lane, if that has room.
    fn step_aside(&self) {
        let mut here = self.lane.lock();
        if *here != Some(Which::Quick) {
            return;
        }
        self.fair.change(|state| {
            let [quick, slow] = &mut state.lanes;
            if slow.taken < state.slots {
                quick.taken -= 1;
                slow.taken += 1;
                *here = Some(Which::Slow);
            }
        });
    }

    /// Does the work, stepping aside when it is slow.
    pub(crate) async fn through<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let slow = self.fair.0.lock().slow;
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(slow) => self.step_aside(),
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(which) = self.lane.lock().take() {
            self.fair.change(|state| state.lanes[which as usize].taken -= 1);
        }
    }
}

#[cfg(test)]
mod tests;
