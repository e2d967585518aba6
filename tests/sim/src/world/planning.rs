//! The hub that plans: what it hears, what it decides, and what people and Git make it look at.

use super::{Happening, World};
use crate::{
    release::Release,
    waves::{Batch, Commit, Event, Set, Waves, oracle_settle},
};
use jiff::{SignedDuration, Timestamp};
use shared_manifest::ObjectId;
use shared_model::{AppKey, ClusterName, Observation, Owner, RolloutName};
use shared_rollout::{Decided, Decision, Head, Link, Member, Pause, Phase, Rollout, check, decide, plan};
use std::{collections::BTreeMap, sync::Arc};

/// What happens within it is planned together.
const DEBOUNCE: SignedDuration = SignedDuration::from_secs(4);
/// How long the lease of a hub that is gone still lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// A transaction of a hub that is gone arrives that late.
const STUCK: SignedDuration = SignedDuration::from_secs(20);
/// The clock of the second hub is that far ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// So long after a rollback has ended nobody who was there all the time may run what was rejected.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

impl World {
    /// The time by the clock of the hub.
    pub(super) fn hub_now(&self) -> Timestamp {
        self.waves.as_ref().map_or(self.now, |waves| self.now + waves.skew)
    }

    pub(super) fn waves(&mut self, event: Event) {
        match event {
            Event::Plan => self.plan(),
            Event::Commit(batch) => self.committed(batch),
            Event::Push(owner, commit) => self.push(&owner, commit),
            Event::Decide(owner, decision) => self.decision(&owner, decision),
            Event::Failover => self.fail_over(),
            Event::Takeover => self.take_over(),
            Event::Look => self.look_for_rejected(),
        }
    }

    fn with<T: Default>(&mut self, act: impl FnOnce(&mut Waves) -> T) -> T {
        self.waves.as_mut().map(|waves| act(waves)).unwrap_or_default()
    }

    /// A line is to be planned soon.
    fn touch(&mut self, owner: &Owner) {
        let due = self.with(|waves| {
            waves.dirty.insert(owner.clone());
            !std::mem::replace(&mut waves.due, true)
        });
        if due {
            self.at(self.now + DEBOUNCE, Happening::Waves(Box::new(Event::Plan)));
        }
    }

    fn touch_cluster(&mut self, cluster: &ClusterName) {
        let owners = self.with(|waves| waves.on_cluster.get(cluster).cloned().unwrap_or_default());
        owners.iter().for_each(|owner| self.touch(owner));
    }

    /// What an agent reported is kept.
    pub(super) fn heard(&mut self, cluster: &ClusterName, application: &AppKey, kept: Observation) {
        let Some(waves) = &mut self.waves else { return };
        let seat = (cluster.clone(), application.clone());
        let Some(owner) = waves.owner_of.get(application).cloned() else { return };
        let settle = oracle_settle(&waves.sets[&owner], cluster);
        waves.oracle.hear(&seat, &kept, settle, kept.received_at);
        // What the planner does not look at is not copied with every plan.
        let seen = Observation { resources: Vec::new(), drift: Vec::new(), ..kept };
        waves.store.fleet.observed.insert(seat, seen);
        self.touch(&owner);
    }

    /// An agent is connected, and what it saw while away has been heard.
    pub(super) fn arrived(&mut self, cluster: &ClusterName) {
        let now = self.now;
        self.with(|waves| {
            waves.connected.insert(cluster.clone(), now);
            if let Some(state) = waves.store.fleet.clusters.get_mut(cluster) {
                state.link = Link::Connected;
            }
        });
        self.touch_cluster(cluster);
    }

    /// An agent's connection is gone.
    pub(super) fn left(&mut self, cluster: &ClusterName) {
        let now = self.hub_now();
        self.with(|waves| {
            waves.connected.remove(cluster);
            // What it showed until now counts.
            for owner in waves.on_cluster.get(cluster).into_iter().flatten() {
                let seat = (cluster.clone(), Set::app(owner, cluster));
                waves.oracle.look(&seat, oracle_settle(&waves.sets[owner], cluster), now);
            }
            if let Some(state) = waves.store.fleet.clusters.get_mut(cluster)
                && state.link == Link::Connected
            {
                state.link = Link::LostSince(now);
            }
        });
        self.touch_cluster(cluster);
    }

