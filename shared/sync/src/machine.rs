//! The machine: what it holds, and how events come in and actions go out.
//!
//! Every event is taken in first, then [`Machine::decide`] derives from the whole state what to do next, so
//! that start, restart and normal running are one path. A write is put into the outbox only while writing is
//! allowed, and taken back when that ends before it was given out.

use crate::assignment::Assignment;
use crate::heal::Heals;
use crate::inventory::Inventory;
use crate::live::{Judge, Live, Origin, Seen, World};
use crate::operation::{Operation, Stage};
use crate::removal::Removal;
use crate::retry::{Again, POLITE};
use crate::{Action, Event, Failure};
use jiff::Timestamp;
use serde_json::Value;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Mode, Position};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// One application on one cluster.
#[derive(Debug)]
pub struct Machine {
    pub(crate) application: AppKey,
    pub(crate) goal: Goal,
    pub(crate) judge: Judge,
    pub(crate) mode: Mode,
    pub(crate) paused: bool,
    pub(crate) world: World,
    pub(crate) reads: BTreeMap<ObjectId, Read>,
    /// Resources of the release that are absent or differ.
    pub(crate) differing: BTreeSet<ObjectId>,
    pub(crate) inventory: Inventory,
    pub(crate) operation: Operation,
    pub(crate) heals: Heals,
    pub(crate) healed: u64,
    pub(crate) deletions: BTreeMap<ObjectId, Deletion>,
    /// Hooks to delete because they ended.
    pub(crate) cleanup: BTreeSet<ObjectId>,
    pub(crate) flights: BTreeMap<ObjectId, Flight>,
    pub(crate) outbox: VecDeque<Action>,
    pub(crate) watched: BTreeSet<ObjectId>,
    /// Something that the report shows is new.
    pub(crate) changed: bool,
    pub(crate) now: Timestamp,
}

/// What the machine is to bring about.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    Run(Arc<Assignment>),
    Remove(Removal),
}

/// A read that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Read {
    Wanted,
    Asked,
    Later(Again),
}

/// A deletion that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deletion {
    /// The API server took it for the object of this uid.
    Accepted(Option<String>),
    Retry(Again),
}

/// A write without an answer yet; there is at most one per object.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) purpose: Purpose,
    /// Taken out of the outbox.
    given: bool,
    /// Asked for by an earlier assignment: its answer is news of the object and nothing else.
    pub(crate) stale: bool,
    uid: Option<String>,
}

/// What a write is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Job,
    Heal,
    Namespace,
    Delete,
}

impl Machine {
    /// A machine that has yet to sync `assignment`.
    ///
    /// `inventory` is what the journal kept; `None` when it was lost: nothing is pruned then before
    /// [`Event::InventoryLoaded`].
    pub fn new(assignment: Arc<Assignment>, inventory: Option<Vec<ObjectId>>, now: Timestamp) -> Self {
        let mut machine = Self::bare(
            assignment.spec.application.clone(),
            Goal::Run(Arc::clone(&assignment)),
            Judge::of(&assignment),
            inventory,
            now,
        );
        machine.run(assignment, None);
        machine.decide(now);
        machine
    }

    /// A machine whose `assignment` was synced before a restart (its report said `Succeeded`): hooks do not run
    /// again, drift is healed as ever.
    pub fn resume(assignment: Arc<Assignment>, inventory: Option<Vec<ObjectId>>, now: Timestamp) -> Self {
        let mut machine = Self::bare(
            assignment.spec.application.clone(),
            Goal::Run(Arc::clone(&assignment)),
            Judge::of(&assignment),
            inventory,
            now,
        );
        machine.run(assignment, None);
        machine.operation.stage = Stage::Succeeded;
        machine.world.values_mut().for_each(|seen| seen.written = true);
        machine.decide(now);
        machine
    }

    /// A machine that removes an application, after a restart.
    pub fn removing(
        application: AppKey,
        position: Position,
        cascade: bool,
        inventory: Option<Vec<ObjectId>>,
        now: Timestamp,
    ) -> Self {
        let judge = Judge::of_removal(&application);
        let goal = Goal::Remove(Removal::new(position, cascade));
        let mut machine = Self::bare(application, goal, judge, inventory, now);
        machine.remove(Removal::new(position, cascade));
        machine.decide(now);
        machine
    }

