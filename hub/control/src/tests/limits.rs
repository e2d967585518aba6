//! Plans against what a store takes in one transaction.

use super::{Loops, application, assign, cluster, failed, index, linked, records, run, set};
use crate::{
    commit::{Progress, commit},
    fleet::{self, Around},
    index::Index,
    line::{Evaluation, MemberInput},
    live::Live,
    metrics::Metrics,
    rollouts,
    windows::Calendar,
};
use hub_gateway::LinkState;
use hub_records::{Records, keys};
use hub_store::{Embedded, MAX_VALUE_BYTES, Page, lease};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared_model::{
    AppKey, ClusterName, Digest, Kind, Owner, OwnerKind, ReleaseId, RolloutName, fleet_rollout::PlanSpec,
};
use shared_rollout::{Approved, Change, Fleet, Head, Link, Phase, Plan, Seat, Side};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn owner(line: usize) -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: format!("set-{line:02}") }
}

fn rollout(line: usize) -> RolloutName {
    RolloutName::new(format!("set-{line:02}-1"))
}

fn on(number: usize) -> ClusterName {
    ClusterName::new(format!("c-{number:02}"))
}

fn waves(waves: &Value) -> PlanSpec {
    serde_json::from_value(json!({"policy": {"waves": waves}})).unwrap()
}

/// Lines that each have members on some clusters.
struct Wide {
    records: Records,
    evaluations: BTreeMap<Owner, Evaluation>,
    clusters: BTreeSet<usize>,
}

impl Wide {
    async fn new(records: Records, lines: &[(PlanSpec, Vec<usize>)]) -> Self {
        let clusters: BTreeSet<usize> = lines.iter().flat_map(|(_, on)| on.iter().copied()).collect();
        for number in &clusters {
            records.create(Kind::Cluster, cluster(on(*number).as_str(), &json!({})), at(0)).await.unwrap();
        }
        let mut evaluations = BTreeMap::new();
        for (line, (plan, clusters)) in lines.iter().enumerate() {
            let set = json!({"metadata": {"name": owner(line).name, "namespace": "argocd"}, "spec": {}});
            records.create(Kind::ApplicationSet, set.clone(), at(0)).await.unwrap();
            let next = rollouts::next(&owner(line), &set, (Vec::new(), BTreeSet::new()), plan.clone(), &[]);
            records.create(Kind::FleetRollout, next, at(0)).await.unwrap();
            let mut evaluation = Evaluation::default();
            let members = evaluation.rollouts.entry(rollout(line)).or_default();
            for number in clusters {
                let name = format!("{}-{number:02}", owner(line).name);
                let object = application(&name, on(*number).as_str(), &[]);
                records.create(Kind::Application, object, at(0)).await.unwrap();
                let member = MemberInput {
                    cluster: on(*number),
                    labels: BTreeMap::new(),
                    release: ReleaseId(Digest::of(name.as_bytes())),
                    automated: true,
                    revisions: Vec::new(),
                };
                members.insert(AppKey::new("argocd", name), member);
            }
            evaluations.insert(owner(line), evaluation);
        }
        Self { records, evaluations, clusters }
    }

    fn links(&self, connected: impl Fn(usize) -> bool) -> BTreeMap<ClusterName, LinkState> {
        let there = self.clusters.iter().filter(|number| connected(**number));
        there.map(|number| (on(*number), linked(Link::Connected))).collect()
    }

    async fn plan(&self, links: &BTreeMap<ClusterName, LinkState>, seconds: i64) -> (Index, Fleet, Plan) {
        let index = index(&self.records).await;
        let around = Around { evaluations: &self.evaluations, links, since: at(0) };
        let fleet = fleet::build(&index, &around, &mut Calendar::default(), at(seconds));
        let (plan, report) = shared_rollout::plan(&fleet, at(seconds));
        assert_eq!(shared_rollout::check(&fleet, &plan, &report, at(seconds)), []);
        (index, fleet, plan)
    }

    async fn commit(&self, (index, mut fleet, plan): (Index, Fleet, Plan), seconds: i64) -> Progress {
        let ttl = Duration::from_secs(60);
        let acquired = lease::acquire(&**self.records.store(), "planner", "hub", ttl, at(seconds)).await;
        let lease::Acquired::Held(lease) = acquired.unwrap() else { panic!("somebody else plans") };
        commit((&self.records, &Metrics::default()), &lease, &index, &mut fleet, &plan).await.unwrap()
    }

