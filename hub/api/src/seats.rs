//! How many requests are worked on at once: seats by class, queues with a bound, and turns by subject.
//!
//! It decides who may begin now, who waits, and who is told to come back later (429), from the class of a request, how much
//! of the hub it will take, and who asks. After KEP-1040 (API Priority and Fairness): a list takes as many seats as it
//! has objects to read, and those who wait take turns by subject, so that one who floods the hub waits in a queue of his own.
//!
//! Invariants:
//! 1. The seats in use of a class are at most its [`Room::seats`], those who wait at most its [`Room::queue`]: what
//!    requests hold in memory is bounded by them.
//! 2. Whoever waits gets a seat before another subject gets its second in a row, and nobody overtakes within a subject.
//! 3. A seat that is given up, in whatever way its request ends, goes to the next.
//!
//! What it refuses to know: what a request does. Health, metrics and webhooks take no seats (the last have a room of their
//! own), and neither does what the hub does by itself: no flood of requests makes it unhealthy or stops a rollout.

use crate::metrics::Metrics;
use parking_lot::Mutex;
use shared_model::Kind;
use shared_objects::Status;
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// What requests have in common that share seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// One object, a document, a review.
    Read,
    /// A change.
    Write,
    /// A list.
    List,
    /// The beginning of a watch, with what is told first.
    Watch,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Write, Self::List, Self::Watch];

    /// As metrics and refusals name it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Watch => "watch",
        }
    }

    /// When to come back if there is no place, in seconds.
    const fn later(self) -> u32 {
        match self {
            Self::Read | Self::Write => 1,
            Self::List | Self::Watch => 3,
        }
    }
}

/// The room of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many seats there are.
    pub seats: u32,
    /// How many requests may wait for one.
    pub queue: usize,
}

/// How much is done at once for those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Reads of one object, documents, reviews.
    pub reads: Room,
    /// Changes. Each holds its body, of at most 3 MiB, and what it makes of it.
    pub writes: Room,
    /// Lists; a seat per [`OBJECTS`] objects.
    pub lists: Room,
    /// Watches that begin; seats as for a list when they tell what is there first.
    pub starts: Room,
    /// Watches under way, of everybody.
    pub watches: usize,
    /// Watches under way of one subject.
    pub watches_each: usize,
    /// How long a request waits for a seat.
    pub patience: Duration,
    /// How long a client may take nothing of an answer that is there for it.
    pub stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: Room { seats: 64, queue: 2048 },
            writes: Room { seats: 32, queue: 1024 },
            lists: Room { seats: 2 * WIDEST, queue: 512 },
            starts: Room { seats: 2 * WIDEST, queue: 4096 },
            watches: 20_000,
            watches_each: 5_000,
            patience: Duration::from_secs(15),
            stalled: Duration::from_secs(30),
        }
    }
}

/// How many objects a seat of a list stands for.
pub(crate) const OBJECTS: usize = 100;
/// The most seats of one request.
pub(crate) const WIDEST: u32 = 10;

/// How many seats a list of so many objects takes; of how many nobody knows, the most.
pub(crate) fn width(objects: Option<usize>) -> u32 {
    let seats = objects.map_or(WIDEST, |objects| u32::try_from(objects.div_ceil(OBJECTS)).unwrap_or(WIDEST));
    seats.clamp(1, WIDEST)
}

/// All seats.
#[derive(Debug)]
pub(crate) struct Seats {
    classes: [Arc<Queue>; 4],
    patience: Duration,
    metrics: Metrics,
}

/// A request's seats, until this is dropped.
#[derive(Debug)]
#[must_use = "the seats are free again when this is dropped"]
pub(crate) struct Seat {
    queue: Arc<Queue>,
    width: u32,
    class: Class,
    metrics: Metrics,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.seated(self.class, -i64::from(self.width));
        self.queue.free(self.width);
    }
}

impl Seats {
    pub(crate) fn new(limits: &Limits, metrics: Metrics) -> Self {
        let queue = |class| {
            let room = match class {
                Class::Read => limits.reads,
                Class::Write => limits.writes,
                Class::List => limits.lists,
                Class::Watch => limits.starts,
            };
            Arc::new(Queue { room, plan: Mutex::new(Plan { free: room.seats, ..Plan::default() }) })
        };
        Self { classes: Class::ALL.map(queue), patience: limits.patience, metrics }
    }

    /// Waits for seats of a class.
    ///
    /// # Errors
    /// 429 when too many wait already, or no seat was free in time.
    pub(crate) async fn take(&self, class: Class, width: u32, subject: &str) -> Result<Seat, Status> {
        let queue = &self.classes[class as usize];
        let width = width.min(queue.room.seats);
        let entered = match queue.enter(width, subject) {
            Entered::Seated => true,
            Entered::Full => false,
            Entered::Waits(mut ticket) => {
                let _counted = self.metrics.waits(class);
                tokio::time::timeout(self.patience, ticket.called()).await.is_ok()
            }
        };
        if !entered {
            self.metrics.turned_away(class);
            let message = format!(
                "the hub is busy with other requests of this kind ({}s): try again later",
                class.word()
            );
            return Err(Status::too_many_requests(&message, class.later()));
        }
        self.metrics.seated(class, i64::from(width));
        Ok(Seat { queue: Arc::clone(queue), width, class, metrics: self.metrics.clone() })
    }
}

