//! What can happen to a fleet, at random: commits, reports (late, twice, out of order), clusters that
//! join, leave, are relabelled, paused, cut off or held, clocks that jump, and a hub that dies
//! between any two steps of a plan.

#![allow(clippy::wildcard_enum_match_arm, reason = "events are told apart by what they concern")]

use crate::{
    Hold, Link, Pause,
    tests::world::{Source, World, other_owner, owner},
};
use jiff::Timestamp;
use proptest::{collection::vec, option, prelude::*, sample::select};
use shared_model::{
    Amount, ClusterName, HealthStatus, LabelSelector, Mode, Observation, OnFailure, Requirement, RollingStep,
    RollingSync, RolloutPolicySpec, SyncPhase, Unreachable, Wave,
    fleet_rollout::PlanSpec,
    policy::{Supersede, WaitOrSkip},
};
use std::{collections::BTreeSet, time::Duration};

pub(crate) const CLUSTERS: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A commit: of the whole fleet, or of some clusters on top of another commit.
    Commit {
        other: bool,
        commit: &'static str,
        partial: bool,
        plan: PlanSpec,
        automated: bool,
    },
    /// The agent takes its orders and reports; kept for [`Event::Replay`].
    Report {
        cluster: &'static str,
        phase: SyncPhase,
        health: HealthStatus,
    },
    /// All agents report health.
    AllHealthy,
    /// The agent takes its orders and says nothing.
    Deliver {
        cluster: &'static str,
    },
    /// An old report arrives (again).
    Replay {
        back: usize,
    },
    Pause {
        cluster: &'static str,
        seconds: Option<u64>,
        local: bool,
    },
    Resume {
        cluster: &'static str,
    },
    Lost {
        cluster: &'static str,
    },
    Never {
        cluster: &'static str,
    },
    Back {
        cluster: &'static str,
    },
    Hold {
        cluster: &'static str,
        behind: bool,
    },
    Unhold {
        cluster: &'static str,
    },
    Mode {
        cluster: &'static str,
        mode: Mode,
    },
    Join {
        cluster: &'static str,
        ring: &'static str,
    },
    Leave {
        cluster: &'static str,
    },
    Sync {
        cluster: &'static str,
    },
    Wait {
        seconds: u64,
    },
    /// The hub's clock is set back.
    Back2Past {
        seconds: u64,
    },
    /// The hub starts again: no agent is connected.
    Restart,
    /// The one application that moves goes to the cluster.
    Roam {
        cluster: &'static str,
    },
    /// The cluster's applications are removed, and are wanted again.
    Remove {
        cluster: &'static str,
    },
    /// The agent reports a position that the hub's store has lost.
    Ahead {
        cluster: &'static str,
    },
    /// A person rolls the cluster's applications back there, and the agent says so if it can.
    Pin {
        cluster: &'static str,
    },
    /// The person lets the hub decide again.
    Unpin {
        cluster: &'static str,
    },
    /// The hub's store lost what the agent was told last: another release, at positions it does not know.
    Forget {
        cluster: &'static str,
    },
    /// A person takes the agent's releases as truth.
    Adopt {
        cluster: &'static str,
    },
    /// The hub dies after so many steps of the next plan.
    Crash {
        after: usize,
    },
}

/// The world and what only the random tests need: old reports, and when the hub dies.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) log: Vec<Observation>,
    pub(crate) crash: Option<usize>,
    /// The time of the last plan that was committed: plans never go back behind it.
    pub(crate) last: Timestamp,
}

