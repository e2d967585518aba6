//! The machine at work: steps of a sync, heals, clean-up of hooks.

use crate::assignment::{Assignment, Desired};
use crate::hooks::{self, Outcome};
use crate::live::Live;
use crate::machine::{Deletion, Goal, Machine, Purpose};
use crate::operation::{Namespace, Stage, waits_for_health};
use crate::outbox::Out;
use crate::plan::{self, Group, Job, JobState};
use crate::{Action, prune};
use jiff::Timestamp;
use serde_json::json;
use shared_manifest::ObjectId;
use shared_manifest::order::DeletePolicy;
use shared_model::HealthStatus;
use std::sync::Arc;
use std::time::Duration;

impl Machine {
    /// Does what can be done of the sync now.
    pub(crate) fn step_operation(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        loop {
            match self.operation.stage {
                Stage::Start if self.reads.are_done() => self.begin(assignment, now),
                Stage::Wait(until) if until <= now => {
                    self.operation.try_again();
                    self.changed = true;
                }
                Stage::Groups | Stage::Aftermath => {
                    if !self.step_groups(assignment, now) {
                        return;
                    }
                }
                Stage::Start | Stage::Wait(_) | Stage::Succeeded | Stage::Failed => return,
            }
        }
    }

    fn begin(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        self.changed = true;
        if let Some(refusal) = prune::refusal(assignment, &self.world, &self.inventory.extras) {
            self.operation.message = refusal;
            self.operation.stage = Stage::Failed;
            return;
        }
        let groups = plan::sync(assignment, &self.world, &self.inventory.extras, now);
        self.enter(&groups);
        self.operation.begin(groups, now);
    }

    /// What is about to be written is in the inventory, durably, before the first write.
    fn enter(&mut self, groups: &[Group]) {
        let jobs = || groups.iter().flat_map(|group| &group.jobs);
        self.inventory.add(jobs().map(|job| job.id.clone()));
        for job in jobs() {
            // Hooks with generated names: new every time, so certainly absent.
            self.world.entry(job.id.clone()).or_insert_with(|| {
                self.watch_changed = true;
                let mut seen = crate::live::Seen::new(false);
                seen.live = Live::Absent;
                seen
            });
        }
        self.keep_inventory();
    }

    /// Has the inventory kept before whatever follows, if it changed.
    pub(crate) fn keep_inventory(&mut self) {
        if let Some(ids) = self.inventory.take_unsaved() {
            self.outbox.push_back(Action::SaveInventory(ids).into());
        }
    }

    /// Works on the group under way; whether it is to be called again.
    fn step_groups(&mut self, assignment: &Arc<Assignment>, now: Timestamp) -> bool {
        if !self.namespace_ready(assignment, now) {
            return false;
        }
        let at = self.operation.at;
        let Some(group) = self.operation.groups.get_mut(at) else {
            self.end();
            return true;
        };
        let empty = Group { phase: group.phase, wave: group.wave, prunes: Vec::new(), jobs: Vec::new() };
        let mut group = std::mem::replace(group, empty);
        let resolved =
            self.step_prunes(&mut group, assignment, now) && self.step_jobs(&mut group, assignment, now);
        let ended = resolved && !failed(&group) && self.step_health(&mut group, assignment, now);
        let failed = resolved && failed(&group);
        self.operation.groups[at] = group;
        if failed {
            self.changed = true;
            self.group_failed(assignment, now);
        } else if ended {
            self.changed = true;
            self.operation.at += 1;
        }
        failed || ended
    }

    fn group_failed(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        if self.operation.stage == Stage::Aftermath {
            self.operation.at += 1;
            return;
        }
        self.operation.group_failed(now);
        if self.operation.stage == Stage::Failed {
            let groups = plan::after_failure(assignment, now);
            if !groups.is_empty() {
                self.enter(&groups);
                self.operation.begin(groups, now);
                self.operation.stage = Stage::Aftermath;
            }
        }
    }

    fn end(&mut self) {
        self.changed = true;
        if self.operation.stage == Stage::Aftermath {
            self.operation.stage = Stage::Failed;
        } else {
            self.operation.succeed();
        }
    }

