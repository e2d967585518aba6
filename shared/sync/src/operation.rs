//! One sync of one release: groups in order, hooks, waiting for health, retries.
//!
//! A failed try goes on where it failed: what was applied is not applied again unless it drifted, a hook
//! that succeeded does not run again. SyncFail hooks run once, after the last try.

use crate::Failure;
use crate::assignment::Assignment;
use crate::machine::Purpose;
use crate::plan::{Group, Job, JobState};
use crate::retry::{Again, POLITE, Policy, later};
use jiff::Timestamp;
use shared_manifest::ObjectId;
use std::sync::Arc;
use std::time::Duration;

/// How far the sync is.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) stage: Stage,
    pub(crate) groups: Vec<Group>,
    /// The group that is under way.
    pub(crate) at: usize,
    pub(crate) namespace: Namespace,
    /// Why the last try failed.
    pub(crate) message: String,
    policy: Policy,
    /// Failed tries that count.
    pub(crate) tries: u32,
    /// Failed tries that nobody is to blame for, in a row.
    free: u32,
    started: Timestamp,
}

/// The stages of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Objects are being read.
    Start,
    /// The groups are worked on.
    Groups,
    /// A try failed; the next one starts then.
    Wait(Timestamp),
    /// All tries failed; SyncFail hooks run.
    Aftermath,
    /// Everything was applied, hooks included.
    Succeeded,
    /// Given up.
    Failed,
}

/// The destination namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Namespace {
    /// There, or not ours to make.
    Ready,
    Wanted,
    Sent,
    Failed(Again),
}

/// A kind that the release defines may take this long to be served before its objects' failures count.
const DEFINITION_GRACE: Duration = Duration::from_secs(30);

impl Default for Operation {
    fn default() -> Self {
        Self {
            stage: Stage::Start,
            groups: Vec::new(),
            at: 0,
            namespace: Namespace::Ready,
            message: String::new(),
            policy: POLITE,
            tries: 0,
            free: 0,
            started: Timestamp::MIN,
        }
    }
}

impl Operation {
    /// A sync of `assignment` that has not started.
    pub(crate) fn of(assignment: &Assignment) -> Self {
        let mut operation =
            Self { policy: Policy::of(assignment.spec.sync_policy.retry.as_ref()), ..Self::default() };
        operation.want_namespace(assignment);
        operation
    }

    /// Asks for the namespace (again), if the release wants it made.
    pub(crate) fn want_namespace(&mut self, assignment: &Assignment) {
        if self.namespace == Namespace::Ready && self.makes_namespace(assignment) {
            self.namespace = Namespace::Wanted;
        }
    }

    /// Whether the release wants its namespace made, and does not bring it along itself.
    pub(crate) fn makes_namespace(&self, assignment: &Assignment) -> bool {
        let name = &assignment.spec.namespace;
        let brings = |desired: &crate::assignment::Desired| {
            desired.id.group.is_empty() && desired.id.kind == "Namespace" && desired.id.name == *name
        };
        assignment.options.create_namespace
            && !name.is_empty()
            && !assignment.objects.is_empty()
            && !assignment.objects.iter().any(brings)
    }

    pub(crate) fn begin(&mut self, groups: Vec<Group>, now: Timestamp) {
        self.groups = groups;
        self.at = 0;
        self.started = now;
        self.stage = Stage::Groups;
    }

