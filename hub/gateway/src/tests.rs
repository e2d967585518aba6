//! The agent port over real TLS, with a bare client in the place of an agent.

mod client;
mod comparing;
mod history;
mod identities;
mod metrics;
mod pausing;
mod rotating;

use crate::*;
use client::{Client, Conversation, hello};
use hub_records::{Bundles, Records, keys};
use hub_store::{Memory, Page};
use proto::v1::{self, hub_message::Message};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::*;
use shared_rollout::{Assigned, Hold, Link, Order};
use shared_runtime::Tasks;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

pub(crate) struct Hub {
    authority: Arc<Authority>,
    records: Records,
    gateway: Gateway,
    bundles: Bundles,
    metrics: Metrics,
    _folder: TempDir,
    _tasks: Tasks,
}

impl Hub {
    async fn start() -> Self {
        Self::losing_after(LOST_AFTER).await
    }

    async fn losing_after(lost_after: Duration) -> Self {
        shared_runtime::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let authority =
            Arc::new(Authority::open(&folder.path().join("ca"), "test", shared_runtime::now()).unwrap());
        let records = Records::new(Arc::new(Memory::new(hub_store::Config::default())));
        let bundles = Bundles::open(&folder.path().join("bundles")).unwrap();
        let tasks = Tasks::new();
        let metrics = Metrics::default();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            names: vec!["127.0.0.1".into()],
            keepalive: KEEPALIVE,
            lost_after,
            tracing: shared_runtime::otlp::Tracing::default(),
            metrics: metrics.clone(),
        };
        let gateway =
            Gateway::build(config, Arc::clone(&authority), records.clone(), bundles.clone(), tasks.clone())
                .await
                .unwrap();
        Self { authority, records, gateway, bundles, metrics, _folder: folder, _tasks: tasks }
    }

    async fn token(&self, id: &str, spec: Value) {
        let mut spec = spec;
        spec["secretHash"] = json!(hex::encode(Sha256::digest(b"secret")));
        let object = json!({"metadata": {"name": id}, "spec": spec});
        self.records.create(Kind::EnrollmentToken, object, shared_runtime::now()).await.unwrap();
    }

    /// A client with an identity for `cluster`, whose UID is `uid-<cluster>`.
    async fn joined(&self, cluster: &str) -> Client {
        let id = format!("t-{}", self.records.list(Kind::EnrollmentToken, None).await.unwrap().0.len());
        self.token(&id, json!({"cluster": cluster})).await;
        let mut client = Client::new(self.gateway.address);
        client.enroll(&id, "secret", &format!("uid-{cluster}")).await.unwrap();
        client
    }

    async fn modify(&self, cluster: &str, change: impl Fn(&mut Value) + Send + Sync) {
        let changed = |stored: &Value| {
            let mut object = stored.clone();
            change(&mut object);
            Some(object)
        };
        self.records.modify(Kind::Cluster, "", cluster, changed).await.unwrap();
    }

    fn spec(name: &str, bundle: &[u8]) -> ReleaseSpec {
        ReleaseSpec {
            application: AppKey::new("argocd", name),
            bundle: Digest::of(bundle),
            bundle_bytes: bundle.len() as u64,
            namespace: String::new(),
            project: String::new(),
            sync_policy: SyncPolicy::default(),
            ignore_differences: Vec::new(),
            self_heal: false,
            prune: false,
            revisions: Vec::new(),
            versions: Vec::new(),
        }
    }

    async fn assign(&self, cluster: &str, name: &str, generation: u64, bundle: &[u8]) -> ReleaseSpec {
        let spec = Self::spec(name, bundle);
        self.bundles.put(bundle).unwrap();
        self.records.write(&keys::release(&spec.id()), &spec).await.unwrap();
        let order =
            Order::Run { release: spec.id(), rollout: RolloutName::new("r"), at: shared_runtime::now() };
        self.order(cluster, name, generation, order).await;
        spec
    }

    async fn order(&self, cluster: &str, name: &str, generation: u64, order: Order) {
        let assigned =
            Assigned { position: Position { incarnation: 1, generation }, order, proof: None, adopted: None };
        let key = keys::assignment(&ClusterName::new(cluster), &AppKey::new("argocd", name));
        self.records.write(&key, &assigned).await.unwrap();
    }

    /// Waits until a cluster's link is as wished.
    async fn linked(&self, cluster: &str, wish: impl Fn(Option<&LinkState>) -> bool) {
        let mut changes = self.gateway.links.changes();
        let wished = async {
            while !wish(self.gateway.links.snapshot().get(&ClusterName::new(cluster))) {
                changes.changed().await.unwrap();
            }
        };
        let state = || self.gateway.links.snapshot();
        tokio::time::timeout(Duration::from_secs(20), wished)
            .await
            .unwrap_or_else(|_| panic!("{:?}", state()));
    }

    /// Waits until a record is as wished.
    async fn until(&self, key: &str, wish: impl Fn(Option<&Value>) -> bool) {
        let store = self.records.store();
        let revision = store.list(key, Page::default()).await.unwrap().revision;
        let mut watch = store.watch(key, revision).await.unwrap();
        let wished = async {
            loop {
                let found = self.records.read::<Value>(key).await.unwrap();
                if wish(found.as_ref().map(|(value, _)| value)) {
                    return;
                }
                watch.next().await.unwrap().unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), wished).await;
        assert!(waited.is_ok(), "{key}: {:?}", self.records.read::<Value>(key).await);
    }

    fn status_key(cluster: &str) -> String {
        keys::status(Kind::Cluster, "", cluster)
    }
}

