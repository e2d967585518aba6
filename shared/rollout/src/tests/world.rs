//! A small fleet for tests: clusters with simulated agents, commits, a clock, and the hub's part in
//! between (membership recomputed from frozen inputs, plans applied step by step).

use crate::{
    Adopted, Assigned, ClusterState, Decided, Decision, Fleet, Link, Member, Order, Pause, Plan, Refused,
    Report, Rollout, Seat, apply_step, check, decide, observe, plan,
};
use jiff::Timestamp;
use shared_model::{
    AppKey, ClusterName, Digest, Health, HealthStatus, LocalPin, Observation, Owner, OwnerKind, Position,
    ReleaseId, RolloutName, SyncPhase, SyncState, SyncWindow, fleet_rollout::PlanSpec,
};
use shared_project::Windows;
use std::collections::{BTreeMap, BTreeSet};

/// What a rollout was made from: a commit, and a later one that changes some clusters only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub(crate) commit: String,
    pub(crate) base: Option<String>,
    pub(crate) only: BTreeSet<ClusterName>,
}

impl Source {
    fn commit_of(&self, cluster: &ClusterName) -> &str {
        match &self.base {
            Some(base) if !self.only.contains(cluster) => base,
            _ => &self.commit,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) now: Timestamp,
    pub(crate) plan: PlanSpec,
    pub(crate) automated: bool,
    /// Application name prefixes: one application each per cluster.
    pub(crate) apps: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Where the one application lives that moves from cluster to cluster.
    pub(crate) roamer: Option<ClusterName>,
    pub(crate) sources: BTreeMap<RolloutName, Source>,
    /// Which commit a release is of, for people.
    pub(crate) releases: BTreeMap<ReleaseId, String>,
    /// What each agent was last told.
    pub(crate) agents: BTreeMap<Seat, (Position, ReleaseId)>,
    pub(crate) sync_requests: BTreeMap<AppKey, ReleaseId>,
    /// What people chose in the clusters themselves.
    pub(crate) pins: BTreeMap<Seat, ReleaseId>,
    /// The pauses of single applications.
    pub(crate) paused: BTreeMap<AppKey, Vec<Pause>>,
    /// Which windows concern which cluster.
    pub(crate) windows: BTreeMap<ClusterName, usize>,
}

pub(crate) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn owner() -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() }
}

