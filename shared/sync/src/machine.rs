//! The machine: what it holds, and how events come in and actions go out.
//!
//! Every event is taken in first, then [`Machine::decide`] derives from the whole state what to do next, so
//! that start, restart and normal running are one path. A write is put into the outbox only while writing is
//! allowed, and taken back when that ends before it was given out.

use crate::assignment::Assignment;
use crate::heal::Heals;
use crate::inventory::Inventory;
use crate::live::{Judge, Origin, World};
use crate::operation::{Operation, Stage};
use crate::outbox::Out;
use crate::reads::Reads;
use crate::removal::Removal;
use crate::retry::Again;
use crate::runs::{HookRun, HookRuns};
use crate::{Action, Event};
use jiff::Timestamp;
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
    pub(crate) reads: Reads,
    /// Resources of the release that are absent or differ.
    pub(crate) differing: BTreeSet<ObjectId>,
    /// Of those, what was as the release says before: what self-heal is about.
    pub(crate) drifted: BTreeSet<ObjectId>,
    pub(crate) inventory: Inventory,
    pub(crate) operation: Operation,
    pub(crate) heals: Heals,
    pub(crate) healed: u64,
    pub(crate) deletions: BTreeMap<ObjectId, Deletion>,
    /// Hooks to delete because they ended.
    pub(crate) cleanup: BTreeSet<ObjectId>,
    pub(crate) runs: HookRuns,
    pub(crate) flights: BTreeMap<ObjectId, Flight>,
    pub(crate) outbox: VecDeque<Out>,
    /// Other objects are to be watched than the last watch said.
    pub(crate) watch_changed: bool,
    /// The outbox has a [`Action::ReportChanged`].
    report_queued: bool,
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
    pub(crate) given: bool,
    /// Asked for by an earlier assignment: its answer is news of the object and nothing else.
    pub(crate) stale: bool,
    /// Of what is to be deleted.
    pub(crate) uid: Option<String>,
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
        let mut machine = Self::held_to(assignment, inventory, now);
        machine.decide(now);
        machine
    }

    /// A machine whose `assignment` was synced before a restart (its report said `Succeeded`): hooks do not run
    /// again, drift is healed as ever.
    pub fn resume(assignment: Arc<Assignment>, inventory: Option<Vec<ObjectId>>, now: Timestamp) -> Self {
        let mut machine = Self::held_to(assignment, inventory, now);
        machine.operation.stage = Stage::Succeeded;
        machine.world.values_mut().for_each(|seen| seen.written = true);
        machine.decide(now);
        machine
    }

    fn held_to(assignment: Arc<Assignment>, inventory: Option<Vec<ObjectId>>, now: Timestamp) -> Self {
        let (application, judge) = (assignment.spec.application.clone(), Judge::of(&assignment));
        let mut machine = Self::bare(application, Goal::Run(assignment), judge, inventory, now);
        machine.run(None);
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
            reads: Reads::default(),
            differing: BTreeSet::new(),
            drifted: BTreeSet::new(),
            inventory: Inventory::new(inventory),
            operation: Operation::default(),
            heals: Heals::default(),
            healed: 0,
            deletions: BTreeMap::new(),
            cleanup: BTreeSet::new(),
            runs: HookRuns::default(),
            flights: BTreeMap::new(),
            outbox: VecDeque::new(),
            watch_changed: true,
            report_queued: false,
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
                    self.removed(Removal::new(position, cascade));
                }
            }
            Event::Live(id, object) => {
                self.reads.answered(&id);
                self.news(&id, object.as_deref(), Origin::Elsewhere);
            }
            Event::Unread(id, failure) => self.unread(&id, &failure, now),
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
    ///
    /// A read whose answer a watch gave while it waited to be given out is left out.
    pub fn poll_action(&mut self) -> Option<Action> {
        let out = loop {
            let out = self.outbox.pop_front()?;
            let answered = matches!(&out, Out::Other(Action::Get(id)) if !self.reads.waits_for(id));
            if !answered {
                break out;
            }
        };
        if let Some(id) = out.written()
            && let Some(flight) = self.flights.get_mut(id)
        {
            flight.given = true;
        }
        let action = out.into_action(&self.application);
        if action == Action::ReportChanged {
            self.report_queued = false;
        }
        Some(action)
    }

    /// When [`Event::Tick`] is due, and why.
    pub fn poll_timeout(&self) -> Option<(Timestamp, &'static str)> {
        let mut due: Vec<(Timestamp, &'static str)> =
            self.reads.due().map(|due| (due, "read an object again")).collect();
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

    /// The hooks that ended since this was asked last.
    pub fn take_hook_runs(&mut self) -> Vec<HookRun> {
        self.runs.take()
    }

    /// Whether the release that the machine holds its cluster to has this object.
    pub fn desires(&self, id: &ObjectId) -> bool {
        matches!(&self.goal, Goal::Run(assignment) if assignment.desired(id).is_some())
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
        // Before the reads: the watch's first list answers those that wait for their turn.
        self.watch();
        for id in self.reads.take_due(now) {
            self.outbox.push_back(Action::Get(id).into());
        }
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
        self.keep_inventory();
        self.watch();
        if std::mem::take(&mut self.changed) && !std::mem::replace(&mut self.report_queued, true) {
            self.outbox.push_back(Action::ReportChanged.into());
        }
    }

    fn watch(&mut self) {
        if std::mem::take(&mut self.watch_changed) {
            self.outbox.push_back(Action::Watch(self.world.keys().cloned().collect()).into());
        }
    }

    /// Puts a write into the outbox, unless one of the same object is without an answer.
    pub(crate) fn send(&mut self, purpose: Purpose, uid: Option<String>, write: Out) -> bool {
        let Some(id) = write.written() else { return false };
        if self.flights.contains_key(id) || !self.may_write() {
            return false;
        }
        self.flights.insert(id.clone(), Flight { purpose, given: false, stale: false, uid });
        self.outbox.push_back(write);
        true
    }
}
