//! A sync as groups: one per (phase, wave), in order, each with what is deleted and what is applied.

use crate::assignment::Assignment;
use crate::live::World;
use crate::prune;
use jiff::Timestamp;
use shared_manifest::ObjectId;
use shared_manifest::order::{Phase, kind_rank};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One wave of one phase.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) phase: Phase,
    pub(crate) wave: i64,
    /// Deleted before anything of the group is applied.
    pub(crate) prunes: Vec<Job>,
    /// Applied, one kind after the other.
    pub(crate) jobs: Vec<Job>,
}

/// One object of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: ObjectId,
    /// Index into the assignment's objects; `None` for what is pruned.
    pub(crate) object: Option<usize>,
    pub(crate) rank: usize,
    pub(crate) state: JobState,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JobState {
    Todo,
    /// A hook of an earlier run is being deleted; this is its uid.
    Clearing(Option<String>),
    Sent,
    /// The API server took it; health may be waited for.
    Applied,
    /// Nothing more to wait for.
    Done,
    /// `free` tries use up no retries.
    Failed {
        message: String,
        free: bool,
        wait: Duration,
    },
}

impl Job {
    pub(crate) const fn is_resolved(&self) -> bool {
        match self.state {
            JobState::Applied | JobState::Done | JobState::Failed { .. } => true,
            JobState::Todo | JobState::Clearing(_) | JobState::Sent => false,
        }
    }

    pub(crate) const fn has_failed(&self) -> bool {
        matches!(self.state, JobState::Failed { .. })
    }
}

impl Group {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Job> {
        self.prunes.iter().chain(&self.jobs)
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.prunes.iter_mut().chain(&mut self.jobs)
    }

    /// `PreSync wave 2`, `Sync`.
    pub(crate) fn name(&self) -> String {
        if self.wave == 0 { self.phase.to_string() } else { format!("{} wave {}", self.phase, self.wave) }
    }
}

/// The groups of a sync (without SyncFail), from what is known of the cluster now.
pub(crate) fn sync(
    assignment: &Assignment,
    world: &World,
    extras: &BTreeSet<ObjectId>,
    started: Timestamp,
) -> Vec<Group> {
    let mut groups = of_phases(assignment, started, |phase| phase != Phase::SyncFail);
    let prunable = prune::candidates(assignment, world, extras);
    let waves = mirrored(&prunable);
    let last = groups
        .keys()
        .map(|(_, wave)| *wave)
        .max()
        .unwrap_or(0)
        .max(waves.values().copied().max().unwrap_or(0));
    for (id, wave) in prunable {
        let last_of_all = assignment.options.prune_last;
        let wave = if last_of_all { last.saturating_add(1) } else { waves[&wave] };
        let job = Job { rank: 0, id, object: None, state: JobState::Todo };
        group(&mut groups, Phase::Sync, wave).prunes.push(job);
    }
    groups.into_values().collect()
}

/// The groups of the hooks that run once a sync has failed for good.
pub(crate) fn after_failure(assignment: &Assignment, started: Timestamp) -> Vec<Group> {
    of_phases(assignment, started, |phase| phase == Phase::SyncFail).into_values().collect()
}

type Groups = BTreeMap<(Phase, i64), Group>;

fn group(groups: &mut Groups, phase: Phase, wave: i64) -> &mut Group {
    groups.entry((phase, wave)).or_insert_with(|| Group { phase, wave, prunes: Vec::new(), jobs: Vec::new() })
}

fn of_phases(assignment: &Assignment, started: Timestamp, wanted: impl Fn(Phase) -> bool) -> Groups {
    let mut groups = Groups::new();
    for task in assignment.tasks.iter().filter(|task| wanted(task.phase)) {
        let desired = &assignment.objects[task.object];
        let mut id = desired.id.clone();
        if let Some(prefix) = id.name.strip_suffix('*') {
            let release = &assignment.release.0.hex()[..7];
            let phase = task.phase.as_str().to_lowercase();
            id.name = format!("{prefix}{release}-{phase}-{}", started.as_second());
        }
        let job = Job { rank: kind_rank(&id.kind), id, object: Some(task.object), state: JobState::Todo };
        group(&mut groups, task.phase, task.wave).jobs.push(job);
    }
    groups
}

/// Prune waves the other way round: what was applied last goes first (gitops-engine `sync_context.go`).
fn mirrored(prunable: &[(ObjectId, i64)]) -> BTreeMap<i64, i64> {
    let waves: BTreeSet<i64> = prunable.iter().map(|(_, wave)| *wave).collect();
    waves.iter().copied().zip(waves.iter().rev().copied()).collect()
}
