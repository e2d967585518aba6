//! Windows of projects and freezes of the settings, from the objects to what the planner asks.

use super::*;
use crate::{
    fleet::{self, Around},
    line::{Evaluation, MemberInput},
    windows::Calendar,
};
use jiff::ToSpan as _;
use shared_model::{Owner, OwnerKind, fleet_rollout::PlanSpec};
use shared_project::Gate;
use shared_rollout::{Fleet, Link};
use std::collections::{BTreeMap, BTreeSet};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn deny(schedule: &str, names: &Value) -> Value {
    let mut window = json!({"kind": "deny", "schedule": schedule, "duration": "1h"});
    window.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    window
}

fn project(name: &str, windows: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], "syncWindows": windows},
    })
}

fn settings_of(data: &Value) -> Value {
    json!({"metadata": {"name": "flotilla-cm", "namespace": "argocd"}, "data": data})
}

async fn create(records: &Records, kind: Kind, object: Value) {
    records.create(kind, object, Timestamp::UNIX_EPOCH).await.unwrap();
}

/// Two clusters; three Applications, of which one is of the project `shop`.
async fn world() -> Records {
    let records = records();
    create(&records, Kind::Cluster, cluster("eu-1", &json!({"env": "prod"}))).await;
    create(&records, Kind::Cluster, cluster("eu-2", &json!({"env": "dev"}))).await;
    for (name, on, of) in [("web", "eu-1", "shop"), ("api", "eu-1", "default"), ("db", "eu-2", "default")] {
        let mut application = application(name, on, &[]);
        application["spec"]["project"] = json!(of);
        create(&records, Kind::Application, application).await;
    }
    records
}

/// The number of each Application's entry, asked in the order api, db, web.
fn numbers(calendar: &mut Calendar, index: &Index) -> Vec<Option<usize>> {
    calendar.refresh(index);
    let asked = index.applications.iter().map(|(key, application)| {
        let cluster = &index.clusters[&ClusterName::new(application.spec.destination.name.clone())];
        calendar.of(key, Some(application), cluster)
    });
    asked.collect()
}

#[tokio::test]
async fn applications_that_the_same_windows_concern_share_an_entry() {
    let records = world().await;
    let mut calendar = Calendar::default();
    assert_eq!(numbers(&mut calendar, &index(&records).await), [None, None, None]);
    assert!(calendar.sets().is_empty());

    let windows = json!([deny("0 1 * * *", &json!({"applications": ["w*"]})), deny("0 2 * * *", &json!({}))]);
    create(&records, Kind::AppProject, project("shop", &windows)).await;
    let freeze =
        "- {kind: deny, schedule: 0 3 * * *, duration: 1h, clusterSelector: {matchLabels: {env: prod}}}";
    create(&records, Kind::ConfigMap, settings_of(&json!({"windows.yaml": freeze}))).await;
    let index = index(&records).await;
    // The freeze concerns what is on eu-1; web has its project's first window besides, the second names nothing.
    assert_eq!(numbers(&mut calendar, &index), [Some(0), None, Some(1)]);
    let until = |number: usize| match calendar.sets()[number].gate(at("2026-11-21T00:30:00Z")) {
        Gate::Open { until } => until.unwrap().to_string(),
        Gate::Closed { why, .. } => why,
    };
    assert_eq!((until(0).as_str(), until(1).as_str()), ("2026-11-21T03:00:00Z", "2026-11-21T01:00:00Z"));
    let generation = calendar.generation();
    assert_eq!(numbers(&mut calendar, &index), [Some(0), None, Some(1)]);
    assert_eq!((calendar.sets().len(), calendar.generation()), (2, generation));
}