/// Enrols with what is given and checks the refusal.
async fn refused(hub: &Hub, token: &str, secret: &str, uid: &str, expect: &str) {
    let status = Client::new(hub.gateway.address).enroll(token, secret, uid).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    assert!(status.message().contains(expect), "{} lacks {expect}", status.message());
}

#[tokio::test]
async fn tokens_are_for_one_key_of_one_cluster_once() {
    let hub = Hub::start().await;
    hub.token("t", json!({"cluster": "eu-1", "labels": {"ring": "canary"}})).await;
    refused(&hub, "t", "guess", "u1", "its secret is wrong").await;
    refused(&hub, "x", "secret", "u1", "not known to this hub").await;
    refused(&hub, "../t", "secret", "u1", "not known to this hub").await;
    let mut client = Client::new(hub.gateway.address);
    client.enroll("t", "secret", "u1").await.unwrap();
    // The answer was lost: the same key asks again.
    client.enroll("t", "secret", "u1").await.unwrap();
    refused(&hub, "t", "secret", "u1", "the token was used already").await;
    let cluster = hub.records.get(Kind::Cluster, "", "eu-1").await.unwrap().unwrap();
    assert_eq!(cluster.value["metadata"]["labels"]["ring"], "canary");
    hub.token("again", json!({"cluster": "eu-1"})).await;
    refused(&hub, "again", "secret", "u1", "has joined before").await;
    hub.token("other", json!({"cluster": "eu-1", "reenrol": true})).await;
    refused(&hub, "other", "secret", "u2", "ClusterReplaced").await;
    hub.token("reenrol", json!({"cluster": "eu-1", "reenrol": true})).await;
    Client::new(hub.gateway.address).enroll("reenrol", "secret", "u1").await.unwrap();
    hub.token("old", json!({"cluster": "eu-9", "expires": "2020-01-01T00:00:00Z"})).await;
    refused(&hub, "old", "secret", "u9", "the token expired at 2020-01-01T00:00:00Z").await;
}

