//! Identities that end: revoked, replaced, expired; and agents that are two.

use super::{
    Hub,
    client::{Client, hello, shown},
    refused,
};
use hub_records::Identity;
use jiff::{SignedDuration, Timestamp};
use proto::v1::hub_message::Message;
use serde_json::{Value, json};
use shared_model::{ClusterName, Kind};
use shared_rollout::Link;
use tonic::Code;

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

impl Hub {
    async fn revoke(&self, cluster: &str) {
        let change = |status: &mut Value| {
            let mut identity = Identity::of(status).unwrap();
            identity.revoke("ada", "INC-7", shared_runtime::now());
            identity.put(status);
        };
        self.records.modify_status(Kind::Cluster, "", cluster, change).await.unwrap().unwrap();
    }

    async fn identity(&self, cluster: &str) -> Identity {
        let (status, _) = self.records.status(Kind::Cluster, "", cluster).await.unwrap().unwrap();
        Identity::of(&status).unwrap()
    }

    /// A client whose certificate was issued after it joined, and ended so long ago.
    async fn expired(&self, cluster: &str, ago: SignedDuration) -> Client {
        let client = self.joined(cluster).await;
        let issued = client.certificate().issued;
        let then = shared_runtime::now() - ago - days(30);
        let chain = self.authority.issue_agent(&client.request(), &ClusterName::new(cluster), issued, then);
        client.with_certificate(&chain.unwrap()[0])
    }

    /// The message of a condition that holds; empty without it.
    async fn condition(&self, cluster: &str, kind: &str) -> String {
        let (status, _) = self.records.status(Kind::Cluster, "", cluster).await.unwrap().unwrap();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let found =
            conditions.iter().find(|condition| condition["type"] == kind && condition["status"] == "True");
        found.map(|found| found["message"].as_str().unwrap().to_owned()).unwrap_or_default()
    }
}

/// A revoked client: its stream ends, and nothing works any more, for the reason given.
async fn check_refused(hub: &Hub, client: &Client, reason: &str) {
    let digest = shared_model::Digest::of(b"any");
    let attach = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap_err();
    let fetch = client.fetch(&digest, 0).await.unwrap_err();
    let renew = client.renew().await.unwrap_err();
    for status in [attach, fetch, renew] {
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
        assert!(status.message().contains(reason), "{status}\nlacks\n{reason}");
    }
    assert_eq!(hub.gateway.links.connected(), 0);
}

#[tokio::test]
async fn revoking_cuts_the_live_stream_and_ends_every_certificate_of_the_cluster() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let renewed = client.renew().await.unwrap();
    let renewed = client.with_certificate(&renewed.certificates[0]);
    assert!(renewed.certificate().issued > client.certificate().issued);
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    hub.revoke("eu-1").await;
    let Some(Message::Refused(told)) = talk.next().await else { panic!("no refusal") };
    assert_eq!(told.reason, "Revoked");
    assert!(told.message.contains("ada revoked the identity of eu-1"), "{}", told.message);
    assert!(talk.next().await.is_none());
    hub.linked("eu-1", |state| state.is_some_and(|state| matches!(state.link, Link::LostSince(_)))).await;
    let back = "`flotilla cluster token --name eu-1 --reenrol` lets it come back";
    check_refused(&hub, &client, back).await;
    check_refused(&hub, &renewed, back).await;
    // The token that it joined with is no way around.
    let mut again = client;
    let status = again.enroll("t-0", "secret", "uid-eu-1").await.unwrap_err();
    assert!(status.message().contains("used already"), "{status}");
    // The way back.
    hub.token("back", json!({"cluster": "eu-1", "reenrol": true})).await;
    again.enroll("back", "secret", "uid-eu-1").await.unwrap();
    again.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    check_refused_but_connected(&renewed).await;
}

/// An old certificate beside a good identity.
async fn check_refused_but_connected(client: &Client) {
    let status = client.renew().await.unwrap_err();
    assert!(status.message().contains("its identity replaced this one"), "{status}");
}

