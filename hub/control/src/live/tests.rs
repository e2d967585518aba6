//! The fleet that is kept against the fleet that is built, and plans of parts against the plan of the whole.

use super::*;
use crate::{
    commit,
    index::Touched,
    line::{MemberInput, Members},
    metrics::Metrics,
    rollouts,
    tests::{failed, linked},
};
use hub_records::{Records, keys};
use hub_store::{Memory, Watch, lease};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared_model::{Digest, Kind, ReleaseId, RolloutName, cluster::PauseRequest};
use shared_rollout::{HeldUp, plan};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const CLUSTERS: [&str; 3] = ["eu-1", "eu-2", "us-1"];
const SETS: [&str; 3] = ["db", "web", "zoo"];

/// What happens to the fleet.
#[derive(Debug, Clone)]
enum Event {
    Commit { set: usize },
    Report { cluster: usize, set: usize, healthy: bool },
    Link { cluster: usize, up: bool },
    Pause { cluster: usize, seconds: Option<i64> },
    Relabel { cluster: usize },
    Hold { set: usize, on: bool },
    Limit { most: Option<u8> },
    Sync { cluster: usize, set: usize },
    Delete { cluster: usize, set: usize },
    Remove { cluster: usize, set: usize },
    Wait { seconds: i64 },
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let (cluster, set) = (0..CLUSTERS.len(), 0..SETS.len());
    let seat = (cluster.clone(), set.clone());
    prop_oneof![
        3 => set.clone().prop_map(|set| Event::Commit { set }),
        8 => (seat.clone(), prop::bool::weighted(0.8))
            .prop_map(|((cluster, set), healthy)| Event::Report { cluster, set, healthy }),
        2 => (cluster.clone(), any::<bool>()).prop_map(|(cluster, up)| Event::Link { cluster, up }),
        1 => (cluster.clone(), prop::option::of(1..40i64))
            .prop_map(|(cluster, seconds)| Event::Pause { cluster, seconds }),
        1 => cluster.clone().prop_map(|cluster| Event::Relabel { cluster }),
        1 => (set.clone(), any::<bool>()).prop_map(|(set, on)| Event::Hold { set, on }),
        1 => prop::option::of(1..3u8).prop_map(|most| Event::Limit { most }),
        1 => seat.clone().prop_map(|(cluster, set)| Event::Sync { cluster, set }),
        1 => seat.clone().prop_map(|(cluster, set)| Event::Delete { cluster, set }),
        1 => seat.prop_map(|(cluster, set)| Event::Remove { cluster, set }),
        5 => (1..60i64).prop_map(|seconds| Event::Wait { seconds }),
        1 => Just(Event::Restart),
    ]
}

/// `web` goes after `db` on each cluster; `zoo` has no policy.
fn policy(set: &str) -> PlanSpec {
    let waves = json!([
        {"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "soak": "10s"},
        {"name": "rest", "maxUpdate": 1, "deadline": "30s", "maxFailures": 1},
    ]);
    let after: &[&str] = if set == "web" { &["db"] } else { &[] };
    let unreachable = json!({"after": "20s", "action": "Skip", "atMost": "50%"});
    let policy = json!({"policy": {"waves": waves, "dependsOn": after, "unreachable": unreachable}});
    if set == "zoo" { PlanSpec::Immediate } else { serde_json::from_value(policy).unwrap() }
}

struct World {
    records: Records,
    watch: Watch,
    index: Index,
    live: Live,
    calendar: Calendar,
    evaluations: BTreeMap<Owner, Evaluation>,
    links: BTreeMap<ClusterName, LinkState>,
    now: Timestamp,
}

fn owner(set: &str) -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: set.into() }
}

fn app(set: usize, cluster: usize) -> AppKey {
    AppKey::new("argocd", format!("{}-{}", SETS[set], CLUSTERS[cluster]))
}

fn seat(set: usize, cluster: usize) -> shared_rollout::Seat {
    (ClusterName::new(CLUSTERS[cluster]), app(set, cluster))
}

