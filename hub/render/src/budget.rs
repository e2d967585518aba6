//! How much memory all renderings under way may take together: what a tool is shown, what it prints, and that as objects.
//!
//! Decides from bytes that are there or may come. It is a bound to keep, not a measure: what it counts is a guess that is
//! rather too high.
//!
//! # Invariants
//! - Together they have no more than the budget, and what one of them grew beyond it. What alone is larger than the
//!   budget takes all of it.
//! - Whoever waits holds nothing that others wait for, but for a growing one: only one at a time grows beyond the budget,
//!   and it waits for nobody.

use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// What is counted, in bytes.
const UNIT: u64 = 64 << 10;

/// Memory for renderings. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    all: u32,
    free: Arc<Semaphore>,
    beyond: Arc<Mutex<()>>,
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    held: OwnedSemaphorePermit,
    beyond: Option<OwnedMutexGuard<()>>,
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let all = units(bytes).max(1);
        Self { all, free: Arc::new(Semaphore::new(all as usize)), beyond: Arc::default() }
    }

    /// So many bytes, when they are there; in order.
    pub(crate) async fn take(&self, bytes: u64) -> Share {
        let free = Arc::clone(&self.free).acquire_many_owned(units(bytes).min(self.all));
        let held = free.await.expect("the semaphore is never closed");
        Share { budget: self.clone(), held, beyond: None }
    }

    /// How much is free, in bytes.
    #[cfg(test)]
    pub(crate) fn free(&self) -> u64 {
        self.free.available_permits() as u64 * UNIT
    }
}

impl Share {
    /// Gives back all but so many bytes.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let more = self.held.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.held.split(more));
    }

    /// Has so many bytes from now on. Blocks while another grows beyond the budget.
    pub(crate) fn grow(&mut self, bytes: u64) {
        let more = units(bytes).min(self.budget.all).saturating_sub(self.held.num_permits() as u32);
        if more == 0 || self.beyond.is_some() {
            return;
        }
        match Arc::clone(&self.budget.free).try_acquire_many_owned(more) {
            Ok(more) => self.held.merge(more),
            Err(_) => self.beyond = Some(Arc::clone(&self.budget.beyond).blocking_lock_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    const MIB: u64 = 1 << 20;

    async fn is_there(share: &mut std::pin::Pin<Box<impl Future<Output = Share>>>) -> Option<Share> {
        std::future::poll_fn(|context| match share.as_mut().poll(context) {
            Poll::Ready(share) => Poll::Ready(Some(share)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn what_is_larger_than_all_takes_all() {
        let budget = Budget::new(4 * MIB);
        let mut one = budget.take(3 * MIB).await;
        assert_eq!(budget.free(), MIB);
        let mut huge = Box::pin(budget.take(100 * MIB));
        let mut next = Box::pin(budget.take(1));
        // In order: what is small does not overtake for ever.
        assert!(is_there(&mut huge).await.is_none() && is_there(&mut next).await.is_none());
        one.shrink(MIB);
        assert_eq!(is_there(&mut huge).await.map(drop), None);
        drop(one);
        let huge = is_there(&mut huge).await.unwrap();
        assert!(is_there(&mut next).await.is_none());
        drop(huge);
        drop(is_there(&mut next).await.unwrap());
        assert_eq!(budget.free(), 4 * MIB);
    }

    #[tokio::test]
    async fn one_at_a_time_grows_beyond() {
        let budget = Budget::new(4 * MIB);
        let (mut one, mut other) = (budget.take(MIB).await, budget.take(2 * MIB).await);
        tokio::task::spawn_blocking(move || {
            one.grow(2 * MIB);
            assert_eq!(budget.free(), 0);
            other.grow(3 * MIB);
            assert!(other.beyond.is_some() && one.beyond.is_none());
            let waiting = std::thread::spawn(move || {
                one.grow(4 * MIB);
                one
            });
            while Arc::strong_count(&budget.beyond) < 5 {
                std::thread::yield_now();
            }
            assert!(!waiting.is_finished());
            drop(other);
            drop(waiting.join().unwrap());
            assert_eq!(budget.free(), 4 * MIB);
        })
        .await
        .unwrap();
    }
}