/// The seats of one class, and who waits for them.
#[derive(Debug)]
struct Queue {
    room: Room,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    free: u32,
    /// Those who wait, by subject; no queue in it is empty.
    waiting: BTreeMap<String, VecDeque<Waiter>>,
    count: usize,
    /// Who had the last turn.
    last: String,
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    width: u32,
    call: oneshot::Sender<()>,
}

enum Entered {
    Seated,
    Waits(Ticket),
    Full,
}

/// A place in a queue, until this is dropped.
struct Ticket {
    queue: Arc<Queue>,
    subject: String,
    id: u64,
    width: u32,
    call: oneshot::Receiver<()>,
    seated: bool,
}

impl Ticket {
    /// Resolves when the seats are the caller's.
    async fn called(&mut self) {
        // The sender is dropped by a call or by this ticket only.
        let _called = (&mut self.call).await;
        self.seated = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.seated {
            self.queue.leave(&self.subject, self.id, self.width);
        }
    }
}

impl Queue {
    fn enter(self: &Arc<Self>, width: u32, subject: &str) -> Entered {
        let mut plan = self.plan.lock();
        if plan.count == 0 && plan.free >= width {
            plan.free -= width;
            subject.clone_into(&mut plan.last);
            return Entered::Seated;
        }
        if plan.count >= self.room.queue {
            return Entered::Full;
        }
        let id = plan.next;
        plan.next += 1;
        plan.count += 1;
        let (sender, call) = oneshot::channel();
        plan.waiting.entry(subject.to_owned()).or_default().push_back(Waiter { id, width, call: sender });
        Entered::Waits(Ticket {
            queue: Arc::clone(self),
            subject: subject.to_owned(),
            id,
            width,
            call,
            seated: false,
        })
    }

    fn free(&self, width: u32) {
        let mut plan = self.plan.lock();
        plan.free += width;
        plan.call();
    }

    /// Takes back a place that its holder no longer wants, whether or not it was called meanwhile.
    fn leave(&self, subject: &str, id: u64, width: u32) {
        let mut plan = self.plan.lock();
        let Some(queue) = plan.waiting.get_mut(subject) else { return plan.give_back(width) };
        let Some(at) = queue.iter().position(|waiter| waiter.id == id) else { return plan.give_back(width) };
        queue.remove(at);
        if queue.is_empty() {
            plan.waiting.remove(subject);
        }
        plan.count -= 1;
        // Who stood behind a wide one may fit.
        plan.call();
    }
}

impl Plan {
    /// Seats that were called out to one who had left.
    fn give_back(&mut self, width: u32) {
        self.free += width;
        self.call();
    }

    /// Calls those whose turn it is, as long as there are seats for them. One who needs many is not overtaken by those
    /// who need few: he would never sit down.
    fn call(&mut self) {
        loop {
            let after = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
            let Some(subject) =
                self.waiting.range::<str, _>(after).next().or_else(|| self.waiting.iter().next())
            else {
                return;
            };
            let subject = subject.0.clone();
            let queue = self.waiting.get_mut(&subject).expect("it was just found");
            if queue.front().is_some_and(|waiter| waiter.width > self.free) {
                return;
            }
            let waiter = queue.pop_front().expect("no queue is empty");
            if queue.is_empty() {
                self.waiting.remove(&subject);
            }
            self.count -= 1;
            self.free -= waiter.width;
            self.last = subject;
            // One who has just left gives the seats back by his ticket.
            let _left = waiter.call.send(());
        }
    }
}

/// How many objects there are of each kind, as far as lists have shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sizes(Arc<Mutex<BTreeMap<Kind, usize>>>);

impl Sizes {
    /// A list found so many; `all` of the kind, or those of a namespace.
    pub(crate) fn learn(&self, kind: Kind, all: bool, found: usize) {
        let mut sizes = self.0.lock();
        let known = sizes.get(&kind).copied();
        if all || known.is_some_and(|known| found > known) {
            sizes.insert(kind, found);
        }
    }

    /// How many seats a list of a kind takes, of which at most `limit` objects are wanted.
    pub(crate) fn width(&self, kind: Kind, limit: Option<usize>) -> u32 {
        let known = self.0.lock().get(&kind).copied();
        width(known.map(|known| limit.map_or(known, |limit| limit.min(known))).or(limit))
    }
}

/// The watches under way.
#[derive(Debug, Clone)]
pub(crate) struct Watches {
    under_way: Arc<Mutex<UnderWay>>,
    most: (usize, usize),
}

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    each: BTreeMap<String, usize>,
}

/// A watch under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    under_way: Arc<Mutex<UnderWay>>,
    subject: String,
}

impl Watches {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { under_way: Arc::default(), most: (limits.watches, limits.watches_each) }
    }

    /// # Errors
    /// 429 when there are too many, of this subject or of all.
    pub(crate) fn enter(&self, subject: &str) -> Result<Place, Status> {
        let mut under_way = self.under_way.lock();
        let (all, each) = self.most;
        let own = under_way.each.get(subject).copied().unwrap_or_default();
        let said = if own >= each {
            format!("{own} watches of yours are under way, and more are not allowed: end some, or share them")
        } else if under_way.all >= all {
            format!("{all} watches are under way, and the hub has no room for more: try again later")
        } else {
            under_way.all += 1;
            *under_way.each.entry(subject.to_owned()).or_default() += 1;
            return Ok(Place { under_way: Arc::clone(&self.under_way), subject: subject.to_owned() });
        };
        Err(Status::too_many_requests(&said, Class::Watch.later()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        under_way.all -= 1;
        if let Some(own) = under_way.each.get_mut(&self.subject) {
            *own -= 1;
            if *own == 0 {
                under_way.each.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests;
