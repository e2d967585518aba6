//! The deletion table: what goes, in which order, who is asked, and what is kept (invariant 8, *Deletes are
//! staged too*).

use super::{Loops, application, assign, cluster, index, records, report, run, set, states};
use crate::{
    index::Index,
    removal::{self, Planned, Removal},
};
use hub_records::{Identity, Records, keys};
use hub_store::{Compare, Outcome, Page, Txn, lease};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Kind, Observation, Position, RESOURCES_FINALIZER};
use shared_rollout::{Assigned, ClusterState, Hold, Link, Order};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn lost(state: &mut ClusterState) {
    state.link = Link::LostSince(at(0));
}

/// A store with the planning lease of one hub.
struct Store {
    records: Records,
    lease: lease::Lease,
}

impl Store {
    async fn new(clusters: &[&str]) -> Self {
        let records = records();
        for name in clusters {
            records.create(Kind::Cluster, cluster(name, &json!({})), at(0)).await.unwrap();
        }
        let held = lease::acquire(&**records.store(), "planner", "hub", Duration::from_secs(60), at(1_000));
        let lease::Acquired::Held(lease) = held.await.unwrap() else { panic!("somebody else plans") };
        Self { records, lease }
    }

    /// An Application that its cluster runs; with the finalizer, so that it takes its objects along.
    async fn runs(&self, name: &str, on: &str) {
        self.records
            .create(Kind::Application, application(name, on, &[RESOURCES_FINALIZER]), at(0))
            .await
            .unwrap();
        assign(&self.records, on, name, &run(3)).await;
    }

    /// As [`Store::runs`], made by a set.
    async fn made(&self, name: &str, on: &str, set: &Value) {
        self.runs(name, on).await;
        let owner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": set["metadata"]["name"], "uid": set["metadata"]["uid"]});
        self.change(Kind::Application, "argocd", name, |object| {
            object["metadata"]["ownerReferences"] = json!([owner]);
        })
        .await;
    }

    async fn change(&self, kind: Kind, ns: &str, name: &str, change: impl Fn(&mut Value) + Send + Sync) {
        let change = |object: &Value| {
            let mut object = object.clone();
            change(&mut object);
            Some(object)
        };
        self.records.modify(kind, ns, name, change).await.unwrap();
    }

    /// What the API makes of a deletion that others may wait for.
    async fn delete(&self, kind: Kind, ns: &str, name: &str) {
        if kind != Kind::Application {
            self.change(kind, ns, name, |object| {
                object["metadata"]["finalizers"] = json!(["flotilla.dev/deletion"]);
                if kind == Kind::Cluster {
                    object["spec"]["retire"] = json!({"by": "ann"});
                }
            })
            .await;
        }
        self.records.delete(kind, ns, name, at(1)).await.unwrap();
    }

    async fn index(&self) -> Index {
        index(&self.records).await
    }

    /// One pass; answers what was planned.
    async fn pass(&self, change: impl Fn(&str, &mut ClusterState)) -> Planned {
        let (index, now) = (self.index().await, at(1_000));
        let planned = removal::plan(&index, &states(&index, change), now);
        removal::perform(&self.records, &self.lease, &index, &planned.removals, now).await;
        planned
    }

