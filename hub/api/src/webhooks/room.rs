//! The memory that bodies of webhooks take while they come, and who gives way when it is used up.
//!
//! Room is taken as a body comes and held as long as the body is there: who announces much and sends little takes little. When somebody waits for
//! room, the body that has been coming for the longest gives way, once it has had [`PACE`]: a stranger who fills the room and stops holds
//! webhooks up for that long, and no longer. What is there whole never gives way.
//!
//! It refuses to know who sent a body: behind a proxy, all come from one address.

use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// How long a body may take while others wait for room.
const PACE: Duration = Duration::from_secs(2);
/// How long somebody who was told to give way has for it, before the next is told.
const STEP: Duration = Duration::from_millis(50);

/// Room for bodies, in KiB.
#[derive(Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    coming: Mutex<Coming>,
}

/// The bodies that are coming, the oldest first.
#[derive(Debug, Default)]
struct Coming {
    next: u64,
    bodies: BTreeMap<u64, (Instant, Arc<Notify>)>,
    told: Option<Instant>,
}

/// What a body that is coming holds.
#[derive(Debug)]
pub(super) struct Place<'r> {
    room: &'r Room,
    number: u64,
    told: Arc<Notify>,
    held: OwnedSemaphorePermit,
}

/// A body has to give way to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GiveWay;

impl Room {
    pub(super) fn new(kib: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(kib)), coming: Mutex::default() }
    }

    /// A body begins to come; it holds nothing yet.
    pub(super) fn enter(&self) -> Place<'_> {
        let told = Arc::new(Notify::new());
        let mut coming = self.coming.lock();
        let number = coming.next;
        coming.next += 1;
        coming.bodies.insert(number, (Instant::now(), Arc::clone(&told)));
        let held = Arc::clone(&self.free).try_acquire_many_owned(0).expect("the semaphore is never closed");
        Place { room: self, number, told, held }
    }

    /// Tells the oldest body to give way if it had its time, and when to look again.
    fn make(&self) -> Instant {
        let mut coming = self.coming.lock();
        let now = Instant::now();
        if let Some(told) = coming.told.filter(|told| now < *told + STEP) {
            return told + STEP;
        }
        let Some(oldest) = coming.bodies.first_entry() else { return now + STEP };
        let due = oldest.get().0 + PACE;
        if now < due {
            return due;
        }
        let (_, body) = oldest.remove();
        body.notify_one();
        coming.told = Some(now);
        now + STEP
    }
}

impl Place<'_> {
    /// Until it is told to give way.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// Takes room until it holds `kib`.
    pub(super) async fn grow(&mut self, kib: usize) -> Result<(), GiveWay> {
        let more = u32::try_from(kib.saturating_sub(self.held.num_permits())).unwrap_or(u32::MAX);
        let taking = Arc::clone(&self.room.free).acquire_many_owned(more);
        tokio::pin!(taking);
        let mut look = Instant::now();
        loop {
            tokio::select! {
                biased;
                taken = &mut taking => {
                    self.held.merge(taken.expect("the semaphore is never closed"));
                    return Ok(());
                }
                () = self.told.notified() => return Err(GiveWay),
                () = tokio::time::sleep_until(look) => look = self.room.make(),
            }
        }
    }

    /// Holds nothing any more, and is coming still.
    pub(super) fn empty(&mut self) {
        drop(self.held.split(self.held.num_permits()));
    }

    /// It is there whole: what it holds, until that is dropped.
    pub(super) fn whole(mut self) -> OwnedSemaphorePermit {
        self.held.split(self.held.num_permits()).expect("all of them are there")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.room.coming.lock().bodies.remove(&self.number);
    }
}