    async fn report(&self, index: &Index, seat: &Seat, healthy: bool, seconds: i64) {
        let Some((position, release)) = index.assigned[seat].0.running() else { return };
        let report = super::report(seat, position, Some(release), at(seconds));
        let report = if healthy { report } else { failed(report) };
        let kept = shared_rollout::observe(index.observed.get(seat), report, at(seconds));
        self.records.write(&keys::observation(&seat.0, &seat.1), &kept).await.unwrap();
    }

    async fn write_head(&self, line: usize, head: &Head) {
        self.records.write(&keys::head("argocd", &rollout(line)), head).await.unwrap();
    }
}

/// A head that takes about so many bytes.
fn long(bytes: usize) -> Head {
    let approved =
        Approved { wave: 9, side: Side::Before, by: "ann".into(), at: at(0), reason: "x".repeat(bytes) };
    Head { approvals: vec![approved], ..Head::default() }
}

/// Fifty lines of one member each, all on clusters of their own, whose waves opened while nobody was connected:
/// then the plan is releases only, each of which compares more than it writes.
async fn check_releases_side_by_side(records: Records) {
    let plan = waves(&json!([{"name": "all"}]));
    let lines: Vec<_> = (0..50).map(|number| (plan.clone(), vec![number])).collect();
    let wide = Wide::new(records, &lines).await;
    let nobody = wide.links(|_| false);
    for seconds in 1..4 {
        let planned = wide.plan(&nobody, seconds).await;
        assert!(matches!(wide.commit(planned, seconds).await, Progress::Whole(_)));
    }
    let all = wide.links(|_| true);
    let planned = wide.plan(&all, 10).await;
    let releases = planned.2.steps.iter().filter(|step| matches!(step.change, Change::Release { .. }));
    assert_eq!((releases.count(), planned.2.steps.len()), (50, 50), "{:#?}", planned.2.steps);
    let progress = wide.commit(planned, 10).await;
    assert!(matches!(progress, Progress::Whole(_)), "{progress:?}");
    assert_eq!(index(&wide.records).await.assigned.len(), 50);
}

#[tokio::test]
async fn releases_of_many_lines_at_once_are_taken_in_memory() {
    check_releases_side_by_side(records()).await;
}

#[tokio::test]
async fn releases_of_many_lines_at_once_are_taken_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), hub_store::Config::default()).unwrap();
    check_releases_side_by_side(Records::new(Arc::new(store))).await;
}

#[tokio::test]
async fn heads_that_say_much_are_written_in_transactions_that_hold_them() {
    let lines: Vec<_> = (0..12).map(|number| (PlanSpec::Immediate, vec![number])).collect();
    let wide = Wide::new(records(), &lines).await;
    for line in 0..12 {
        wide.write_head(line, &long(300_000)).await;
    }
    let all = wide.links(|_| true);
    let planned = wide.plan(&all, 1).await;
    assert!(matches!(wide.commit(planned, 1).await, Progress::Whole(_)));
    assert_eq!(index(&wide.records).await.assigned.len(), 12);
}

#[tokio::test]
async fn a_step_that_is_too_large_is_refused_by_its_lines_name_and_the_others_are_planned() {
    let lines: Vec<_> = (0..3).map(|number| (PlanSpec::Immediate, vec![number])).collect();
    let wide = Wide::new(records(), &lines).await;
    let largest = MAX_VALUE_BYTES - serde_json::to_vec(&long(1)).unwrap().len();
    wide.write_head(1, &long(largest)).await;
    let (all, now) = (wide.links(|_| true), at(1));
    let mut live = Live::default();
    let mut calendar = Calendar::default();
    let store = &**wide.records.store();
    let acquired = lease::acquire(store, "planner", "hub", Duration::from_secs(60), now).await.unwrap();
    let lease::Acquired::Held(lease) = acquired else { panic!("somebody else plans") };
    let mut refused = Vec::new();
    for second in [0, 1, 2, 11, 12] {
        let now = now + Duration::from_secs(second);
        let index = index(&wide.records).await;
        live.forget();
        live.refresh(&index, (&wide.evaluations, at(0)), &mut calendar, || all.clone(), now);
        let decided = live.decide(now);
        let metrics = Metrics::default();
        let written = (&wide.records, &metrics);
        let progress = commit(written, &lease, &index, &mut live.fleet, &decided.plan).await.unwrap();
        if let Progress::Refused(_, owner, why) = progress {
            live.undo(&decided.plan);
            live.leave(&owner, &why, now);
            refused.push((second, owner, why));
        }
    }
    let seconds: Vec<_> = refused.iter().map(|(second, owner, _)| (*second, owner.clone())).collect();
    assert_eq!(seconds, [(0, owner(1)), (11, owner(1))], "left alone for a while, and tried again");
    assert!(refused[0].2.contains("more than the"), "{}", refused[0].2);
    let index = index(&wide.records).await;
    let started: Vec<_> = (0..3).map(|line| index.heads[&("argocd".into(), rollout(line))].0.phase).collect();
    assert_eq!(started, [Phase::Progressing, Phase::Queued, Phase::Progressing]);
    assert_eq!(index.assigned.len(), 2);
}

