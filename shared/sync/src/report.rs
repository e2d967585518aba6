//! How the application stands.

use crate::assignment::{Assignment, Desired};
use crate::hooks::{self, Outcome};
use crate::live::{Live, Seen};
use crate::machine::{Deletion, Goal, Machine};
use crate::operation::{Namespace, Stage};
use crate::plan::JobState;
use crate::prune;
use crate::removal::Removal;
use shared_diff::{Drift, DriftLine};
use shared_manifest::ObjectId;
use shared_model::{
    AppKey, Health, HealthStatus, Mode, Position, ReleaseId, ResourceState, SyncPhase, SyncState,
};
use std::cmp::Reverse;

/// Most drift lines in a report; the rest is counted in a last line.
pub const MOST_DRIFT_LINES: usize = 20;
/// Most objects in a report, worst first.
pub const MOST_RESOURCES: usize = 100;

/// How the application stands on this cluster: what an agent sends as its observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The application.
    pub application: AppKey,
    /// The position that the machine acts on.
    pub position: Position,
    /// The release at that position; `None` once it is removed.
    pub release: Option<ReleaseId>,
    /// How the sync (or the removal) goes.
    pub phase: SyncPhase,
    /// What went wrong, or what is being waited for; may be empty.
    pub message: String,
    /// Whether live objects equal the release.
    pub sync: SyncState,
    /// The worst health of the release's objects, hooks not counted; not Healthy before observedGeneration is current.
    pub health: Health,
    /// Lines such as `Deployment/orders-api: spec.replicas live=5 desired=3`, at most [`MOST_DRIFT_LINES`].
    pub drift: Vec<String>,
    /// The objects, worst first, at most [`MOST_RESOURCES`].
    pub resources: Vec<ResourceState>,
    /// How often drift was healed since the release was applied.
    pub healed: u64,
    /// How many objects the inventory has.
    pub inventory: usize,
    /// Whether the removal at `position` is done: nothing of the application is left to the agent.
    pub removed: bool,
    /// What the release asks for that is not acted on, a sentence each.
    pub unsupported: Vec<String>,
}

impl Machine {
    /// How the application stands now.
    pub fn report(&self) -> Report {
        match &self.goal {
            Goal::Run(assignment) => self.report_run(assignment),
            Goal::Remove(removal) => self.report_removal(removal),
        }
    }

    fn report_run(&self, assignment: &Assignment) -> Report {
        let mut resources: Vec<ResourceState> =
            assignment.resources().map(|desired| self.resource(desired)).collect();
        let leftovers: Vec<&ObjectId> = prune::leftovers(&self.world, &self.inventory.extras)
            .filter(|(_, facts)| !facts.extraneous_ok)
            .map(|(id, _)| id)
            .collect();
        let sync = self.sync_state(assignment, !leftovers.is_empty());
        let health = self.health(assignment);
        resources.extend(leftovers.iter().map(|id| state(id, "", SyncState::OutOfSync, self.health_of(id))));
        resources.sort_by_cached_key(|resource| {
            let health = resource.health.as_ref().map(|health| health.status);
            (Reverse(health), Reverse(resource.sync), resource.kind.clone(), resource.name.clone())
        });
        resources.truncate(MOST_RESOURCES);
        Report {
            application: self.application.clone(),
            position: assignment.position,
            release: Some(assignment.release),
            phase: self.phase(),
            message: self.message(assignment),
            sync,
            health,
            drift: self.drift(assignment, &leftovers),
            resources,
            healed: self.healed,
            inventory: self.inventory.ids.len(),
            removed: false,
            unsupported: assignment.unsupported.clone(),
        }
    }

    fn report_removal(&self, removal: &Removal) -> Report {
        let message = if removal.done { String::new() } else { self.removal_message() };
        Report {
            application: self.application.clone(),
            position: removal.position,
            release: None,
            phase: if removal.done { SyncPhase::Succeeded } else { SyncPhase::Running },
            message,
            sync: SyncState::Unknown,
            health: Health::new(HealthStatus::Progressing, "is being removed"),
            drift: Vec::new(),
            resources: Vec::new(),
            healed: 0,
            inventory: self.inventory.ids.len(),
            removed: removal.done,
            unsupported: Vec::new(),
        }
    }

