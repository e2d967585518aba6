//! What an apply would change, asked by a real gateway.

use super::{
    hub::{Hub, Spoke, app, config_map, end, path},
    working::joined,
};
use hub_gateway::{Compare, Uncompared};
use serde_json::{Value, json};
use shared_diff::Changes;
use shared_manifest::{Bundle, Manifest};
use shared_model::{ClusterName, ReleaseSpec, SyncPolicy};

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"token": value}})
}

/// A release that the hub has not, of these objects.
fn other(objects: &[Value]) -> (ReleaseSpec, bytes::Bytes) {
    let manifests = objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
    let (bundle, _) = Bundle::new(manifests);
    let spec = ReleaseSpec {
        application: app(),
        bundle: bundle.digest(),
        bundle_bytes: 0,
        namespace: "shop".into(),
        project: "default".into(),
        sync_policy: SyncPolicy::default(),
        ignore_differences: Vec::new(),
        self_heal: true,
        prune: true,
        revisions: Vec::new(),
        versions: Vec::new(),
    };
    (spec, zstd::encode_all(&bundle.to_bytes()[..], 0).unwrap().into())
}

async fn compare(hub: &Hub, release: Option<(ReleaseSpec, bytes::Bytes)>) -> Result<Changes, Uncompared> {
    hub.links.compare(&ClusterName::new("eu-1"), Compare { application: app(), release }).await
}

/// The changes, a line each, and how many objects stay.
async fn check(hub: &Hub, release: Option<(ReleaseSpec, bytes::Bytes)>, expect: &[&str], same: usize) {
    let found = compare(hub, release).await.unwrap();
    let key = |object: &Option<Value>| {
        object
            .as_ref()
            .map_or_else(|| "-".to_owned(), |object| object["data"]["key"].as_str().unwrap_or("?").to_owned())
    };
    let lines: Vec<String> = found
        .changes
        .iter()
        .map(|change| {
            let note = if change.note.is_empty() { String::new() } else { format!(" ({})", change.note) };
            format!("{} {} {}{note}", change.object, key(&change.before), key(&change.after))
        })
        .collect();
    assert_eq!(
        (lines, found.same, found.left_out),
        (expect.iter().map(|line| (*line).to_owned()).collect(), same, 0)
    );
}

async fn shop() -> (Hub, Spoke, shared_runtime::Tasks) {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[config_map("a", "1"), config_map("b", "1"), secret("first")]).await;
    hub.succeeded("eu-1", 1).await;
    (hub, spoke, tasks)
}

#[tokio::test]
async fn what_an_apply_would_change_is_told_and_nothing_is_written() {
    let (hub, spoke, tasks) = shop().await;
    let writes = spoke.kubernetes.writes();
    check(&hub, None, &[], 3).await;
    let next = || other(&[config_map("a", "2"), config_map("new", "1"), secret("first")]);
    let expect = ["ConfigMap shop/a 1 2", "ConfigMap shop/new - 1", "ConfigMap shop/b ? -"];
    check(&hub, Some(next()), &expect, 1).await;
    // Without prune it stays.
    let (mut spec, bundle) = next();
    spec.prune = false;
    let expect = [
        "ConfigMap shop/a 1 2",
        "ConfigMap shop/new - 1",
        "ConfigMap shop/b - - (not in the release any more; it stays, since it is not pruned)",
    ];
    check(&hub, Some((spec, bundle)), &expect, 1).await;
    // A pause stops no looking, and what drifts is seen then.
    let asked = json!({"reason": "INC-7", "by": "ada", "at": "2026-01-01T00:00:00Z"});
    hub.edit_cluster("eu-1", |spec| spec["pause"] = asked.clone()).await;
    spoke.status(|status| !status.pauses.is_empty()).await;
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    spoke.kubernetes.delete(&path("b"));
    check(&hub, None, &["ConfigMap shop/a edited 1", "ConfigMap shop/b - 1"], 1).await;
    assert_eq!(spoke.kubernetes.writes(), writes);
    end(&tasks).await;
}

#[tokio::test]
async fn values_of_secrets_stay_in_the_cluster() {
    let (hub, spoke, tasks) = shop().await;
    let found = compare(&hub, Some(other(&[secret("second")]))).await.unwrap();
    let live = spoke.kubernetes.get("/api/v1/namespaces/shop/secrets/key").unwrap();
    let first = live["data"]["token"].as_str().or(live["stringData"]["token"].as_str()).unwrap();
    let told = serde_json::to_string(&found).unwrap();
    assert!(!told.contains(first) && !told.contains("c2Vjb25k") && !told.contains("second"), "{told}");
    let changed = found.changes.iter().find(|change| change.object == "Secret shop/key").unwrap();
    assert_ne!(changed.before, changed.after);
    end(&tasks).await;
}

#[tokio::test]
async fn what_was_encrypted_once_is_never_told() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    // Of two releases the first had encrypted values; what is in the cluster stands for what the agent made of them.
    let mut encrypted = config_map("a", "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]");
    encrypted["metadata"]["annotations"] = json!({"flotilla.dev/sops": "x"});
    hub.assign("eu-1", 1, &[encrypted.clone(), config_map("b", "1")]).await;
    hub.observed("eu-1", |seen| seen["position"]["generation"] == 1).await;
    hub.assign("eu-1", 2, &[config_map("a", "plain"), config_map("b", "1")]).await;
    hub.succeeded("eu-1", 2).await;
    let pause = json!({"reason": "INC-7", "by": "ada", "at": "2026-01-01T00:00:00Z"});
    hub.edit_cluster("eu-1", |spec| spec["pause"] = pause.clone()).await;
    spoke.status(|status| !status.pauses.is_empty()).await;
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("hunter2"));
    spoke.kubernetes.edit(&path("b"), |object| object["data"]["key"] = json!("edited"));
    let remark = "ConfigMap shop/a - - (not compared: it holds what SOPS encrypted)";
    check(&hub, None, &[remark, "ConfigMap shop/b edited 1"], 0).await;
    check(&hub, Some(other(&[encrypted])), &[remark, "ConfigMap shop/b ? -"], 0).await;
    end(&tasks).await;
}

#[tokio::test]
async fn what_cannot_be_compared_is_said() {
    let (hub, _spoke, tasks) = shop().await;
    let refused = |result: Result<Changes, Uncompared>| result.unwrap_err().to_string();
    let (mut spec, bundle) = other(&[config_map("a", "2")]);
    let broken = refused(compare(&hub, Some((spec.clone(), "no zstd".into()))).await);
    assert!(broken.contains("the bundle to compare with cannot be read"), "{broken}");
    let large = zstd::encode_all(&vec![b' '; 17 << 20][..], 0).unwrap();
    let large = refused(compare(&hub, Some((spec.clone(), large.into()))).await);
    assert!(large.contains("larger than 5 MiB"), "{large}");
    spec.application.name = "other".into();
    let wrong = refused(compare(&hub, Some((spec, bundle))).await);
    assert!(wrong.contains("another application's"), "{wrong}");
    let absent = Compare { application: shared_model::AppKey::new("argocd", "absent"), release: None };
    let absent = refused(hub.links.compare(&ClusterName::new("eu-1"), absent).await);
    assert!(absent.contains("argocd/absent does not run here"), "{absent}");
    end(&tasks).await;
}
