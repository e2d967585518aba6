//! What the history tells of clusters and of what agents report.

use super::*;
use hub_store::Txn;
use proto::v1::agent_message;
use shared_history::{Entry, Filter};

impl Hub {
    async fn told(&self) -> Vec<Entry> {
        let told = self.records.told(&Filter::default(), None, 1000).await.unwrap();
        told.entries.into_iter().map(|(_, _, entry)| entry).collect()
    }

    /// Waits until the history has the entry.
    async fn tells(&self, what: &str) -> Entry {
        let from = self.records.store().revision().await.unwrap();
        let mut watch = self.records.store().watch(keys::HISTORY, from).await.unwrap();
        let wished = async {
            loop {
                if let Some(entry) =
                    self.told().await.into_iter().find(|entry| entry.what.to_string() == what)
                {
                    return entry;
                }
                watch.next().await.unwrap().unwrap();
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), wished).await;
        match found {
            Ok(entry) => entry,
            Err(_) => panic!("never {what}: {:?}", self.told().await),
        }
    }
}

fn observation(name: &str, generation: u64, phase: &str, health: &str) -> v1::Observation {
    v1::Observation {
        application: Some(proto::application_to_wire(&AppKey::new("argocd", name))),
        position: Some(proto::position_to_wire(Position { incarnation: 1, generation })),
        phase: phase.into(),
        sync: "Synced".into(),
        health: health.into(),
        health_message: format!("it is {health}"),
        ..v1::Observation::default()
    }
}

#[tokio::test]
async fn a_cluster_that_joins_is_lost_and_comes_back_is_told_so() {
    let hub = Hub::losing_after(Duration::from_millis(300)).await;
    let client = hub.joined("eu-1").await;
    assert_eq!(hub.tells("ClusterJoined").await.text, "eu-1 joined the fleet");
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    drop(talk);
    let lost = hub.tells("ClusterLost").await;
    assert_eq!(lost.cluster, Some(ClusterName::new("eu-1")));
    assert!(lost.text.starts_with("eu-1 is lost"), "{}", lost.text);
    let mut talk = client.attach(hello("uid-eu-1", "b", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    assert!(hub.tells("ClusterBack").await.text.starts_with("eu-1 is back after"));
    let words: Vec<String> = hub.told().await.iter().map(|entry| entry.what.to_string()).collect();
    assert_eq!(words, ["ClusterJoined", "ClusterLost", "ClusterBack"], "each once");
}

#[tokio::test]
async fn a_moment_away_is_no_news() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    for instance in ["a", "b"] {
        let mut talk = client.attach(hello("uid-eu-1", instance, Vec::new())).await.unwrap();
        talk.until_in_sync().await;
        drop(talk);
        hub.until(&Hub::status_key("eu-1"), |status| {
            status.is_some_and(|status| status["connection"]["state"] == "Disconnected")
        })
        .await;
    }
    let words: Vec<String> = hub.told().await.iter().map(|entry| entry.what.to_string()).collect();
    assert_eq!(words, ["ClusterJoined"]);
}

#[tokio::test]
async fn a_pause_in_the_cluster_itself_is_told_with_who_and_why() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let local = v1::Pause { reason: "INC-7".into(), by: "ben".into(), ..v1::Pause::default() };
    let paused = |local| agent_message::Message::Pause(v1::PauseState { local, ..v1::PauseState::default() });
    talk.say(paused(Some(local))).await;
    let told = hub.tells("PausedInCluster").await;
    assert_eq!((told.by.as_str(), told.reason.as_str()), ("ben", "INC-7"));
    talk.say(paused(None)).await;
    hub.tells("ResumedInCluster").await;
}

