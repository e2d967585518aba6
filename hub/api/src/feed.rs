//! The changes of all objects, as watchers see them: resolved once, kept for a while, read by all.
//!
//! One task follows the store. Each change of an object, of its status, or of what a cluster reports of an
//! Application becomes one [`Event`] at the store's revision, with the object as a reader sees it. A watcher
//! is a position in the ring of the newest events.
//!
//! Invariants:
//! 1. Events come in the order of revisions; those of one revision are never split.
//! 2. The content of an event is at least as new as its revision, and it never goes back.
//! 3. Memory is bounded by the ring's limits, whatever the number of watchers; one that falls behind is told.
//! 4. While nobody has listed or watched for [`LINGERS`] it rests: a hub that nobody looks at resolves nothing. Whoever
//!    lists or watches wakes it first ([`Feed::wake`]), so that a watch goes on from its listing without a gap.

mod resolve;
mod ring;

use bytes::Bytes;
use hub_records::Records;
use hub_store::Revision;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use shared_model::Kind;
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

use ring::Ring;

/// What happened to an object.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: Revision,
    pub(crate) kind: Kind,
    /// The object before, without its status; absent when it is new. Only its metadata is kept.
    pub(crate) before: Option<Value>,
    /// The object as readers see it; when it is gone, as it was last.
    pub(crate) object: Value,
    /// Whether it is gone.
    pub(crate) gone: bool,
    cost: usize,
    text: OnceLock<Bytes>,
}

impl Event {
    fn new(revision: Revision, kind: Kind, before: Option<Value>, object: Value, gone: bool) -> Self {
        let cost = size_of::<Self>() + before.as_ref().map_or(0, weight) + weight(&object);
        Self { revision, kind, before, object, gone, cost, text: OnceLock::new() }
    }

    /// The object as JSON, written once for all watchers.
    pub(crate) fn text(&self) -> &Bytes {
        self.text.get_or_init(|| Bytes::from(self.object.to_string()))
    }
}

/// Roughly the bytes that a value takes in memory. A map is a tree whose nodes have room for eleven entries: an object of
/// few fields takes many times its text.
fn weight(value: &Value) -> usize {
    const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>());
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Object(fields) => {
            let entries: usize = fields.iter().map(|(name, value)| name.len() + weight(value)).sum();
            fields.len().div_ceil(8) * NODE + entries
        }
    };
    size_of::<Value>() + inside
}

/// How long it goes on for nobody. A watch follows its listing when the client has received all of it and worked it off,
/// which takes a slow one of a large fleet the better part of a minute; a client whose watch ended comes back within
/// seconds.
const LINGERS: Duration = Duration::from_secs(60);

/// Where watchers read.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    ring: Arc<RwLock<Ring>>,
    tip: watch::Receiver<Revision>,
    wanted: Arc<Wanted>,
}

/// Whether somebody wants what it gives.
#[derive(Debug)]
struct Wanted {
    /// How many list or watch, and when somebody last began or ended that.
    by: Mutex<(usize, Instant)>,
    /// Somebody does who was not there.
    came: Notify,
    /// Whether changes are resolved.
    awake: watch::Sender<bool>,
}

impl Wanted {
    fn by_nobody(&self) -> bool {
        let (watchers, last) = *self.by.lock();
        watchers == 0 && last.elapsed() > LINGERS
    }
}

/// Somebody lists or watches, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Interest(Arc<Wanted>);

impl Drop for Interest {
    fn drop(&mut self) {
        let mut by = self.0.by.lock();
        *by = (by.0 - 1, Instant::now());
    }
}

/// The changes that a watcher asked for are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    pub(crate) asked: Revision,
    pub(crate) oldest: Revision,
}

