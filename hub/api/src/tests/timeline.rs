//! What happened, as the API answers it.

use super::*;
use crate::tests::watching::Watch;
use jiff::Timestamp;
use shared_history::{Entry, What};
use shared_model::{AppKey, ClusterName, Kind, Owner, OwnerKind, RolloutName};

const TIMELINE: &str = "/flotilla/v1/timeline";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn healed(seconds: i64, cluster: &str) -> Entry {
    Entry {
        cluster: Some(ClusterName::new(cluster)),
        ..Entry::new(What::DriftHealed, at(seconds), format!("{cluster} {seconds}"))
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_people_do_is_told_with_who_and_never_what_is_in_it() {
    let server = server().await;
    let secret = json!({"metadata": {"name": "git"}, "stringData": {"password": "hidden"}});
    server.post(SECRETS, secret).await.ok(201);
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}})).await.ok(201);
    let pause = json!({"spec": {"pause": {"reason": "INC-7", "for": "1h"}}});
    server.patch("merge", &format!("{CLUSTERS}/eu-1"), pause).await.ok(200);
    server
        .patch("merge", &format!("{CLUSTERS}/eu-1?dryRun=All"), json!({"spec": {"pause": null}}))
        .await
        .ok(200);
    server.patch("merge", &format!("{CLUSTERS}/eu-1"), json!({"spec": {"pause": null}})).await.ok(200);
    server.delete(&format!("{SECRETS}/git")).await.ok(200);
    let list = server.get(TIMELINE).await.ok(200);
    let mut said = texts(&list);
    let paused = said.remove(2);
    assert!(paused.starts_with("ada paused eu-1 until ") && paused.ends_with("Z: INC-7"), "{paused}");
    assert_eq!(
        said,
        [
            "ada created Secret argocd/git",
            "ada created Cluster eu-1",
            "ada resumed eu-1",
            "ada deleted Secret argocd/git",
        ]
    );
    assert!(!list.to_string().contains("hidden") && !list.to_string().contains("aGlkZGVu"));
    assert!(list["items"].as_array().unwrap().iter().all(|item| item["by"] == "ada"));
    let stranger = server.client.get(format!("{}{TIMELINE}", server.url)).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    server.post(TIMELINE, json!({})).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn pages_the_newest_and_kinds() {
    let server = server().await;
    let clusters = |second: i64| if second % 2 == 0 { "eu-1" } else { "us-1" };
    server.records.tell((0..30).map(|second| healed(second, clusters(second))).collect()).await.unwrap();
    server.records.tell(vec![Entry::new(What::HubStarted, at(7), "started")]).await.unwrap();
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{TIMELINE}?kind=drift&limit=7&continue={next}")).await.ok(200);
        found.extend(texts(&page));
        match page["metadata"]["continue"].as_str() {
            Some(token) => next = token.to_owned(),
            None => break,
        }
    }
    let expect: Vec<String> = (0..30).map(|second| format!("{} {second}", clusters(second))).collect();
    assert_eq!(found, expect);
    let last = server.get(&format!("{TIMELINE}?cluster=eu-1&last=2")).await.ok(200);
    assert_eq!(texts(&last), ["eu-1 26", "eu-1 28"]);
    let span = "since=1970-01-01T00:00:07Z&until=1970-01-01T00:00:08Z";
    let span = server.get(&format!("{TIMELINE}?{span}&cluster=eu-1")).await.ok(200);
    assert_eq!(texts(&span), ["started", "eu-1 8"], "what concerns everybody too");
    let wrong = server.get(&format!("{TIMELINE}?kind=weather")).await.refused(400, "BadRequest");
    assert!(wrong.contains("kind: there are no entries of kind `weather`"), "{wrong}");
    let wrong = server.get(&format!("{TIMELINE}?since=yesterday")).await.refused(400, "BadRequest");
    assert!(wrong.contains("since") && wrong.contains("2026-11-21T03:00:00Z"), "{wrong}");
    for bad in ["last=0", "last=x", "limit=x", "continue=x"] {
        server.get(&format!("{TIMELINE}?{bad}")).await.refused(400, "BadRequest");
    }
}

#[tokio::test]
async fn of_a_cluster_the_rollouts_that_go_there_are_shown() {
    let server = server().await;
    let set = json!({"metadata": {"name": "shop", "namespace": "argocd"}, "spec": {}});
    let set = server.records.create(Kind::ApplicationSet, set, at(1)).await.unwrap();
    let owner = json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "shop", "uid": set.uid()}]);
    let app = json!({"metadata": {"name": "shop-eu-1", "namespace": "argocd", "ownerReferences": owner}, "spec": {}});
    server.records.create(Kind::Application, app, at(1)).await.unwrap();
    let key = hub_records::keys::assignment(&ClusterName::new("eu-1"), &AppKey::new("argocd", "shop-eu-1"));
    server.records.write(&key, &json!({})).await.unwrap();
    let started = |name: &str| {
        let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: name.into() };
        Entry::new(What::RolloutStarted, at(5), format!("{name} started"))
            .of_rollout(&owner, &RolloutName::new(format!("{name}-1")))
    };
    server.records.tell(vec![started("shop"), started("other"), healed(6, "us-1")]).await.unwrap();
    let of = async |query: &str| texts(&server.get(&format!("{TIMELINE}?{query}")).await.ok(200));
    assert_eq!(of("cluster=eu-1").await, ["shop started"]);
    assert_eq!(of("app=shop-eu-1").await, ["shop started"]);
    assert_eq!(of("set=other").await, ["other started"]);
    assert_eq!(of("rollout=other-1").await, ["other started"]);
}

#[tokio::test]
async fn a_watch_tells_what_is_written_after_a_list() {
    let server = server().await;
    server.records.tell(vec![healed(1, "eu-1")]).await.unwrap();
    let list = server.get(&format!("{TIMELINE}?last=10")).await.ok(200);
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    server.records.tell(vec![healed(2, "us-1"), healed(3, "eu-1")]).await.unwrap();
    let mut watch: Watch =
        server.watch(&format!("{TIMELINE}?watch=1&resourceVersion={version}&cluster=eu-1")).await;
    let (word, entry) = watch.next().await.unwrap();
    assert_eq!((word.as_str(), entry["text"].as_str()), ("ADDED", Some("eu-1 3")));
    let again = Entry { count: 4, ..healed(3, "eu-1") };
    server.records.write(&hub_records::history::key(&again), &again).await.unwrap();
    let (word, entry) = watch.next().await.unwrap();
    assert_eq!((word.as_str(), entry["count"].as_u64()), ("MODIFIED", Some(4)));
    server.tasks.stop();
    assert!(watch.next().await.is_none());
}
