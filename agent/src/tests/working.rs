//! From an assignment to a report, and what interrupts it.

use super::hub::{Hub, Spoke, app, config_map, end, path};
use hub_records::keys;
use serde_json::{Value, json};
use shared_model::{Kind, SyncState};
use shared_rollout::Order;

pub(super) async fn joined(hub: &Hub) -> (Spoke, shared_runtime::Tasks) {
    let spoke = Spoke::new("u1");
    spoke.kubernetes.put(
        "/api/v1/namespaces/shop",
        &json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
        }),
    );
    let token = hub.token("eu-1", 60).await;
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    (spoke, tasks)
}

fn data(spoke: &Spoke, name: &str) -> Option<Value> {
    Some(spoke.kubernetes.get(&path(name))?["data"]["key"].clone())
}

#[tokio::test]
async fn an_assignment_is_applied_healed_pruned_and_removed() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1"), config_map("b", "1")]).await;
    let seen = hub.succeeded("eu-1", 1).await;
    assert_eq!(seen["resources"].as_array().unwrap().len(), 2);
    assert_eq!(data(&spoke, "a"), Some(json!("1")));
    // A person edits, a person deletes.
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    spoke.kubernetes.until("the edit is healed", |_| data(&spoke, "a") == Some(json!("1"))).await;
    spoke.kubernetes.delete(&path("b"));
    spoke.kubernetes.until("the deletion is healed", |_| data(&spoke, "b").is_some()).await;
    hub.observed("eu-1", |seen| seen["healed"] == 2).await;
    // The next release has one object less.
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.succeeded("eu-1", 2).await;
    assert_eq!((data(&spoke, "a"), data(&spoke, "b")), (Some(json!("2")), None));
    hub.order("eu-1", 3, Order::Remove { cascade: true, at: shared_runtime::now() }).await;
    hub.observed("eu-1", |seen| seen["removed"] == true).await;
    assert_eq!(data(&spoke, "a"), None);
    // It may come back.
    hub.assign("eu-1", 4, &[config_map("a", "4")]).await;
    hub.succeeded("eu-1", 4).await;
    assert_eq!(data(&spoke, "a"), Some(json!("4")));
    end(&tasks).await;
}

#[tokio::test]
async fn with_the_hub_away_it_goes_on_after_a_restart_too() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    let (records, folder, address) = hub.stop().await;
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    spoke.kubernetes.until("healed without a hub", |_| data(&spoke, "a") == Some(json!("1"))).await;
    end(&tasks).await;
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    let (_, tasks) = spoke.start(&address, None).await.unwrap();
    spoke.kubernetes.until("healed after a restart", |_| data(&spoke, "a") == Some(json!("1"))).await;
    // The hub returns and gets what differs, not everything.
    let hub = Hub::start_with(records, folder, &address).await;
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.succeeded("eu-1", 2).await;
    end(&tasks).await;
}

/// Waits until an agent that was started then has compared everything again, as it says itself.
pub(super) async fn compared(hub: &Hub, spoke: &Spoke, started: jiff::Timestamp) {
    hub.until(&keys::status(Kind::Cluster, "", "eu-1"), |status| {
        status["connection"]["state"] == "Connected"
    })
    .await;
    let is_synced = |status: &crate::status::Status| {
        let mut all = status.applications.iter().map(|app| app.sync == SyncState::Synced).peekable();
        status.at > started && all.peek().is_some() && all.all(|synced| synced)
    };
    spoke.status(is_synced).await;
}

#[tokio::test]
async fn a_restart_does_not_sync_again() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
    let writes = spoke.kubernetes.writes();
    let restarted = shared_runtime::now();
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    compared(&hub, &spoke, restarted).await;
    // What follows proves that everything before it was looked at.
    hub.assign("eu-1", 2, &[config_map("a", "1"), config_map("z", "1")]).await;
    hub.succeeded("eu-1", 2).await;
    let new = spoke.kubernetes.writes().split_off(writes.len());
    assert_eq!(new, [format!("apply {}", path("z"))]);
    end(&tasks).await;
}

