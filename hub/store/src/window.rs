//! The newest changes, kept in memory for watchers.
//!
//! Why a shared window and not a queue for each watcher: the memory is bounded by one number whatever the
//! number of watchers, and a watcher is only a position. One that falls behind the oldest change kept has
//! lost changes, and is told so.
//!
//! Why changes also go by age: only the hub itself watches the store, and it is never a minute behind; without it a hub
//! whose objects change all the time would grow for an hour before it reached its limit of bytes. What clients of the API
//! may miss is that API's to keep.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::{Before, Change, Config, Error, Keys, Revision, Watch};

/// How many changes one step of a watch looks at, give or take one revision.
const SCAN: usize = 1024;

/// How long a change is kept while others come.
const KEPT: Duration = Duration::from_secs(60);
/// Ages are known to this.
const GRAIN: Duration = Duration::from_secs(5);

/// Every change with a revision in `floor < revision <= tip`.
#[derive(Debug)]
pub(crate) struct Window {
    changes: VecDeque<Change>,
    bytes: usize,
    floor: Revision,
    tip: Revision,
    /// When the tip was where, a mark each [`GRAIN`], oldest first.
    marks: VecDeque<(Instant, Revision)>,
    config: Config,
}

/// The changes found by one step, all of them at or before `upto`, and none missed before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) changes: Vec<Change>,
    pub(crate) upto: Revision,
}

impl Window {
    pub(crate) fn new(at: Revision, config: Config) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, floor: at, tip: at, marks: VecDeque::new(), config }
    }

    pub(crate) fn floor(&self) -> Revision {
        self.floor
    }

    /// The oldest revision that is kept, or the next one when none is.
    pub(crate) fn oldest(&self) -> Revision {
        self.floor.next()
    }

    /// Takes in whole revisions, newer than all before.
    pub(crate) fn extend(&mut self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        for change in changes {
            debug_assert!(change.revision >= self.tip, "revisions only grow");
            self.tip = change.revision;
            self.bytes += change.cost();
            self.changes.push_back(change);
        }
        if self.marks.back().is_none_or(|(at, _)| now.duration_since(*at) >= GRAIN) {
            self.marks.push_back((now, self.tip));
        }
        while let Some((_, revision)) = self.marks.pop_front_if(|(at, _)| now.duration_since(*at) > KEPT) {
            self.forget(revision);
        }
        self.evict();
    }

    /// Drops the oldest revisions until it fits; the newest one stays.
    fn evict(&mut self) {
        while self.changes.len() > self.config.window_changes || self.bytes > self.config.window_bytes {
            let Some(oldest) = self.changes.front().map(|c| c.revision).filter(|r| *r < self.tip) else {
                return;
            };
            self.forget(oldest);
        }
    }

    /// Drops everything up to a revision.
    fn forget(&mut self, upto: Revision) {
        while let Some(change) = self.changes.pop_front_if(|c| c.revision <= upto) {
            self.bytes -= change.cost();
        }
        self.floor = self.floor.max(upto);
    }

    /// What those of `keys` that changed after `at` and up to `upto` held at `at`; `None` when some of it is gone.
    fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Option<Before> {
        if at < self.floor {
            return None;
        }
        let start = self.changes.partition_point(|c| c.revision <= at);
        let end = self.changes.partition_point(|c| c.revision <= upto);
        let mut before = Before::new();
        // The first change of a key says what it held.
        for change in self.changes.range(start..end.max(start)).filter(|c| keys.has(&c.key)) {
            before.entry(change.key.clone()).or_insert_with(|| change.previous.clone());
        }
        Some(before)
    }

    /// The next changes after `at` under `prefix`; `None` when some after `at` are gone.
    pub(crate) fn step(&self, at: Revision, prefix: &str) -> Option<Step> {
        if at < self.floor {
            return None;
        }
        let start = self.changes.partition_point(|c| c.revision <= at);
        let mut end = self.changes.len().min(start + SCAN);
        while end > start
            && end < self.changes.len()
            && self.changes[end].revision == self.changes[end - 1].revision
        {
            end += 1;
        }
        let changes = self.changes.range(start..end).filter(|c| c.key.starts_with(prefix)).cloned().collect();
        let upto = if end == self.changes.len() { self.tip } else { self.changes[end - 1].revision };
        Some(Step { changes, upto: upto.max(at) })
    }
}

/// The writer's end: publishes to all watches. Watches end when it is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    window: Arc<RwLock<Window>>,
    tip: watch::Sender<Revision>,
    /// Where each watcher is.
    places: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Publisher {
    pub(crate) fn new(at: Revision, config: Config) -> Self {
        Self {
            window: Arc::new(RwLock::new(Window::new(at, config))),
            tip: watch::Sender::new(at),
            places: Mutex::default(),
        }
    }

    /// Shows changes, which must be durable, to the watchers.
    pub(crate) fn publish(&self, changes: Vec<Change>) {
        if let Some(tip) = changes.last().map(|c| c.revision) {
            self.window.write().extend(changes, Instant::now());
            self.tip.send_replace(tip);
        }
    }

    /// How many changes are kept, and their bytes.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let window = self.window.read();
        (window.changes.len(), window.bytes)
    }

    /// How many watch, and how far the slowest is behind, in revisions.
    pub(crate) fn watches(&self) -> (usize, u64) {
        let tip = self.tip.borrow().0;
        let places = self.places.lock();
        let at: Vec<u64> =
            places.iter().filter_map(Weak::upgrade).map(|place| place.load(Ordering::Relaxed)).collect();
        (at.len(), at.iter().map(|at| tip.saturating_sub(*at)).max().unwrap_or_default())
    }

    /// As [`Store::before`](crate::Store::before). What is durable can be read a moment before it is here.
    pub(crate) async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error> {
        if at < upto {
            let mut tip = self.tip.subscribe();
            tip.wait_for(|tip| *tip >= upto).await.map_err(|_| Error::Closed)?;
        }
        let window = self.window.read();
        window.before(keys, at, upto).ok_or(Error::Compacted { from: at, oldest: window.oldest() })
    }

    pub(crate) fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        let tip = self.tip.subscribe();
        let window = self.window.read();
        if from < window.floor() {
            return Err(Error::Compacted { from, oldest: window.oldest() });
        }
        let place = Arc::new(AtomicU64::new(from.0));
        let mut places = self.places.lock();
        places.retain(|place| place.strong_count() > 0);
        places.push(Arc::downgrade(&place));
        Ok(Watch::new(Arc::clone(&self.window), tip, prefix.to_owned(), from, place))
    }
}

#[cfg(test)]
mod tests;