#[tokio::test]
async fn heals_of_one_minute_are_one_entry_that_counts_them() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    // A minute of long ago: no heal of the present falls into it.
    let minute = shared_runtime::now().as_second() / 60 * 60 - 3600;
    let heal = |second: i64, name: &str| v1::Event {
        application: Some(proto::application_to_wire(&AppKey::new("argocd", name))),
        at_ms: (minute + second) * 1000,
        reason: "DriftHealed".into(),
        message: format!("at {second}"),
    };
    let say = async |events| {
        talk.say(agent_message::Message::Events(v1::Events { events, dropped: 0 })).await;
    };
    say(vec![heal(1, "web"), heal(2, "web"), heal(3, "api")]).await;
    hub.tells("DriftHealed").await;
    say(vec![heal(58, "web"), heal(62, "web")]).await;
    let last = |entries: &[Entry]| {
        entries.iter().filter(|entry| entry.what.to_string() == "DriftHealed").count() == 3
    };
    let from = hub.records.store().revision().await.unwrap();
    let mut watch = hub.records.store().watch(keys::HISTORY, from).await.unwrap();
    while !last(&hub.told().await) {
        watch.next().await.unwrap().unwrap();
    }
    let told = hub.told().await.into_iter().filter(|entry| entry.what.to_string() == "DriftHealed");
    let mut told: Vec<_> =
        told.map(|entry| (entry.text, entry.count, entry.at.as_second() - minute)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("api on eu-1: drift was healed: at 3".to_owned(), 1, 3),
            ("web on eu-1: drift was healed: at 58".to_owned(), 3, 1),
            ("web on eu-1: drift was healed: at 62".to_owned(), 1, 62),
        ]
    );
}

#[tokio::test]
async fn what_is_degraded_is_told_once_and_its_recovery_whatever_is_in_between() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let key = keys::observation(&ClusterName::new("eu-1"), &AppKey::new("argocd", "web"));
    for health in ["Healthy", "Degraded", "Progressing", "Degraded", "Progressing", "Healthy"] {
        talk.observe(vec![observation("web", 1, "Succeeded", health)]).await;
        hub.until(&key, |stored| stored.is_some_and(|stored| stored["health"]["status"] == health)).await;
    }
    talk.observe(vec![observation("web", 2, "Failed", "Healthy")]).await;
    hub.tells("SyncFailed").await;
    let told = hub.told().await;
    let told: Vec<&str> = told.iter().map(|entry| entry.text.as_str()).skip(1).collect();
    assert_eq!(
        told,
        [
            "web on eu-1 is degraded: it is Degraded",
            "web on eu-1 is Healthy again",
            "web on eu-1 could not be synced: ",
        ]
    );
    let left = hub.records.store().list(keys::DEGRADED, Page::default()).await.unwrap();
    assert_eq!(left.entries.len(), 0);
}

#[tokio::test]
async fn a_cluster_of_the_name_of_one_that_was_forgotten_begins_anew() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let (cluster, app) = (ClusterName::new("eu-1"), AppKey::new("argocd", "web"));
    let (key, degraded) = (keys::observation(&cluster, &app), keys::degraded(&cluster, &app));
    let both = Txn::new().delete(key.clone()).delete(degraded.clone());
    // As it was left by a hub that did not forget that it was told.
    let left = Txn::new().delete(key.clone());
    for (forget, health, told, kept) in
        [(&both, "Degraded", 1, true), (&both, "Degraded", 2, true), (&left, "Healthy", 2, false)]
    {
        let _forgotten = hub.records.store().commit(forget.clone()).await.unwrap();
        talk.observe(vec![observation("web", 1, "Succeeded", health)]).await;
        hub.until(&key, |stored| stored.is_some_and(|stored| stored["health"]["status"] == health)).await;
        let all = hub.told().await.into_iter().map(|entry| entry.what.to_string());
        let all: Vec<String> = all.filter(|what| what != "ClusterJoined").collect();
        assert_eq!(all, vec!["Degraded"; told]);
        let stored = hub.records.store().get(&degraded).await.unwrap();
        assert_eq!(stored.is_some(), kept, "{health}");
    }
}

#[tokio::test]
async fn an_agent_that_was_away_is_asked_for_its_spans_when_it_is_back() {
    let hub = Hub::start().await;
    let client = hub.joined("eu-1").await;
    let contexts: Vec<shared_trace::Context> = (1..=1001)
        .map(|number| format!("00-0af7651916cd43dd8448eb211c80319c-{number:016x}-01").parse().unwrap())
        .collect();
    // A member failed, and its cluster is not there; of very many the newest count.
    for context in &contexts {
        hub.gateway.links.keep_spans(&ClusterName::new("eu-1"), &[*context]);
    }
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let asked = loop {
        if let Message::KeepSpans(keep) = talk.next().await.expect("the hub ended it") {
            break keep.traceparents;
        }
    };
    let expect: Vec<String> = contexts[1..].iter().map(ToString::to_string).collect();
    assert_eq!(asked, expect);
}
