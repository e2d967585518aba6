//! Random histories: answers late, twice and out of order, pauses, edits and failures at any time.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests name what they look at")]

use super::cluster::Cluster;
use super::harness::*;
use crate::{Action, Assignment, Event, Failure, Machine};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared_manifest::{ObjectId, tracking};
use shared_model::{Position, SyncPhase, SyncState};
use std::collections::BTreeSet;
use std::sync::Arc;

const NAMES: [&str; 6] =
    ["ConfigMap/a", "ConfigMap/b", "ConfigMap/c", "Deployment/api", "Deployment/web", "Job/migrate"];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Takes the next action out of the machine.
    Take,
    /// The cluster performs one of the actions taken.
    Perform(usize),
    /// One of the answers arrives; it may arrive once more later.
    Deliver(usize, bool),
    /// A watch tells of an object (late).
    Tell(usize),
    /// A newer release: which objects, in how many waves.
    Release(u8, bool),
    /// An older one turns up.
    Old(u8),
    /// A removal, newer or older.
    Remove(bool),
    Pause(bool),
    Edit(usize),
    Lose(usize),
    Settle(usize),
    Fail(usize),
    Wait(u16),
    SyncRequested,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        8 => Just(Step::Take),
        6 => (0..8_usize).prop_map(Step::Perform),
        8 => (0..8_usize, prop::bool::weighted(0.2)).prop_map(|(index, twice)| Step::Deliver(index, twice)),
        3 => name.clone().prop_map(Step::Tell),
        1 => (0..64_u8, any::<bool>()).prop_map(|(mask, waves)| Step::Release(mask, waves)),
        1 => (0..64_u8).prop_map(Step::Old),
        1 => prop::bool::weighted(0.2).prop_map(Step::Remove),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => name.clone().prop_map(Step::Edit),
        1 => name.clone().prop_map(Step::Lose),
        3 => name.clone().prop_map(Step::Settle),
        1 => name.prop_map(Step::Fail),
        2 => (0..400_u16).prop_map(Step::Wait),
        1 => Just(Step::SyncRequested),
    ]
}

/// The objects of a release; every one says which generation it is of.
fn release(generation: u64, mask: u8, waves: bool) -> Arc<Assignment> {
    let value = generation.to_string();
    let objects: Vec<Value> = NAMES
        .iter()
        .enumerate()
        .filter(|(index, _)| mask & (1 << index) != 0)
        .map(|(index, name)| {
            let (kind, name) = name.split_once('/').unwrap();
            let wave = (index % 3).to_string();
            let object = match kind {
                "ConfigMap" => config_map(name, &value),
                "Deployment" => deployment(name, &format!("shop/{name}:{value}"), 2),
                _ => annotated(job(name, &value), &[("hook", "PreSync")]),
            };
            if waves { annotated(object, &[("sync-wave", &wave)]) } else { object }
        })
        .collect();
    let mut spec = spec();
    spec.sync_policy.automated = Some(shared_model::Automated { allow_empty: true, ..Default::default() });
    assignment(generation, spec, &objects)
}

struct World {
    machine: Machine,
    cluster: Cluster,
    now: Timestamp,
    current: Option<Arc<Assignment>>,
    generation: u64,
    paused: bool,
    saved: Option<BTreeSet<ObjectId>>,
    taken: Vec<Action>,
    answers: Vec<Event>,
    unanswered: BTreeSet<ObjectId>,
    log: Vec<String>,
}