    fn removal_message(&self) -> String {
        if let Some(held) = self.held() {
            return held;
        }
        let unreadable = self.world.iter().find_map(|(id, seen)| match &seen.live {
            Live::Unreadable(why) => Some(format!("cannot read {id}: {why}")),
            Live::Unknown | Live::Absent | Live::Present(_) => None,
        });
        let failed = || {
            self.deletions.iter().find_map(|(id, deletion)| match deletion {
                Deletion::Retry(again) => Some(format!("cannot delete {id}: {}", again.message)),
                Deletion::Accepted(_) => None,
            })
        };
        unreadable.or_else(failed).unwrap_or_else(|| {
            let left = self.removable();
            match left.first() {
                Some((id, _)) if left.len() == 1 => format!("waits for {id} to be gone"),
                Some((id, _)) => format!("waits for {id} and {} more to be gone", left.len() - 1),
                None => "looks for what is left".to_owned(),
            }
        })
    }

    /// Why nothing is written at all.
    fn held(&self) -> Option<String> {
        match (self.paused, self.mode) {
            (true, _) => Some("paused".to_owned()),
            (false, Mode::Observe) => Some("observes only".to_owned()),
            (false, Mode::Enforce) => None,
        }
    }

    fn phase(&self) -> SyncPhase {
        match self.operation.stage {
            Stage::Start => SyncPhase::Pending,
            Stage::Groups | Stage::Wait(_) | Stage::Aftermath => SyncPhase::Running,
            Stage::Succeeded => SyncPhase::Succeeded,
            Stage::Failed => SyncPhase::Failed,
        }
    }

    fn message(&self, assignment: &Assignment) -> String {
        let operation = &self.operation;
        let own = match operation.stage {
            Stage::Succeeded => self.lasting_failure(),
            Stage::Failed => operation.message.clone(),
            Stage::Wait(_) => match operation.limit() {
                Some(limit) if operation.tries > 0 => {
                    format!("{} (try {} of {})", operation.message, operation.tries, limit.saturating_add(1))
                }
                _ => operation.message.clone(),
            },
            Stage::Start if !self.reads.are_done() => "reads what is there".to_owned(),
            Stage::Start => String::new(),
            Stage::Groups | Stage::Aftermath => self.waiting(assignment),
        };
        match (self.held(), own.is_empty()) {
            (None, _) => own,
            (Some(held), true) => held,
            (Some(held), false) => format!("{held}; {own}"),
        }
    }

    /// What goes wrong although the sync succeeded.
    fn lasting_failure(&self) -> String {
        let heals = || self.heals.failures().next().map(|(id, why)| format!("cannot heal {id}: {why}"));
        let deletions = || {
            self.deletions.iter().find_map(|(id, deletion)| match deletion {
                Deletion::Retry(again) => Some(format!("cannot delete {id}: {}", again.message)),
                Deletion::Accepted(_) => None,
            })
        };
        heals().or_else(deletions).unwrap_or_default()
    }

    /// What the group under way waits for.
    fn waiting(&self, assignment: &Assignment) -> String {
        if self.operation.namespace != Namespace::Ready {
            return format!("waits for namespace {}", assignment.spec.namespace);
        }
        let Some(group) = self.operation.groups.get(self.operation.at) else { return String::new() };
        let unresolved = || group.all().filter(|job| !job.is_resolved());
        let count = unresolved().count();
        let verb = |object: Option<usize>| if object.is_some() { "applied" } else { "deleted" };
        let waits = if let Some(job) = unresolved().next() {
            let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            let done =
                if matches!(job.state, JobState::Clearing(_)) { "cleared away" } else { verb(job.object) };
            format!("waits for {}{more} to be {done}", job.id)
        } else {
            let waiting = group.jobs.iter().filter(|job| job.state == JobState::Applied).find_map(|job| {
                let hook = assignment.objects[job.object?].hook.is_some();
                match hooks::outcome(self.world.get(&job.id), hook) {
                    Outcome::Wait(why) => Some(format!("waits for {}: {why}", job.id)),
                    Outcome::Good | Outcome::Bad(_) => None,
                }
            });
            waiting.unwrap_or_default()
        };
        format!("{}: {waits}", group.name())
    }

