//! Who gets in, and who does not.

use super::hub::{Hub, Spoke, config_map, end};
use crate::{
    journal::{Identity, Journal},
    link::{self, Dialer, Link, Pace},
};
use hub_records::keys;
use shared_model::{ClusterName, Kind};
use shared_rollout::Order;
use std::time::Duration;

#[tokio::test]
async fn a_token_lets_one_agent_in_and_its_identity_lasts() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    let token = hub.token("eu-1", 60).await;
    let (agent, tasks) = spoke.start(&hub.address, Some(token.clone())).await.unwrap();
    assert_eq!(agent.cluster, ClusterName::new("eu-1"));
    let status = hub
        .until(&keys::status(Kind::Cluster, "", "eu-1"), |status| {
            status["connection"]["state"] == "Connected"
        })
        .await;
    assert_eq!(status["identity"]["clusterUid"], "u1");
    assert_eq!(status["facts"]["kubernetesVersion"], "v1.34.3");
    end(&tasks).await;
    // Neither needs the token again.
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    end(&tasks).await;
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    end(&tasks).await;
    // Nor does a new token make it wait for a hub that is away.
    let new = hub.token("eu-1", 60).await;
    let started = tokio::time::timeout(Duration::from_secs(30), spoke.start("127.0.0.1:1", Some(new))).await;
    let (agent, tasks) = started.expect("it does not wait").unwrap();
    assert_eq!(agent.cluster, ClusterName::new("eu-1"));
    end(&tasks).await;
}

async fn refusal(spoke: &Spoke, hub: &str, token: Option<shared_model::JoinToken>) -> String {
    spoke.start(hub, token).await.expect_err("it must not start").to_string()
}

#[tokio::test]
async fn refusals_say_what_a_person_may_do() {
    let hub = Hub::start().await;
    let token = hub.token("eu-1", 60).await;
    let spoke = Spoke::new("u1");
    let check = |found: String, expect: &str| assert!(found.contains(expect), "{found}\nlacks\n{expect}");
    check(refusal(&spoke, &hub.address, None).await, "has not joined a hub yet: give it --token");
    // A token of another hub is not shown to this one.
    let other = Hub::start().await.token("eu-1", 60).await;
    check(refusal(&spoke, &hub.address, Some(other)).await, "is not the hub that made the token");
    let expired = hub.token("eu-1", -1).await;
    check(refusal(&spoke, &hub.address, Some(expired)).await, "the token expired at");
    let mut guessed = token.clone();
    guessed.secret = "guess".into();
    check(refusal(&spoke, &hub.address, Some(guessed)).await, "its secret is wrong");
    check(refusal(&spoke, "nowhere", Some(token.clone())).await, "is not the address of a hub");
    let (_, tasks) = spoke.start(&hub.address, Some(token.clone())).await.unwrap();
    // Used, by another key.
    check(refusal(&Spoke::new("u1"), &hub.address, Some(token)).await, "the token was used already");
    // A second agent on the same folder.
    check(refusal(&spoke, &hub.address, None).await, "another agent runs with the data folder");
    end(&tasks).await;
    // The folder with another cluster's kubeconfig.
    let moved = Spoke { kubernetes: super::kubernetes::Kubernetes::new("u2"), folder: spoke.folder };
    check(refusal(&moved, &hub.address, None).await, "belongs to an agent of another cluster (eu-1)");
}

pub(super) fn dialer(hub: &Hub) -> Dialer {
    Dialer::new(&link::Config::of(&hub.address)).unwrap()
}

/// An identity without an agent.
async fn identity(hub: &Hub, cluster: &str) -> Identity {
    let token = hub.token(cluster, 60).await;
    let dialer = dialer(hub);
    link::enroll().unwrap().ask(&dialer, &hub.address, &token, &format!("uid-{cluster}")).await.unwrap()
}

/// What a bare connection with this identity is told when it asks for a bundle.
async fn fetch(hub: &Hub, identity: Identity, digest: &shared_model::Digest) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let journal = std::sync::Arc::new(Journal::open(&folder.path().to_owned().into()).unwrap());
    let (told, mut news) = tokio::sync::mpsc::channel(8);
    let identities = link::Identities::new(identity, journal);
    let config = link::Config::of(&hub.address);
    let (link, _nudges) = Link::new(config, dialer(hub), identities, Pace::default());
    let run = shared_runtime::spawn("link", link::run(link, told));
    let Some(link::News::Up { bundles, outbound }) = news.recv().await else { panic!("no link") };
    let fetched = bundles.fetch(digest).await.map_err(|error| error.to_string());
    drop(outbound);
    run.abort();
    fetched
}

#[tokio::test]
async fn an_agent_reads_only_bundles_that_it_is_assigned() {
    let hub = Hub::start().await;
    let (ours, theirs) = (identity(&hub, "eu-1").await, identity(&hub, "eu-2").await);
    let release = hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    let spec =
        hub.records.read::<shared_model::ReleaseSpec>(&keys::release(&release)).await.unwrap().unwrap().0;
    let bytes = fetch(&hub, ours.clone(), &spec.bundle).await.unwrap();
    assert_eq!(Journal::unpack(&bytes, &spec.bundle).unwrap().objects().len(), 1);
    let refused = fetch(&hub, theirs, &spec.bundle).await.unwrap_err();
    assert!(refused.contains("no assignment of this cluster names that bundle"), "{refused}");
    hub.order("eu-1", 2, Order::Remove { cascade: false, at: shared_runtime::now() }).await;
    let refused = fetch(&hub, ours, &spec.bundle).await.unwrap_err();
    assert!(refused.contains("no assignment of this cluster names that bundle"), "{refused}");
}

#[tokio::test]
async fn an_identity_of_another_hub_is_worth_nothing() {
    let (hub, other) = (Hub::start().await, Hub::start().await);
    let mut foreign = identity(&other, "eu-1").await;
    foreign.authorities = identity(&hub, "eu-2").await.authorities;
    let release = hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    let refused = fetch(&hub, foreign, &release.0).await.unwrap_err();
    assert!(refused.contains("broke off"), "{refused}");
}

#[tokio::test]
async fn a_certificate_is_renewed_with_a_new_key() {
    let hub = Hub::start().await;
    let before = identity(&hub, "eu-1").await;
    let after = link::ask_renewal(&dialer(&hub), &hub.address, &before).await.unwrap();
    assert_ne!(before.key, after.key);
    assert_ne!(before.certificates, after.certificates);
    assert_eq!((before.cluster, before.cluster_uid), (after.cluster, after.cluster_uid));
}

#[tokio::test]
async fn a_token_may_come_into_its_file_while_the_agent_waits() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (expired, good) = (hub.token("eu-1", -1).await, hub.token("eu-1", 60).await);
    let config = link::Config { token_file: Some(file.clone()), ..link::Config::of(&hub.address) };
    let starts = spoke.start_with(config, None);
    let mut starts = std::pin::pin!(starts);
    // None, then what is no token, then one that the hub refuses, then one that it takes.
    for text in [String::new(), "no token".into(), expired.to_string()] {
        std::fs::write(&file, text).unwrap();
        // Longer than it takes to look twice.
        let waited = tokio::time::timeout(Duration::from_secs(1), &mut starts).await;
        assert!(waited.is_err(), "it did not wait: {:?}", waited.map(|done| done.err()));
    }
    std::fs::write(&file, good.to_string()).unwrap();
    let (agent, tasks) = starts.await.unwrap();
    assert_eq!(agent.cluster, ClusterName::new("eu-1"));
    end(&tasks).await;
}
