//! Objects that are compared but do not carry our label, over a cluster's API.

use super::{
    hub::{Hub, Spoke, config_map, end, path},
    working::joined,
};
use serde_json::{Value, json};

const WATCH: &str = "WATCH /api/v1/namespaces/shop/configmaps?labelSelector=%21flotilla.dev%2Fowner";

fn put(spoke: &Spoke, name: &str, value: &str) {
    let mut object = config_map(name, value);
    object["metadata"]["namespace"] = json!("shop");
    spoke.kubernetes.put(&path(name), &object);
}

async fn drifts(hub: &Hub, live: &str) {
    let expect = json!([format!("ConfigMap/a: data.key live={live} desired=1")]);
    hub.observed("eu-1", |seen: &Value| seen["drift"] == expect).await;
}

#[tokio::test]
async fn an_observer_is_told_of_edits_by_a_watch_of_names() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Observe")).await;
    put(&spoke, "a", "0");
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    drifts(&hub, "0").await;
    spoke.kubernetes.until("it is watched", |cluster| cluster.has_read(WATCH)).await;
    // By the poll these would take minutes.
    let edits = async {
        for value in ["e1", "e2", "e3", "e4", "e5"] {
            spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!(value));
            for index in 0..50 {
                put(&spoke, &format!("foreign-{index}"), value);
            }
            drifts(&hub, value).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(25), edits).await.unwrap();
    let reads = spoke.kubernetes.take_reads();
    let of_objects: Vec<_> = reads.iter().filter(|read| read.contains("/configmaps/")).collect();
    assert!(of_objects.iter().all(|read| **read == format!("GET {}", path("a"))), "{of_objects:?}");
    // At the start, when watches begin, and once for each edit.
    assert!(of_objects.len() <= 10, "{of_objects:?}");
    assert_eq!(reads.iter().filter(|read| read.starts_with(WATCH)).count(), 1, "{reads:?}");
    assert_eq!(spoke.kubernetes.writes(), Vec::<String>::new());
    // Taken over, it is watched by our label alone: an edit is healed, a label taken off is put back.
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Enforce")).await;
    hub.succeeded("eu-1", 1).await;
    let labels = spoke.kubernetes.get(&path("a")).unwrap()["metadata"]["labels"].clone();
    assert!(labels["flotilla.dev/owner"].is_string(), "{labels}");
    spoke.kubernetes.edit(&path("a"), |object| object["metadata"]["labels"] = json!({}));
    let healed = |cluster: &super::kubernetes::Kubernetes| {
        cluster.get(&path("a")).is_some_and(|object| object["metadata"]["labels"] == labels)
    };
    spoke.kubernetes.until("the label is put back", healed).await;
    end(&tasks).await;
}

#[tokio::test]
async fn where_names_may_not_be_watched_it_is_asked_once_and_the_rest_goes_on() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    spoke.kubernetes.refuse_unlabelled();
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Observe")).await;
    put(&spoke, "a", "0");
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    drifts(&hub, "0").await;
    let list = WATCH.replace("WATCH", "LIST");
    spoke.kubernetes.until("it was asked for", |cluster| cluster.has_read(&list)).await;
    hub.edit_cluster("eu-1", |spec| spec["mode"] = json!("Enforce")).await;
    hub.succeeded("eu-1", 1).await;
    let reads = spoke.kubernetes.take_reads();
    assert_eq!(reads.iter().filter(|read| read.starts_with(&list)).count(), 1, "{reads:?}");
    end(&tasks).await;
}