impl World {
    async fn new() -> Self {
        let records = Records::new(Arc::new(Memory::default()));
        let now = Timestamp::from_second(1_000_000).unwrap();
        let from = records.store().revision().await.unwrap();
        let watch = records.store().watch("", from).await.unwrap();
        let world = Self {
            records,
            watch,
            index: Index::default(),
            live: Live::default(),
            calendar: Calendar::default(),
            evaluations: BTreeMap::new(),
            links: BTreeMap::new(),
            now,
        };
        for (number, name) in CLUSTERS.iter().enumerate() {
            let labels = json!({"ring": if number == 0 { "canary" } else { "rest" }});
            world
                .create(Kind::Cluster, json!({"metadata": {"name": name, "labels": labels}, "spec": {}}))
                .await;
        }
        for (set, name) in SETS.iter().enumerate() {
            let object = json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": {}});
            let stored = world.records.create(Kind::ApplicationSet, object, now).await.unwrap();
            let reference = json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": name, "uid": stored.uid(),
            });
            for (cluster, on) in CLUSTERS.iter().enumerate() {
                let name = app(set, cluster).name;
                world
                    .create(
                        Kind::Application,
                        json!({
                            "metadata": {"name": name.as_str(), "namespace": "argocd", "ownerReferences": [reference]},
                            "spec": {"project": "default", "destination": {"name": on}},
                        }),
                    )
                    .await;
            }
        }
        world
    }

    async fn create(&self, kind: Kind, object: Value) {
        self.records.create(kind, object, self.now).await.unwrap();
    }

    async fn happen(&mut self, event: &Event) {
        match event {
            Event::Commit { set } => self.commit(SETS[*set]).await,
            Event::Report { cluster, set, healthy } => self.report(&seat(*set, *cluster), *healthy).await,
            Event::Link { cluster, up } => {
                let link = if *up { Link::Connected } else { Link::LostSince(self.now) };
                self.links.insert(ClusterName::new(CLUSTERS[*cluster]), linked(link));
                self.live.relinked();
            }
            Event::Pause { cluster, seconds } => {
                let pause = seconds.map(|seconds| PauseRequest {
                    reason: "INC-7".into(),
                    duration: Some(Duration::from_secs(seconds.unsigned_abs())),
                    at: Some(self.now),
                    ..PauseRequest::default()
                });
                self.modify(Kind::Cluster, "", CLUSTERS[*cluster], |object| {
                    object["spec"]["pause"] = json!(pause);
                })
                .await;
            }
            Event::Relabel { cluster } => {
                self.modify(Kind::Cluster, "", CLUSTERS[*cluster], |object| {
                    let other =
                        if object["metadata"]["labels"]["ring"] == "canary" { "rest" } else { "canary" };
                    object["metadata"]["labels"]["ring"] = json!(other);
                })
                .await;
            }
            Event::Hold { set, on } => self.hold(SETS[*set], *on).await,
            Event::Limit { most } => {
                let data = most.map(|most| json!({"rollout.maxUnprovenPerCluster": most.to_string()}));
                let object =
                    json!({"metadata": {"name": "flotilla-cm", "namespace": "argocd"}, "data": data});
                drop(self.records.delete(Kind::ConfigMap, "argocd", "flotilla-cm", self.now).await);
                self.create(Kind::ConfigMap, object).await;
            }
            Event::Sync { cluster, set } => {
                self.modify(Kind::Application, "argocd", &app(*set, *cluster).name, |object| {
                    object["operation"] = json!({"sync": {}});
                })
                .await;
            }
            Event::Delete { cluster, set } => {
                drop(
                    self.records
                        .delete(Kind::Application, "argocd", &app(*set, *cluster).name, self.now)
                        .await,
                );
            }
            Event::Remove { cluster, set } => self.remove(&seat(*set, *cluster)).await,
            Event::Wait { seconds } => self.now += Duration::from_secs(seconds.unsigned_abs()),
            Event::Restart => self.live.forget(),
        }
    }

    async fn modify(&self, kind: Kind, ns: &str, name: &str, change: impl Fn(&mut Value) + Send + Sync) {
        let change = |object: &Value| {
            let mut object = object.clone();
            change(&mut object);
            Some(object)
        };
        match self.records.modify(kind, ns, name, change).await {
            Ok(_) | Err(hub_records::Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn commit(&mut self, set: &str) {
        let line = self.index.line(&owner(set));
        let object = json!({"metadata": {"name": set, "namespace": "argocd"}, "spec": {}});
        let next = rollouts::next(&owner(set), &object, (Vec::new(), BTreeSet::new()), policy(set), &line);
        let stored = self.records.create(Kind::FleetRollout, next, self.now).await.unwrap();
        let member = |cluster: &str| {
            let app = AppKey::new("argocd", format!("{set}-{cluster}"));
            let release = ReleaseId(Digest::of(format!("{} {app}", stored.name()).as_bytes()));
            let (labels, revisions) = (BTreeMap::new(), Vec::new());
            let cluster = ClusterName::new(cluster);
            (app, MemberInput { cluster, labels, release, automated: set != "zoo", revisions })
        };
        let members: Members = CLUSTERS.into_iter().map(member).collect();
        let evaluation = self.evaluations.entry(owner(set)).or_default();
        evaluation.rollouts.insert(RolloutName::new(stored.name()), members);
        self.live.evaluated(owner(set));
    }

    async fn hold(&self, set: &str, on: bool) {
        let Some(line) = self.live.fleet.lines.get(&owner(set)) else { return };
        let Some(lead) = line.lead() else { return };
        let held = HeldUp { by: "ann".into(), at: self.now, reason: String::new(), until: None };
        let head = shared_rollout::Head { paused: on.then_some(held), ..lead.head.clone() };
        self.records.write(&keys::head("argocd", &lead.name), &head).await.unwrap();
    }

    /// What the removals of control do.
    async fn remove(&self, seat: &shared_rollout::Seat) {
        let Some((told, _)) = self.index.assigned.get(seat) else { return };
        let mut told = told.clone();
        told.position = told.position.next();
        told.order = shared_rollout::Order::Remove { cascade: false, at: self.now };
        self.records.write(&keys::assignment(&seat.0, &seat.1), &told).await.unwrap();
    }

    async fn report(&self, seat: &shared_rollout::Seat, healthy: bool) {
        let told = self.index.assigned.get(seat).and_then(|(told, _)| told.running());
        let Some((position, release)) = told else { return };
        let report = crate::tests::report(seat, position, Some(release), self.now);
        let report = if healthy { report } else { failed(report) };
        let kept = shared_rollout::observe(self.index.observed.get(seat), report, self.now);
        self.records.write(&keys::observation(&seat.0, &seat.1), &kept).await.unwrap();
    }

    /// The mirror takes what the store says.
    async fn mirror(&mut self) {
        let until = self.records.store().revision().await.unwrap();
        while self.index.revision < until {
            let changes = self.watch.next().await.unwrap().unwrap();
            let mut touched = Touched::default();
            for change in &changes {
                self.index.apply(change, &mut touched);
            }
            self.live.changed(touched.parts);
        }
    }

    /// Plans until nothing is left to be planned, as the loop does.
    async fn settle(&mut self) {
        let started = Timestamp::from_second(999_000).unwrap();
        for _ in 0..40 {
            self.mirror().await;
            let links = self.links.clone();
            let known = (&self.evaluations, started);
            self.live.refresh(&self.index, known, &mut self.calendar, || links, self.now);
            let around = Around { evaluations: &self.evaluations, links: &self.links, since: started };
            let built = fleet::build(&self.index, &around, &mut self.calendar, self.now);
            assert!(self.live.fleet == built, "kept:\n{:#?}\nbuilt:\n{built:#?}", self.live.fleet);
            let decided = self.live.decide(self.now);
            assert!(decided.violations.is_empty(), "{:#?}", decided.violations);
            assert!(self.live.fleet == built, "judging a plan changed the fleet");
            if decided.plan.steps.is_empty() {
                let (whole, report) = plan(&self.live.fleet, self.now);
                assert!(whole.steps.is_empty(), "left out: {:#?}", whole.steps);
                assert_eq!(self.live.report, report);
                return;
            }
            let store = &**self.records.store();
            let lease::Acquired::Held(lease) =
                lease::acquire(store, "planner", "hub", Duration::from_secs(60), self.now).await.unwrap()
            else {
                panic!("somebody else plans")
            };
            commit::commit(
                (&self.records, &Metrics::default()),
                &lease,
                &self.index,
                &mut self.live.fleet,
                &decided.plan,
            )
            .await
            .unwrap();
        }
        panic!("it never comes to rest");
    }
}

/// The same stories each time; or as many as PROPTEST_CASES asks for, others each time.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 40;
        config.rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_kept_is_what_would_be_built_and_planned(events in prop::collection::vec(event(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            world.settle().await;
            for event in &events {
                world.happen(event).await;
                world.settle().await;
            }
        });
    }
}
