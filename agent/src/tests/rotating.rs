//! Agents while the hub's authority is replaced: one that is there and follows, those that know of nothing.

use super::{
    hub::{Hub, Spoke, config_map, end},
    joining::dialer,
};
use crate::link;
use hub_gateway::Phase;
use hub_records::keys;
use serde_json::json;
use shared_model::Kind;
use std::time::Duration;

impl Hub {
    async fn until_phase(&self, wish: impl Fn(&Phase) -> bool) {
        let mut changes = self.authority.changes();
        let wished = async {
            while !wish(&self.authority.phase()) {
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), wished).await;
        let status = self.records.status(Kind::Cluster, "", "eu-1").await.unwrap();
        assert!(waited.is_ok(), "{:?}: {status:?}", self.authority);
    }
}

#[tokio::test]
async fn an_agent_follows_to_a_new_authority_and_goes_on_working() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    let token = hub.token("eu-1", 60).await;
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    let old = hub.authority.fingerprint();
    hub.authority.introduce("ada", shared_runtime::now()).unwrap();
    hub.until_phase(|phase| matches!(phase, Phase::Replacing { .. })).await;
    hub.until_phase(|phase| *phase == Phase::Settled).await;
    let new = hub.authority.fingerprint();
    assert_ne!(new, old);
    hub.assign("eu-1", 2, &[config_map("a", "2")]).await;
    hub.succeeded("eu-1", 2).await;
    // It has given the old one up, too, and comes back after a restart.
    end(&tasks).await;
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    hub.until(&keys::status(Kind::Cluster, "", "eu-1"), |status| {
        status["connection"]["state"] == "Connected"
            && status["identity"]["trusts"] == json!([new])
            && status["identity"]["authority"] == json!(new)
    })
    .await;
    end(&tasks).await;
}

#[tokio::test]
async fn tokens_and_identities_of_the_old_authority_work_until_it_is_given_up() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    let token = hub.token("eu-1", 60).await;
    let waiting = hub.token("eu-2", 60).await;
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    end(&tasks).await;
    let now = shared_runtime::now;
    let old = hub.authority.fingerprint();
    hub.authority.introduce("ada", now()).unwrap();
    hub.authority.replace(now()).unwrap();
    assert_ne!(hub.authority.fingerprint(), old);
    // The agent comes anew, and trusts the old authority alone.
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
    // So does one that joins with a token from before; it is told of both.
    let dialer = dialer(&hub);
    let enrol = |token, uid| {
        let (dialer, address) = (&dialer, &hub.address);
        async move { link::enroll().unwrap().ask(dialer, address, &token, uid).await }
    };
    let joined = enrol(waiting, "uid-eu-2").await.unwrap();
    assert_eq!(joined.authorities.len(), 2);
    link::ask_renewal(&dialer, &hub.address, &joined).await.unwrap();
    // One made now names the new one.
    let fresh = hub.token("eu-3", 60).await;
    assert_eq!(fresh.authority, hub.authority.fingerprint());
    enrol(fresh, "uid-eu-3").await.unwrap();
    hub.authority.settle().unwrap();
    let late = hub.token("eu-4", 60).await;
    let late = shared_model::JoinToken { authority: old, ..late };
    let refused = enrol(late, "uid-eu-4").await.unwrap_err();
    assert!(refused.to_string().contains("is not the hub that made the token"), "{refused}");
}
