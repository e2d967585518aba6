//! How many requests an agent may make: some at once, some each second, heals first.
//!
//! Counted is every request about an object: reads, writes, deletions, confirmations. Not counted are discovery (at most
//! one read of a group each second), the search for our marks (one request after the other) and watches (one for each
//! kind, each with its own back-off).
//!
//! Why these numbers: an application of 1,000 new objects is 2,000 requests, a read and a write each, and is to be there
//! in ten seconds. What spares the API server is the number at once: it is below any of its own levels of priority and
//! fairness (Kubernetes KEP-1040), so an agent never fills a queue that others wait in.

use parking_lot::Mutex;
use shared_runtime::metrics::Depth;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Requests under way at once.
pub(crate) const AT_ONCE: usize = 16;
/// Requests that may start each second, in the long run.
pub(crate) const PER_SECOND: u32 = 250;
/// Requests that may start at once after a quiet time.
const BURST: u32 = 500;

/// Who goes first when requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Heals: a person or a controller is waiting for what the release says.
    First,
    /// Everything else.
    Normal,
}

/// The right to make one request.
#[derive(Debug)]
pub(crate) struct Permit {
    _one: OwnedSemaphorePermit,
}

/// The limit of one cluster. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    waiting: Arc<Mutex<Waiting>>,
    slots: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting {
    bucket: Bucket,
    first: VecDeque<oneshot::Sender<OwnedSemaphorePermit>>,
    normal: VecDeque<oneshot::Sender<OwnedSemaphorePermit>>,
    /// Somebody hands out turns.
    serving: bool,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Takes a token, or says how long until there is one.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(PER_SECOND);
        self.tokens = (self.tokens + gained).min(f64::from(BURST));
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / f64::from(PER_SECOND)))
        }
    }
}

impl Limit {
    pub(crate) fn new() -> Self {
        let bucket = Bucket { tokens: f64::from(BURST), at: Instant::now() };
        let waiting = Waiting { bucket, first: VecDeque::new(), normal: VecDeque::new(), serving: false };
        Self { waiting: Arc::new(Mutex::new(waiting)), slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Shows how many wait, and how many are under way.
    pub(crate) fn show(&self, waiting: &Depth, under_way: &Depth) {
        let all = Arc::clone(&self.waiting);
        waiting.ask(move || {
            let waiting = all.lock();
            waiting.first.len() + waiting.normal.len()
        });
        let slots = Arc::clone(&self.slots);
        under_way.ask(move || AT_ONCE - slots.available_permits());
    }

    /// Waits for the right to make a request.
    pub(crate) async fn permit(&self, priority: Priority) -> Permit {
        let (turn, mine) = oneshot::channel();
        let serve = {
            let mut waiting = self.waiting.lock();
            match priority {
                Priority::First => waiting.first.push_back(turn),
                Priority::Normal => waiting.normal.push_back(turn),
            }
            !std::mem::replace(&mut waiting.serving, true)
        };
        if serve {
            shared_runtime::spawn("request limit", self.clone().serve());
        }
        // A turn is lost only when the process ends: then nobody waits for this either.
        match mine.await {
            Ok(slot) => Permit { _one: slot },
            Err(_) => std::future::pending().await,
        }
    }

    /// Hands out turns until nobody waits. Who is next is decided when it may go, so that heals overtake until then.
    async fn serve(self) {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
            loop {
                let wait = self.waiting.lock().wait();
                let Some(wait) = wait else { break };
                tokio::time::sleep(wait).await;
            }
            let next = self.waiting.lock().next();
            let Some(next) = next else { return };
            // Whoever gave up waiting leaves its turn unused.
            let _gave_up = next.send(slot);
        }
    }
}

impl Waiting {
    /// Takes a token, or says how long until there is one. Without anyone waiting there is nothing to wait for.
    fn wait(&mut self) -> Option<Duration> {
        if self.first.is_empty() && self.normal.is_empty() {
            return None;
        }
        self.bucket.take(Instant::now()).err()
    }

    fn next(&mut self) -> Option<oneshot::Sender<OwnedSemaphorePermit>> {
        let next = self.first.pop_front().or_else(|| self.normal.pop_front());
        self.serving = next.is_some();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_and_then_a_rate() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: f64::from(BURST), at: start };
        let burst = (0..1_000).take_while(|_| bucket.take(start).is_ok()).count();
        assert_eq!(burst, 500);
        let later = start + Duration::from_secs(1);
        let rate = (0..1_000).take_while(|_| bucket.take(later).is_ok()).count();
        assert_eq!(rate, 250);
        assert!(bucket.take(later).unwrap_err() <= Duration::from_millis(4));
    }

    #[tokio::test]
    async fn heals_overtake() {
        let limit = Limit::new();
        let held: Vec<_> = {
            let mut held = Vec::new();
            for _ in 0..AT_ONCE {
                held.push(limit.permit(Priority::Normal).await);
            }
            held
        };
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        let ask = |priority| {
            let (limit, told) = (limit.clone(), told.clone());
            shared_runtime::spawn("ask", async move {
                let _permit = limit.permit(priority).await;
                let _test_ended = told.send(priority);
            })
        };
        // The current-thread runtime runs them in this order up to where they wait.
        let tasks = [ask(Priority::Normal), ask(Priority::Normal), ask(Priority::First)];
        tokio::task::yield_now().await;
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(order.recv().await, Some(Priority::First));
    }
}