#[tokio::test]
async fn entries_are_made_anew_when_projects_or_settings_change() {
    let records = world().await;
    let mut calendar = Calendar::default();
    let freeze = |hour: u8| json!({"windows.yaml": format!("- {{kind: deny, schedule: 0 {hour} * * *, duration: 1h}}")});
    create(&records, Kind::ConfigMap, settings_of(&freeze(3))).await;
    assert_eq!(numbers(&mut calendar, &index(&records).await), [Some(0); 3]);
    let before = (calendar.generation(), calendar.sets());
    let later = |object: &Value| {
        let mut object = object.clone();
        object["data"] = freeze(4);
        Some(object)
    };
    records.modify(Kind::ConfigMap, "argocd", "flotilla-cm", later).await.unwrap();
    assert_eq!(numbers(&mut calendar, &index(&records).await), [Some(0); 3]);
    assert_ne!((calendar.generation(), calendar.sets()), before);
    records.delete(Kind::ConfigMap, "argocd", "flotilla-cm", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(numbers(&mut calendar, &index(&records).await), [None; 3]);
}

#[tokio::test]
async fn many_members_are_asked_about_in_no_time_and_share_few_entries() {
    let records = world().await;
    let windows: Vec<Value> = (0..4)
        .map(|hour| {
            deny(&format!("0 {hour} * * *"), &json!({"applications": [format!("app-*{hour}"), "web-*"]}))
        })
        .collect();
    create(&records, Kind::AppProject, project("shop", &json!(windows))).await;
    let freeze =
        "- {kind: deny, schedule: 0 3 * * *, duration: 1h, clusterSelector: {matchLabels: {env: prod}}}";
    create(&records, Kind::ConfigMap, settings_of(&json!({"windows.yaml": freeze}))).await;
    let index = index(&records).await;
    let web = &index.applications[&AppKey::new("argocd", "web")];
    let cluster = &index.clusters[&ClusterName::new("eu-1")];
    let keys: Vec<_> = (0..10_000).map(|number| AppKey::new("argocd", format!("app-{number}"))).collect();
    let mut calendar = Calendar::default();
    calendar.refresh(&index);
    let started = std::time::Instant::now();
    for key in &keys {
        assert!(calendar.of(key, Some(web), cluster).is_some());
    }
    let cost = started.elapsed();
    // Names that end in 0, 1, 2 and 3 have windows of their own; all others share one entry.
    assert_eq!(calendar.sets().len(), 5);
    println!("10,000 members: {cost:?}");
    assert!(cost < Duration::from_secs(5), "{cost:?}");
}

/// The fleet of one rollout of the three Applications, each on its cluster, in one wave.
fn fleet_of(index: &Index, calendar: &mut Calendar, now: Timestamp) -> Fleet {
    let members = index.applications.iter().map(|(key, application)| {
        let member = MemberInput {
            cluster: ClusterName::new(application.spec.destination.name.clone()),
            labels: BTreeMap::new(),
            release: ReleaseId(Digest::of(key.name.as_bytes())),
            automated: true,
            revisions: Vec::new(),
        };
        (key.clone(), member)
    });
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "set".into() };
    let evaluation = Evaluation {
        rollouts: BTreeMap::from([(RolloutName::new("set-1"), members.collect())]),
        ..Evaluation::default()
    };
    let evaluations = BTreeMap::from([(owner, evaluation)]);
    let connected = linked(Link::Connected);
    let links = index.clusters.keys().map(|name| (name.clone(), connected.clone())).collect();
    let around = Around { evaluations: &evaluations, links: &links, since: now };
    calendar.refresh(index);
    fleet::build(index, &around, calendar, now)
}

#[tokio::test]
async fn a_member_waits_for_its_window_and_goes_when_time_passes() {
    let records = world().await;
    create(
        &records,
        Kind::AppProject,
        project("shop", &json!([deny("0 22 * * *", &json!({"applications": ["*"]}))])),
    )
    .await;
    let rollout = json!({
        "metadata": {"name": "set-1", "namespace": "argocd"},
        "spec": {
            "owner": {"kind": "ApplicationSet", "namespace": "argocd", "name": "set"}, "sequence": 1, "object": {},
            "plan": PlanSpec::Immediate,
        },
    });
    create(&records, Kind::FleetRollout, rollout).await;
    create(&records, Kind::ConfigMap, settings_of(&json!({"rollout.maxUnprovenPerCluster": "2"}))).await;
    let index = index(&records).await;
    let mut calendar = Calendar::default();
    let mut released = |now: Timestamp| -> (BTreeSet<String>, String) {
        let mut fleet = fleet_of(&index, &mut calendar, now);
        assert_eq!(fleet.max_per_cluster, Some(2));
        let (plan, report) = shared_rollout::plan(&fleet, now);
        assert_eq!(shared_rollout::check(&fleet, &plan, &report, now), []);
        shared_rollout::apply(&mut fleet, &plan);
        let told = fleet.assigned.keys().map(|(_, app)| app.name.to_string()).collect();
        let (_, report) = shared_rollout::plan(&fleet, now);
        let waits =
            report.rollouts.values().flat_map(|rollout| rollout.waits.get(&AppKey::new("argocd", "web")));
        (told, waits.map(ToString::to_string).collect())
    };
    let now = at("2026-11-21T22:30:00Z");
    let (told, said) = released(now);
    assert_eq!(told, BTreeSet::from(["api".to_owned(), "db".to_owned()]));
    assert_eq!(
        said,
        "eu-1 is outside its sync windows (deny window `0 22 * * *` for 1h (UTC)): next open 2026-11-21T23:00:00Z"
    );
    let (told, _) = released(now + 30.minutes());
    assert_eq!(told, BTreeSet::from(["api".to_owned(), "db".to_owned(), "web".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_on_the_applications_and_on_the_settings() {
    let loops = Loops::start().await;
    let records = &loops.records;
    create(records, Kind::Cluster, cluster("eu-1", &json!({}))).await;
    let mut application = application("web", "eu-1", &[]);
    application["spec"]["project"] = json!("shop");
    create(records, Kind::Application, application).await;
    create(
        records,
        Kind::AppProject,
        project("shop", &json!([deny("0 25 * * *", &json!({"applications": ["*"]}))])),
    )
    .await;
    create(records, Kind::ConfigMap, settings_of(&json!({"windows.yaml": "kind: deny"}))).await;
    let said = async |_: &Records| {
        let condition = loops.condition(Kind::Application, "web").await;
        [
            "InvalidSyncWindow",
            "AppProject shop: spec.syncWindows[0].schedule",
            "the hour `25` is not within 0 to 23",
        ]
        .iter()
        .all(|part| condition.contains(part))
    };
    loops.until("a condition", said).await;
    let told = async |records: &Records| {
        let (events, _) = records.list(Kind::Event, Some("argocd")).await.unwrap();
        events.iter().any(|event| {
            event.value["type"] == "Warning"
                && event.value["involvedObject"]["name"] == "flotilla-cm"
                && event.value["message"]
                    .as_str()
                    .is_some_and(|said| said.contains("data[windows.yaml]: write a list"))
        })
    };
    loops.until("an event", told).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