impl Feed {
    /// A feed from `start` on, and the task that fills it, which ends with the store.
    pub(crate) fn new(
        records: Records,
        start: Revision,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let ring = Arc::new(RwLock::new(Ring::new(start)));
        let (tip, read) = watch::channel(start);
        let by = Mutex::new((0, Instant::now()));
        let wanted = Arc::new(Wanted { by, came: Notify::new(), awake: watch::Sender::new(true) });
        let feed = Self { ring: Arc::clone(&ring), tip: read, wanted: Arc::clone(&wanted) };
        (feed, fill(records, ring, tip, start, wanted))
    }

    /// Says that somebody is about to list or watch; resolves when the feed gives everything from now on.
    pub(crate) async fn wake(&self) {
        self.wanted.by.lock().1 = Instant::now();
        let mut awake = self.wanted.awake.subscribe();
        let rests = !*awake.borrow();
        if rests {
            self.wanted.came.notify_one();
            let _ended = awake.wait_for(|awake| *awake).await;
        }
    }

    /// Says that somebody lists or watches from now on.
    pub(crate) fn watched(&self) -> Interest {
        self.wanted.by.lock().0 += 1;
        Interest(Arc::clone(&self.wanted))
    }

    /// Events after `at`, at least one unless only the position moved; the new position.
    pub(crate) fn step(&self, at: Revision) -> Result<(Vec<Arc<Event>>, Revision), Compacted> {
        self.ring.read().after(at)
    }

    /// How far the feed is.
    pub(crate) fn tip(&self) -> Revision {
        *self.tip.borrow()
    }

    /// Waits until the feed is past `at`; `false` when the feed has ended.
    pub(crate) async fn wait(&mut self, at: Revision) -> bool {
        self.tip.wait_for(|tip| *tip > at).await.is_ok()
    }
}

async fn fill(
    records: Records,
    ring: Arc<RwLock<Ring>>,
    tip: watch::Sender<Revision>,
    start: Revision,
    wanted: Arc<Wanted>,
) {
    let mut at = start;
    loop {
        let mut watch = match records.store().watch("", at).await {
            Ok(watch) => watch,
            Err(error) => {
                tracing::warn!(%error, "the feed of changes starts again; watchers list again");
                match records.store().revision().await {
                    Ok(revision) => at = revision,
                    Err(error) => return tracing::error!(%error, "the feed of changes ended"),
                }
                ring.write().restart(at);
                tip.send_replace(at);
                continue;
            }
        };
        loop {
            let changes = match tokio::time::timeout(LINGERS, watch.next()).await {
                Ok(Some(Ok(changes))) => changes,
                Ok(Some(Err(error))) => {
                    tracing::warn!(%error, "the feed of changes fell behind");
                    break;
                }
                // The store is closed.
                Ok(None) => return,
                // A quiet hub keeps nothing for nobody either.
                Err(_) => Vec::new(),
            };
            if rests(&wanted, &ring, watch.position()).await {
                // What came meanwhile is nobody's news: all who want some list first.
                let revision = records.store().revision().await;
                at = revision.unwrap_or_else(|_| watch.position());
                ring.write().restart(at);
                tip.send_replace(at);
                wanted.awake.send_replace(true);
                break;
            }
            let upto = watch.position();
            match resolve::events(&records, changes).await {
                Ok(events) => ring.write().push(events, upto),
                Err(error) => {
                    tracing::error!(%error, "a change could not be read; watchers list again");
                    ring.write().restart(upto);
                }
            }
            at = upto;
            tip.send_replace(upto);
        }
    }
}

/// Rests while nobody wants anything, and keeps nothing meanwhile; whether it did.
async fn rests(wanted: &Wanted, ring: &RwLock<Ring>, at: Revision) -> bool {
    if !wanted.by_nobody() {
        return false;
    }
    wanted.awake.send_replace(false);
    ring.write().restart(at);
    // Who came before that saw it awake.
    while wanted.by_nobody() {
        wanted.came.notified().await;
    }
    true
}

#[cfg(test)]
mod tests;
