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
        let resources = self.resources(assignment);
        let leftovers: Vec<&ObjectId> = prune::leftovers(&self.world, &self.inventory.extras)
            .filter(|(_, facts)| !facts.extraneous_ok)
            .map(|(id, _)| id)
            .collect();
        let sync = self.sync_state(&resources, !leftovers.is_empty());
        let health = health(&resources);
        Report {
            application: self.application.clone(),
            position: assignment.position,
            release: Some(assignment.release),
            phase: self.phase(),
            message: self.message(assignment),
            sync,
            health,
            drift: self.drift(assignment, &leftovers),
            resources: self.worst(&resources, &leftovers),
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
                Some((id, _)) if left.len() == 1 => format!("waits for {id} to be gone{}", self.held_by(id)),
                Some((id, _)) => format!("waits for {id} and {} more to be gone", left.len() - 1),
                None => "looks for what is left".to_owned(),
            }
        })
    }

    /// What holds an object that is being deleted, as the end of a sentence.
    fn held_by(&self, id: &ObjectId) -> String {
        let facts = self.world.get(id).and_then(Seen::facts);
        let held = facts.and_then(|facts| facts.deleting.as_deref()).unwrap_or_default();
        if held.is_empty() { String::new() } else { format!(": {held}") }
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
            Stage::Succeeded => self.lasting_failure(assignment),
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
    fn lasting_failure(&self, assignment: &Assignment) -> String {
        let namespace = match &self.operation.namespace {
            Namespace::Failed(again) => {
                Some(format!("waits for namespace {}: {}", assignment.spec.namespace, again.message))
            }
            Namespace::Ready | Namespace::Wanted | Namespace::Sent => None,
        };
        let heals = || {
            let mut failures = self.heals.failures();
            let (id, why) = failures.next()?;
            Some(format!("cannot heal {id}: {why}{}", and_more(failures.count())))
        };
        let deletions = || {
            self.deletions.iter().find_map(|(id, deletion)| match deletion {
                Deletion::Retry(again) => Some(format!("cannot delete {id}: {}", again.message)),
                Deletion::Accepted(_) => None,
            })
        };
        namespace
            .or_else(heals)
            .or_else(deletions)
            .or_else(|| self.leaving(assignment))
            .or_else(|| self.claimed(assignment))
            .unwrap_or_default()
    }

    /// What is on its way out and does not go.
    fn leaving(&self, assignment: &Assignment) -> Option<String> {
        let mut leaving = self.world.iter().filter_map(|(id, seen)| {
            let facts = seen.facts()?;
            let wanted = assignment.desired(id).is_some_and(Desired::is_resource);
            Some((id, facts.deleting.as_ref()?, wanted)).filter(|_| wanted || (facts.ours && !facts.hook))
        });
        let (id, held, wanted) = leaving.next()?;
        let told = if held.is_empty() { String::new() } else { format!(": {held}") };
        let then = if wanted { "; it is made again when it is gone" } else { "" };
        Some(format!("{id} is being deleted{told}{then}{}", and_more(leaving.count())))
    }

    /// What another Application says is its own (Argo CD's `SharedResourceWarning`).
    fn claimed(&self, assignment: &Assignment) -> Option<String> {
        let mut claimed = assignment.resources().filter_map(|desired| {
            let facts = self.world.get(&desired.id)?.facts()?;
            Some((&desired.id, facts.claimed.as_ref()?))
        });
        let (id, other) = claimed.next()?;
        let more = and_more(claimed.count());
        Some(format!(
            "{id} is also of Application {other}, which wrote it last: keep it in one of them{more}"
        ))
    }

    /// What the group under way waits for.
    fn waiting(&self, assignment: &Assignment) -> String {
        match &self.operation.namespace {
            Namespace::Ready => {}
            Namespace::Failed(again) => {
                return format!("waits for namespace {}: {}", assignment.spec.namespace, again.message);
            }
            Namespace::Wanted | Namespace::Sent => {
                return format!("waits for namespace {}", assignment.spec.namespace);
            }
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

    /// The resources beside what is known of them: both are in the order of ids.
    fn resources<'a>(&'a self, assignment: &'a Assignment) -> Vec<(&'a Desired, Option<&'a Seen>)> {
        let mut world = self.world.iter().peekable();
        let seen = |desired: &'a Desired| {
            while world.next_if(|(id, _)| **id < desired.id).is_some() {}
            (desired, world.next_if(|(id, _)| **id == desired.id).map(|(_, seen)| seen))
        };
        assignment.resources().map(seen).collect()
    }

    fn sync_state(&self, resources: &[(&Desired, Option<&Seen>)], leftovers: bool) -> SyncState {
        let starts = self.operation.stage == Stage::Start;
        let unknown = |(desired, seen): &(&Desired, Option<&Seen>)| {
            matches!(seen.map(|seen| &seen.live), None | Some(Live::Unknown | Live::Unreadable(_)))
                || starts && self.reads.waits_for(&desired.id)
        };
        if resources.iter().any(unknown) {
            SyncState::Unknown
        } else if leftovers || !self.differing.is_empty() {
            SyncState::OutOfSync
        } else {
            SyncState::Synced
        }
    }

    /// The objects of the report: every one is compared, only those shown are written down.
    fn worst(&self, resources: &[(&Desired, Option<&Seen>)], leftovers: &[&ObjectId]) -> Vec<ResourceState> {
        let wanted = resources.iter().map(|(desired, seen)| Row {
            status: told(*seen).map(|(status, _)| status),
            sync: sync_of(*seen),
            id: &desired.id,
            version: &desired.version,
            seen: *seen,
        });
        let extra = leftovers.iter().map(|id| {
            let seen = self.world.get(*id);
            let status = told(seen).map(|(status, _)| status);
            Row { status, sync: SyncState::OutOfSync, id, version: "", seen }
        });
        let mut rows: Vec<Row<'_>> = wanted.chain(extra).collect();
        if rows.len() > MOST_RESOURCES {
            rows.select_nth_unstable_by(MOST_RESOURCES, |a, b| a.key().cmp(&b.key()));
            rows.truncate(MOST_RESOURCES);
        }
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        rows.into_iter().map(Row::state).collect()
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

/// One object of a report.
struct Row<'a> {
    status: Option<HealthStatus>,
    sync: SyncState,
    id: &'a ObjectId,
    version: &'a str,
    seen: Option<&'a Seen>,
}

impl Row<'_> {
    /// Worst first, then by kind and name.
    fn key(&self) -> impl Ord {
        (Reverse(self.status), Reverse(self.sync), &self.id.kind, &self.id.name, self.id)
    }

    fn state(self) -> ResourceState {
        ResourceState {
            group: self.id.group.clone(),
            version: self.version.to_owned(),
            kind: self.id.kind.clone(),
            namespace: self.id.namespace.clone(),
            name: self.id.name.clone(),
            sync: self.sync,
            health: told(self.seen).map(|(status, message)| Health::new(status, message)),
        }
    }
}