impl Stage {
    pub(crate) fn new(rings: &[&'static str], apps: usize, limit: Option<usize>) -> Self {
        let mut world = World::new();
        world.fleet.max_per_cluster = limit;
        world.apps = ["api", "web"][..apps].iter().map(|app| (*app).to_owned()).collect();
        for (name, ring) in CLUSTERS.iter().zip(rings) {
            world.cluster(name).labels.insert("ring".into(), (*ring).into());
        }
        let last = world.now;
        Self { world, log: Vec::new(), crash: None, last }
    }

    /// The time that plans are made for.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now.max(self.last)
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        let world = &mut self.world;
        let there = |world: &World, name: &str| world.fleet.clusters.contains_key(&ClusterName::new(name));
        match event {
            Event::Commit { other, commit, partial, plan, automated } => {
                world.plan = plan.clone();
                world.automated = *automated;
                let only: BTreeSet<_> = ["c2", "c3"].map(ClusterName::new).into();
                let base = partial.then(|| "A".to_owned());
                let owner = if *other { other_owner() } else { owner() };
                world.commit_to(&owner, Source { commit: (*commit).to_owned(), base, only });
            }
            Event::Report { cluster, phase, health } if there(world, cluster) => {
                self.report(cluster, *phase, *health)
            }
            Event::AllHealthy => {
                for cluster in CLUSTERS {
                    if there(&self.world, cluster) {
                        self.report(cluster, SyncPhase::Succeeded, HealthStatus::Healthy);
                    }
                }
            }
            Event::Deliver { cluster } if there(world, cluster) => world.deliver(&ClusterName::new(*cluster)),
            Event::Replay { back } if !self.log.is_empty() => {
                let index = self.log.len() - 1 - back % self.log.len();
                let report = self.log[index].clone();
                // What is pinned is what the agent says last.
                let seat = (report.cluster.clone(), report.application.clone());
                let stale = report.pin.is_some() && !world.pins.contains_key(&seat);
                if there(world, report.cluster.as_str()) && !stale {
                    world.receive(report);
                }
            }
            Event::Restart => {
                let now = world.now;
                for state in world.fleet.clusters.values_mut() {
                    state.link = Link::LostSince(now);
                }
            }
            Event::Roam { cluster } if there(world, cluster) => world.roam(ClusterName::new(*cluster)),
            Event::Remove { cluster } => {
                for seat in world.seats(&ClusterName::new(*cluster)) {
                    world.remove(&seat);
                }
            }
            Event::Ahead { cluster } if there(world, cluster) => ahead(world, cluster),
            Event::Forget { cluster } if there(world, cluster) => world.forget(cluster),
            Event::Adopt { cluster } if there(world, cluster) => world.adopt(cluster),
            Event::Join { cluster, ring } => {
                world.cluster(cluster).labels.insert("ring".into(), (*ring).into());
                world.refresh();
            }
            Event::Leave { cluster } => {
                world.leave(cluster);
                // The agent is revoked with its cluster: nothing of it arrives any more.
                self.log.retain(|report| report.cluster.as_str() != *cluster);
            }
            Event::Sync { cluster } => sync(world, cluster),
            Event::Wait { seconds } => world.now += Duration::from_secs(*seconds),
            Event::Back2Past { seconds } => world.now -= Duration::from_secs(*seconds),
            Event::Pin { cluster } if there(world, cluster) => {
                world.pin(cluster);
                self.report(cluster, SyncPhase::Succeeded, HealthStatus::Healthy);
            }
            Event::Unpin { cluster } if there(world, cluster) => {
                world.unpin(cluster);
                self.report(cluster, SyncPhase::Running, HealthStatus::Progressing);
            }
            Event::Crash { after } => self.crash = Some(*after),
            _ => change_cluster(world, event),
        }
    }

    fn report(&mut self, cluster: &str, phase: SyncPhase, health: HealthStatus) {
        let name = ClusterName::new(cluster);
        self.world.deliver(&name);
        for seat in self.world.seats(&name) {
            if let Some(report) = self.world.observation(&seat, phase, health) {
                self.log.push(report.clone());
                if self.world.fleet.clusters[&name].link == Link::Connected {
                    self.world.receive(report);
                }
            }
        }
    }
}

fn ahead(world: &mut World, cluster: &str) {
    for seat in world.seats(&ClusterName::new(cluster)) {
        let Some(known) = world.agents.get_mut(&seat) else { continue };
        known.0.generation += 5;
        let report = world.observation(&seat, SyncPhase::Succeeded, HealthStatus::Healthy);
        world.receive(report.expect("the agent has an assignment"));
    }
}

fn sync(world: &mut World, cluster: &str) {
    let name = ClusterName::new(cluster);
    for (_, app) in world.seats(&name) {
        let member = world.lead().and_then(|lead| lead.members.get(&app)).map(|member| member.release);
        if let Some(release) = member {
            world.sync_requests.insert(app, release);
        }
    }
    world.refresh();
}