#[tokio::test]
async fn without_a_certificate_of_this_hub_nothing_is_read() {
    let hub = Hub::start().await;
    let spec = hub.assign("eu-1", "web", 1, b"bundle").await;
    let bare = Client::new(hub.gateway.address);
    let status = bare.fetch(&spec.bundle, 0).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated, "{status:?}");
    let foreign = Hub::start().await.joined("eu-1").await.at(hub.gateway.address);
    assert!(foreign.fetch(&spec.bundle, 0).await.is_err());
    assert!(foreign.attach(hello("uid-eu-1", "a", Vec::new())).await.is_err());
    let other = hub.joined("eu-2").await;
    let status = other.fetch(&spec.bundle, 0).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
    let ours = hub.joined("eu-1").await;
    let whole = ours.fetch(&spec.bundle, 0).await.unwrap();
    assert_eq!(zstd_of(&whole), b"bundle");
    // It goes on where it broke off.
    let rest = ours.fetch(&spec.bundle, 5).await.unwrap();
    assert_eq!(rest, whole[5..]);
    assert!(ours.fetch(&spec.bundle, whole.len() as u64 + 1).await.is_err());
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).unwrap()
}

#[tokio::test]
async fn a_session_is_told_what_differs_and_what_changes() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let first = hub.assign("eu-1", "web", 1, b"one").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let opening = talk.until_in_sync().await;
    let [Message::Welcome(_), Message::Assign(assign), Message::InSync(_)] = &opening[..] else {
        panic!("{opening:?}")
    };
    assert_eq!(assign.release, first.id().to_string());
    assert_eq!(serde_json::from_slice::<ReleaseSpec>(&assign.spec).unwrap(), first);
    hub.linked("eu-1", |state| state.is_some_and(|state| state.link == Link::Connected)).await;
    hub.assign("eu-1", "web", 2, b"two").await;
    assert!(
        matches!(talk.next().await, Some(Message::Assign(assign)) if assign.position.unwrap().generation == 2)
    );
    // Another cluster's assignments are none of its business.
    hub.assign("eu-2", "web", 1, b"three").await;
    hub.order("eu-1", "web", 3, Order::Remove { cascade: true, at: shared_runtime::now() }).await;
    assert!(matches!(talk.next().await, Some(Message::Remove(remove)) if remove.cascade));
    let application = AppKey::new("argocd", "web");
    assert!(hub.gateway.links.sync(&ClusterName::new("eu-1"), &application));
    assert!(matches!(talk.next().await, Some(Message::Command(_))));
    drop(talk);
    hub.linked("eu-1", |state| state.is_some_and(|state| matches!(state.link, Link::LostSince(_)))).await;
    assert!(!hub.gateway.links.sync(&ClusterName::new("eu-1"), &application));
}

#[tokio::test]
async fn observations_are_kept_within_their_bound() {
    let hub = Hub::start().await;
    let talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let long = "x".repeat(5_000);
    let resources = (0..500).map(|number| v1::Resource {
        kind: "ConfigMap".into(),
        name: format!("c{number}"),
        sync: "Synced".into(),
        ..Default::default()
    });
    let observation = v1::Observation {
        application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
        position: Some(v1::Position { incarnation: 1, generation: 1 }),
        phase: "Failed".into(),
        message: long.clone(),
        drift: vec![long; 100],
        resources: resources.collect(),
        ..Default::default()
    };
    let bad = v1::Observation { phase: "Dancing".into(), ..observation.clone() };
    talk.observe(vec![bad, observation]).await;
    let key = keys::observation(&ClusterName::new("eu-1"), &AppKey::new("argocd", "web"));
    hub.until(&key, |seen| seen.is_some_and(|seen| seen["phase"] == "Failed")).await;
    let size = hub.records.read::<Value>(&key).await.unwrap().unwrap().0.to_string().len();
    assert!(size <= observer::LARGEST, "{size}");
}