#[tokio::test]
async fn a_pause_stops_every_write_before_it_is_acknowledged() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    hub.edit_cluster("eu-1", |spec| spec["pause"] = json!({"reason": "INC-7", "by": "ada"})).await;
    let status = keys::status(Kind::Cluster, "", "eu-1");
    hub.until(&status, |status| !status["pause"]["acknowledgedAt"].is_null()).await;
    let writes = spoke.kubernetes.writes();
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    // Observing goes on: the drift is told, the position taken.
    let seen = hub.observed("eu-1", |seen| seen["position"]["generation"] == 2).await;
    assert_ne!(seen["phase"], "Succeeded");
    assert_eq!(spoke.kubernetes.writes(), writes);
    // A restart does not end it, hub or not.
    end(&tasks).await;
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    hub.until(&status, |status| status["connection"]["state"] == "Connected").await;
    assert_eq!(spoke.kubernetes.writes(), writes);
    hub.edit_cluster("eu-1", |spec| spec["pause"] = Value::Null).await;
    hub.succeeded("eu-1", 2).await;
    hub.until(&status, |status| status["pause"].is_null()).await;
    end(&tasks).await;
}

#[tokio::test]
async fn a_local_pause_is_independent_of_the_hub() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    let pause = crate::LocalPause { reason: "INC-8".into(), by: "ada".into(), until: None };
    crate::set_local_pause(&spoke.place(), Some(&pause)).unwrap();
    let status = keys::status(Kind::Cluster, "", "eu-1");
    hub.until(&status, |status| status["pause"]["local"]["reason"] == "INC-8").await;
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.observed("eu-1", |seen| seen["position"]["generation"] == 2).await;
    assert_eq!(data(&spoke, "a"), Some(json!("1")));
    crate::set_local_pause(&spoke.place(), None).unwrap();
    hub.succeeded("eu-1", 2).await;
    end(&tasks).await;
}

#[tokio::test]
async fn an_observer_writes_nothing() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Observe")).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.observed("eu-1", |seen| seen["position"]["generation"] == 1 && seen["sync"] == "OutOfSync").await;
    assert_eq!(spoke.kubernetes.writes(), Vec::<String>::new());
    // The mode is changed back while the agent is away.
    end(&tasks).await;
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Enforce")).await;
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
}

#[tokio::test]
async fn a_refused_object_is_told_with_the_servers_words() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    let mut bad = config_map("bad", "1");
    bad["data"]["invalid"] = json!("yes");
    hub.assign("eu-1", 1, &[config_map("a", "1"), bad]).await;
    let told = |seen: &Value| {
        seen["message"].as_str().is_some_and(|text| text.contains("data.invalid: Forbidden value"))
    };
    let seen = hub.observed("eu-1", told).await;
    assert_ne!(seen["phase"], "Succeeded");
    // The other object is not held back, and the next release is taken.
    assert_eq!(data(&spoke, "a"), Some(json!("1")));
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.succeeded("eu-1", 2).await;
    assert_eq!(data(&spoke, "a"), Some(json!("2")));
    end(&tasks).await;
}

#[tokio::test]
async fn a_damaged_bundle_is_fetched_again() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
    let bundles: Vec<_> = std::fs::read_dir(spoke.folder.path().join("bundles")).unwrap().flatten().collect();
    assert_eq!(bundles.len(), 1);
    std::fs::write(bundles[0].path(), b"damaged").unwrap();
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    spoke.kubernetes.until("healed from the fetched bundle", |_| data(&spoke, "a") == Some(json!("1"))).await;
    end(&tasks).await;
}

#[tokio::test]
async fn a_lost_folder_does_not_lose_what_is_to_be_pruned() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1"), config_map("b", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
    let spoke = Spoke { folder: tempfile::tempdir().unwrap(), ..spoke };
    let token = hub.reenrol("eu-1").await;
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    spoke.kubernetes.until("pruned", |_| data(&spoke, "b").is_none()).await;
    hub.succeeded("eu-1", 2).await;
    end(&tasks).await;
}

#[tokio::test]
async fn an_api_server_that_goes_away_is_waited_for() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    spoke.kubernetes.set_down(true);
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.observed("eu-1", |seen| seen["position"]["generation"] == 2).await;
    spoke.kubernetes.set_down(false);
    hub.succeeded("eu-1", 2).await;
    let status = crate::status::read(&spoke.place()).unwrap().unwrap();
    assert_eq!(status.cluster, "eu-1");
    assert_eq!(status.applications.iter().map(|row| row.name.clone()).collect::<Vec<_>>(), [app()]);
    end(&tasks).await;
}
