//! What the loops tell the history.

use super::{CONFIG_MAP, Loops, cluster, index, records, set};
use crate::chronicle::{self, Ended};
use hub_records::Records;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_history::{Entry, Filter, What};
use shared_model::{ClusterName, Kind};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn told(records: &Records) -> Vec<Entry> {
    let told = records.told(&Filter::default(), None, 1000).await.unwrap();
    told.entries.into_iter().map(|(_, _, entry)| entry).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_and_what_it_leads_to_are_told_once_across_a_restart() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, shared_runtime::now());
    loops.commit("web/config.yaml", CONFIG_MAP);
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    let is_told = |what: What, count: usize| {
        async move |records: &Records| {
            told(records).await.iter().filter(|entry| entry.what == what).count() == count
        }
    };
    loops.until("the commit", is_told(What::CommitSeen, 1)).await;
    loops.until("the rollout", is_told(What::RolloutStarted, 1)).await;
    let entries = told(records).await;
    let seen = entries.iter().find(|entry| entry.what == What::CommitSeen).unwrap();
    let commit = &seen.commits[0];
    assert_eq!((commit.author.as_str(), commit.message.as_str()), ("t", "change"));
    assert!(commit.committed.is_some_and(|committed| committed <= shared_runtime::now()));
    assert_eq!(seen.owners.iter().map(|owner| owner.name.as_str()).collect::<Vec<_>>(), ["web"]);
    let short = commit.commit.short();
    assert!(seen.text.ends_with(&format!("is {short} “change” by t")), "{}", seen.text);
    let started = entries.iter().find(|entry| entry.what == What::RolloutStarted).unwrap();
    assert!(started.text.starts_with("web-1 started: 1 member at once; HEAD "), "{}", started.text);
    assert_eq!((started.trace.len(), started.commits.len()), (32, 1));

    // Loops that start on the same store know what was told.
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
    let loops = loops.again().await;
    loops.commit("web/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n");
    loops.until("the next commit", is_told(What::CommitSeen, 2)).await;
    loops.until("the next rollout", is_told(What::RolloutStarted, 2)).await;
    let entries = told(&loops.records).await;
    let second = entries.iter().rfind(|entry| entry.what == What::CommitSeen).unwrap();
    assert!(second.text.contains(&format!("(was {short})")), "{}", second.text);
    assert_eq!(entries.iter().filter(|entry| entry.what == What::RolloutSuperseded).count(), 1);
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_pause_whose_time_is_over_is_told_once_by_whoever_sees_it() {
    let records = records();
    let pause = |at: &str| json!({"reason": "INC-7", "by": "ann", "for": "1m", "at": at});
    for (name, from) in [("eu-1", "1970-01-01T00:16:40Z"), ("eu-2", "1970-01-01T00:20:00Z")] {
        let mut object = cluster(name, &json!({}));
        object["spec"]["pause"] = pause(from);
        records.create(Kind::Cluster, object, at(0)).await.unwrap();
    }
    let index = index(&records).await;
    let mut ended = Ended::default();
    for seconds in [1000, 1061, 1070, 1100] {
        ended.tell(&records, &index, at(seconds)).await;
    }
    // After a restart.
    Ended::default().tell(&records, &index, at(1110)).await;
    let entries = told(&records).await;
    let entries: Vec<_> = entries.iter().map(|entry| (entry.at, entry.text.as_str())).collect();
    assert_eq!(entries, [(at(1060), "eu-1: the time of its pause is over")]);
}

#[test]
fn statuses_tell_of_held_deletions_and_of_pauses_that_nobody_wrote() {
    let check = |kind: Kind, before: Value, after: Value, expect: &[&str]| {
        let entries = chronicle::of_status(kind, ("argocd", "web"), &before, &after, at(100));
        let said: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(said, expect);
        entries
    };
    let held = |status: &str| json!({"conditions": [{"type": "DeletionsHeld", "status": status, "message": "3 of 4"}]});
    let set = Kind::ApplicationSet;
    check(set, json!({}), held("True"), &["web holds deletions: 3 of 4"]);
    check(set, held("True"), held("True"), &[]);
    check(set, held("False"), held("True"), &["web holds deletions: 3 of 4"]);
    let paused = |by: &str, until: &str| json!({"cluster": "eu-1", "pause": {"id": "x", "by": by, "reason": "INC-7", "until": until}});
    let app = Kind::Application;
    let ended = check(
        app,
        paused("ann", "1970-01-01T00:01:00Z"),
        json!({"cluster": "eu-1"}),
        &["web: the time of its pause is over"],
    );
    assert_eq!((ended[0].at, ended[0].cluster.clone()), (at(60), Some(ClusterName::new("eu-1"))));
    check(app, paused("ann", ""), json!({}), &[]);
    check(app, json!({}), paused("ann", ""), &[]);
    check(app, json!({}), paused("", ""), &["web: its annotation pauses it: INC-7"]);
    check(app, paused("", ""), json!({}), &["web: its annotation pauses it no more"]);
}
