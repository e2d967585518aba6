//! A hub on a store that is older than what its agents were told.

use super::{application, assign, cluster, index, linked, records, report};
use crate::{
    adopt, commit,
    fleet::{self, Around},
    index::Index,
    line::{Evaluation, MemberInput, Members},
    metrics::Metrics,
    removal::{self, Removal},
    rollouts,
    windows::Calendar,
};
use hub_gateway::{LinkState, Links};
use hub_records::{Adoption, AdoptionState, Records, Restored, Truth, keys};
use hub_store::{Page, lease};
use jiff::Timestamp;
use serde_json::json;
use shared_model::{
    AdoptRequest, AppKey, ClusterName, Digest, Kind, Observation, Owner, OwnerKind, Position,
    RESOURCES_FINALIZER, ReleaseId, RolloutName, fleet_rollout::PlanSpec,
};
use shared_rollout::{Assigned, Link, Order};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

fn release(text: &str) -> ReleaseId {
    ReleaseId(Digest::of(text.as_bytes()))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn app(name: &str) -> AppKey {
    AppKey::new("argocd", name)
}

fn owner() -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() }
}

/// A hub's planning on a store in memory, with every agent connected and its Git answers given.
struct Hub {
    records: Records,
    evaluations: BTreeMap<Owner, Evaluation>,
    started: i64,
}

/// Every agent is there.
fn links() -> BTreeMap<ClusterName, LinkState> {
    ["eu-1", "us-1"].map(|name| (ClusterName::new(name), linked(Link::Connected))).into()
}

impl Hub {
    /// Clusters eu-1 and us-1 with an application each, and `old` on eu-1; nothing is released yet.
    async fn new() -> Self {
        let records = records();
        for name in ["eu-1", "us-1"] {
            records.create(Kind::Cluster, cluster(name, &json!({})), at(0)).await.unwrap();
        }
        let set = json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {}});
        records.create(Kind::ApplicationSet, set, at(0)).await.unwrap();
        for (name, on) in [("web-eu-1", "eu-1"), ("web-us-1", "us-1"), ("old", "eu-1")] {
            let object = application(name, on, &[RESOURCES_FINALIZER]);
            records.create(Kind::Application, object, at(0)).await.unwrap();
        }
        Self { records, evaluations: BTreeMap::new(), started: 0 }
    }

    /// Git says something new: all members get it, in a rollout made at that time.
    async fn commit(&mut self, text: &str, seconds: i64) {
        let line = index(&self.records).await.line(&owner());
        let object = json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {}});
        let next =
            rollouts::next(&owner(), &object, (Vec::new(), BTreeSet::new()), PlanSpec::Immediate, &line);
        let stored = self.records.create(Kind::FleetRollout, next, at(seconds)).await.unwrap();
        let member = |(name, on): (&str, &str)| {
            let member = MemberInput {
                cluster: ClusterName::new(on),
                labels: BTreeMap::new(),
                release: release(&format!("{name} {text}")),
                automated: true,
                revisions: Vec::new(),
            };
            (app(name), member)
        };
        let all = [("web-eu-1", "eu-1"), ("web-us-1", "us-1"), ("old", "eu-1")];
        let members: Members = all.into_iter().map(member).collect();
        let evaluation = self.evaluations.entry(owner()).or_default();
        evaluation.rollouts.insert(RolloutName::new(stored.name()), members.clone());
        evaluation.head = members;
    }

    /// One pass of the loop. Answers what every agent is to do after it.
    async fn pass(&self, seconds: i64) -> Vec<String> {
        let (index, now) = (index(&self.records).await, at(seconds));
        let links = links();
        let around = Around { evaluations: &self.evaluations, links: &links, since: at(self.started) };
        let mut fleet = fleet::build(&index, &around, &mut Calendar::default(), now);
        let (plan, report) = shared_rollout::plan(&fleet, now);
        let violations = shared_rollout::check(&fleet, &plan, &report, now);
        assert!(violations.is_empty(), "{violations:#?}");
        let removals = removal::plan(&index, &fleet.clusters, now).removals;
        let lease = self.lease(now).await;
        commit::commit((&self.records, &Metrics::default()), &lease, &index, &mut fleet, &plan)
            .await
            .unwrap();
        removal::perform(&self.records, &lease, &index, &removals, now).await;
        adopt::perform(&self.records, &Links::new(), &lease, &index, at(self.started), now).await;
        self.orders().await
    }

    async fn lease(&self, now: Timestamp) -> lease::Lease {
        let store = &**self.records.store();
        let lease::Acquired::Held(lease) =
            lease::acquire(store, "planner", "hub", Duration::from_secs(60), now).await.unwrap()
        else {
            panic!("somebody else plans")
        };
        lease
    }

    async fn index(&self) -> Index {
        index(&self.records).await
    }

    async fn orders(&self) -> Vec<String> {
        let index = self.index().await;
        let order = |assigned: &Assigned| match &assigned.order {
            Order::Run { release: running, .. } => {
                let commits = ["A", "B", "C", "lost"];
                let apps = ["web-eu-1", "web-us-1", "old", "extra"];
                let named = apps.iter().flat_map(|app| commits.map(|commit| format!("{app} {commit}")));
                let mut named = named.filter(|text| release(text) == *running);
                named.next().unwrap().split_once(' ').unwrap().1.to_owned()
            }
            Order::Remove { cascade, .. } => format!("remove cascade={cascade}"),
        };
        let assigned = index.assigned.iter();
        assigned
            .map(|((cluster, app), (told, _))| {
                format!("{cluster} {} {} {}", app.name, told.position, order(told))
            })
            .collect()
    }

    /// The agent reports that it is healthy with what it holds.
    async fn healthy(&self, cluster: &str, name: &str, position: Position, text: &str, seconds: i64) {
        let seat = (ClusterName::new(cluster), app(name));
        let release = Some(release(&format!("{name} {text}")));
        let healthy_since = Some(at(seconds));
        let observation = Observation { healthy_since, ..report(&seat, position, release, at(seconds)) };
        self.records.write(&keys::observation(&seat.0, &seat.1), &observation).await.unwrap();
    }

    /// What the gateway writes once an agent has told what it holds.
    async fn told(&self, cluster: &str, truths: &[(&str, u64, Option<&str>)]) {
        let truth = |(name, generation, text): &(&str, u64, Option<&str>)| Truth {
            application: app(name),
            position: Position { incarnation: 1, generation: *generation },
            release: text.map(|text| release(&format!("{name} {text}"))),
        };
        let request = AdoptRequest { request: "r1".into(), by: "ada".into(), at: Some(at(2_000)) };
        let state = AdoptionState::Told(truths.iter().map(truth).collect());
        let key = keys::adoption(&ClusterName::new(cluster));
        self.records.write(&key, &Adoption { request, state }).await.unwrap();
    }

    async fn waits(&self, name: &str, seconds: i64) -> String {
        let (index, now) = (self.index().await, at(seconds));
        let links = links();
        let around = Around { evaluations: &self.evaluations, links: &links, since: at(self.started) };
        let (_, report) =
            shared_rollout::plan(&fleet::build(&index, &around, &mut Calendar::default(), now), now);
        let waits = report.rollouts.values().find_map(|rollout| rollout.waits.get(&app(name)));
        waits.map(ToString::to_string).unwrap_or_default()
    }
}

