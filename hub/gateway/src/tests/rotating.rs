//! The authority is replaced while agents are there, away, or about to join.

use super::{
    Hub,
    client::{Client, Conversation, hello, shown},
};
use crate::{Authority, Phase};
use hub_records::Identity;
use proto::v1::{self, hub_message::Message};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::Kind;

/// An agent that does what the hub says: keeps authorities, renews, and connects again.
struct Agent {
    client: Client,
    cluster: String,
    trusts: Vec<String>,
    talk: Conversation,
}

impl Agent {
    async fn start(hub: &Hub, cluster: &str) -> Self {
        let client = hub.joined(cluster).await;
        let trusts = client.authorities();
        let talk = connect(&client, cluster, &trusts).await;
        Self { client, cluster: cluster.to_owned(), trusts, talk }
    }

    async fn reconnect(&mut self) {
        self.talk = connect(&self.client, &self.cluster, &self.trusts).await;
    }

    /// Follows the hub until it has the wish; every stream that ends is opened again.
    async fn follow(&mut self, wish: impl Fn(&Self) -> bool) {
        while !wish(self) {
            match self.talk.next().await {
                Some(Message::Authorities(told)) => {
                    self.trusts =
                        told.authorities.iter().map(|der| hex::encode(Sha256::digest(der))).collect();
                }
                Some(Message::RenewNow(_)) => {
                    let renewed = self.client.renew().await.unwrap();
                    self.client = self.client.with_certificate(&renewed.certificates[0]);
                }
                Some(_) => {}
                None => self.reconnect().await,
            }
        }
    }
}

async fn connect(client: &Client, cluster: &str, trusts: &[String]) -> Conversation {
    let hello =
        v1::Hello { authorities: trusts.to_vec(), ..hello(&format!("uid-{cluster}"), "a", Vec::new()) };
    let mut talk = client.attach(hello).await.unwrap();
    talk.until_in_sync().await;
    talk
}

impl Hub {
    async fn until_phase(&self, wish: impl Fn(&Phase) -> bool) {
        let mut changes = self.authority.changes();
        let wished = async {
            while !wish(&self.authority.phase()) {
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), wished).await;
        assert!(waited.is_ok(), "{:?}", self.report().await);
    }

    async fn report(&self) -> Value {
        self.gateway.rotation.report(shared_runtime::now()).await.unwrap()
    }

    async fn rotate(&self) {
        self.gateway.rotation.start("ada", shared_runtime::now()).await.unwrap();
    }

    /// The records of a cluster's identity.
    async fn until_identity(&self, cluster: &str, wish: impl Fn(&Identity) -> bool) {
        self.until(&Self::status_key(cluster), |status| {
            status.and_then(Identity::of).is_some_and(|identity| wish(&identity))
        })
        .await;
    }
}

fn introducing(phase: &Phase) -> bool {
    matches!(phase, Phase::Introducing { .. })
}

fn replacing(phase: &Phase) -> bool {
    matches!(phase, Phase::Replacing { .. })
}

#[tokio::test]
async fn agents_follow_through_all_phases_and_go_on_working() {
    let hub = Hub::start().await;
    let mut agent = Agent::start(&hub, "eu-1").await;
    let mut other = Agent::start(&hub, "eu-2").await;
    let old = hub.authority.fingerprint();
    hub.rotate().await;
    let new = hub.authority.fingerprints()[1].clone();
    let both = |agent: &Agent| agent.trusts.contains(&new) && agent.trusts.contains(&old);
    tokio::join!(agent.follow(both), other.follow(both));
    let follow = async {
        let new_certificate =
            |agent: &Agent| hub.authority.named(&agent.client.certificate().issuer) == Some(new.clone());
        tokio::join!(agent.follow(new_certificate), other.follow(new_certificate));
        let alone = |agent: &Agent| agent.trusts == [new.clone()];
        tokio::join!(agent.follow(alone), other.follow(alone));
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), Box::pin(follow)).await;
    assert!(waited.is_ok(), "{:?}", hub.report().await);
    hub.until_phase(|phase| *phase == Phase::Settled).await;
    assert_eq!(hub.authority.fingerprints(), std::slice::from_ref(&new));
    assert_eq!(hex::encode(Sha256::digest(&shown(hub.gateway.address).await[1])), new);
    // They work, and a newcomer does.
    hub.assign("eu-1", "web", 1, b"one").await;
    while !matches!(agent.talk.next().await, Some(Message::Assign(_))) {}
    assert_eq!(hub.joined("eu-3").await.authorities(), [new]);
}