    /// A Cluster's pause was asked for, lifted or acknowledged.
    pub(super) fn control_changed(&mut self, cluster: &ClusterName) {
        let Some(seat) = self.hub.seats.get(cluster) else { return };
        let pause = seat.object.spec.pause.as_ref().map(|pause| Pause {
            reason: pause.reason.clone(),
            by: pause.by.clone(),
            since: pause.at,
            until: pause.ends(),
            acknowledged: seat.acknowledged == hub_gateway::pause_id(pause),
            local: false,
        });
        self.with(|waves| {
            if let Some(state) = waves.store.fleet.clusters.get_mut(cluster) {
                state.pauses = pause.into_iter().collect();
            }
        });
        self.touch_cluster(cluster);
    }

    /// Plans what has changed, and what time has changed.
    fn plan(&mut self) {
        let clock = self.hub_now();
        let up = self.hub.up;
        let due: Vec<Owner> = self.with(|waves| {
            waves.due = false;
            if !up {
                return Vec::new();
            }
            let woken = waves.wakes.iter().filter(|(_, at)| **at <= clock).map(|(owner, _)| owner.clone());
            let due = waves.dirty.iter().cloned().chain(woken);
            let due: std::collections::BTreeSet<Owner> =
                due.filter(|owner| !waves.under_way.contains(owner)).collect();
            waves.dirty.retain(|owner| !due.contains(owner));
            due.into_iter().collect()
        });
        for owner in due {
            self.plan_line(&owner);
        }
        let next = self.with(|waves| waves.wakes.values().min().copied());
        if let Some(next) = next.filter(|_| up) {
            let due = self.with(|waves| std::mem::replace(&mut waves.due, true));
            if !due {
                let at = (next - self.waves.as_ref().map_or(SignedDuration::ZERO, |waves| waves.skew))
                    .max(self.now + DEBOUNCE);
                self.with(|waves| waves.due = false);
                self.at(at, Happening::Waves(Box::new(Event::Plan)));
            }
        }
    }

    fn plan_line(&mut self, owner: &Owner) {
        let clock = self.hub_now();
        let Some(waves) = &mut self.waves else { return };
        let now = clock.max(waves.store.planned);
        let view = waves.store.view(owner);
        let (plan, report) = plan(&view, now);
        // Of plans that change nothing only some are looked at; of the others every one.
        let looks = !plan.steps.is_empty() || waves.planned.is_multiple_of(8);
        waves.planned += 1;
        let violations = if looks { check(&view, &plan, &report, now) } else { Vec::new() };
        waves.wakes.remove(owner);
        if let Some((at, _)) = plan.wake {
            waves.wakes.insert(owner.clone(), at);
        }
        waves.reports.insert(owner.clone(), report);
        let batch = (!plan.steps.is_empty())
            .then(|| waves.store.batch(owner, waves.lease, plan.at, plan.steps.clone()));
        *self.met.entry("plans").or_default() += 1;
        for violation in violations {
            self.verdicts.problem(format!("{} {owner}: {violation}", self.now));
        }
        if let Some(batch) = batch {
            for step in &plan.steps {
                self.say(format_args!("{owner} {}: {:?}", step.rollout, step.change));
            }
            self.with(|waves| waves.under_way.insert(owner.clone()));
            self.send_batch(Box::new(batch));
            if !self.calm && self.chance.percent(1) {
                // A person is quicker than the plan that is on its way.
                let until = Some(clock + SignedDuration::from_mins(5));
                let event = Event::Decide(owner.clone(), Decision::Pause { until });
                self.at(self.now + SignedDuration::from_millis(2), Happening::Waves(Box::new(event)));
            }
        }
    }

    fn send_batch(&mut self, batch: Box<Batch>) {
        let after = self.chance.millis(5, 400);
        self.at(self.now + after, Happening::Waves(Box::new(Event::Commit(batch))));
    }

