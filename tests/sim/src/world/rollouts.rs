//! A night of a hundred rollouts, from its beginning to its verdict.

use super::{Happening, Outcome, World};
use crate::waves::{self, Coming, Commit, Rollouts, Set, Waves};
use jiff::SignedDuration;
use shared_model::fleet_rollout::PlanSpec;
use shared_rollout::{ClusterState, Fleet, Link, Phase};
use std::{collections::BTreeMap, path::Path};

/// One cluster in so many is a canary.
const CANARIES: usize = 10;
/// How many applications of one cluster may be under way.
const PER_CLUSTER: usize = 6;
/// Longer than every deadline, soak and approval takes one after the other.
const QUIET: SignedDuration = SignedDuration::from_hours(2);

/// Runs rollouts through their trouble, and until all is quiet again.
pub(crate) fn run(config: Rollouts, file: Option<&Path>) -> Outcome {
    let mut world = World::new(config.seed, config.clusters, file);
    world.begin(config);
    let end = world.now + waves::LENGTH;
    world.until(end);
    world.calm_down();
    if let Some(waves) = &world.waves {
        for (at, event) in waves::ends(&waves.sets, end) {
            world.at(at, Happening::Waves(Box::new(event)));
        }
    }
    world.until(end + QUIET);
    world.judge();
    world.judge_lines();
    Outcome {
        lines: world.log.lines(),
        log: world.log.digest(),
        events: world.events,
        problems: world.verdicts.problems,
        met: world.met,
    }
}

impl World {
    fn begin(&mut self, config: Rollouts) {
        let mut fleet = Fleet { incarnation: 1, max_per_cluster: Some(PER_CLUSTER), ..Fleet::default() };
        for (number, agent) in self.agents.iter().enumerate() {
            let ring = if number % CANARIES == 0 { "canary" } else { "rest" };
            let labels = BTreeMap::from([("ring".to_owned(), ring.to_owned())]);
            let link = Link::NeverSeen { since: self.now };
            fleet
                .clusters
                .insert(agent.name.clone(), ClusterState { labels, link, ..ClusterState::default() });
        }
        let mut planned = Waves::new(fleet, self.now);
        for number in 0..config.sets {
            let owner = waves::set(number);
            let first = number * config.clusters / config.sets;
            let clusters: Vec<_> = (first..first + config.spread)
                .map(|cluster| self.agents[cluster % config.clusters].name.clone())
                .collect();
            planned.add(owner, clusters, waves::policy(number));
        }
        let coming = waves::of_a_night(&planned.sets, config.clusters, self.now, &mut self.chance);
        let owners: Vec<_> = planned.sets.keys().cloned().collect();
        self.waves = Some(Box::new(planned));
        for agent in 0..config.clusters {
            self.start(agent);
        }
        for owner in owners {
            self.push(&owner, Commit { bad: 0 });
        }
        for (at, coming) in coming {
            let happening = match coming {
                Coming::Rollout(event) => Happening::Waves(Box::new(event)),
                Coming::Trouble(trouble) => Happening::Trouble(trouble),
            };
            self.at(at, happening);
        }
    }

    /// After all trouble every line has come to its end, or says why not.
    fn judge_lines(&mut self) {
        let Some(waves) = &mut self.waves else { return };
        let mut problems = std::mem::take(&mut waves.oracle.problems);
        let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
        for owner in waves.sets.keys() {
            let Some(lead) = waves.store.lead(owner) else {
                problems.push(format!("{owner}: nothing leads it"));
                continue;
            };
            let report = waves.reports.get(owner);
            let said = report.and_then(|report| report.rollouts.get(&(owner.clone(), lead.name.clone())));
            let waits = said.and_then(|said| said.waits_for.as_ref()).map(ToString::to_string);
            let name = &lead.name;
            let line = &waves.store.fleet.lines[owner];
            if line.rollouts.last().is_some_and(|last| last.head.phase == Phase::Queued) {
                problems.push(format!("{owner}: its newest rollout still waits behind {name}: {waits:?}"));
            }
            let end = match lead.head.phase {
                Phase::Done => "ended done",
                Phase::Halted if waits.is_some() && lead.head.halted.is_some() => "ended halted",
                Phase::RolledBack if waits.is_some() => "ended rolled back",
                phase @ (Phase::Queued
                | Phase::Progressing
                | Phase::Halted
                | Phase::RollingBack
                | Phase::RolledBack
                | Phase::Superseded) => {
                    problems.push(format!("{name} is {phase} at the end: {waits:?}"));
                    continue;
                }
            };
            *ends.entry(end).or_default() += 1;
            if lead.head.phase == Phase::RolledBack {
                let runs = lead.members.iter().filter(|(app, member)| {
                    let seat = (member.cluster.clone(), (*app).clone());
                    let told =
                        waves.store.fleet.assigned.get(&seat).and_then(shared_rollout::Assigned::running);
                    told.is_some_and(|(_, release)| release == member.release)
                });
                problems.extend(runs.map(|(app, member)| {
                    format!("{}: {app} still runs {name}, which was taken back", member.cluster)
                }));
            }
        }
        for (end, count) in ends {
            *self.met.entry(end).or_default() += count;
        }
        problems.into_iter().for_each(|problem| self.verdicts.problem(problem));
    }
}

impl Waves {
    fn new(fleet: Fleet, now: jiff::Timestamp) -> Self {
        let mut store = waves::Store::default();
        store.fleet = fleet;
        store.planned = now;
        Self {
            store,
            oracle: waves::Oracle::default(),
            sets: BTreeMap::new(),
            owner_of: BTreeMap::new(),
            on_cluster: BTreeMap::new(),
            dirty: std::collections::BTreeSet::new(),
            due: false,
            planned: 0,
            wakes: BTreeMap::new(),
            under_way: std::collections::BTreeSet::new(),
            skew: SignedDuration::ZERO,
            lease: 1,
            commits: BTreeMap::new(),
            reports: BTreeMap::new(),
            connected: BTreeMap::new(),
        }
    }

    fn add(&mut self, owner: shared_model::Owner, clusters: Vec<shared_model::ClusterName>, plan: PlanSpec) {
        for cluster in &clusters {
            self.owner_of.insert(Set::app(&owner, cluster), owner.clone());
            self.on_cluster.entry(cluster.clone()).or_default().push(owner.clone());
            let seat = (cluster.clone(), Set::app(&owner, cluster));
            self.store.on_cluster.entry(cluster.clone()).or_default().push(seat);
        }
        let placed = match &plan {
            PlanSpec::Policy(policy) => {
                let states = &self.store.fleet.clusters;
                let labelled = clusters.iter().filter_map(|name| Some((name, &states.get(name)?.labels)));
                waves::placed(policy, labelled)
            }
            PlanSpec::Immediate | PlanSpec::RollingSync(_) => BTreeMap::new(),
        };
        self.sets.insert(owner, Set { clusters, waves: placed, plan, pushes: 0 });
    }
}