    /// Passes in which every agent that is there does what it is told, until nothing changes any more.
    /// Answers who was told what, in order.
    async fn settle(&self, change: impl Fn(&str, &mut ClusterState)) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..100 {
            let before = self.records.store().revision().await.unwrap();
            let planned = self.pass(&change).await;
            for removal in &planned.removals {
                if let Removal::Tell { seat: (cluster, app), cascade } = removal {
                    told.push(format!("{} on {cluster}{}", app.name, if *cascade { "" } else { " stays" }));
                    self.acknowledge(cluster.as_str(), &app.name).await;
                }
            }
            if self.records.store().revision().await.unwrap() == before {
                return told;
            }
        }
        panic!("it never comes to rest: {told:?}");
    }

    async fn assigned(&self, on: &str, name: &str) -> Option<Assigned> {
        let key = keys::assignment(&ClusterName::new(on), &AppKey::new("argocd", name));
        self.records.read::<Assigned>(&key).await.unwrap().map(|(assigned, _)| assigned)
    }

    /// The agent has given the application up.
    async fn acknowledge(&self, on: &str, name: &str) {
        let position = self.assigned(on, name).await.unwrap().position;
        let (cluster, app) = (ClusterName::new(on), AppKey::new("argocd", name));
        let seat = (cluster, app);
        let observation = Observation { removed: true, ..report(&seat, position, None, at(0)) };
        self.records.write(&keys::observation(&seat.0, &seat.1), &observation).await.unwrap();
    }

    async fn names(&self, kind: Kind) -> Vec<String> {
        let (all, _) = self.records.list(kind, None).await.unwrap();
        all.iter().map(|stored| stored.name().to_owned()).collect()
    }

    async fn status(&self, kind: Kind, ns: &str, name: &str) -> String {
        let status = self.records.status(kind, ns, name).await.unwrap();
        status.map(|(status, _)| status.to_string()).unwrap_or_default()
    }
}

fn waits(planned: &Planned, name: &str) -> String {
    planned.waits_for(&AppKey::new("argocd", name)).unwrap_or_default()
}

#[tokio::test]
async fn the_applications_of_a_deleted_set_go_one_by_one_and_the_set_goes_last() {
    let store = Store::new(&["eu-1", "eu-2", "eu-3"]).await;
    let web = json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {}});
    let web = store.records.create(Kind::ApplicationSet, web, at(0)).await.unwrap().value;
    for on in ["eu-1", "eu-2", "eu-3"] {
        store.made(&format!("web-{on}"), on, &web).await;
    }
    store.delete(Kind::ApplicationSet, "argocd", "web").await;
    let (mut planned, eu_1) = (Planned::default(), |name: &str, state: &mut ClusterState| {
        if name == "eu-1" {
            lost(state);
        }
    });
    for _ in 0..3 {
        planned = store.pass(eu_1).await;
    }
    assert_eq!(waits(&planned, "web-eu-2"), "Terminating, waits for eu-2");
    assert!(waits(&planned, "web-eu-3").contains("at most 1 of 3 of ApplicationSet argocd/web"));
    let said = waits(&planned, "web-eu-1");
    assert!(said.starts_with("Terminating, waits for eu-1: its agent is away since 1970"), "{said}");
    let held = planned.held(Kind::ApplicationSet, "argocd", "web").unwrap();
    assert!(
        held.starts_with("Terminating, 3 left") && held.contains("argocd/web-eu-1 waits for eu-1"),
        "{held}"
    );

    store.acknowledge("eu-2", "web-eu-2").await;
    assert_eq!(store.settle(eu_1).await, ["web-eu-3 on eu-3"]);
    assert_eq!(store.names(Kind::ApplicationSet).await, ["web"]);
    assert_eq!(store.settle(|_, _| {}).await, ["web-eu-1 on eu-1"]);
    assert!(store.names(Kind::ApplicationSet).await.is_empty());
    assert!(store.names(Kind::Application).await.is_empty());
}