impl World {
    fn new() -> Self {
        let first = release(1, 0b11_1111, true);
        let mut cluster = Cluster::default();
        // Somebody else's object under a name that the release does not have.
        cluster.put(&id("ConfigMap/foreign"), &config_map("foreign", "theirs"));
        Self {
            machine: Machine::new(first.clone(), Some(vec![id("ConfigMap/foreign")]), START),
            cluster,
            now: START,
            current: Some(first),
            generation: 1,
            paused: false,
            saved: None,
            taken: Vec::new(),
            answers: Vec::new(),
            unanswered: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(event, self.now);
    }

    /// Takes an action and checks that it may be given out.
    fn take(&mut self) -> bool {
        let Some(action) = self.machine.poll_action() else { return false };
        self.log.push(format!("{:?}", action));
        assert!(self.log.len() < 5_000, "a hot loop: {:?}", &self.log[4_990..]);
        assert!(!(action.is_write() && self.paused), "a write while paused: {action:?}");
        match &action {
            Action::Apply { id, object, .. } => {
                let current = self.current.as_ref().expect("no apply after a removal");
                let desired = current.desired(id).expect("an apply of what the release does not have");
                assert_eq!(desired.object.read(), **object, "an apply for another position");
                assert!(
                    self.saved.as_ref().is_some_and(|saved| saved.contains(id)),
                    "{id} is not in the inventory"
                );
                assert!(self.unanswered.insert(id.clone()), "a second write of {id} before the answer");
            }
            Action::Delete { id, uid, .. } => {
                let hook = id.kind == "Job";
                let kept = self.current.as_ref().is_some_and(|current| current.desired(id).is_some());
                assert!(hook || !kept, "{id} is deleted and in the release");
                assert!(
                    self.saved.as_ref().is_some_and(|saved| saved.contains(id)),
                    "{id} is not in the inventory"
                );
                assert!(uid.is_some());
                assert!(self.unanswered.insert(id.clone()), "a second write of {id} before the answer");
            }
            Action::SaveInventory(ids) => self.saved = Some(ids.iter().cloned().collect()),
            Action::CreateNamespace { .. } | Action::Get(_) | Action::Watch(_) | Action::ReportChanged => {}
        }
        if action.is_write() || matches!(action, Action::Get(_)) {
            self.taken.push(action);
        }
        true
    }

    fn perform(&mut self, index: usize) {
        if self.taken.is_empty() {
            return;
        }
        let action = self.taken.remove(index % self.taken.len());
        self.answers.push(match action {
            Action::Apply { id, object, how } => {
                let result = self.cluster.apply(&id, &object, how);
                Event::Applied(id, result)
            }
            Action::Delete { id, uid, .. } => {
                if let Some(object) = self
                    .cluster
                    .objects
                    .get(&id)
                    .filter(|object| object["metadata"]["uid"] == *uid.as_deref().unwrap())
                {
                    assert!(tracking::owner_of(object).is_some(), "{id} is not ours");
                }
                let result = self.cluster.delete(&id, uid.as_deref());
                Event::Deleted(id, result)
            }
            Action::Get(id) => Event::Live(id.clone(), self.cluster.get(&id)),
            other => unreachable!("{other:?}"),
        });
    }

    fn deliver(&mut self, index: usize, twice: bool) {
        if self.answers.is_empty() {
            return;
        }
        let index = index % self.answers.len();
        let event = if twice { self.answers[index].clone() } else { self.answers.remove(index) };
        match &event {
            Event::Applied(id, _) | Event::Deleted(id, _) => {
                self.unanswered.remove(id);
            }
            _ => {}
        }
        // Absence is checked by a GET: it is never told late.
        let event = match event {
            Event::Live(id, None) => Event::Live(id.clone(), self.cluster.get(&id)),
            event => event,
        };
        self.handle(event);
    }

    fn step(&mut self, step: Step) {
        let name = |index: usize| id(NAMES[index]);
        match step {
            Step::Take => {
                self.take();
            }
            Step::Perform(index) => self.perform(index),
            Step::Deliver(index, twice) => self.deliver(index, twice),
            Step::Tell(index) => self.answers.push(Event::Live(name(index), self.cluster.get(&name(index)))),
            Step::Release(mask, waves) => {
                self.generation += 1;
                let assignment = release(self.generation, mask, waves);
                self.current = Some(assignment.clone());
                self.handle(Event::Assigned(assignment));
            }
            Step::Old(mask) => self.handle(Event::Assigned(release(self.generation - 1, mask, false))),
            Step::Remove(newer) => {
                self.generation += u64::from(newer);
                if newer {
                    self.current = None;
                }
                let position = Position { incarnation: 1, generation: self.generation };
                self.handle(Event::Removed { position, cascade: true });
            }
            Step::Pause(paused) => {
                self.paused = paused;
                self.handle(Event::Paused(paused));
            }
            Step::Edit(index) => {
                if self.cluster.objects.contains_key(&name(index)) {
                    self.cluster.edit(&name(index), |object| {
                        object["metadata"]["generation"] =
                            json!(object["metadata"]["generation"].as_u64().unwrap() + 1);
                        object["data"] = json!({"key": "edited"});
                        object["spec"]["replicas"] = json!(9);
                    });
                    self.answers.push(Event::Live(name(index), self.cluster.get(&name(index))));
                }
            }
            Step::Lose(index) => {
                if self.cluster.objects.remove(&name(index)).is_some() {
                    self.answers.push(Event::Live(name(index), None));
                }
            }
            Step::Settle(index) => self.settle(&name(index)),
            Step::Fail(index) => {
                let failures = [
                    Failure::Unreachable("down".into()),
                    Failure::Invalid("no".into()),
                    Failure::Conflict("other".into()),
                ];
                let failure = failures[self.log.len() % failures.len()].clone();
                self.cluster.failures.entry(name(index)).or_default().push(failure);
            }
            Step::Wait(seconds) => {
                self.now = self.now.checked_add(SignedDuration::from_secs(seconds.into())).unwrap();
                self.handle(Event::Tick);
            }
            Step::SyncRequested => self.handle(Event::SyncRequested),
        }
        assert_eq!(self.machine.position().generation, self.generation);
    }

    fn settle(&mut self, id: &ObjectId) {
        if self.cluster.objects.contains_key(id) {
            self.cluster.settle(id);
            self.answers.push(Event::Live(id.clone(), self.cluster.get(id)));
        }
    }

    /// Everything arrives, nothing fails any more, time passes: until nothing is left to do.
    fn quiesce(&mut self) {
        self.cluster.failures.clear();
        self.step(Step::Pause(false));
        for round in 0..200 {
            let before = self.log.len();
            self.drain();
            for name in NAMES {
                self.settle(&id(name));
                self.answers.push(Event::Live(id(name), self.cluster.get(&id(name))));
            }
            self.drain();
            match self.machine.poll_timeout() {
                Some((due, _)) => {
                    assert!(due > self.now);
                    self.now = due;
                    self.handle(Event::Tick);
                }
                None if self.machine.report().phase == SyncPhase::Failed => self.handle(Event::SyncRequested),
                None if self.log.len() == before => return,
                None => {}
            }
            assert!(round < 199, "never quiet: {:?}", self.machine.report());
        }
    }

    fn drain(&mut self) {
        loop {
            while self.take() {}
            self.perform(0);
            self.deliver(0, false);
            if self.taken.is_empty() && self.answers.is_empty() && !self.take() {
                return;
            }
        }
    }
}

fn live(steps: Vec<Step>) -> World {
    let mut world = World::new();
    steps.into_iter().for_each(|step| world.step(step));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never backwards, pause means no action, only ours (checked at every action), and in the end as asked.
    #[test]
    fn whatever_happens_it_ends_as_asked(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = live(steps);
        world.quiesce();
        let report = world.machine.report();
        let left: BTreeSet<&ObjectId> = world.cluster.objects.keys().collect();
        let foreign = id("ConfigMap/foreign");
        let expect: BTreeSet<&ObjectId> = match &world.current {
            Some(current) => {
                prop_assert_eq!(report.sync, SyncState::Synced, "{:?}", report);
                prop_assert_eq!(report.phase, SyncPhase::Succeeded, "{:?}", report);
                prop_assert_eq!(report.health.status, shared_model::HealthStatus::Healthy, "{:?}", report);
                for desired in current.resources() {
                    let live = &world.cluster.objects[&desired.id];
                    let lines = shared_diff::diff(&desired.object.read(), Some(live), &shared_diff::Rules::default());
                    prop_assert!(lines.is_empty(), "{:?}", lines);
                }
                current.resources().map(|desired| &desired.id).chain([&foreign]).collect()
            }
            None => {
                prop_assert!(report.removed, "{:?}", report);
                BTreeSet::from([&foreign])
            }
        };
        let hooks = |id: &&&ObjectId| id.kind != "Job" || world.current.is_none();
        let left: BTreeSet<&ObjectId> = left.iter().filter(hooks).copied().collect();
        prop_assert_eq!(left, expect);
    }

    #[test]
    fn the_same_history_gives_the_same_actions(steps in prop::collection::vec(step(), 0..80)) {
        let (one, other) = (live(steps.clone()), live(steps));
        prop_assert_eq!(one.log, other.log);
        prop_assert_eq!(one.machine.report(), other.machine.report());
    }

    /// News that repeat what is known give no action, and no reason to wake.
    #[test]
    fn repeated_news_are_quiet(steps in prop::collection::vec(step(), 0..80)) {
        let mut world = live(steps);
        world.quiesce();
        for name in NAMES.iter().chain(NAMES.iter()) {
            let object = world.cluster.get(&id(name));
            world.handle(Event::Live(id(name), object));
            world.handle(Event::Tick);
            prop_assert_eq!(world.machine.poll_action(), None);
        }
        prop_assert_eq!(world.machine.poll_timeout(), None);
    }
}
