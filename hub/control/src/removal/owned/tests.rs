use super::*;
use crate::tests::{index, records};
use hub_records::Records;
use hub_store::lease;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A ConfigMap that names owners, as `kind/name/uid` with `!` when they wait for it; its uid is its name.
fn config(name: &str, owners: &[&str]) -> Value {
    let reference = |owner: &&str| {
        let parts: Vec<&str> = owner.trim_end_matches('!').split('/').collect();
        let version = if parts[0] == "Deployment" { "apps/v1" } else { "v1" };
        json!({
            "apiVersion": version, "kind": parts[0], "name": parts[1], "uid": parts[2],
            "blockOwnerDeletion": owner.ends_with('!'),
        })
    };
    let owners: Vec<Value> = owners.iter().map(reference).collect();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "argocd", "uid": name, "ownerReferences": owners},
    })
}

async fn world(objects: &[Value]) -> (Records, Index) {
    let records = records();
    for object in objects {
        records.insert(Kind::ConfigMap, object.clone()).await.unwrap();
    }
    let index = index(&records).await;
    (records, index)
}

fn going(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
    object["metadata"]["finalizers"] = json!([crate::index::FOREGROUND]);
    object
}

fn told(removal: &Removal) -> String {
    if let Removal::Collect { name, in_turn, .. } = removal {
        return format!("collect {name}{}", if *in_turn { " in turn" } else { "" });
    }
    if let Removal::Disown { name, owners, .. } = removal {
        return format!("disown {name} of {}", owners.join(" "));
    }
    let Removal::Outlived { name, .. } = removal else { panic!("{removal:?} is none of these") };
    format!("outlived {name}")
}

async fn check(objects: &[Value], expect: &[&str]) {
    let (_, index) = world(objects).await;
    assert_eq!(removals(&index).iter().map(told).collect::<Vec<_>>(), expect);
}

#[tokio::test]
async fn what_nobody_owns_any_more_goes() {
    let owner = config("owner", &[]);
    check(&[owner.clone(), config("a", &["ConfigMap/owner/owner"])], &[]).await;
    check(&[config("a", &["ConfigMap/owner/owner"])], &["collect a"]).await;
    check(&[config("a", &["ConfigMap/owner/owner", "ConfigMap/other/other"])], &["collect a"]).await;
    // One of that name that came later is another object.
    check(&[owner.clone(), config("a", &["ConfigMap/owner/earlier"])], &["collect a"]).await;
    // What is elsewhere may be there.
    check(&[config("a", &["Deployment/web/1"])], &[]).await;
    // One owner is enough to stay.
    let two = config("a", &["ConfigMap/owner/owner", "ConfigMap/gone/gone"]);
    check(&[owner, two], &["disown a of gone"]).await;
    // A Namespace has no namespace; a ConfigMap of another one is not found.
    check(&[config("a", &["Namespace/argocd/gone"])], &["collect a"]).await;
}

#[tokio::test]
async fn an_owner_that_goes_in_the_foreground_takes_what_it_owns_first() {
    let owner = going(config("owner", &[]));
    let owned = |name: &str, waits: bool| {
        config(name, &[if waits { "ConfigMap/owner/owner!" } else { "ConfigMap/owner/owner" }])
    };
    check(std::slice::from_ref(&owner), &["outlived owner"]).await;
    check(&[owner.clone(), owned("a", true)], &["collect a"]).await;
    // It does not wait for those that do not say so.
    check(&[owner.clone(), owned("a", false)], &["collect a", "outlived owner"]).await;
    // What waits for others of its own is in between.
    let below = config("b", &["ConfigMap/a/a!"]);
    check(&[owner.clone(), owned("a", true), below], &["collect a in turn"]).await;
    // Who has another owner stays with that.
    let shared = config("a", &["ConfigMap/owner/owner!", "ConfigMap/stays/stays"]);
    check(&[owner.clone(), config("stays", &[]), shared], &["disown a of owner"]).await;
    // One that goes already is waited for, and told nothing.
    check(&[owner, going(owned("a", true))], &["outlived a"]).await;
}

#[tokio::test]
async fn in_the_foreground_all_of_it_goes_from_below() {
    let objects = [
        going(config("top", &[])),
        config("middle", &["ConfigMap/top/top!"]),
        config("bottom", &["ConfigMap/middle/middle!"]),
    ];
    let (records, mut index) = world(&objects).await;
    let (ttl, now) = (std::time::Duration::from_secs(60), Timestamp::UNIX_EPOCH);
    let acquired = lease::acquire(&**records.store(), "planner", "hub", ttl, now).await.unwrap();
    let lease::Acquired::Held(lease) = acquired else { panic!("somebody else plans") };
    let mut seen = Vec::new();
    while index.all(Kind::ConfigMap).next().is_some() {
        let goes = removals(&index);
        assert!(!goes.is_empty(), "it stands still after {seen:?}");
        seen.extend(goes.iter().map(told));
        super::super::perform(&records, &lease, &index, &goes, now).await;
        index = crate::tests::index(&records).await;
    }
    assert_eq!(seen, ["collect middle in turn", "collect bottom", "outlived middle", "outlived top"]);
}
