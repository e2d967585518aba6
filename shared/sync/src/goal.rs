//! How a machine gets another goal: a newer release, a removal, a sync asked for, an inventory found.

use crate::assignment::Assignment;
use crate::live::{Judge, Live, Seen};
use crate::machine::{Deletion, Goal, Machine};
use crate::operation::Operation;
use crate::outbox::Out;
use crate::removal::Removal;
use shared_manifest::ObjectId;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Machine {
    /// A newer release.
    pub(crate) fn assigned(&mut self, assignment: Arc<Assignment>) {
        self.supersede();
        self.judge = Judge::of(&assignment);
        let before = match std::mem::replace(&mut self.goal, Goal::Run(assignment)) {
            Goal::Run(before) => Some(before),
            Goal::Remove(_) => None,
        };
        self.run(before.as_deref());
    }

    /// A newer removal.
    pub(crate) fn removed(&mut self, removal: Removal) {
        self.supersede();
        self.judge = Judge::of_removal(&self.application);
        self.remove(removal);
    }

    /// Sets out for the goal's release: what the release before said the same of need not be read or written
    /// again.
    pub(crate) fn run(&mut self, before: Option<&Assignment>) {
        let Goal::Run(assignment) = self.goal.clone() else { return };
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
                self.reads.want(&desired.id);
            }
        }
        self.operation = Operation::of(&assignment);
        let wanted: BTreeSet<&ObjectId> = assignment.objects.iter().map(|desired| &desired.id).collect();
        self.inventory.set_wanted(|id| wanted.contains(id));
        self.keep_only(|id| wanted.contains(id));
        self.differing.clear();
        self.drifted.clear();
        for desired in assignment.resources() {
            self.note_difference(&desired.id);
        }
    }

    pub(crate) fn remove(&mut self, removal: Removal) {
        self.inventory.set_wanted(|_| false);
        self.keep_only(|_| false);
        self.differing.clear();
        self.drifted.clear();
        self.operation = Operation::default();
        self.goal = Goal::Remove(removal);
    }

    /// Drops from the world what is neither wanted nor in the inventory, and reads the rest of the inventory.
    fn keep_only(&mut self, wanted: impl Fn(&ObjectId) -> bool) {
        let inventory = &self.inventory.ids;
        self.world.retain(|id, _| wanted(id) || inventory.contains(id));
        self.reads.retain(|id| wanted(id) || inventory.contains(id));
        self.watch_changed = true;
        for id in inventory.iter().filter(|id| !wanted(id)) {
            let seen = self.world.entry(id.clone()).or_insert_with(|| Seen::new(false));
            seen.forget_writes();
            match &mut seen.live {
                Live::Unknown => {
                    self.reads.want(id);
                }
                Live::Present(facts) => facts.drift.clear(),
                Live::Absent | Live::Unreadable(_) => {}
            }
        }
    }

    /// A newer position takes over: what is in the outbox is not given out, answers in flight are news only.
    fn supersede(&mut self) {
        self.recall_writes();
        self.outbox.retain(Out::is_lasting);
        self.reads.ask_again();
        self.flights.values_mut().for_each(|flight| flight.stale = true);
        self.heals.clear();
        self.cleanup.clear();
        self.deletions.retain(|_, deletion| matches!(deletion, Deletion::Accepted(_)));
        self.healed = 0;
        self.changed = true;
    }

    /// Takes writes back that were not given out.
    pub(crate) fn recall_writes(&mut self) {
        let mut recalled = Vec::new();
        self.outbox.retain(|out| match out.written() {
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

    pub(crate) fn sync_requested(&mut self) {
        if let Goal::Run(assignment) = self.goal.clone() {
            if self.operation.refresh() {
                self.recall_writes();
                self.operation = Operation::of(&assignment);
                self.world.values_mut().for_each(Seen::forget_writes);
                self.drifted.clear();
            }
            self.changed = true;
        }
    }

    pub(crate) fn inventory_loaded(&mut self, found: Vec<ObjectId>) {
        self.inventory.add_found(found);
        let goal = self.goal.clone();
        let wanted = |id: &ObjectId| match &goal {
            Goal::Run(assignment) => assignment.desired(id).is_some(),
            Goal::Remove(_) => false,
        };
        self.inventory.set_wanted(wanted);
        self.keep_only(wanted);
        self.changed = true;
    }
}