#[tokio::test]
async fn a_namespace_goes_after_everything_in_it_and_takes_nothing_of_others_along() {
    let store = Store::new(&["eu-1"]).await;
    for name in ["team", "argocd"] {
        store
            .records
            .create(Kind::Namespace, json!({"metadata": {"name": name}, "spec": {}}), at(0))
            .await
            .unwrap();
    }
    store.runs("other", "eu-1").await;
    for name in ["a", "b"] {
        let mut object = application(name, "eu-1", &[RESOURCES_FINALIZER]);
        object["metadata"]["namespace"] = json!("team");
        store.records.create(Kind::Application, object, at(0)).await.unwrap();
        let key = keys::assignment(&ClusterName::new("eu-1"), &AppKey::new("team", name));
        store.records.write(&key, &run(1)).await.unwrap();
    }
    for kind in [Kind::ConfigMap, Kind::AppProject] {
        let object = json!({"metadata": {"name": "x", "namespace": "team"}});
        store.records.create(kind, object, at(0)).await.unwrap();
    }
    store.delete(Kind::Namespace, "", "team").await;
    store.pass(|_, _| {}).await;
    let planned = store.pass(|_, _| {}).await;
    let told: Vec<_> = planned.removals.iter().filter(|one| matches!(one, Removal::Tell { .. })).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let said = store.status(Kind::Namespace, "", "team").await;
    assert!(said.contains("Terminating, 2 left: Application team/a, Application team/b"), "{said}");
    assert_eq!(store.names(Kind::ConfigMap).await, ["x"]);
    for name in ["a", "b"] {
        store.pass(|_, _| {}).await;
        let key = keys::assignment(&ClusterName::new("eu-1"), &AppKey::new("team", name));
        let mut seen = keys::observation(&ClusterName::new("eu-1"), &AppKey::new("team", name));
        let (assigned, _) = store.records.read::<Assigned>(&key).await.unwrap().unwrap();
        assert!(matches!(assigned.order, Order::Remove { cascade: true, .. }), "{name}: {assigned:?}");
        store.acknowledge("eu-1", "other").await;
        let other = keys::observation(&ClusterName::new("eu-1"), &AppKey::new("argocd", "other"));
        let (mut observation, _) = store.records.read::<Observation>(&other).await.unwrap().unwrap();
        (observation.application, observation.position) = (AppKey::new("team", name), assigned.position);
        store.records.write(&std::mem::take(&mut seen), &observation).await.unwrap();
        store.pass(|_, _| {}).await;
    }
    assert!(store.settle(|_, _| {}).await.is_empty());
    assert_eq!(store.names(Kind::Namespace).await, ["argocd"]);
    assert_eq!(store.names(Kind::Application).await, ["other"]);
    assert!(store.names(Kind::ConfigMap).await.is_empty() && store.names(Kind::AppProject).await.is_empty());
}

#[tokio::test]
async fn what_is_used_is_kept_says_by_whom_and_goes_when_nobody_uses_it() {
    let store = Store::new(&["eu-1"]).await;
    let records = &store.records;
    let named = |name: &str| json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": {}});
    let secret = json!({
        "metadata": {"name": "creds", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}},
        "stringData": {"url": "https://git.example.com"},
    });
    records.create(Kind::AppProject, named("limited"), at(0)).await.unwrap();
    records.create(Kind::RolloutPolicy, named("careful"), at(0)).await.unwrap();
    records.create(Kind::Secret, secret, at(0)).await.unwrap();
    store.runs("web", "eu-1").await;
    store
        .change(Kind::Application, "argocd", "web", |object| {
            object["spec"]["project"] = json!("limited");
            object["spec"]["source"]["repoURL"] = json!("https://git.example.com/web.git");
            object["metadata"]["annotations"] = json!({"flotilla.dev/rollout-policy": "careful"});
        })
        .await;
    let held = [(Kind::AppProject, "limited"), (Kind::RolloutPolicy, "careful"), (Kind::Secret, "creds")];
    for (kind, name) in held {
        store.delete(kind, "argocd", name).await;
    }
    assert!(store.settle(|_, _| {}).await.is_empty());
    for (kind, name) in held {
        assert_eq!(store.names(kind).await, [name]);
    }
    let said = store.status(Kind::AppProject, "argocd", "limited").await;
    assert!(said.contains("its deletion waits: it is used by Application argocd/web"), "{said}");
    let (events, _) = records.list(Kind::Event, None).await.unwrap();
    let about: Vec<_> = events.iter().map(|event| event.value["involvedObject"]["kind"].clone()).collect();
    assert_eq!(events.len(), 3, "{about:?}");
    assert!(
        events
            .iter()
            .all(|event| event.value["message"].as_str().unwrap().ends_with("Application argocd/web"))
    );

    store.delete(Kind::Application, "argocd", "web").await;
    assert_eq!(store.settle(|_, _| {}).await, ["web on eu-1"]);
    for (kind, _) in held {
        assert!(store.names(kind).await.is_empty(), "{kind:?}");
    }
    assert!(store.names(Kind::Event).await.is_empty());
}

