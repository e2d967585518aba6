//! Ending an identity, and the authority's keeper.

use super::{CLUSTERS, server};
use hub_records::Identity;
use serde_json::json;
use shared_model::Kind;

#[tokio::test]
async fn revoking_needs_an_identity_and_names_who_did_it() {
    let server = server().await;
    let path = "/flotilla/v1/clusters/eu-1/revoke";
    server.post(path, json!({})).await.ok(404);
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}})).await.ok(201);
    let refused = server.post(path, json!({})).await.ok(422);
    assert!(refused["message"].as_str().unwrap().contains("no agent has joined as eu-1"), "{refused}");
    let joined = Identity { cluster_uid: "u".into(), valid_from: 7, last_issued: 9, ..Identity::default() };
    let join = |status: &mut serde_json::Value| joined.put(status);
    server.records.modify_status(Kind::Cluster, "", "eu-1", join).await.unwrap().unwrap();
    server.post(path, json!({"reason": "INC-7"})).await.ok(200);
    let cluster = server.get(&format!("{CLUSTERS}/eu-1")).await.ok(200);
    let identity = Identity::of(&cluster["status"]).unwrap();
    assert!(identity.valid_from > joined.last_issued, "{identity:?}");
    let revoked = identity.revoked.unwrap();
    assert_eq!((revoked.by.as_str(), revoked.reason.as_str()), ("ada", "INC-7"));
    server.get(path).await.ok(405);
}

#[tokio::test]
async fn a_status_that_people_write_keeps_the_identity() {
    let server = server().await;
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}})).await.ok(201);
    let path = format!("{CLUSTERS}/eu-1/status");
    let forged = json!({"identity": {"clusterUid": "evil"}, "facts": {"nodes": 3}});
    let put = |status: &serde_json::Value| json!({"metadata": {"name": "eu-1"}, "status": status});
    let shown = server.put(&path, put(&forged)).await.ok(200);
    assert_eq!(Identity::of(&shown["status"]), None, "nobody has joined");
    let joined = Identity { cluster_uid: "u".into(), valid_from: 7, last_issued: 9, ..Identity::default() };
    let join = |status: &mut serde_json::Value| joined.put(status);
    server.records.modify_status(Kind::Cluster, "", "eu-1", join).await.unwrap().unwrap();
    for status in [&forged, &json!({"facts": {"nodes": 4}}), &json!({})] {
        let shown = server.put(&path, put(status)).await.ok(200);
        assert_eq!(Identity::of(&shown["status"]), Some(joined.clone()), "{shown}");
        assert_eq!(shown["status"]["facts"], status["facts"], "the rest is theirs");
    }
}

#[tokio::test]
async fn an_api_without_a_keeper_has_no_authority_to_ask_of() {
    let server = server().await;
    server.get("/flotilla/v1/authority").await.ok(404);
    server.post("/flotilla/v1/authority", json!({"action": "rotate"})).await.ok(404);
    let wrong = server.post("/flotilla/v1/authority", json!({"action": "burn"})).await.ok(400);
    assert!(wrong["message"].as_str().unwrap().contains("`rotate` or `goOn`"), "{wrong}");
}