#[tokio::test]
async fn one_that_is_away_holds_it_up_by_name_until_it_returns() {
    let hub = Hub::start().await;
    let mut here = Agent::start(&hub, "eu-1").await;
    let away = hub.joined("eu-2").await;
    hub.rotate().await;
    let new = hub.authority.fingerprints()[1].clone();
    here.follow(|agent| agent.trusts.contains(&new)).await;
    here.reconnect().await;
    hub.until_identity("eu-1", |identity| identity.trusts.contains(&new)).await;
    let report = hub.report().await;
    assert_eq!(
        report["waitsFor"],
        json!(["eu-2, which is not connected: to confirm that it trusts the new authority"]),
    );
    assert!(introducing(&hub.authority.phase()));
    assert!(hub.gateway.rotation.start("bob", shared_runtime::now()).await.is_err());
    // Nothing of the new one is in use.
    assert_eq!(
        hub.authority.named(&hub.joined("eu-3").await.certificate().issuer),
        Some(hub.authority.fingerprint())
    );
    hub.records.delete(Kind::Cluster, "", "eu-3", shared_runtime::now()).await.unwrap();
    // It returns, with what it knew.
    let mut away = {
        let trusts = away.authorities();
        let talk = connect(&away, "eu-2", &trusts).await;
        Agent { client: away, cluster: "eu-2".to_owned(), trusts, talk }
    };
    away.follow(|agent| agent.trusts.contains(&new)).await;
    away.reconnect().await;
    hub.until_phase(replacing).await;
}

#[tokio::test]
async fn a_person_goes_on_without_those_who_are_away() {
    let hub = Hub::start().await;
    let away = hub.joined("eu-1").await;
    hub.rotate().await;
    let now = shared_runtime::now;
    hub.gateway.rotation.go_on(now()).await.unwrap();
    assert!(replacing(&hub.authority.phase()));
    // It still gets in: the old authority is trusted, and vouches for the new one.
    away.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    hub.gateway.rotation.go_on(now()).await.unwrap();
    assert_eq!(hub.authority.phase(), Phase::Settled);
    assert!(hub.gateway.rotation.go_on(now()).await.is_err());
    assert!(away.attach(hello("uid-eu-1", "a", Vec::new())).await.is_err(), "the old authority is trusted");
    assert!(away.renew().await.is_err(), "the old authority is trusted");
    hub.token("back", json!({"cluster": "eu-1", "reenrol": true})).await;
    let mut back = Client::new(hub.gateway.address);
    back.enroll("back", "secret", "uid-eu-1").await.unwrap();
    back.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
}

#[tokio::test]
async fn a_hub_that_starts_again_goes_on_where_it_was() {
    let hub = Hub::start().await;
    let mut agent = Agent::start(&hub, "eu-1").await;
    hub.token("old", json!({"cluster": "eu-9", "authority": hub.authority.fingerprint()})).await;
    hub.rotate().await;
    let new = hub.authority.fingerprints()[1].clone();
    agent.follow(|agent| agent.trusts.contains(&new)).await;
    agent.reconnect().await;
    hub.until_phase(replacing).await;
    let issued_by = |agent: &Agent| hub.authority.named(&agent.client.certificate().issuer);
    agent.follow(|agent| issued_by(agent) == Some(new.clone())).await;
    agent.reconnect().await;
    hub.until_identity("eu-1", |identity| identity.authority == new).await;
    // A token that names the old one is waited for.
    let waits = hub.report().await["waitsFor"].to_string();
    assert!(waits.contains("token old for eu-9") && hub.report().await["waitsForCount"] == 1, "{waits}");
    // What another process finds in the folder and the store.
    let place = hub._folder.path().join("ca");
    let reopened = Authority::open(&place, "test", shared_runtime::now()).unwrap();
    assert_eq!(
        (reopened.phase(), reopened.fingerprints()),
        (hub.authority.phase(), hub.authority.fingerprints())
    );
    hub.records.delete(Kind::EnrollmentToken, "", "old", shared_runtime::now()).await.unwrap();
    hub.until_phase(|phase| *phase == Phase::Settled).await;
}