fn change_cluster(world: &mut World, event: &Event) {
    let now = world.now;
    let name = match event {
        Event::Pause { cluster, .. }
        | Event::Resume { cluster }
        | Event::Lost { cluster }
        | Event::Never { cluster }
        | Event::Back { cluster }
        | Event::Hold { cluster, .. }
        | Event::Unhold { cluster }
        | Event::Mode { cluster, .. } => ClusterName::new(*cluster),
        _ => return,
    };
    let Some(state) = world.fleet.clusters.get_mut(&name) else { return };
    match event {
        Event::Pause { seconds, local, .. } => state.pauses.push(Pause {
            until: seconds.map(|seconds| now + Duration::from_secs(seconds)),
            local: *local,
            ..Pause::default()
        }),
        Event::Resume { .. } => state.pauses.clear(),
        Event::Lost { .. } => state.link = Link::LostSince(now),
        Event::Never { .. } => state.link = Link::NeverSeen { since: now },
        Event::Back { .. } => state.link = Link::Connected,
        Event::Hold { behind, .. } => {
            state.hold = Some(if *behind { Hold::HubBehindAgent } else { Hold::DuplicateAgent });
        }
        Event::Unhold { .. } => state.hold = None,
        Event::Mode { mode, .. } => state.mode = *mode,
        _ => {}
    }
}

fn cluster() -> impl Strategy<Value = &'static str> {
    select(&CLUSTERS[..])
}

fn ring() -> impl Strategy<Value = &'static str> {
    select(&["canary", "early", "", ""][..])
}

pub(crate) fn event() -> BoxedStrategy<Event> {
    let report = (
        cluster(),
        select(&[SyncPhase::Running, SyncPhase::Succeeded, SyncPhase::Succeeded, SyncPhase::Failed][..]),
        select(
            &[
                HealthStatus::Healthy,
                HealthStatus::Healthy,
                HealthStatus::Progressing,
                HealthStatus::Degraded,
            ][..],
        ),
    );
    let commit = (
        prop::bool::weighted(0.2),
        select(&["A", "B", "C", "D"][..]),
        any::<bool>(),
        plan(),
        prop::bool::weighted(0.8),
    );
    prop_oneof![
        3 => commit.prop_map(|(other, commit, partial, plan, automated)| Event::Commit { other, commit, partial, plan, automated }),
        6 => report.prop_map(|(cluster, phase, health)| Event::Report { cluster, phase, health }),
        8 => Just(Event::AllHealthy),
        1 => cluster().prop_map(|cluster| Event::Deliver { cluster }),
        3 => (0..12_usize).prop_map(|back| Event::Replay { back }),
        8 => select(&[1_u64, 5, 10, 60, 121, 700][..]).prop_map(|seconds| Event::Wait { seconds }),
        1 => select(&[3_u64, 300][..]).prop_map(|seconds| Event::Back2Past { seconds }),
        3 => (0..12_usize).prop_map(|after| Event::Crash { after }),
        1 => (cluster(), option::of(1..600_u64), any::<bool>())
            .prop_map(|(cluster, seconds, local)| Event::Pause { cluster, seconds, local }),
        1 => cluster().prop_map(|cluster| Event::Resume { cluster }),
        1 => cluster().prop_map(|cluster| Event::Lost { cluster }),
        1 => cluster().prop_map(|cluster| Event::Back { cluster }),
        1 => (cluster(), 0..8_u8).prop_map(|(cluster, kind)| match kind {
            0 => Event::Never { cluster },
            1 => Event::Hold { cluster, behind: true },
            2 => Event::Hold { cluster, behind: false },
            3 => Event::Unhold { cluster },
            4 => Event::Mode { cluster, mode: Mode::Observe },
            5 => Event::Mode { cluster, mode: Mode::Enforce },
            6 => Event::Leave { cluster },
            _ => Event::Sync { cluster },
        }),
        1 => (cluster(), 0..4_u8).prop_map(|(cluster, kind)| match kind {
            0 => Event::Restart,
            1 => Event::Remove { cluster },
            _ => Event::Roam { cluster },
        }),
        2 => (cluster(), prop::bool::weighted(0.6)).prop_map(|(cluster, pins)| {
            if pins { Event::Pin { cluster } } else { Event::Unpin { cluster } }
        }),
        1 => prop::bool::weighted(0.2).prop_flat_map(|ahead| cluster().prop_map(move |cluster| {
            if ahead { Event::Ahead { cluster } } else { Event::Back { cluster } }
        })),
        1 => (cluster(), 0..3_u8).prop_map(|(cluster, kind)| match kind {
            0 => Event::Forget { cluster },
            _ => Event::Adopt { cluster },
        }),
        1 => (cluster(), ring()).prop_map(|(cluster, ring)| Event::Join { cluster, ring }),
    ]
    .boxed()
}