#[tokio::test]
async fn a_second_agent_is_refused_and_the_same_one_takes_its_own_place() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut first = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    first.until_in_sync().await;
    let mut second = client.attach(hello("uid-eu-1", "b", Vec::new())).await.unwrap();
    assert!(
        matches!(second.next().await, Some(Message::Refused(refused)) if refused.reason == "DuplicateAgent")
    );
    assert!(second.next().await.is_none());
    // The link broke without the hub noticing: the same process returns.
    let mut again = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    again.until_in_sync().await;
    assert!(first.next().await.is_none());
    hub.assign("eu-1", "web", 1, b"one").await;
    assert!(matches!(again.next().await, Some(Message::Assign(_))));
}

#[tokio::test]
async fn another_cluster_under_the_name_gets_nothing() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    hub.assign("eu-1", "web", 1, b"one").await;
    let mut talk = client.attach(hello("another", "a", Vec::new())).await.unwrap();
    assert!(
        matches!(talk.next().await, Some(Message::Refused(refused)) if refused.reason == "ClusterReplaced")
    );
    assert!(talk.next().await.is_none());
    hub.linked("eu-1", |state| state.is_some_and(|state| state.hold == Some(Hold::ClusterReplaced))).await;
    // The right one returns: the hold is over.
    client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap().until_in_sync().await;
    hub.linked("eu-1", |state| state.is_some_and(|state| state.hold.is_none())).await;
}

#[tokio::test]
async fn a_hub_behind_its_agent_holds_it() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let spec = hub.assign("eu-1", "web", 1, b"one").await;
    let held = v1::Held {
        application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
        position: Some(v1::Position { incarnation: 1, generation: 7 }),
        release: spec.id().to_string(),
    };
    let mut talk = client.attach(hello("uid-eu-1", "a", vec![held])).await.unwrap();
    assert!(matches!(talk.next().await, Some(Message::Welcome(_))));
    hub.linked("eu-1", |state| state.is_some_and(|state| state.hold == Some(Hold::HubBehindAgent))).await;
    hub.until(&Hub::status_key("eu-1"), |status| {
        status.is_some_and(|status| {
            let held = &status["conditions"][0];
            held["reason"] == "HubBehindAgent"
                && held["message"].as_str().unwrap().contains("restore --adopt --cluster eu-1")
                && status["behind"]["applications"][0]["holds"]["position"] == "1.7"
        })
    })
    .await;
    // A pause that was never asked for here comes through; an order does not.
    hub.assign("eu-1", "web", 9, b"nine").await;
    let pause = json!({"reason": "INC-7", "by": "ada"});
    hub.modify("eu-1", |object| object["spec"]["pause"] = pause.clone()).await;
    assert!(matches!(talk.next().await, Some(Message::Pause(_))));
}