/// Another set, with applications of its own on the same clusters.
pub(crate) fn other_owner() -> Owner {
    Owner { name: "db".into(), ..owner() }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            fleet: Fleet { incarnation: 1, ..Fleet::default() },
            now: start(),
            plan: PlanSpec::Immediate,
            automated: true,
            apps: vec!["web".into()],
            labels: BTreeMap::new(),
            roamer: None,
            sources: BTreeMap::new(),
            releases: BTreeMap::new(),
            agents: BTreeMap::new(),
            sync_requests: BTreeMap::new(),
            pins: BTreeMap::new(),
            paused: BTreeMap::new(),
            windows: BTreeMap::new(),
        }
    }

    pub(crate) fn app(&self, prefix: &str, cluster: &ClusterName) -> AppKey {
        AppKey::new("argocd", format!("{prefix}-{cluster}"))
    }

    pub(crate) fn seats(&self, cluster: &ClusterName) -> Vec<Seat> {
        let both = [owner(), other_owner()];
        let apps = both.iter().flat_map(|owner| self.apps_on(owner, cluster));
        apps.map(|app| (cluster.clone(), app)).collect()
    }

    /// The owner's applications that belong on the cluster.
    fn apps_on(&self, of: &Owner, cluster: &ClusterName) -> Vec<AppKey> {
        if *of == other_owner() {
            return vec![self.app("db", cluster)];
        }
        let mut apps: Vec<_> = self.apps.iter().map(|prefix| self.app(prefix, cluster)).collect();
        if self.roamer.as_ref() == Some(cluster) {
            apps.push(AppKey::new("argocd", "roamer"));
        }
        apps
    }

    /// The application goes to another cluster; what it leaves is removed there.
    pub(crate) fn roam(&mut self, to: ClusterName) {
        if let Some(from) = self.roamer.replace(to) {
            self.remove(&(from, AppKey::new("argocd", "roamer")));
        }
        self.refresh();
    }

    /// What control does when an application goes: an explicit removal, carried out.
    pub(crate) fn remove(&mut self, seat: &Seat) {
        let at = self.now;
        if let Some(told) = self.fleet.assigned.get_mut(seat) {
            told.position = told.position.next();
            told.order = Order::Remove { cascade: true, at };
        }
        self.agents.remove(seat);
        // A pin goes before its application does.
        self.pins.remove(seat);
        if let Some(seen) = self.fleet.observed.get_mut(seat) {
            seen.pin = None;
        }
    }

    pub(crate) fn cluster(&mut self, name: &str) -> &mut ClusterState {
        self.fleet.clusters.entry(ClusterName::new(name)).or_default()
    }

    pub(crate) fn pause(&mut self, name: &str, until: Option<Timestamp>) {
        let pause = Pause { reason: "INC-7".into(), by: "ann".into(), until, ..Pause::default() };
        self.cluster(name).pauses.push(pause);
    }

    /// A person rolls the cluster's applications back, in the cluster, and the hub hears of it.
    pub(crate) fn pin(&mut self, name: &str) {
        let cluster = ClusterName::new(name);
        for seat in self.seats(&cluster) {
            if let Some((_, running)) = self.agents.get(&seat) {
                let before = self.releases.keys().find(|release| *release != running);
                self.pins.insert(seat, *before.unwrap_or(running));
            }
        }
    }

    /// The hub's store is older than what its agents were told: these run another release.
    pub(crate) fn forget(&mut self, name: &str) {
        for seat in self.seats(&ClusterName::new(name)) {
            let Some((position, running)) = self.agents.get(&seat).copied() else { continue };
            let other = self.releases.keys().find(|release| **release != running).copied();
            let position = Position { generation: position.generation + 5, ..position };
            self.agents.insert(seat.clone(), (position, other.unwrap_or(running)));
            let report = self.observation(&seat, SyncPhase::Succeeded, HealthStatus::Healthy);
            self.receive(report.expect("the agent has an assignment"));
        }
    }

    /// What control does for `hub restore --adopt`: where the agent holds something else, its word counts.
    pub(crate) fn adopt(&mut self, name: &str) {
        let at = self.now;
        for seat in self.seats(&ClusterName::new(name)) {
            let Some((position, release)) = self.agents.get(&seat).copied() else { continue };
            let known = self.fleet.assigned.get(&seat).map(|told| (told.position, told.running()));
            if known.is_some_and(|(told, running)| told > position || running == Some((position, release))) {
                continue;
            }
            self.fleet.incarnation = self.fleet.incarnation.max(position.incarnation + 1);
            let order = Order::Run { release, rollout: RolloutName::new("adopted"), at };
            let adopted = Some(Adopted { at, since: at - std::time::Duration::from_secs(30), orphan: false });
            let assigned = Assigned { position, order, proof: None, adopted };
            self.fleet.assigned.insert(seat, assigned);
        }
    }

    pub(crate) fn unpin(&mut self, name: &str) {
        self.pins.retain(|seat, _| seat.0.as_str() != name);
    }

    pub(crate) fn leave(&mut self, name: &str) {
        let name = ClusterName::new(name);
        self.fleet.clusters.remove(&name);
        self.fleet.assigned.retain(|seat, _| seat.0 != name);
        self.fleet.observed.retain(|seat, _| seat.0 != name);
        self.agents.retain(|seat, _| seat.0 != name);
        self.pins.retain(|seat, _| seat.0 != name);
        self.refresh();
    }

    /// A new rollout waits in the line.
    pub(crate) fn commit(&mut self, source: Source) -> RolloutName {
        self.commit_to(&owner(), source)
    }

    pub(crate) fn commit_to(&mut self, owner: &Owner, source: Source) -> RolloutName {
        let line = self.fleet.lines.entry(owner.clone()).or_default();
        let sequence = line.rollouts.last().map_or(1, |rollout| rollout.sequence + 1);
        let letter = if *owner == other_owner() { "s" } else { "r" };
        let name = RolloutName::new(format!("{letter}{sequence}"));
        line.rollouts.push(Rollout {
            name: name.clone(),
            sequence,
            created: self.now,
            plan: self.plan.clone(),
            head: crate::Head::default(),
            members: BTreeMap::new(),
        });
        self.sources.insert(name.clone(), source);
        self.refresh();
        name
    }

    /// What control does: members follow from the frozen inputs and the clusters there are.
    pub(crate) fn refresh(&mut self) {
        let mut lines = std::mem::take(&mut self.fleet.lines);
        for (owner, line) in &mut lines {
            for rollout in &mut line.rollouts {
                let mut old = std::mem::take(&mut rollout.members);
                let clusters: Vec<_> = self.fleet.clusters.keys().cloned().collect();
                for cluster in clusters {
                    for key in self.apps_on(owner, &cluster) {
                        let record = old.remove(&key).and_then(|member| member.record);
                        let member = self.member(&rollout.name, &key, &cluster);
                        rollout.members.insert(key, Member { record, ..member });
                    }
                }
            }
        }
        self.fleet.lines = lines;
    }

    fn member(&mut self, rollout: &RolloutName, key: &AppKey, cluster: &ClusterName) -> Member {
        let commit = self.sources[rollout].commit_of(cluster).to_owned();
        let release = ReleaseId(Digest::of(format!("{commit}/{key}/{cluster}").as_bytes()));
        self.releases.insert(release, commit);
        let mut labels = self.labels.clone();
        labels.extend(self.fleet.clusters[cluster].labels.clone());
        Member {
            labels,
            automated: self.automated,
            sync_requested: self.sync_requests.get(key).copied(),
            pauses: self.paused.get(key).cloned().unwrap_or_default(),
            windows: self.windows.get(cluster).copied(),
            ..Member::new(cluster.clone(), release)
        }
    }

    /// The agent of a connected cluster takes what it was assigned.
    pub(crate) fn deliver(&mut self, cluster: &ClusterName) {
        let state = &self.fleet.clusters[cluster];
        if state.link != Link::Connected || state.pauses.iter().any(|pause| pause.is_active(self.now)) {
            return;
        }
        for seat in self.seats(cluster) {
            let Some(told) = self.fleet.assigned.get(&seat).and_then(Assigned::running) else {
                continue;
            };
            let known = self.agents.entry(seat).or_insert(told);
            *known = told.max(*known);
        }
    }

    /// What the agent of a seat would report now.
    pub(crate) fn observation(
        &self,
        seat: &Seat,
        phase: SyncPhase,
        health: HealthStatus,
    ) -> Option<Observation> {
        let (position, release) = self.agents.get(seat).copied()?;
        let pinned = self.pins.get(seat).copied();
        let release = pinned.unwrap_or(release);
        Some(Observation {
            application: seat.1.clone(),
            cluster: seat.0.clone(),
            position,
            release: Some(release),
            phase,
            message: if phase == SyncPhase::Failed { "apply refused".into() } else { String::new() },
            sync: SyncState::Synced,
            health: Health::new(health, if health == HealthStatus::Healthy { "" } else { "0 of 1 ready" }),
            drift: Vec::new(),
            resources: Vec::new(),
            healed: 0,
            removed: false,
            pin: pinned.map(|_| LocalPin { reason: "INC-9".into(), by: "ben".into(), at: start() }),
            unsupported: Vec::new(),
            received_at: Timestamp::UNIX_EPOCH,
            healthy_since: None,
        })
    }

    /// The hub receives a report.
    pub(crate) fn receive(&mut self, report: Observation) {
        let seat = (report.cluster.clone(), report.application.clone());
        let kept = observe(self.fleet.observed.get(&seat), report, self.now);
        self.fleet.observed.insert(seat, kept);
    }

    pub(crate) fn report(&mut self, cluster: &str, phase: SyncPhase, health: HealthStatus) {
        let cluster = ClusterName::new(cluster);
        self.deliver(&cluster);
        for seat in self.seats(&cluster) {
            if let Some(report) = self.observation(&seat, phase, health) {
                self.receive(report);
            }
        }
    }

    /// A person decides about a rollout, as the API does it.
    pub(crate) fn decide(&mut self, rollout: &str, by: &str, decision: &str) -> Result<(), Refused> {
        let what: Decision = serde_json::from_str(decision).unwrap();
        self.decide_on(rollout, &Decided { what, by: by.into(), at: self.now, reason: String::new() })
    }

    pub(crate) fn decide_on(&mut self, rollout: &str, decided: &Decided) -> Result<(), Refused> {
        let name = RolloutName::new(rollout);
        let line = self.fleet.lines.values_mut().find(|line| line.get(&name).is_some()).expect("it is there");
        let leads = line.lead().is_some_and(|lead| lead.name == name);
        let rollout = line.get_mut(&name).expect("it is there");
        rollout.head = decide(&rollout.plan, &rollout.head, leads, decided)?;
        Ok(())
    }

    /// From now on a window concerns a cluster.
    pub(crate) fn window(&mut self, cluster: &str, window: &str) {
        let window: SyncWindow = serde_json::from_str(window).unwrap();
        // Those whom the same windows concern share an entry, as control has it.
        let windows = Windows::new([&window]);
        let known = self.fleet.windows.iter().position(|known| *known == windows);
        let index = known.unwrap_or(self.fleet.windows.len());
        if known.is_none() {
            self.fleet.windows.push(windows);
        }
        self.windows.insert(ClusterName::new(cluster), index);
        self.refresh();
    }

    /// Applications of a cluster are paused, or no longer.
    pub(crate) fn pause_apps(&mut self, cluster: &str, paused: bool) {
        for (_, app) in self.seats(&ClusterName::new(cluster)) {
            let pause = Pause { reason: "INC-8".into(), by: "ann".into(), ..Pause::default() };
            self.paused.remove(&app);
            if paused {
                self.paused.insert(app, vec![pause]);
            }
        }
        self.refresh();
    }

    /// Plans, checks the plan, and commits it.
    pub(crate) fn run(&mut self) -> (Plan, Report) {
        let (plan, report) = plan(&self.fleet, self.now);
        let violations = check(&self.fleet, &plan, &report, self.now);
        assert!(violations.is_empty(), "{violations:#?}");
        for step in &plan.steps {
            apply_step(&mut self.fleet, step, plan.at).expect("a plan names what its fleet has");
        }
        (plan, report)
    }

    pub(crate) fn lead(&self) -> Option<&Rollout> {
        self.fleet.lines.get(&owner())?.lead()
    }
}
