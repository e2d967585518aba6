//! Plans and transactions: a hub that dies between two writes, two hubs at once, and people who decide while
//! a plan is on its way.

use super::{application, cluster, index, linked, records};
use crate::{
    commit::{Progress, commit},
    fleet::{self, Around},
    index::Index,
    line::{Evaluation, MemberInput},
    metrics::Metrics,
    rollouts,
    windows::Calendar,
};
use hub_records::{Records, keys};
use hub_store::{Page, Revision, lease};
use jiff::Timestamp;
use serde_json::json;
use shared_model::{
    AppKey, ClusterName, Digest, Kind, Owner, OwnerKind, ReleaseId, RolloutName, RolloutPolicySpec,
    fleet_rollout::PlanSpec,
};
use shared_rollout::{Decided, Decision, Fleet, Head, Link, Phase, Plan, decide};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const CLUSTERS: [&str; 4] = ["eu-1", "eu-2", "us-1", "us-2"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn owner() -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() }
}

fn rollout() -> RolloutName {
    RolloutName::new("web-1")
}

/// A hub with a plan that it has not written yet.
struct Hub {
    index: Index,
    fleet: Fleet,
    plan: Plan,
    lease: lease::Lease,
}

impl Hub {
    /// Reads the store, takes the planning lease, and plans.
    async fn new(records: &Records, holder: &str, seconds: i64) -> Self {
        let store = &**records.store();
        let ttl = Duration::from_secs(60);
        let acquired = lease::acquire(store, "planner", holder, ttl, at(seconds)).await.unwrap();
        let lease::Acquired::Held(lease) = acquired else { panic!("somebody else plans") };
        Self::read(records, lease, seconds).await
    }

    async fn read(records: &Records, lease: lease::Lease, seconds: i64) -> Self {
        let index = index(records).await;
        let connected = linked(Link::Connected);
        let links = CLUSTERS.map(|name| (ClusterName::new(name), connected.clone())).into();
        let member = |name: &str| {
            let member = MemberInput {
                cluster: ClusterName::new(name),
                labels: BTreeMap::new(),
                release: ReleaseId(Digest::of(name.as_bytes())),
                automated: true,
                revisions: Vec::new(),
            };
            (AppKey::new("argocd", format!("web-{name}")), member)
        };
        let mut evaluation = Evaluation::default();
        evaluation.rollouts.insert(rollout(), CLUSTERS.into_iter().map(member).collect());
        let evaluations = BTreeMap::from([(owner(), evaluation)]);
        let around = Around { evaluations: &evaluations, links: &links, since: at(0) };
        let fleet = fleet::build(&index, &around, &mut Calendar::default(), at(seconds));
        let (plan, report) = shared_rollout::plan(&fleet, at(seconds));
        assert_eq!(shared_rollout::check(&fleet, &plan, &report, at(seconds)), []);
        Self { index, fleet, plan, lease }
    }

    /// Writes the first steps of its plan.
    async fn write(&mut self, records: &Records, steps: usize) -> Progress {
        let plan = Plan { steps: self.plan.steps[..steps].to_vec(), ..self.plan.clone() };
        commit((records, &Metrics::default()), &self.lease, &self.index, &mut self.fleet, &plan)
            .await
            .unwrap()
    }

    async fn write_all(&mut self, records: &Records) -> Progress {
        self.write(records, self.plan.steps.len()).await
    }
}

/// Four clusters, two at a time, and a commit that no hub has planned yet.
async fn world() -> Records {
    let records = records();
    for name in CLUSTERS {
        records.create(Kind::Cluster, cluster(name, &json!({})), at(0)).await.unwrap();
        let object = application(&format!("web-{name}"), name, &[]);
        records.create(Kind::Application, object, at(0)).await.unwrap();
    }
    let set = json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {}});
    records.create(Kind::ApplicationSet, set.clone(), at(0)).await.unwrap();
    let policy: RolloutPolicySpec = serde_json::from_value(policy()).unwrap();
    let next = rollouts::next(&owner(), &set, (Vec::new(), BTreeSet::new()), PlanSpec::Policy(policy), &[]);
    records.create(Kind::FleetRollout, next, at(0)).await.unwrap();
    records
}

fn policy() -> serde_json::Value {
    json!({"waves": [{"name": "all", "maxUpdate": 2}]})
}

/// What planning wrote: heads, members' records and assignments.
async fn written(records: &Records) -> BTreeMap<String, String> {
    let listing = records.store().list("", Page::default()).await.unwrap();
    let planned = [keys::HEADS, keys::MEMBERS, keys::ASSIGNMENTS];
    let entries =
        listing.entries.iter().filter(|entry| planned.iter().any(|prefix| entry.key.starts_with(prefix)));
    entries.map(|entry| (entry.key.clone(), String::from_utf8_lossy(&entry.value).into_owned())).collect()
}

async fn head(records: &Records) -> Head {
    records.read(&keys::head("argocd", &rollout())).await.unwrap().map(|(head, _)| head).unwrap_or_default()
}