const fn first(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

/// The hub of yesterday: everybody runs A and is proven. Then its store is put back, a day later.
async fn yesterday() -> Hub {
    let mut hub = Hub::new().await;
    hub.commit("A", 10).await;
    hub.pass(20).await;
    for (cluster, name) in [("eu-1", "web-eu-1"), ("us-1", "web-us-1"), ("eu-1", "old")] {
        hub.healthy(cluster, name, first(1), "A", 21).await;
    }
    let orders = hub.pass(30).await;
    assert_eq!(orders, ["eu-1 old 1.1 A", "eu-1 web-eu-1 1.1 A", "us-1 web-us-1 1.1 A"]);
    hub.started = 1_000;
    hub
}

#[tokio::test]
async fn a_restored_store_changes_nothing_until_the_agents_word_is_adopted() {
    let mut hub = yesterday().await;
    let before = hub.orders().await;
    let restored = Restored { at: at(1_000), why: "a copy".into() };
    hub.records.write(keys::RESTORED, &restored).await.unwrap();
    // Git moved meanwhile; on us-1 the agent is as it was; an Application goes.
    hub.commit("B", 1_010).await;
    hub.records.delete(Kind::Application, "argocd", "web-us-1", at(1_015)).await.unwrap();
    for seconds in [1_020, 5_000, 90_000] {
        assert_eq!(hub.pass(seconds).await, before);
    }
    let waits = hub.waits("web-eu-1", 90_000).await;
    assert!(waits.contains("flotilla hub restore --adopt"), "{waits}");

    // eu-1 runs B, an application that this hub never heard of, and has removed another.
    hub.told("eu-1", &[("web-eu-1", 2, Some("B")), ("extra", 4, Some("lost")), ("old", 2, None)]).await;
    let adopted = [
        "eu-1 extra 1.4 lost",
        "eu-1 old 1.2 remove cascade=false",
        "eu-1 web-eu-1 1.2 B",
        "us-1 web-us-1 1.1 A",
    ];
    assert_eq!(hub.pass(90_010).await, adopted);
    assert_eq!(hub.index().await.incarnation(), 2);
    // What it holds stays: nothing is sent, removed or brought back.
    hub.healthy("eu-1", "web-eu-1", first(2), "B", 90_011).await;
    for seconds in [90_020, 90_030, 95_000] {
        assert_eq!(hub.pass(seconds).await, adopted);
    }
    let index = hub.index().await;
    let (web, _) = &index.assigned[&(ClusterName::new("eu-1"), app("web-eu-1"))];
    assert!(web.adopted.is_none() && web.proof.is_some(), "the rollout that ships it took it over: {web:?}");
    let waits = hub.waits("old", 95_000).await;
    assert!(waits.contains("was removed from eu-1 before the hub was restored"), "{waits}");

    // The last cluster is adopted: now the deletion there, and the next commit, go their ways.
    hub.told("us-1", &[]).await;
    assert_eq!(hub.pass(95_010).await, adopted);
    let orders = hub.pass(95_020).await;
    assert_eq!(orders[3], "us-1 web-us-1 2.2 remove cascade=true");
    hub.commit("C", 95_030).await;
    let orders = hub.pass(95_040).await;
    assert_eq!(orders[..3], ["eu-1 extra 1.4 lost", "eu-1 old 2.3 C", "eu-1 web-eu-1 2.3 C"]);
}

#[tokio::test]
async fn a_rollout_of_the_lost_past_moves_nobody_back() {
    let mut hub = yesterday().await;
    hub.commit("B", 40).await;
    hub.records.write(keys::RESTORED, &Restored { at: at(1_000), why: "a copy".into() }).await.unwrap();
    // B was under way when the backup was made; since then somebody shipped what this hub never saw.
    hub.told("eu-1", &[("web-eu-1", 7, Some("lost")), ("old", 6, Some("A"))]).await;
    hub.told("us-1", &[]).await;
    hub.pass(1_010).await;
    let held = ["eu-1 old 1.6 A", "eu-1 web-eu-1 1.7 lost"];
    for seconds in [1_020, 1_030] {
        assert_eq!(hub.pass(seconds).await[..2], held);
    }
    let waits = hub.waits("web-eu-1", 1_030).await;
    assert!(waits.contains("which no rollout here ships"), "{waits}");
    // us-1 did not differ: what was under way goes on there.
    assert_eq!(hub.pass(1_040).await[2], "us-1 web-us-1 2.2 B");
}

#[tokio::test]
async fn an_adoption_that_was_interrupted_goes_on_and_is_done_once() {
    let hub = yesterday().await;
    hub.told("eu-1", &[("web-eu-1", 2, Some("B")), ("old", 2, Some("B"))]).await;
    // A hub before this one wrote a part of it.
    let index = hub.index().await;
    let mut half = index.assigned[&(ClusterName::new("eu-1"), app("old"))].0.clone();
    half.position = first(2);
    half.order = Order::Run { release: release("old B"), rollout: RolloutName::new("adopted"), at: at(900) };
    assign(&hub.records, "eu-1", "old", &half).await;
    hub.pass(1_010).await;
    let key = keys::adoption(&ClusterName::new("eu-1"));
    let (done, _) = hub.records.read::<Adoption>(&key).await.unwrap().unwrap();
    assert_eq!(done.state, AdoptionState::Done { at: at(1_010), changed: 1 });
    let revision =
        hub.records.store().list(keys::ADOPTIONS, Page::default()).await.unwrap().entries[0].mod_revision;
    hub.pass(1_020).await;
    let again =
        hub.records.store().list(keys::ADOPTIONS, Page::default()).await.unwrap().entries[0].mod_revision;
    assert_eq!(revision, again);
}

#[tokio::test]
async fn what_was_removed_and_what_nobody_asks_for_is_left_alone() {
    let hub = yesterday().await;
    hub.told("eu-1", &[("extra", 4, Some("lost"))]).await;
    hub.pass(1_010).await;
    let index = hub.index().await;
    let (extra, _) = &index.assigned[&(ClusterName::new("eu-1"), app("extra"))];
    assert!(extra.adopted.is_some_and(|adopted| adopted.orphan));
    assert!(
        !removal::plan(&index, &super::states(&index, |_, _| {}), at(1_020))
            .removals
            .iter()
            .any(|removal| { matches!(removal, Removal::Tell { seat, .. } if seat.1 == app("extra")) })
    );
}