    /// Asks for the destination namespace when it is wanted; whether the sync may go on.
    fn namespace_ready(&mut self, assignment: &Arc<Assignment>, now: Timestamp) -> bool {
        match &self.operation.namespace {
            Namespace::Ready => return true,
            Namespace::Sent => return false,
            Namespace::Failed(again) if again.due > now => return false,
            Namespace::Failed(_) | Namespace::Wanted => {}
        }
        let name = assignment.spec.namespace.clone();
        let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        if let Some(managed) = &assignment.spec.sync_policy.managed_namespace_metadata {
            for field in ["labels", "annotations"] {
                if let Some(map) = managed.get(field).filter(|map| map.is_object()) {
                    object["metadata"][field] = map.clone();
                }
            }
        }
        let id = ObjectId { group: String::new(), kind: "Namespace".into(), namespace: String::new(), name };
        if self.send(
            Purpose::Namespace,
            None,
            Action::CreateNamespace { id, object: Arc::new(object) }.into(),
        ) {
            self.operation.namespace = Namespace::Sent;
        }
        false
    }

    /// Deletes what the group prunes; whether all of it was taken or failed.
    fn step_prunes(&mut self, group: &mut Group, assignment: &Arc<Assignment>, now: Timestamp) -> bool {
        for job in &mut group.prunes {
            if job.state != JobState::Todo {
                continue;
            }
            let facts = self.world.get(&job.id).and_then(|seen| seen.facts());
            let there = facts.is_some_and(|facts| facts.ours && facts.deleting.is_none());
            let taken = matches!(self.deletions.get(&job.id), Some(Deletion::Accepted(_)));
            if !there || taken {
                job.state = JobState::Done;
            } else if self.delete(&job.id, assignment.options.propagation, now) {
                job.state = JobState::Sent;
            }
        }
        group.prunes.iter().all(Job::is_resolved)
    }

    /// Applies one kind after the other; whether all was applied or failed.
    fn step_jobs(&mut self, group: &mut Group, assignment: &Arc<Assignment>, now: Timestamp) -> bool {
        loop {
            let unresolved = group.jobs.iter().filter(|job| !job.is_resolved());
            let Some(rank) = unresolved.map(|job| job.rank).min() else { return true };
            let of_kind = group.jobs.iter_mut().filter(|job| job.rank == rank && !job.is_resolved());
            let mut moved = false;
            for job in of_kind {
                let before = job.state.clone();
                self.step_job(job, assignment, now);
                moved |= job.is_resolved() || (job.state == JobState::Todo && before != JobState::Todo);
            }
            if !moved {
                return false;
            }
        }
    }

    fn step_job(&mut self, job: &mut Job, assignment: &Arc<Assignment>, now: Timestamp) {
        // Most jobs wait for an answer, at every event: nothing is looked up for these.
        if !matches!(job.state, JobState::Todo | JobState::Clearing(_)) {
            return;
        }
        let Some(desired) = job.object.map(|index| &assignment.objects[index]) else { return };
        let facts = self.world.get(&job.id).and_then(|seen| seen.facts());
        if let JobState::Clearing(uid) = &job.state {
            if facts.is_none_or(|facts| facts.uid != *uid) {
                job.state = JobState::Todo;
            } else {
                self.delete(&job.id, crate::Propagation::Background, now);
            }
            return;
        }
        // What we asked to delete must go first: an apply would be taken and lost.
        let leaving = |uid: &Option<String>| match self.deletions.get(&job.id) {
            Some(Deletion::Accepted(deleted)) => deleted == uid,
            Some(Deletion::Retry(_)) | None => false,
        };
        if facts.is_some_and(|facts| leaving(&facts.uid)) {
            return;
        }
        if desired.hook.as_ref().is_some_and(|policies| policies.contains(&DeletePolicy::BeforeHookCreation))
            && let Some(facts) = facts.filter(|facts| facts.ours)
        {
            job.state = JobState::Clearing(facts.uid.clone());
            self.delete(&job.id, crate::Propagation::Background, now);
            return;
        }
        let seen = self.world.get(&job.id);
        let as_wished = seen.is_some_and(|seen| seen.facts().is_some() && !seen.differs());
        let owned = facts.is_some_and(|facts| facts.ours);
        let written = seen.is_some_and(|seen| seen.written) || (desired.options.out_of_sync_only && owned);
        if desired.is_resource() && as_wished && written {
            job.state = JobState::Applied;
        } else if self.apply(Purpose::Job, &job.id, desired) {
            if desired.hook.is_some() {
                self.runs.begin(&job.id, now);
            }
            job.state = JobState::Sent;
        }
    }

    fn apply(&mut self, purpose: Purpose, id: &ObjectId, desired: &Desired) -> bool {
        if self.flights.contains_key(id) {
            return false;
        }
        let (id, object, how) = (id.clone(), desired.object.clone(), desired.options.write);
        self.send(purpose, None, Out::Apply { id, object, how })
    }