#[tokio::test]
async fn a_hub_that_dies_between_two_writes_leaves_the_next_one_on_the_same_way() {
    let records = world().await;
    let mut whole = Hub::new(&records, "a", 10).await;
    let steps = whole.plan.steps.len();
    assert!(matches!(whole.write_all(&records).await, Progress::Whole(_)));
    let end = written(&records).await;
    assert!(steps > 6 && end.keys().filter(|key| key.starts_with(keys::ASSIGNMENTS)).count() == 2);
    for written_steps in 0..steps {
        let records = world().await;
        let mut first = Hub::new(&records, "a", 10).await;
        assert!(matches!(first.write(&records, written_steps).await, Progress::Whole(_)));
        // Another life of the same machine: nobody waits for the lease of one that is dead.
        let mut next = Hub::read(&records, first.lease.clone(), 10).await;
        assert!(matches!(next.write_all(&records).await, Progress::Whole(_)));
        assert_eq!(written(&records).await, end, "after {written_steps} steps");
    }
}

#[tokio::test]
async fn of_two_hubs_at_once_only_the_one_with_the_lease_writes() {
    let records = world().await;
    let mut old = Hub::new(&records, "a", 10).await;
    // Its time is over, and another hub, whose clock is ahead, takes the lease.
    let mut new = Hub::new(&records, "b", 400).await;
    assert_ne!(old.lease.fence, new.lease.fence);
    assert_eq!(old.write_all(&records).await, Progress::Overtaken(Revision::default()));
    assert_eq!(written(&records).await, BTreeMap::new(), "an older hub wrote");
    assert!(matches!(new.write_all(&records).await, Progress::Whole(_)));
    let end = written(&records).await;
    assert_eq!(old.write_all(&records).await, Progress::Overtaken(Revision::default()));
    assert_eq!(written(&records).await, end);
}

#[tokio::test]
async fn a_plan_from_an_older_copy_of_the_store_is_refused_even_with_the_lease() {
    let records = world().await;
    let mut first = Hub::new(&records, "a", 10).await;
    let mut second = Hub::read(&records, first.lease.clone(), 10).await;
    for steps in 1..=first.plan.steps.len() {
        let records = world().await;
        let mut first = Hub::new(&records, "a", 10).await;
        let mut stale = Hub::read(&records, first.lease.clone(), 10).await;
        first.write(&records, steps).await;
        let before = written(&records).await;
        assert_eq!(stale.write_all(&records).await, Progress::Overtaken(Revision::default()), "{steps}");
        assert_eq!(written(&records).await, before);
    }
    // What both want is written once.
    assert!(matches!(first.write_all(&records).await, Progress::Whole(_)));
    assert!(matches!(second.write_all(&records).await, Progress::Overtaken(_)));
}

#[tokio::test]
async fn a_persons_decision_is_never_overrun_by_a_plan_in_flight() {
    let records = world().await;
    let mut hub = Hub::new(&records, "a", 10).await;
    hub.write(&records, 1).await;
    let mut flying = Hub::new(&records, "a", 11).await;
    assert!(!flying.plan.steps.is_empty());
    let decided = Decided { what: Decision::Abort, by: "ann".into(), at: at(11), reason: "no".into() };
    let policy = PlanSpec::Policy(serde_json::from_value(policy()).unwrap());
    let aborted = decide(&policy, &head(&records).await, true, &decided).unwrap();
    records.write(&keys::head("argocd", &rollout()), &aborted).await.unwrap();
    let before = written(&records).await;
    assert_eq!(flying.write_all(&records).await, Progress::Overtaken(Revision::default()));
    assert_eq!(written(&records).await, before, "the plan overran a decision");
    assert_eq!(head(&records).await.phase, Phase::Halted);
}

#[tokio::test]
async fn a_pause_that_is_requested_while_a_plan_is_in_flight_stops_it() {
    let records = world().await;
    let mut flying = Hub::new(&records, "a", 10).await;
    let pause = |name: &'static str| {
        let records = &records;
        async move {
            let paused = |object: &serde_json::Value| {
                let mut object = object.clone();
                object["spec"]["pause"] = json!({"reason": "INC-7", "by": "ann", "at": at(10)});
                Some(object)
            };
            records.modify(Kind::Cluster, "", name, paused).await.unwrap();
        }
    };
    pause("eu-1").await;
    assert_eq!(flying.write_all(&records).await, Progress::Overtaken(Revision::default()));
    assert_eq!(written(&records).await, BTreeMap::new(), "eu-1 was told something after its pause");
    let mut next = Hub::new(&records, "a", 11).await;
    // Clusters that the plan tells nothing may change as they like.
    pause("us-2").await;
    assert!(matches!(next.write_all(&records).await, Progress::Whole(_)));
    let told: Vec<_> =
        written(&records).await.into_keys().filter(|key| key.starts_with(keys::ASSIGNMENTS)).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|key| !key.contains("eu-1") && !key.contains("us-2")), "{told:?}");
}