    /// A transaction reaches the store.
    fn committed(&mut self, mut batch: Box<Batch>) {
        if !self.hub.up {
            // On its way when its hub was lost: it comes when another has the lease.
            self.at(self.now + STUCK, Happening::Waves(Box::new(Event::Commit(batch))));
            return;
        }
        let Some(waves) = &mut self.waves else { return };
        let owner = batch.owner.clone();
        let (lease, at) = (waves.lease, batch.at);
        let (oracle, set) = (&mut waves.oracle, &waves.sets[&owner]);
        let told = waves.store.commit(&mut batch, lease, &mut |fleet, step, seat, assigned| {
            oracle.judge(&set.waves, (fleet, step), (seat, assigned), at);
        });
        let Some(told) = told else {
            let stale = batch.lease != lease;
            if !stale {
                waves.under_way.remove(&owner);
            }
            self.meet(if stale { "refused to a hub without the lease" } else { "overtaken" });
            self.touch(&owner);
            return;
        };
        *self.met.entry("transactions").or_default() += 1;
        for ((cluster, app), assigned) in told {
            let Some((position, release)) = assigned.running() else { continue };
            self.say(format_args!("{cluster} is to run {app} at {position}"));
            let kept = self.hub.releases.get(&release).cloned();
            if let Some(seat) = self.hub.seats.get_mut(&cluster) {
                seat.history.insert((app.clone(), position), kept);
                seat.assigned.insert(app.clone(), assigned.clone());
            }
            self.assigned(&cluster, &app, assigned);
        }
        if batch.steps.is_empty() {
            self.with(|waves| waves.under_way.remove(&owner));
            self.touch(&owner);
        } else {
            self.send_batch(batch);
        }
    }

    /// The hub that plans is lost while a transaction of it is on its way: the next time there is one.
    fn fail_over(&mut self) {
        let idle = self.waves.as_ref().is_none_or(|waves| waves.under_way.is_empty());
        if idle && !self.calm {
            self.at(self.now + SignedDuration::from_millis(50), Happening::Waves(Box::new(Event::Failover)));
            return;
        }
        self.meet("failover");
        self.hub_down();
        self.at(self.now + LEASE, Happening::Waves(Box::new(Event::Takeover)));
    }

    /// The lease of the hub that is gone has run out, and the other one has it now.
    fn take_over(&mut self) {
        let started = self.with(|waves| {
            waves.lease += 1;
            waves.skew = if waves.skew == AHEAD { SignedDuration::ZERO } else { AHEAD };
            // What the other had on its way is its own; this one plans from the store.
            waves.under_way.clear();
            waves.wakes.clear();
            Some(waves.skew)
        });
        let now = self.now + started.unwrap_or_default();
        let owners: Vec<Owner> = self.with(|waves| {
            for state in waves.store.fleet.clusters.values_mut() {
                state.link = Link::LostSince(now);
            }
            waves.store.fleet.since = Some(now);
            waves.sets.keys().cloned().collect()
        });
        self.hub_up();
        owners.iter().for_each(|owner| self.touch(owner));
    }

    /// A commit makes a rollout.
    pub(super) fn push(&mut self, owner: &Owner, commit: Commit) {
        self.commits += 1;
        let (number, now) = (self.commits, self.hub_now());
        self.say(format_args!("commit {number} of {owner}: {commit:?}"));
        let content = Set::content(owner, number);
        let Some(waves) = &mut self.waves else { return };
        waves.commits.insert(number, commit);
        let Some(set) = waves.sets.get_mut(owner) else { return };
        set.pushes += 1;
        let mut members = BTreeMap::new();
        for cluster in &set.clusters {
            let app = Set::app(owner, cluster);
            let release = Arc::new(Release::new(&app, &content));
            members.insert(app, Member::new(cluster.clone(), release.id));
            self.hub.keep(&release);
        }
        let first = set.pushes == 1;
        let rollout = Rollout {
            name: RolloutName::new(format!("{}-{}", owner.name, set.pushes)),
            sequence: set.pushes,
            created: now,
            plan: if first { shared_model::fleet_rollout::PlanSpec::Immediate } else { set.plan.clone() },
            head: Head::default(),
            members,
        };
        waves.store.fleet.lines.entry(owner.clone()).or_default().rollouts.push(rollout);
        self.meet(if commit.bad > 0 { "bad commit" } else { "commit" });
        self.touch(owner);
    }