    /// Waits for hooks to end, and for health where that counts; whether the group is done.
    fn step_health(&mut self, group: &mut Group, assignment: &Arc<Assignment>, now: Timestamp) -> bool {
        let waits = waits_for_health(&self.operation.groups, assignment) || has_hook(group, assignment);
        for job in group.jobs.iter_mut().filter(|job| job.state == JobState::Applied) {
            let Some(desired) = job.object.map(|index| &assignment.objects[index]) else { continue };
            let hook = desired.hook.is_some();
            if !hook && !waits {
                job.state = JobState::Done;
                continue;
            }
            let ignored = desired.ignore_health && !hook;
            let outcome = if ignored { Outcome::Good } else { hooks::outcome(self.world.get(&job.id), hook) };
            let good = match outcome {
                Outcome::Wait(_) => continue,
                Outcome::Good => {
                    self.runs.end(&job.id, None, now);
                    job.state = JobState::Done;
                    true
                }
                Outcome::Bad(message) => {
                    self.runs.end(&job.id, Some(message.clone()), now);
                    job.state = JobState::Failed { message, free: false, wait: Duration::ZERO };
                    false
                }
            };
            self.changed = true;
            if desired.hook.as_ref().is_some_and(|policies| hooks::deleted_after(policies, good)) {
                self.cleanup.insert(job.id.clone());
            }
        }
        group.jobs.iter().all(|job| job.state == JobState::Done)
    }

    /// Objects that self-heal would write again, were it due.
    pub(crate) fn healable(&self) -> Vec<ObjectId> {
        let heals = match &self.goal {
            Goal::Run(assignment) => {
                assignment.spec.self_heal && self.operation.namespace == Namespace::Ready
            }
            Goal::Remove(_) => false,
        };
        let Goal::Run(assignment) = &self.goal else { return Vec::new() };
        let free = |id: &&ObjectId| !self.flights.contains_key(*id) && !self.waits_for_ground(assignment, id);
        self.drifted.iter().filter(|_| heals).filter(free).cloned().collect()
    }

    /// Whether what `id` stands on is not there: its namespace or the definition of its kind, where the release has
    /// them. Nothing is asked of the API server that it must refuse; the news of the ground's return decide.
    fn waits_for_ground(&self, assignment: &Assignment, id: &ObjectId) -> bool {
        let facts = |ground: &ObjectId| self.world.get(ground).map(|seen| seen.facts());
        let gone = |facts: Option<&crate::live::Facts>| facts.is_none_or(|facts| facts.deleting.is_some());
        let namespace = ObjectId {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: id.namespace.clone(),
        };
        if !id.namespace.is_empty() && facts(&namespace).is_some_and(gone) {
            return true;
        }
        let established = |facts: Option<&crate::live::Facts>| {
            let health = facts.and_then(|facts| facts.health.as_ref());
            !gone(facts) && health.is_none_or(|health| health.status != HealthStatus::Progressing)
        };
        let definition = assignment.definition(id).and_then(facts);
        definition.is_some_and(|definition| !established(definition))
    }

    /// Writes again what drifted, where that is due; asks for a namespace that went.
    pub(crate) fn heal(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        if assignment.spec.self_heal && self.operation.is_over() {
            self.namespace_ready(assignment, now);
        }
        for id in self.healable() {
            let Some(desired) = assignment.desired(&id) else { continue };
            if self.heals.due(&id, now) > now {
                continue;
            }
            // Who lost the inventory found what was there; what was not has to be known before it is again.
            self.inventory.add([id.clone()]);
            self.keep_inventory();
            if self.apply(Purpose::Heal, &id, desired) {
                self.heals.start(&id, now);
            }
        }
    }

    /// Deletes hooks that ended, and what should have been pruned but was not known when the sync ran.
    pub(crate) fn clean_up(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        for id in self.cleanup.clone() {
            self.delete(&id, crate::Propagation::Background, now);
        }
        if self.operation.stage == Stage::Succeeded {
            for (id, _) in prune::candidates(assignment, &self.world, &self.inventory.extras) {
                self.delete(&id, assignment.options.propagation, now);
            }
        }
    }
}

fn failed(group: &Group) -> bool {
    group.all().any(Job::has_failed)
}

fn has_hook(group: &Group, assignment: &Assignment) -> bool {
    group.jobs.iter().any(|job| job.object.is_some_and(|index| assignment.objects[index].hook.is_some()))
}