async fn joined(store: &Store, name: &str) {
    let join = |status: &mut Value| Identity { cluster_uid: "u".into(), ..Identity::default() }.put(status);
    store.records.modify_status(Kind::Cluster, "", name, join).await.unwrap();
}

#[tokio::test]
async fn a_deleted_cluster_is_retired_at_once_and_nothing_in_it_is_touched() {
    let store = Store::new(&["eu-1", "eu-2"]).await;
    joined(&store, "eu-1").await;
    for (name, on) in [("a", "eu-1"), ("b", "eu-1"), ("c", "eu-2")] {
        store.runs(name, on).await;
        let degraded = keys::degraded(&ClusterName::new(on), &AppKey::new("argocd", name));
        store.records.write(&degraded, &1).await.unwrap();
    }
    for (token, of) in [("t1", "eu-1"), ("t2", "eu-2")] {
        let token = json!({"metadata": {"name": token}, "spec": {"cluster": of}});
        store.records.create(Kind::EnrollmentToken, token, at(0)).await.unwrap();
    }
    // Even one that was going with its objects stays.
    store.delete(Kind::Application, "argocd", "b").await;
    store.delete(Kind::Cluster, "", "eu-1").await;
    store.pass(|_, _| {}).await;
    let status = store.status(Kind::Cluster, "", "eu-1").await;
    assert!(status.contains(r#""by":"ann""#) && status.contains("the cluster was retired"), "{status}");
    assert_eq!(store.settle(|_, _| {}).await, [""; 0]);
    assert_eq!(store.names(Kind::Cluster).await, ["eu-2"]);
    assert_eq!(store.names(Kind::Application).await, ["c"]);
    assert_eq!(store.names(Kind::EnrollmentToken).await, ["t2"], "nobody joins as eu-1 with an old token");
    assert!(store.assigned("eu-1", "a").await.is_none() && store.assigned("eu-2", "c").await.is_some());
    let degraded = store.records.store().list(keys::DEGRADED, Page::default()).await.unwrap().entries;
    let degraded: Vec<&str> = degraded.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(degraded, ["degraded/eu-2/argocd/c"], "a cluster of this name begins anew");
}

#[tokio::test]
async fn a_drain_removes_everything_bit_by_bit_and_survives_a_restart_between_any_two_steps() {
    let store = Store::new(&["eu-1", "eu-2"]).await;
    joined(&store, "eu-1").await;
    for name in ["a", "b", "c"] {
        store.runs(name, "eu-1").await;
    }
    // Without the finalizer, too: the person asked for everything.
    store
        .change(Kind::Application, "argocd", "c", |object| object["metadata"]["finalizers"] = json!([]))
        .await;
    store.runs("d", "eu-2").await;
    store
        .change(Kind::Cluster, "", "eu-1", |object| {
            object["spec"]["retire"] = json!({"drain": true, "by": "ann"});
        })
        .await;
    let first = store.pass(|_, _| {}).await;
    let told = first.removals.iter().filter(|one| matches!(one, Removal::Tell { .. })).count();
    assert_eq!(told, 1);
    let again = store
        .pass(|name, state| {
            if name == "eu-1" {
                lost(state)
            }
        })
        .await;
    assert!(!again.removals.iter().any(|one| matches!(one, Removal::Tell { .. })));
    let status = store.status(Kind::Cluster, "", "eu-1").await;
    for part in [
        "drained for ann: 3 applications are left",
        "waits for eu-1: its agent is away",
        "flotilla cluster retire eu-1 --yes",
    ] {
        assert!(status.contains(part), "{status}");
    }
    assert!(!status.contains("revoked"), "its agent must be reachable for the drain: {status}");

    store.acknowledge("eu-1", "a").await;
    assert_eq!(store.settle(|_, _| {}).await, ["b on eu-1", "c on eu-1"]);
    assert_eq!(store.names(Kind::Cluster).await, ["eu-2"]);
    assert_eq!(store.names(Kind::Application).await, ["d"]);
}

#[tokio::test]
async fn a_drain_that_waits_can_be_given_up_or_called_off() {
    for give_up in [true, false] {
        let store = Store::new(&["eu-1"]).await;
        store.runs("a", "eu-1").await;
        let retire = |wish: Value| {
            store.change(Kind::Cluster, "", "eu-1", move |object| object["spec"]["retire"] = wish.clone())
        };
        retire(json!({"drain": true, "by": "ann"})).await;
        assert!(store.settle(|_, state| lost(state)).await.is_empty());
        retire(if give_up { json!({"by": "bob"}) } else { Value::Null }).await;
        assert!(store.settle(|_, state| lost(state)).await.is_empty());
        let (clusters, apps) = (store.names(Kind::Cluster).await, store.names(Kind::Application).await);
        if give_up {
            assert!(clusters.is_empty() && apps.is_empty());
        } else {
            assert_eq!((clusters, apps), (vec!["eu-1".to_owned()], vec!["a".to_owned()]));
            let status = store.status(Kind::Cluster, "", "eu-1").await;
            assert!(!status.contains("Retiring"), "{status}");
            let object = store.records.get(Kind::Cluster, "", "eu-1").await.unwrap().unwrap();
            assert_eq!(object.value["metadata"]["finalizers"], json!([]));
        }
    }
}

#[tokio::test]
async fn a_forgotten_application_is_given_up_when_its_cluster_returns_and_its_objects_stay() {
    let store = Store::new(&["eu-1"]).await;
    store.runs("web", "eu-1").await;
    store.delete(Kind::Application, "argocd", "web").await;
    store.pass(|_, _| {}).await;
    let told = store.assigned("eu-1", "web").await.unwrap();
    assert!(matches!(told.order, Order::Remove { cascade: true, .. }));

    // What `flotilla app forget` does, before the agent heard of it.
    store
        .change(Kind::Application, "argocd", "web", |object| object["metadata"]["finalizers"] = json!([]))
        .await;
    assert!(store.names(Kind::Application).await.is_empty());
    store.pass(|_, state| lost(state)).await;
    let told = store.assigned("eu-1", "web").await.unwrap();
    assert!(matches!(told.order, Order::Remove { cascade: false, .. }), "{told:?}");
    assert_eq!(told.position, Position { incarnation: 1, generation: 5 });
    assert!(store.settle(|_, state| lost(state)).await.is_empty());
    // It returns and obeys; the position stays, so that nothing older is ever told.
    store.acknowledge("eu-1", "web").await;
    assert!(store.settle(|_, _| {}).await.is_empty());
    assert_eq!(store.assigned("eu-1", "web").await.unwrap().position.generation, 5);
}

#[tokio::test]
async fn a_forgotten_application_that_is_made_again_is_run_again() {
    let store = Store::new(&["eu-1"]).await;
    store.runs("web", "eu-1").await;
    store
        .change(Kind::Application, "argocd", "web", |object| object["metadata"]["finalizers"] = json!([]))
        .await;
    store.records.delete(Kind::Application, "argocd", "web", at(1)).await.unwrap();
    // Away: nothing is told, and the assignment is kept.
    assert!(store.settle(|_, state| lost(state)).await.is_empty());
    assert_eq!(store.assigned("eu-1", "web").await, Some(run(3)));
    store.records.create(Kind::Application, application("web", "eu-1", &[]), at(2)).await.unwrap();
    assert!(store.settle(|_, _| {}).await.is_empty());
    assert_eq!(store.assigned("eu-1", "web").await, Some(run(3)));
    // Had nobody made it again, its agent would have been told to give it up, and to leave what is there.
    store.records.delete(Kind::Application, "argocd", "web", at(3)).await.unwrap();
    assert_eq!(store.settle(|_, _| {}).await, ["web on eu-1 stays"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relabelled_clusters_hold_and_a_retired_one_needs_no_approval() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, shared_runtime::now());
    loops.commit("web/config.yaml", super::CONFIG_MAP);
    for name in ["eu-1", "eu-2", "eu-3", "eu-4", "eu-5"] {
        records.create(Kind::Cluster, cluster(name, &json!({"env": "prod"})), now).await.unwrap();
    }
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    let made = async |records: &Records| records.list(Kind::Application, None).await.unwrap().0.len();
    loops.until("five Applications", async |records| made(records).await == 5).await;

    // Two of five leave the fleet on purpose: that is nobody's mistake.
    let retire = |object: &Value| {
        let mut object = object.clone();
        object["spec"]["retire"] = json!({"by": "ann"});
        Some(object)
    };
    for name in ["eu-1", "eu-2"] {
        records.modify(Kind::Cluster, "", name, retire).await.unwrap();
    }
    loops
        .until("both are gone with their Applications", async |records| {
            let (clusters, _) = records.list(Kind::Cluster, None).await.unwrap();
            clusters.len() == 3 && made(records).await == 3
        })
        .await;

    // Two of three are relabelled: that may well be one. At once, or each by itself would be few enough to go.
    let mut relabelled = Txn::new();
    for name in ["eu-3", "eu-4"] {
        let stored = records.get(Kind::Cluster, "", name).await.unwrap().unwrap();
        let mut object = stored.value.clone();
        object["metadata"]["labels"]["env"] = json!("test");
        let key = keys::object(Kind::Cluster, "", name);
        let same = Compare::ModRevision { key: key.clone(), revision: stored.revision };
        relabelled = relabelled.when(same).put(key, object.to_string());
    }
    assert!(matches!(records.store().commit(relabelled).await.unwrap(), Outcome::Committed(_)));
    loops
        .until("the deletions are held", async |_| {
            loops
                .condition(Kind::ApplicationSet, "web")
                .await
                .contains("2 of 3 Applications would be deleted")
        })
        .await;
    assert_eq!(made(records).await, 3);
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn on_a_copy_of_the_store_nothing_goes_before_its_agents_word_was_adopted() {
    let store = Store::new(&["eu-1"]).await;
    // Made, released and deleted, and the backup knows of no release.
    let object = application("web", "eu-1", &[RESOURCES_FINALIZER]);
    store.records.create(Kind::Application, object, at(0)).await.unwrap();
    store.delete(Kind::Application, "argocd", "web").await;
    let restored = hub_records::Restored { at: at(500), why: "a copy".into() };
    store.records.write(keys::RESTORED, &restored).await.unwrap();
    let planned = store.pass(|_, state| state.hold = Some(Hold::HubRestored)).await;
    let said = waits(&planned, "web");
    assert!(said.starts_with("Terminating, waits for eu-1: this hub runs on a copy of its data"), "{said}");
    assert!(store.settle(|_, state| state.hold = Some(Hold::HubRestored)).await.is_empty());
    assert_eq!(store.names(Kind::Application).await, ["web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_object_goes_after_it_without_anybody_asking() {
    let loops = Loops::start().await;
    let records = &loops.records;
    let config = |name: &str, owner: Option<&str>| {
        let reference =
            |uid: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid});
        let owners: Vec<Value> = owner.into_iter().map(reference).collect();
        json!({"metadata": {"name": name, "namespace": "argocd", "ownerReferences": owners}})
    };
    let owner = records.create(Kind::ConfigMap, config("owner", None), at(0)).await.unwrap();
    records.create(Kind::ConfigMap, config("owned", Some(owner.uid())), at(0)).await.unwrap();
    records.create(Kind::ConfigMap, config("other", None), at(0)).await.unwrap();
    records.delete(Kind::ConfigMap, "argocd", "owner", at(1)).await.unwrap();
    let gone =
        async |records: &Records| records.get(Kind::ConfigMap, "argocd", "owned").await.unwrap().is_none();
    loops.until("the owned one is gone", gone).await;
    assert!(records.get(Kind::ConfigMap, "argocd", "other").await.unwrap().is_some());
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