#[tokio::test]
async fn joining_again_ends_what_was_before_also_after_the_cluster_was_deleted() {
    let hub = Hub::start().await;
    let first = hub.joined("eu-1").await;
    let mut talk = first.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    hub.token("second", json!({"cluster": "eu-1", "reenrol": true})).await;
    let mut second = Client::new(hub.gateway.address);
    second.enroll("second", "secret", "uid-eu-1").await.unwrap();
    let ended = talk.end().await;
    assert!(ended.message().contains("an agent joined as eu-1"), "{ended}");
    hub.linked("eu-1", |state| state.is_some_and(|state| matches!(state.link, Link::LostSince(_)))).await;
    check_refused(&hub, &first, "its identity replaced this one").await;
    second.attach(hello("uid-eu-1", "b", Vec::new())).await.unwrap().until_in_sync().await;
    hub.records.delete(Kind::Cluster, "", "eu-1", shared_runtime::now()).await.unwrap();
    hub.linked("eu-1", |state| state.is_none()).await;
    let third = hub.joined("eu-1").await;
    check_refused_but_connected(&second).await;
    check_refused_but_connected(&first).await;
    third.attach(hello("uid-eu-1", "c", Vec::new())).await.unwrap().until_in_sync().await;
    // A Cluster that a person made is nobody's.
    hub.records.delete(Kind::Cluster, "", "eu-1", shared_runtime::now()).await.unwrap();
    let bare = json!({"metadata": {"name": "eu-1"}, "spec": {}});
    hub.records.create(Kind::Cluster, bare, shared_runtime::now()).await.unwrap();
    let status = third.renew().await.unwrap_err();
    assert!(status.message().contains("no agent has joined as eu-1"), "{status}");
}

#[tokio::test]
async fn renewing_keeps_older_certificates_good_and_times_of_issue_grow() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let joined = hub.identity("eu-1").await;
    assert_eq!((joined.valid_from, joined.last_issued), (client.certificate().issued, joined.valid_from));
    let renewed = client.renew().await.unwrap();
    let renewed = client.with_certificate(&renewed.certificates[0]);
    let after = hub.identity("eu-1").await;
    assert_eq!(after.valid_from, joined.valid_from);
    assert_eq!(after.last_issued, renewed.certificate().issued);
    // A hub that was restored to before the renewal knows the renewed certificate.
    let change = |status: &mut Value| joined.put(status);
    hub.records.modify_status(Kind::Cluster, "", "eu-1", change).await.unwrap();
    renewed.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    assert_eq!(hub.identity("eu-1").await.expires_at, Some(client.certificate().expires));
}

#[tokio::test]
async fn an_expired_certificate_renews_itself_for_ninety_days_and_does_nothing_else() {
    let hub = Hub::start().await;
    let client = hub.expired("eu-1", days(89)).await;
    let ended = client.certificate().expires;
    for status in [
        client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap_err(),
        client.fetch(&shared_model::Digest::of(b"any"), 0).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        assert_eq!(status.message(), format!("the certificate expired at {ended}; renew it"));
    }
    let renewed = client.renew().await.unwrap();
    let renewed = client.with_certificate(&renewed.certificates[0]);
    renewed.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    // Revoked, it renews nothing.
    hub.revoke("eu-1").await;
    let status = client.renew().await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    // Too late.
    let late = hub.expired("eu-2", days(91)).await;
    for status in
        [late.renew().await.unwrap_err(), late.attach(hello("uid-eu-2", "a", Vec::new())).await.unwrap_err()]
    {
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        assert!(status.message().contains("`flotilla cluster token --name eu-2 --reenrol`"), "{status}");
    }
    // Expired and of another hub: not even heard.
    let foreign = Hub::start().await.expired("eu-1", days(1)).await.at(hub.gateway.address);
    let status = foreign.renew().await.unwrap_err();
    assert!(!status.message().contains("renew it") && status.code() != Code::Unauthenticated, "{status}");
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let issued = client.certificate().issued;
    // Two seconds are left of it.
    let then = shared_runtime::now() - days(30) + SignedDuration::from_secs(2);
    let chain = hub.authority.issue_agent(&client.request(), &ClusterName::new("eu-1"), issued, then);
    let short = client.with_certificate(&chain.unwrap()[0]);
    let mut talk = short.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let ended = talk.end().await;
    assert_eq!(
        ended.message(),
        format!("the certificate expired at {}; renew it", short.certificate().expires)
    );
    assert!(short.renew().await.is_ok());
}