    /// Somebody decides about what leads the line.
    fn decision(&mut self, owner: &Owner, decision: Decision) {
        let now = self.hub_now();
        let text = format!("{decision:?}");
        let Some(waves) = &mut self.waves else { return };
        let Some(lead) = waves.store.lead(owner) else { return };
        let decided = Decided { what: decision, by: "ann".to_owned(), at: now, reason: "INC-7".to_owned() };
        let answer = decide(&lead.plan, &lead.head, true, &decided);
        let name = lead.name.clone();
        let refused = answer.is_err();
        if let Ok(head) = answer {
            waves.store.decide(owner, &name, head);
        }
        self.say(format_args!("ann decides about {name}: {text}, refused: {refused}"));
        if !refused {
            self.meet("decision");
            self.touch(owner);
        }
    }

    /// Whether a workload never starts, because of the commit that it is of.
    pub(super) fn is_bad(&self, agent: usize, id: &ObjectId) -> bool {
        let Some(waves) = &self.waves else { return false };
        let object = self.agents[agent].cluster.objects.get(id);
        let commit = object.and_then(|object| number(crate::release::says(object)));
        let commit = commit.and_then(|number| Some((number, waves.commits.get(&number)?)));
        commit.is_some_and(|(number, commit)| (agent * 37 + number * 11) % 100 < commit.bad)
    }

    /// Nobody who was there all the time runs what was rejected, once that has been taken back.
    fn look_for_rejected(&mut self) {
        let agents: BTreeMap<&ClusterName, _> =
            self.agents.iter().map(|agent| (&agent.name, agent)).collect();
        let (now, clock) = (self.now, self.hub_now());
        let mut found = Vec::new();
        let Some(waves) = &self.waves else { return };
        for (owner, set) in &waves.sets {
            let Some(lead) = waves.store.lead(owner) else { continue };
            let held = lead.head.paused.as_ref().is_some_and(|paused| paused.is_active(clock));
            let over = lead.head.phase == Phase::RolledBack
                && !held
                && lead.head.finished.is_some_and(|at| clock.duration_since(at) > GRACE + AHEAD);
            if !over {
                continue;
            }
            for (app, member) in &lead.members {
                let there = waves
                    .connected
                    .get(&member.cluster)
                    .is_some_and(|since| now.duration_since(*since) > GRACE);
                let state = waves.store.fleet.clusters.get(&member.cluster);
                let free =
                    state.is_some_and(|state| !state.pauses.iter().any(|pause| pause.is_active(clock)));
                let Some(agent) = agents.get(&member.cluster) else {
                    continue;
                };
                let seat = (member.cluster.clone(), app.clone());
                let held = waves.store.fleet.assigned.get(&seat).and_then(shared_rollout::Assigned::running);
                let (Some(rejected), Some((_, told))) = (self.hub.releases.get(&member.release), held) else {
                    continue;
                };
                let runs = |id: &ObjectId| {
                    let live = agent.cluster.objects.get(id);
                    live.map(crate::release::says) == rejected.content.objects.get(id).map(String::as_str)
                };
                let workload = rejected.content.objects.keys().find(|id| id.kind == "Deployment");
                let went_back = member.record.as_ref().is_some_and(|record| record.before.is_some());
                if there && free && !agent.cluster.down && went_back && workload.is_some_and(runs) {
                    found.push(format!(
                        "{now} {}: {app} runs what {} was taken back from (told {told}, of {} clusters)",
                        member.cluster,
                        lead.name,
                        set.clusters.len()
                    ));
                }
            }
        }
        found.into_iter().for_each(|problem| self.verdicts.problem(problem));
    }
}

/// The commit that an image or a value is of.
fn number(says: &str) -> Option<usize> {
    says.strip_prefix("web:")?.parse().ok()
}