#[derive(Debug, Clone)]
struct Round {
    away: Vec<bool>,
    healthy: Vec<bool>,
}

fn line() -> impl Strategy<Value = (PlanSpec, Vec<usize>)> {
    let plan = prop_oneof![
        Just(PlanSpec::Immediate),
        (1..4usize, 1..30usize).prop_map(|(count, most)| {
            let wave = |number| json!({"name": format!("w{number}"), "take": 1 + number, "maxUpdate": most});
            let mut all: Vec<Value> = (0..count).map(wave).collect();
            all.push(json!({"name": "rest", "maxUpdate": most}));
            waves(&json!(all))
        }),
    ];
    (plan, prop::collection::btree_set(0..60usize, 1..8).prop_map(|on| on.into_iter().collect()))
}

fn round() -> impl Strategy<Value = Round> {
    let flags = |weight: f64| prop::collection::vec(prop::bool::weighted(weight), 60);
    prop_oneof![
        2 => (flags(0.1), flags(0.9)),
        1 => (Just(vec![true; 60]), flags(0.9)),
        1 => (Just(vec![false; 60]), Just(vec![true; 60])),
    ]
    .prop_map(|(away, healthy)| Round { away, healthy })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn no_transaction_of_a_plan_is_more_than_a_store_takes(
        lines in prop::collection::vec(line(), 34..60),
        rounds in prop::collection::vec(round(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let wide = Wide::new(records(), &lines).await;
            for (number, round) in rounds.iter().enumerate() {
                let seconds = 60 * (number as i64 + 1);
                let links = wide.links(|cluster| !round.away[cluster]);
                let planned = wide.plan(&links, seconds).await;
                let progress = wide.commit(planned, seconds).await;
                assert!(matches!(progress, Progress::Whole(_)), "{progress:?}");
                let index = index(&wide.records).await;
                for (number, seat) in index.assigned.keys().enumerate() {
                    wide.report(&index, seat, round.healthy[number % 60], seconds + 1).await;
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_stored_holds_up_nothing_else() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", super::CONFIG_MAP);
    // The rollout that the hub will make can only grow beyond what a store takes.
    let largest = MAX_VALUE_BYTES - serde_json::to_vec(&long(1)).unwrap().len();
    records.write(&keys::head("argocd", &RolloutName::new("web-1")), &long(largest)).await.unwrap();
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    // Its status has all that its head says, and is too large, too.
    let told = async |records: &Records| {
        let status = records.status(Kind::ApplicationSet, "argocd", "web").await.unwrap();
        status.is_some_and(|(status, _)| status["rollout"]["name"] == "web-1")
    };
    loops.until("its set tells of it", told).await;
    let mut other = set(&loops.repository());
    other["metadata"]["name"] = json!("other");
    other["spec"]["template"]["metadata"]["name"] = json!("other-{{name}}");
    records.create(Kind::ApplicationSet, other, now).await.unwrap();
    let started = async |records: &Records| {
        let head = keys::head("argocd", &RolloutName::new("other-1"));
        records.read::<Head>(&head).await.unwrap().is_some_and(|(head, _)| head.phase == Phase::Progressing)
    };
    loops.until("another line starts", started).await;
    assign(records, "lost", "gone", &run(1)).await;
    let forgotten = async |records: &Records| {
        let told = records.store().list(keys::ASSIGNMENTS, Page::default()).await.unwrap();
        told.entries.iter().all(|entry| !entry.key.contains("lost"))
    };
    loops.until("a cluster that is no more is forgotten", forgotten).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