/// A fleet of up to six clusters, and what happens to it.
pub(crate) fn story() -> BoxedStrategy<(Stage, Vec<Event>)> {
    let fleet = (vec(ring(), 1..6), 1..3_usize, option::weighted(0.2, 1..3_usize));
    let first = (plan(), Just(Event::AllHealthy));
    (fleet, first, vec(event(), 5..45))
        .prop_map(|((rings, apps, limit), (plan, healthy), mut events)| {
            events.insert(
                0,
                Event::Commit { other: false, commit: "A", partial: false, plan, automated: true },
            );
            events.insert(1, healthy);
            (Stage::new(&rings, apps, limit), events)
        })
        .boxed()
}

fn amount() -> impl Strategy<Value = Option<Amount>> {
    select(
        &[
            None,
            None,
            Some(Amount::Count(1)),
            Some(Amount::Count(1)),
            Some(Amount::Count(2)),
            Some(Amount::Percent(50)),
            Some(Amount::Count(0)),
        ][..],
    )
}

fn seconds(choices: &'static [u64]) -> impl Strategy<Value = Option<Duration>> {
    option::of(select(choices).prop_map(Duration::from_secs))
}

fn wave(name: &'static str, ring: Option<&'static str>, take: Option<u32>) -> BoxedStrategy<Wave> {
    (
        amount(),
        option::weighted(0.3, (0..3_u32).prop_map(Amount::Count)),
        seconds(&[0, 10]),
        seconds(&[30]),
        seconds(&[60, 300]),
        option::of(0..3_u32),
    )
        .prop_map(move |(max_update, min_proven, settle, soak, deadline, max_failures)| Wave {
            name: name.into(),
            selector: ring.map(|ring| LabelSelector {
                match_labels: [("ring".to_owned(), ring.to_owned())].into(),
                ..LabelSelector::default()
            }),
            take,
            max_update,
            min_proven,
            settle,
            soak,
            deadline,
            max_failures,
            approval: None,
            analysis: Vec::new(),
        })
        .boxed()
}

fn policy() -> BoxedStrategy<RolloutPolicySpec> {
    let action = || select(&[WaitOrSkip::Wait, WaitOrSkip::Skip][..]);
    let waves = prop_oneof![
        (wave("canary", Some("canary"), None), wave("rest", None, None)).prop_map(|(a, b)| vec![a, b]),
        (wave("one", None, Some(1)), wave("early", Some("early"), None), wave("rest", None, None))
            .prop_map(|(a, b, c)| vec![a, b, c]),
        wave("all", None, None).prop_map(|all| vec![all]),
        (wave("canary", Some("canary"), Some(1)), wave("two", None, Some(2))).prop_map(|(a, b)| vec![a, b]),
    ];
    let at_most = select(&[Amount::Percent(10), Amount::Count(2), Amount::Count(0)][..]);
    let supersede = select(&[Supersede::Queue, Supersede::Queue, Supersede::Restart][..]);
    (waves, action(), action(), at_most, supersede, prop::bool::weighted(0.1))
        .prop_map(|(waves, action, paused, at_most, supersede, manual)| RolloutPolicySpec {
            waves,
            on_failure: OnFailure::Halt,
            unreachable: Unreachable { after: Duration::from_secs(120), action, at_most },
            paused,
            supersede,
            manual,
            windows: Vec::new(),
            depends_on: Vec::new(),
        })
        .boxed()
}

fn rolling() -> impl Strategy<Value = RollingSync> {
    (amount(), amount()).prop_map(|(first, second)| {
        let step = |operator: &str, max_update| RollingStep {
            match_expressions: vec![Requirement {
                key: "ring".into(),
                operator: operator.into(),
                values: vec!["canary".into()],
            }],
            max_update,
        };
        RollingSync { steps: vec![step("In", first), step("NotIn", second)] }
    })
}

pub(crate) fn plan() -> BoxedStrategy<PlanSpec> {
    prop_oneof![
        1 => Just(PlanSpec::Immediate),
        1 => rolling().prop_map(PlanSpec::RollingSync),
        5 => policy().prop_map(PlanSpec::Policy),
    ]
    .boxed()
}