#[tokio::test]
async fn what_the_hub_lost_is_asked_of_the_agent_and_its_word_handed_on() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let spec = Hub::spec("web", b"a bundle that the hub lost");
    let held = v1::Held {
        application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
        position: Some(v1::Position { incarnation: 1, generation: 7 }),
        release: spec.id().to_string(),
    };
    let mut talk = client.attach(hello("uid-eu-1", "a", vec![held])).await.unwrap();
    assert!(matches!(talk.next().await, Some(Message::Welcome(_))));
    let compressed = zstd::encode_all(&b"a bundle that the hub lost"[..], 3).unwrap();
    let refused = client.give(&spec.bundle, &compressed).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);

    let adopt = json!({"request": "r1", "by": "ada", "at": "2026-01-01T00:00:00Z"});
    hub.modify("eu-1", |object| object["spec"]["adopt"] = adopt.clone()).await;
    let Some(Message::Command(command)) = talk.next().await else { panic!("nothing is asked") };
    assert!(matches!(command.command, Some(v1::command::Command::Describe(_))));
    talk.say(v1::agent_message::Message::Holding(v1::Holding {
        id: command.id,
        application: command.application,
        position: Some(v1::Position { incarnation: 1, generation: 7 }),
        spec: serde_json::to_vec(&spec).unwrap().into(),
    }))
    .await;
    let Some(Message::Command(command)) = talk.next().await else { panic!("no bundle is asked for") };
    let Some(v1::command::Command::Give(give)) = command.command else { panic!("{command:?}") };
    assert_eq!(give.digest, spec.bundle.to_string());
    // Another, a larger one, another cluster's agent: refused.
    let other = zstd::encode_all(&b"something else, and longer than that"[..], 3).unwrap();
    assert!(client.give(&spec.bundle, &other).await.is_err());
    assert!(client.give(&spec.bundle, &vec![0; 200_000]).await.is_err());
    let stranger = hub.joined("eu-2").await;
    stranger.attach(hello("uid-eu-2", "b", Vec::new())).await.unwrap().until_in_sync().await;
    assert!(stranger.give(&spec.bundle, &compressed).await.is_err());
    client.give(&spec.bundle, &compressed).await.unwrap();
    let key = keys::adoption(&ClusterName::new("eu-1"));
    hub.until(&key, |record| {
        record.is_some_and(|record| {
            record["request"]["by"] == "ada"
                && record["state"]["Told"][0]["position"] == json!({"incarnation": 1, "generation": 7})
        })
    })
    .await;
    assert_eq!(hub.bundles.get(&spec.bundle).unwrap(), b"a bundle that the hub lost");
    let kept = hub.records.read::<ReleaseSpec>(&keys::release(&spec.id())).await.unwrap();
    assert_eq!(kept.unwrap().0, spec);

    // The hub took it over: the session starts anew, and nothing is held.
    let (record, _) = hub.records.read::<hub_records::Adoption>(&key).await.unwrap().unwrap();
    let state = hub_records::AdoptionState::Done { at: shared_runtime::now(), changed: 1 };
    hub.records.write(&key, &hub_records::Adoption { state, ..record }).await.unwrap();
    let order = Order::Run { release: spec.id(), rollout: RolloutName::new("r"), at: shared_runtime::now() };
    hub.order("eu-1", "web", 7, order).await;
    hub.gateway.links.adopted(&ClusterName::new("eu-1"));
    while talk.next().await.is_some() {}
    let held = v1::Held {
        application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
        position: Some(v1::Position { incarnation: 1, generation: 7 }),
        release: spec.id().to_string(),
    };
    let mut talk = client.attach(hello("uid-eu-1", "a", vec![held])).await.unwrap();
    let opening = talk.until_in_sync().await;
    assert!(matches!(&opening[..], [Message::Welcome(_), Message::InSync(_)]), "{opening:?}");
    hub.until(&Hub::status_key("eu-1"), |status| {
        status.is_some_and(|status| status["adopted"]["by"] == "ada" && status["behind"].is_null())
    })
    .await;
}

#[tokio::test]
async fn facts_pauses_and_events_of_an_agent_are_kept() {
    let hub = Hub::start().await;
    let talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let served = vec![v1::Served { api_version: "apps/v1".into(), kinds: vec!["Deployment".into()] }];
    let facts =
        v1::Facts { kubernetes_version: "v1.35.0".into(), platform: "linux/arm64".into(), nodes: 7, served };
    talk.say(v1::agent_message::Message::Facts(facts)).await;
    let local =
        v1::Pause { id: String::new(), reason: "disk".into(), by: "ben".into(), remaining_ms: 3_600_000 };
    let state = v1::PauseState { local: Some(local), ..Default::default() };
    talk.say(v1::agent_message::Message::Pause(state)).await;
    hub.until(&Hub::status_key("eu-1"), |status| {
        status.is_some_and(|status| {
            let until = status["pause"]["local"]["until"].as_str().and_then(|until| until.parse().ok());
            let left =
                until.map(|until: jiff::Timestamp| until.duration_since(shared_runtime::now()).as_secs());
            let served = &status["facts"]["served"]["apps/v1"];
            status["facts"]["nodes"] == 7
                && served[0] == "Deployment"
                && left.is_some_and(|left| (3_500..=3_600).contains(&left))
        })
    })
    .await;
    let event = |number: u64| v1::Event {
        at_ms: 1_000,
        application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
        reason: "DriftHealed".into(),
        message: format!("{number} {}", "x".repeat(1_000)),
    };
    for batch in 0..5_u64 {
        let events = (batch * 50..batch * 50 + 50).map(event).collect();
        talk.say(v1::agent_message::Message::Events(v1::Events { events, dropped: batch })).await;
    }
    let key = keys::events(&ClusterName::new("eu-1"));
    hub.until(&key, |events| {
        events.is_some_and(|events| {
            let items = events["items"].as_array().unwrap();
            items.len() == hub_records::EVENTS
                && events["dropped"] == 10
                && items[0]["message"].as_str().unwrap().starts_with("50 x")
                && items[199]["message"].as_str().unwrap().starts_with("249 x")
                && items[0]["message"].as_str().unwrap().len() < 310
        })
    })
    .await;
}