fn sync_of(seen: Option<&Seen>) -> SyncState {
    match seen.map(|seen| &seen.live) {
        None | Some(Live::Unknown | Live::Unreadable(_)) => SyncState::Unknown,
        Some(Live::Absent | Live::Present(_)) if seen.is_some_and(Seen::differs) => SyncState::OutOfSync,
        Some(Live::Absent | Live::Present(_)) => SyncState::Synced,
    }
}

/// An object's health and what is said of it.
fn told(seen: Option<&Seen>) -> Option<(HealthStatus, &str)> {
    match seen.map(|seen| &seen.live) {
        Some(Live::Present(facts)) => facts.health.as_ref().map(|health| (health.status, &*health.message)),
        Some(Live::Absent) => Some((HealthStatus::Missing, "is missing")),
        Some(Live::Unreadable(why)) => Some((HealthStatus::Unknown, why)),
        None | Some(Live::Unknown) => None,
    }
}

/// The worst of the resources; a missing one counts only when all are missing (Argo CD since 3.4).
fn health(resources: &[(&Desired, Option<&Seen>)]) -> Health {
    let mut worst: Option<(HealthStatus, &str, &ObjectId)> = None;
    let (mut total, mut missing) = (0_usize, 0_usize);
    for (desired, seen) in resources.iter().filter(|(desired, _)| !desired.ignore_health) {
        total += 1;
        if matches!(seen.map(|seen| &seen.live), None | Some(Live::Unknown)) {
            return Health::new(HealthStatus::Unknown, format!("{} is not read yet", desired.id));
        }
        let Some((status, message)) = told(*seen) else { continue };
        if status == HealthStatus::Missing {
            missing += 1;
        } else if worst.is_none_or(|(worst, _, _)| status > worst) {
            worst = Some((status, message, &desired.id));
        }
    }
    match worst {
        _ if total > 0 && missing == total => Health::new(HealthStatus::Missing, "nothing of it is there"),
        Some((status, message, id)) if status != HealthStatus::Healthy => {
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            Health::new(status, format!("{}/{}{message}", id.kind, id.name))
        }
        Some(_) | None => Health::new(HealthStatus::Healthy, ""),
    }
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}