    fn bare(
        application: AppKey,
        goal: Goal,
        judge: Judge,
        inventory: Option<Vec<ObjectId>>,
        now: Timestamp,
    ) -> Self {
        Self {
            application,
            goal,
            judge,
            mode: Mode::Enforce,
            paused: false,
            world: World::new(),
            reads: BTreeMap::new(),
            differing: BTreeSet::new(),
            inventory: Inventory::new(inventory),
            operation: Operation::default(),
            heals: Heals::default(),
            healed: 0,
            deletions: BTreeMap::new(),
            cleanup: BTreeSet::new(),
            flights: BTreeMap::new(),
            outbox: VecDeque::new(),
            watched: BTreeSet::new(),
            changed: true,
            now,
        }
    }

    /// Takes in what happened and decides what to do about it.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Assigned(assignment) => {
                if assignment.position > self.position() {
                    self.assigned(assignment);
                }
            }
            Event::Removed { position, cascade } => {
                if position > self.position() {
                    self.supersede();
                    self.judge = Judge::of_removal(&self.application);
                    self.remove(Removal::new(position, cascade));
                }
            }
            Event::Live(id, object) => {
                self.reads.remove(&id);
                self.news(&id, object.as_deref(), Origin::Elsewhere);
            }
            Event::Unread(id, failure) => self.unread(id, &failure, now),
            Event::Applied(id, result) => self.applied(&id, result, now),
            Event::Deleted(id, result) => self.deleted(&id, result, now),
            Event::Paused(paused) => {
                self.changed |= self.paused != paused;
                self.paused = paused;
            }
            Event::Mode(mode) => {
                self.changed |= self.mode != mode;
                self.mode = mode;
            }
            Event::SyncRequested => self.sync_requested(),
            Event::InventoryLoaded(found) => self.inventory_loaded(found),
            Event::Tick => {}
        }
        if !self.may_write() {
            self.recall_writes();
        }
        self.decide(now);
    }

    /// The next thing to do; `None` when there is nothing until the next event.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.outbox.pop_front()?;
        if let Some(id) = written_id(&action)
            && let Some(flight) = self.flights.get_mut(id)
        {
            flight.given = true;
        }
        Some(action)
    }

    /// When [`Event::Tick`] is due, and why.
    pub fn poll_timeout(&self) -> Option<(Timestamp, &'static str)> {
        let reads = self.reads.values().filter_map(|read| match read {
            Read::Later(again) => Some((again.due, "read an object again")),
            Read::Wanted | Read::Asked => None,
        });
        let mut due: Vec<(Timestamp, &'static str)> = reads.collect();
        if self.may_write() {
            due.extend(self.operation.due().map(|until| (until, "try the sync again")));
            due.extend(self.deletions.values().filter_map(|deletion| match deletion {
                Deletion::Retry(again) => Some((again.due, "try a deletion again")),
                Deletion::Accepted(_) => None,
            }));
            due.extend(
                self.healable()
                    .into_iter()
                    .map(|id| (self.heals.due(&id, Timestamp::MIN), "heal an object again")),
            );
        }
        // What was due by the last event was acted on then, or waits for something else than time.
        due.into_iter().filter(|(time, _)| *time > self.now).min()
    }

    /// The position that the machine acts on.
    pub fn position(&self) -> Position {
        match &self.goal {
            Goal::Run(assignment) => assignment.position,
            Goal::Remove(removal) => removal.position,
        }
    }

    /// The objects that are, or may be, in the cluster because of us.
    pub fn inventory(&self) -> impl Iterator<Item = &ObjectId> {
        self.inventory.ids.iter()
    }

    /// Whether writes may be given out now.
    pub(crate) fn may_write(&self) -> bool {
        !self.paused && self.mode == Mode::Enforce
    }

    fn decide(&mut self, now: Timestamp) {
        self.now = now;
        self.read(now);
        match self.goal.clone() {
            Goal::Run(assignment) => {
                if self.may_write() {
                    self.step_operation(&assignment, now);
                    self.heal(&assignment, now);
                    self.clean_up(&assignment, now);
                }
            }
            Goal::Remove(removal) => self.step_removal(&removal, now),
        }
        if let Some(ids) = self.inventory.to_save() {
            self.outbox.push_back(Action::SaveInventory(ids));
        }
        self.watch();
        if std::mem::take(&mut self.changed) && !self.outbox.contains(&Action::ReportChanged) {
            self.outbox.push_back(Action::ReportChanged);
        }
    }

    fn read(&mut self, now: Timestamp) {
        for (id, read) in &mut self.reads {
            let due = match read {
                Read::Wanted => true,
                Read::Asked => false,
                Read::Later(again) => again.due <= now,
            };
            if due {
                *read = Read::Asked;
                self.outbox.push_back(Action::Get(id.clone()));
            }
        }
    }

    /// Whether everything that is to be read was read, or cannot be for now.
    pub(crate) fn all_read(&self) -> bool {
        self.reads.values().all(|read| matches!(read, Read::Later(_)))
    }

    fn watch(&mut self) {
        let same = self.watched.len() == self.world.len() && self.watched.iter().eq(self.world.keys());
        if !same {
            self.watched = self.world.keys().cloned().collect();
            self.outbox.push_back(Action::Watch(self.watched.clone()));
        }
    }

    fn assigned(&mut self, assignment: Arc<Assignment>) {
        self.supersede();
        let before = match std::mem::replace(&mut self.goal, Goal::Run(Arc::clone(&assignment))) {
            Goal::Run(before) => Some(before),
            Goal::Remove(_) => None,
        };
        self.judge = Judge::of(&assignment);
        self.run(assignment, before.as_deref());
    }

    /// Makes `assignment` the goal: what the release before said the same of need not be read or written again.
    fn run(&mut self, assignment: Arc<Assignment>, before: Option<&Assignment>) {
        let same_rules =
            before.is_some_and(|before| before.spec.ignore_differences == assignment.spec.ignore_differences);
        for desired in assignment.objects.iter().filter(|desired| !desired.id.name.ends_with('*')) {
            let same = same_rules
                && before.and_then(|before| before.desired(&desired.id)).is_some_and(|before| {
                    before.object == desired.object && before.hook.is_some() == desired.hook.is_some()
                });
            let seen = self.world.entry(desired.id.clone()).or_insert_with(|| Seen::new(false));
            if !same || matches!(seen.live, Live::Unknown) {
                seen.forget_writes();
                self.reads.insert(desired.id.clone(), Read::Wanted);
            }
        }
        self.operation = Operation::of(&assignment);
        let wanted: BTreeSet<&ObjectId> = assignment.objects.iter().map(|desired| &desired.id).collect();
        self.inventory.set_wanted(|id| wanted.contains(id));
        self.keep_only(|id| wanted.contains(id));
        self.goal = Goal::Run(Arc::clone(&assignment));
        self.differing.clear();
        for desired in assignment.resources() {
            self.note_difference(&desired.id);
        }
    }

    fn remove(&mut self, removal: Removal) {
        self.inventory.set_wanted(|_| false);
        self.keep_only(|_| false);
        self.differing.clear();
        self.operation = Operation::default();
        self.goal = Goal::Remove(removal);
    }

    /// Drops from the world what is neither wanted nor in the inventory, and reads the rest of the inventory.
    fn keep_only(&mut self, wanted: impl Fn(&ObjectId) -> bool) {
        let inventory = &self.inventory.ids;
        self.world.retain(|id, _| wanted(id) || inventory.contains(id));
        self.reads.retain(|id, _| wanted(id) || inventory.contains(id));
        for id in inventory.iter().filter(|id| !wanted(id)) {
            let seen = self.world.entry(id.clone()).or_insert_with(|| Seen::new(false));
            seen.forget_writes();
            match &mut seen.live {
                Live::Unknown => {
                    self.reads.insert(id.clone(), Read::Wanted);
                }
                Live::Present(facts) => facts.drift.clear(),
                Live::Absent | Live::Unreadable(_) => {}
            }
        }
    }

    /// A newer position takes over: what is in the outbox is not given out, answers in flight are news only.
    fn supersede(&mut self) {
        self.recall_writes();
        self.outbox.retain(|action| matches!(action, Action::SaveInventory(_) | Action::ReportChanged));
        for read in self.reads.values_mut() {
            // Reads in flight are answered; those taken back are asked for again.
            *read = Read::Wanted;
        }
        self.flights.values_mut().for_each(|flight| flight.stale = true);
        self.heals.clear();
        self.cleanup.clear();
        self.deletions.retain(|_, deletion| matches!(deletion, Deletion::Accepted(_)));
        self.healed = 0;
        self.watched.clear();
        self.changed = true;
    }

    /// Takes writes back that were not given out.
    fn recall_writes(&mut self) {
        let mut recalled = Vec::new();
        self.outbox.retain(|action| match written_id(action) {
            Some(id) => {
                recalled.push(id.clone());
                false
            }
            None => true,
        });
        for id in recalled {
            if let Some(flight) = self.flights.remove(&id) {
                self.operation.recall(&id, flight.purpose);
            }
        }
    }

    fn sync_requested(&mut self) {
        if let Goal::Run(assignment) = self.goal.clone() {
            if self.operation.refresh() {
                self.recall_writes();
                self.operation = Operation::of(&assignment);
                self.world.values_mut().for_each(Seen::forget_writes);
            }
            self.changed = true;
        }
    }

    fn inventory_loaded(&mut self, found: Vec<ObjectId>) {
        self.inventory.add_found(found);
        let goal = self.goal.clone();
        let wanted = |id: &ObjectId| match &goal {
            Goal::Run(assignment) => assignment.desired(id).is_some(),
            Goal::Remove(_) => false,
        };
        self.inventory.set_wanted(&wanted);
        self.keep_only(&wanted);
        self.changed = true;
    }

    /// Takes in how an object is now.
    pub(crate) fn news(&mut self, id: &ObjectId, object: Option<&Value>, origin: Origin) {
        let Some(seen) = self.world.get_mut(id) else { return };
        let goal = self.goal.clone();
        let desired = match &goal {
            Goal::Run(assignment) => assignment.desired(id),
            Goal::Remove(_) => None,
        };
        self.changed |= self.judge.take(id, seen, desired, object, origin);
        self.note_difference(id);
        if object.is_none() {
            self.deletions.remove(id);
            self.cleanup.remove(id);
            if desired.is_none() && !self.operation.runs(id) {
                self.inventory.gone(id);
                self.world.remove(id);
            }
        }
        self.poll_deletion(id);
    }

    fn note_difference(&mut self, id: &ObjectId) {
        let Goal::Run(assignment) = &self.goal else { return };
        let resource = assignment.desired(id).is_some_and(crate::assignment::Desired::is_resource);
        if resource && self.world.get(id).is_some_and(Seen::differs) {
            self.differing.insert(id.clone());
        } else {
            self.differing.remove(id);
        }
    }

    fn unread(&mut self, id: ObjectId, failure: &Failure, now: Timestamp) {
        if !self.world.contains_key(&id) {
            return;
        }
        if let Failure::KindUnknown(_) | Failure::NotFound(_) = failure {
            self.reads.remove(&id);
            self.news(&id, None, Origin::Elsewhere);
            return;
        }
        let seen = self.world.get_mut(&id).expect("looked up above");
        let before = match self.reads.get(&id) {
            Some(Read::Later(again)) => Some(again.clone()),
            Some(Read::Wanted | Read::Asked) | None => None,
        };
        let again = Again::after(before.as_ref(), POLITE, failure, now);
        if matches!(seen.live, Live::Unknown | Live::Unreadable(_)) {
            let live = Live::Unreadable(failure.to_string());
            self.changed |= seen.live != live;
            seen.live = live;
        }
        self.reads.insert(id, Read::Later(again));
    }

    fn applied(&mut self, id: &ObjectId, result: Result<Arc<Value>, Failure>, now: Timestamp) {
        let flight = match self.flights.get(id) {
            Some(flight) if flight.given && flight.purpose != Purpose::Delete => self.flights.remove(id),
            // An answer twice, or to nothing we asked: news of the object at most.
            Some(_) | None => None,
        };
        let current = flight.filter(|flight| !flight.stale);
        let Some(flight) = current else {
            if let Ok(object) = result {
                self.news(id, Some(&object), Origin::Elsewhere);
            }
            return;
        };
        self.changed = true;
        match result {
            Ok(object) => {
                if let Some(seen) = self.world.get_mut(id).filter(|_| flight.purpose != Purpose::Namespace) {
                    seen.written = true;
                }
                self.reads.remove(id);
                self.news(id, Some(&object), Origin::OurWrite);
                match flight.purpose {
                    Purpose::Job => self.operation.applied(id),
                    Purpose::Heal => {
                        self.heals.worked(id);
                        self.healed += 1;
                    }
                    Purpose::Namespace => self.operation.namespace_ready(),
                    Purpose::Delete => {}
                }
            }
            Err(failure) => {
                let missing = matches!(failure, Failure::NotFound(_));
                match flight.purpose {
                    Purpose::Job => self.operation.failed(id, &failure, self.defines(id), now),
                    Purpose::Heal => self.heals.failed(id, &failure, now),
                    Purpose::Namespace => self.operation.namespace_failed(&failure, now),
                    Purpose::Delete => {}
                }
                if missing && let Goal::Run(assignment) = &self.goal {
                    self.operation.want_namespace(assignment);
                }
            }
        }
    }

    fn deleted(&mut self, id: &ObjectId, result: Result<(), Failure>, now: Timestamp) {
        let given =
            self.flights.get(id).is_some_and(|flight| flight.given && flight.purpose == Purpose::Delete);
        let Some(flight) = given.then(|| self.flights.remove(id)).flatten() else { return };
        self.changed = true;
        match result {
            Ok(()) | Err(Failure::NotFound(_)) => {
                self.deletions.insert(id.clone(), Deletion::Accepted(flight.uid));
                if self.world.contains_key(id) {
                    self.reads.insert(id.clone(), Read::Wanted);
                }
                if !flight.stale {
                    self.operation.deleted(id);
                }
            }
            Err(failure) => {
                let before = match self.deletions.get(id) {
                    Some(Deletion::Retry(again)) => Some(again.clone()),
                    Some(Deletion::Accepted(_)) | None => None,
                };
                let again = Again::after(before.as_ref(), POLITE, &failure, now);
                self.deletions.insert(id.clone(), Deletion::Retry(again));
                // A conflict means that the uid is another one: read before judging again.
                if matches!(failure, Failure::Conflict(_)) && self.world.contains_key(id) {
                    self.reads.insert(id.clone(), Read::Wanted);
                }
                if !flight.stale {
                    self.operation.failed(id, &failure, false, now);
                }
            }
        }
    }

    /// Whether the release defines the kind of `id` itself.
    fn defines(&self, id: &ObjectId) -> bool {
        let Goal::Run(assignment) = &self.goal else { return false };
        assignment.objects.iter().any(|desired| {
            let text = |pointer: &str| desired.object.pointer(pointer).and_then(Value::as_str);
            desired.id.kind == "CustomResourceDefinition"
                && text("/spec/group") == Some(&id.group)
                && text("/spec/names/kind") == Some(&id.kind)
        })
    }

    /// Puts a write into the outbox, unless one of the same object is without an answer.
    pub(crate) fn send(&mut self, purpose: Purpose, uid: Option<String>, action: Action) -> bool {
        let Some(id) = written_id(&action) else { return false };
        if self.flights.contains_key(id) || !self.may_write() {
            return false;
        }
        self.flights.insert(id.clone(), Flight { purpose, given: false, stale: false, uid });
        self.outbox.push_back(action);
        true
    }
}

fn written_id(action: &Action) -> Option<&ObjectId> {
    match action {
        Action::Apply { id, .. } | Action::Delete { id, .. } | Action::CreateNamespace { id, .. } => Some(id),
        Action::Get(_) | Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => None,
    }
}