#[tokio::test]
async fn a_pause_is_asked_for_and_acknowledged() {
    let hub = Hub::start().await;
    let mut talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let request = |pause: Value| {
        move |stored: &Value| {
            let mut object = stored.clone();
            object["spec"]["pause"] = pause.clone();
            Some(object)
        }
    };
    hub.records
        .modify(Kind::Cluster, "", "eu-1", request(json!({"reason": "INC-7", "by": "ada"})))
        .await
        .unwrap();
    let Some(Message::Pause(pause)) = talk.next().await else { panic!("no pause") };
    assert_eq!((&*pause.reason, &*pause.by, pause.remaining_ms), ("INC-7", "ada", 0));
    talk.acknowledge(&pause.id).await;
    hub.linked("eu-1", |state| state.is_some_and(|state| state.acknowledged_pause == pause.id)).await;
    hub.until(&Hub::status_key("eu-1"), |status| {
        status.is_some_and(|status| !status["pause"]["acknowledgedAt"].is_null())
    })
    .await;
    hub.records.modify(Kind::Cluster, "", "eu-1", request(Value::Null)).await.unwrap();
    assert!(matches!(talk.next().await, Some(Message::Pause(pause)) if pause.id.is_empty()));
    talk.acknowledge("").await;
    hub.linked("eu-1", |state| state.is_some_and(|state| state.acknowledged_pause.is_empty())).await;
}

#[tokio::test]
async fn deleting_the_cluster_cuts_its_session_and_leaves_nothing_of_it() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let spec = hub.assign("eu-1", "web", 1, b"one").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    hub.records.delete(Kind::Cluster, "", "eu-1", shared_runtime::now()).await.unwrap();
    assert!(matches!(talk.next().await, Some(Message::Refused(refused)) if refused.reason == "Revoked"));
    assert!(talk.next().await.is_none());
    hub.linked("eu-1", |state| state.is_none()).await;
    let refused = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap_err();
    assert!(refused.message().contains("the Cluster eu-1 was deleted on the hub"), "{refused}");
    assert!(client.fetch(&spec.bundle, 0).await.is_err(), "a revoked identity reads a bundle");
    assert!(client.renew().await.is_err(), "a revoked identity is renewed");
    assert_eq!(hub.records.read::<Value>(&Hub::status_key("eu-1")).await.unwrap(), None);
}

#[tokio::test]
async fn garbage_on_the_port_disturbs_nobody() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 4096],
        b"\x16\x03\x01\xff\xff",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut socket = tokio::net::TcpStream::connect(hub.gateway.address).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        socket.shutdown().await.unwrap();
        // The hub hangs up; what it says before does not matter.
        let mut answer = Vec::new();
        let _reset = socket.read_to_end(&mut answer).await;
    }
    // Garbage inside TLS, by somebody who may talk.
    let mut talk: Conversation = client.attach_with(v1::AgentMessage { message: None }).await.unwrap();
    assert!(talk.next().await.is_none());
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    assert_eq!(hub.gateway.links.connected(), 1);
}