    /// When time alone moves it on.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match (self.stage, &self.namespace) {
            (Stage::Wait(until), _) => Some(until),
            (_, Namespace::Failed(again)) => Some(again.due),
            (Stage::Start | Stage::Groups | Stage::Aftermath | Stage::Succeeded | Stage::Failed, _) => None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Succeeded | Stage::Failed)
    }

    /// Whether `id` is part of a sync that is not over.
    pub(crate) fn runs(&self, id: &ObjectId) -> bool {
        !self.is_over() && self.groups.iter().any(|group| group.jobs.iter().any(|job| job.id == *id))
    }

    fn sent(&mut self, id: &ObjectId) -> Option<&mut Job> {
        self.groups.get_mut(self.at)?.all_mut().find(|job| job.id == *id && job.state == JobState::Sent)
    }

    /// A write was taken back before it was given out.
    pub(crate) fn recall(&mut self, id: &ObjectId, purpose: Purpose) {
        if purpose == Purpose::Namespace {
            self.namespace = Namespace::Wanted;
            return;
        }
        let Some(group) = self.groups.get_mut(self.at) else { return };
        for job in group.all_mut().filter(|job| job.id == *id) {
            if matches!(job.state, JobState::Sent | JobState::Clearing(_)) {
                job.state = JobState::Todo;
            }
        }
    }

    pub(crate) fn applied(&mut self, id: &ObjectId) {
        if let Some(job) = self.sent(id) {
            job.state = JobState::Applied;
        }
    }

    pub(crate) fn deleted(&mut self, id: &ObjectId) {
        if let Some(job) = self.sent(id).filter(|job| job.object.is_none()) {
            job.state = JobState::Done;
        }
    }

    /// A write of the group failed. `defined`: the release defines the object's kind itself.
    pub(crate) fn failed(&mut self, id: &ObjectId, failure: &Failure, defined: bool, now: Timestamp) {
        let young = now < later(self.started, DEFINITION_GRACE);
        let unserved = defined && young && matches!(failure, Failure::KindUnknown(_));
        let wait = if unserved {
            Duration::from_secs(1)
        } else if failure.is_transient() {
            POLITE.wait_after(self.free + 1, failure)
        } else {
            Duration::ZERO
        };
        let group = self.groups.get_mut(self.at);
        let job = group.and_then(|group| {
            let sent = |job: &&mut Job| matches!(job.state, JobState::Sent | JobState::Clearing(_));
            group.all_mut().filter(sent).find(|job| job.id == *id)
        });
        if let Some(job) = job {
            let free = unserved || failure.is_transient();
            job.state = JobState::Failed { message: failure.to_string(), free, wait };
        }
    }

    pub(crate) fn namespace_ready(&mut self) {
        self.namespace = Namespace::Ready;
    }

    /// The namespace is being deleted: it is asked for until it is gone and there anew.
    pub(crate) fn namespace_leaves(&mut self, failure: &Failure, now: Timestamp) {
        self.namespace = Namespace::Failed(Again::after(None, POLITE, failure, now));
    }

    pub(crate) fn namespace_failed(&mut self, failure: &Failure, now: Timestamp) {
        self.namespace = Namespace::Failed(Again::after(None, POLITE, failure, now));
        if self.stage == Stage::Groups {
            let wait = POLITE.wait_after(self.free + 1, failure);
            self.try_failed(format!("the namespace: {failure}"), failure.is_transient(), wait, now);
        }
    }

    /// The try that is under way failed in its group.
    pub(crate) fn group_failed(&mut self, now: Timestamp) {
        let Some(group) = self.groups.get(self.at) else { return };
        let (mut free, mut longest) = (true, Duration::ZERO);
        let mut told: Vec<String> = Vec::new();
        for job in group.all() {
            if let JobState::Failed { message, free: job_free, wait } = &job.state {
                free &= job_free;
                longest = longest.max(*wait);
                told.push(format!("{}: {message}", job.id));
            }
        }
        let more = told.len().saturating_sub(1);
        let mut message = told.into_iter().next().unwrap_or_default();
        if more > 0 {
            message = format!("{message} (and {more} more)");
        }
        self.try_failed(message, free, longest, now);
    }

    fn try_failed(&mut self, message: String, free: bool, wait: Duration, now: Timestamp) {
        self.message = message;
        if free {
            self.free = self.free.saturating_add(1);
            self.stage = Stage::Wait(later(now, wait));
            return;
        }
        self.free = 0;
        self.tries = self.tries.saturating_add(1);
        if self.policy.limit.is_some_and(|limit| self.tries > limit) {
            self.stage = Stage::Failed;
        } else {
            self.stage = Stage::Wait(later(now, wait.max(self.policy.wait(self.tries))));
        }
    }

    /// The wait is over: what failed is tried again.
    pub(crate) fn try_again(&mut self) {
        self.stage = Stage::Groups;
        if matches!(self.namespace, Namespace::Failed(_)) {
            self.namespace = Namespace::Wanted;
        }
        if let Some(group) = self.groups.get_mut(self.at) {
            group.all_mut().filter(|job| job.has_failed()).for_each(|job| job.state = JobState::Todo);
        }
    }

    /// A person asks for a sync: gives a running one fresh tries; `true` when it is over and a new one is due.
    pub(crate) fn refresh(&mut self) -> bool {
        self.tries = 0;
        self.free = 0;
        if let Stage::Wait(_) = self.stage {
            self.try_again();
        }
        self.is_over()
    }

    /// Everything was done.
    pub(crate) fn succeed(&mut self) {
        self.stage = Stage::Succeeded;
        self.message.clear();
        self.groups = Vec::new();
    }

    /// Tries that are left, for people; `None` when there is no limit.
    pub(crate) fn limit(&self) -> Option<u32> {
        self.policy.limit
    }
}

/// Whether the health of a sync's objects is waited for: only with more than one group or a hook (Argo CD).
pub(crate) fn waits_for_health(groups: &[Group], assignment: &Arc<Assignment>) -> bool {
    let hook = |job: &Job| job.object.is_some_and(|index| assignment.objects[index].hook.is_some());
    groups.len() > 1 || groups.iter().any(|group| group.jobs.iter().any(hook))
}