    fn sync_state(&self, assignment: &Assignment, leftovers: bool) -> SyncState {
        let unknown = |id: &ObjectId| {
            let waited = self.reads.waits_for(id);
            let live = self.world.get(id).map(|seen| &seen.live);
            waited && self.operation.stage == Stage::Start
                || matches!(live, None | Some(Live::Unknown | Live::Unreadable(_)))
        };
        if assignment.resources().any(|desired| unknown(&desired.id)) {
            SyncState::Unknown
        } else if leftovers || !self.differing.is_empty() {
            SyncState::OutOfSync
        } else {
            SyncState::Synced
        }
    }

    fn resource(&self, desired: &Desired) -> ResourceState {
        let seen = self.world.get(&desired.id);
        let sync = match seen.map(|seen| &seen.live) {
            None | Some(Live::Unknown | Live::Unreadable(_)) => SyncState::Unknown,
            Some(Live::Absent | Live::Present(_)) if seen.is_some_and(Seen::differs) => SyncState::OutOfSync,
            Some(Live::Absent | Live::Present(_)) => SyncState::Synced,
        };
        state(&desired.id, &desired.version, sync, self.health_of(&desired.id))
    }

    fn health_of(&self, id: &ObjectId) -> Option<Health> {
        match self.world.get(id).map(|seen| &seen.live) {
            Some(Live::Present(facts)) => facts.health.clone(),
            Some(Live::Absent) => Some(Health::new(HealthStatus::Missing, "is missing")),
            Some(Live::Unreadable(why)) => Some(Health::new(HealthStatus::Unknown, why.clone())),
            None | Some(Live::Unknown) => None,
        }
    }

    /// The worst of the resources; a missing one counts only when all are missing (Argo CD since 3.4).
    fn health(&self, assignment: &Assignment) -> Health {
        let mut worst: Option<(Health, &ObjectId)> = None;
        let (mut total, mut missing) = (0_usize, 0_usize);
        for desired in assignment.resources().filter(|desired| !desired.ignore_health) {
            total += 1;
            if matches!(self.world.get(&desired.id).map(|seen| &seen.live), None | Some(Live::Unknown)) {
                return Health::new(HealthStatus::Unknown, format!("{} is not read yet", desired.id));
            }
            let Some(health) = self.health_of(&desired.id) else { continue };
            if health.status == HealthStatus::Missing {
                missing += 1;
            } else if worst.as_ref().is_none_or(|(worst, _)| health.status > worst.status) {
                worst = Some((health, &desired.id));
            }
        }
        match worst {
            _ if total > 0 && missing == total => {
                Health::new(HealthStatus::Missing, "nothing of it is there")
            }
            Some((health, id)) if health.status != HealthStatus::Healthy => {
                let told =
                    if health.message.is_empty() { String::new() } else { format!(": {}", health.message) };
                Health::new(health.status, format!("{}/{}{told}", id.kind, id.name))
            }
            Some(_) | None => Health::new(HealthStatus::Healthy, ""),
        }
    }

    fn drift(&self, assignment: &Assignment, leftovers: &[&ObjectId]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut count = 0;
        let mut add = |line: &dyn ToString| {
            count += 1;
            // A sentence counts the rest.
            if count <= MOST_DRIFT_LINES {
                lines.push(line.to_string());
            }
        };
        for id in &self.differing {
            let drift: &[DriftLine] =
                self.world.get(id).and_then(Seen::facts).map_or(&[], |facts| &facts.drift);
            if drift.is_empty() && assignment.desired(id).is_some() {
                add(&DriftLine { kind: id.kind.clone(), name: id.name.clone(), drift: Drift::Missing });
            }
            drift.iter().for_each(|line| add(line));
        }
        leftovers.iter().for_each(|id| add(&DriftLine::extra(id.kind.clone(), id.name.clone())));
        if count > MOST_DRIFT_LINES {
            lines.truncate(MOST_DRIFT_LINES - 1);
            lines.push(format!("and {} more differences", count - (MOST_DRIFT_LINES - 1)));
        }
        lines
    }
}

fn state(id: &ObjectId, version: &str, sync: SyncState, health: Option<Health>) -> ResourceState {
    ResourceState {
        group: id.group.clone(),
        version: version.to_owned(),
        kind: id.kind.clone(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
        sync,
        health,
    }
}