#[tokio::test]
async fn a_refused_enrolment_does_not_use_the_token_up() {
    let hub = Hub::start().await;
    hub.joined("eu-1").await;
    hub.token("back", json!({"cluster": "eu-1", "reenrol": true})).await;
    refused(&hub, "back", "secret", "another", "delete the Cluster eu-1 on the hub first").await;
    Client::new(hub.gateway.address).enroll("back", "secret", "uid-eu-1").await.unwrap();
    // One of two keys gets it.
    hub.token("race", json!({"cluster": "eu-2"})).await;
    let enrol =
        || async { Client::new(hub.gateway.address).enroll("race", "secret", "uid-eu-2").await.is_ok() };
    let (one, two) = tokio::join!(enrol(), enrol());
    assert!(one ^ two, "{one} {two}");
}

#[tokio::test]
async fn a_second_agent_is_named_in_a_condition_that_goes_when_it_does() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut first = client.attach(hello("uid-eu-1", "first", Vec::new())).await.unwrap();
    first.until_in_sync().await;
    let told = client.attach(hello("uid-eu-1", "second", Vec::new())).await.unwrap().next().await;
    let Some(Message::Refused(told)) = told else { panic!("{told:?}") };
    assert!(told.message.contains("instance first from 127.0.0.1:"), "{}", told.message);
    let text = hub.condition("eu-1", "DuplicateAgent").await;
    for part in ["instance first from 127.0.0.1:", "instance second from 127.0.0.1:", " since 20"] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    // Another cluster with the identity, while the right one is there: the right one is not held.
    client.attach(hello("other", "third", Vec::new())).await.unwrap().end().await;
    assert!(hub.condition("eu-1", "DuplicateAgent").await.contains("another cluster"));
    hub.linked("eu-1", |state| state.is_some_and(|state| state.hold.is_none())).await;
    // Nobody else dials any more.
    let now = shared_runtime::now();
    assert!(hub.gateway.links.quiet(now).is_empty());
    let later = now + SignedDuration::from_mins(4);
    assert_eq!(hub.gateway.links.quiet(later), [ClusterName::new("eu-1")]);
    assert!(hub.gateway.links.quiet(later).is_empty(), "it is told once");
    let name = ClusterName::new("eu-1");
    crate::status::update(&hub.records, &name, crate::status::alone).await;
    assert_eq!(hub.condition("eu-1", "DuplicateAgent").await, "");
    // And it goes when the agent comes again.
    client.attach(hello("uid-eu-1", "second", Vec::new())).await.unwrap().end().await;
    assert_ne!(hub.condition("eu-1", "DuplicateAgent").await, "");
    let mut again = client.attach(hello("uid-eu-1", "first", Vec::new())).await.unwrap();
    again.until_in_sync().await;
    assert_eq!(hub.condition("eu-1", "DuplicateAgent").await, "");
}

#[tokio::test]
async fn the_hubs_own_certificate_is_replaced_at_two_thirds_of_its_life_under_a_live_stream() {
    let hub = Hub::start().await;
    let mut talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let leaf = || async { shown(hub.gateway.address).await[0].clone() };
    let before = leaf().await;
    let now = shared_runtime::now();
    let at = |day: i64| -> Timestamp { now + days(day) };
    assert!(hub.gateway.certificate.refresh(at(243)).unwrap() > at(243));
    assert_eq!(leaf().await, before, "two thirds of a year are 243 days and 8 hours");
    assert!(hub.gateway.certificate.refresh(at(244)).unwrap() > at(244 + 243));
    assert_ne!(leaf().await, before);
    // The stream goes on.
    hub.assign("eu-1", "web", 1, b"one").await;
    assert!(matches!(talk.next().await, Some(Message::Assign(_))));
}
