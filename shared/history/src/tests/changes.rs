//! What people did, in words.

#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use crate::{Entry, Filter, What, of_object, of_status};
use expect_test::{Expect, expect};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Kind, Owner, OwnerKind, RolloutName};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn shown(entries: &[Entry]) -> String {
    let lines = entries.iter().map(|entry| format!("{}/{}: {}", entry.what.topic(), entry.what, entry.text));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(kind: Kind, before: Option<Value>, after: Option<Value>, expect: &Expect) {
    let entries = of_object(kind, (before.as_ref(), after.as_ref()), "ann", at(100));
    assert!(entries.iter().all(|entry| entry.by == "ann" && entry.at == at(100)), "{entries:?}");
    expect.assert_eq(&shown(&entries));
}

fn cluster(spec: Value) -> Value {
    json!({"metadata": {"name": "eu-1", "generation": 3, "managedFields": [{"manager": "kubectl"}]}, "spec": spec})
}

fn settings(windows: &str) -> Value {
    json!({"metadata": {"name": "flotilla-cm", "namespace": "argocd"}, "data": {"windows.yaml": windows}})
}

#[test]
fn a_change_is_told_by_who_and_what_and_never_by_its_contents() {
    let secret = |password: &str| json!({"metadata": {"name": "git", "namespace": "argocd"}, "data": {"password": password}});
    check(Kind::Secret, None, Some(secret("a")), &expect!["change/Created: ann created Secret argocd/git"]);
    check(
        Kind::Secret,
        Some(secret("a")),
        Some(secret("b")),
        &expect!["change/Changed: ann changed Secret argocd/git"],
    );
    let mut marked = secret("a");
    marked["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let gone = expect!["change/Deleted: ann deleted Secret argocd/git"];
    check(Kind::Secret, Some(secret("a")), Some(marked.clone()), &gone);
    check(Kind::Secret, Some(secret("a")), None, &gone);
    let mut touched = secret("a");
    touched["metadata"]["managedFields"] = json!([{"manager": "other"}]);
    touched["metadata"]["annotations"] = json!({"argocd.argoproj.io/refresh": "normal"});
    check(Kind::Secret, Some(secret("a")), Some(touched), &expect![[""]]);
    check(Kind::Event, None, Some(secret("a")), &expect![[""]]);
}

#[test]
fn pauses_freezes_and_approvals_have_words_of_their_own() {
    let pause = json!({"reason": "INC-7", "by": "ann", "for": "1h", "at": "1970-01-01T00:01:40Z"});
    let paused = || cluster(json!({"pause": pause.clone()}));
    check(
        Kind::Cluster,
        Some(cluster(json!({}))),
        Some(paused()),
        &expect!["pause/ClusterPaused: ann paused eu-1 until 1970-01-01T01:01:40Z: INC-7"],
    );
    check(
        Kind::Cluster,
        Some(paused()),
        Some(cluster(json!({}))),
        &expect!["pause/ClusterResumed: ann resumed eu-1"],
    );
    check(
        Kind::Cluster,
        Some(cluster(json!({}))),
        Some(cluster(json!({"retire": {"drain": true}, "server": "https://x"}))),
        &expect![[r"
            change/Changed: ann changed Cluster eu-1
            cluster/ClusterRetiring: ann retires eu-1, and what the hub put there is removed first"]],
    );
    let app = |annotations: Value| json!({"metadata": {"name": "web", "namespace": "argocd", "annotations": annotations}, "spec": {}});
    check(
        Kind::Application,
        Some(app(json!({}))),
        Some(app(json!({"flotilla.dev/pause": pause.to_string()}))),
        &expect!["pause/ApplicationPaused: ann paused web until 1970-01-01T01:01:40Z: INC-7"],
    );
    let mut synced = app(json!({}));
    synced["operation"] = json!({"sync": {}});
    check(
        Kind::Application,
        Some(app(json!({}))),
        Some(synced),
        &expect!["change/SyncAsked: ann asked for a sync of web"],
    );
    check(
        Kind::ApplicationSet,
        Some(app(json!({}))),
        Some(app(json!({"flotilla.dev/approve-deletions": "abc"}))),
        &expect!["removal/RemovalApproved: ann approved the deletions that web holds"],
    );
    let freeze = "- {kind: deny, name: friday, until: '2026-11-28T00:00:00Z', description: black friday}\n";
    check(
        Kind::ConfigMap,
        Some(settings("[]")),
        Some(settings(freeze)),
        &expect!["freeze/FreezeSet: ann set the freeze friday until 2026-11-28T00:00:00Z: black friday"],
    );
    check(
        Kind::ConfigMap,
        Some(settings(freeze)),
        Some(settings("[]")),
        &expect!["freeze/FreezeLifted: ann lifted the freeze friday"],
    );
}

#[test]
fn a_clusters_status_tells_who_came_and_went() {
    let check = |before: Value, after: Value, expect: &Expect| {
        let entries = of_status(&ClusterName::new("eu-1"), &before, &after, at(1000));
        expect.assert_eq(&shown(&entries));
    };
    let identity = |at: &str| json!({"identity": {"clusterUid": "u", "joinedAt": at}});
    check(json!({}), identity("a"), &expect!["cluster/ClusterJoined: eu-1 joined the fleet"]);
    check(
        identity("a"),
        identity("b"),
        &expect!["cluster/ClusterJoined: eu-1 joined again, with a new identity"],
    );
    let mut revoked = identity("a");
    revoked["identity"]["revoked"] = json!({"at": "x", "by": "ann", "reason": "INC-7"});
    check(
        identity("a"),
        revoked,
        &expect!["cluster/IdentityRevoked: eu-1 has no identity any more: ann revoked it: INC-7"],
    );
    let away = |lost: bool| json!({"connection": {"state": "Disconnected", "since": "1970-01-01T00:10:00Z", "reason": "no answer", "lost": lost}});
    let there = || json!({"connection": {"state": "Connected", "since": "1970-01-01T00:16:40Z"}});
    check(there(), away(false), &expect![[""]]);
    check(away(false), away(true), &expect!["cluster/ClusterLost: eu-1 is lost: no answer"]);
    check(away(true), away(true), &expect![[""]]);
    check(away(true), there(), &expect!["cluster/ClusterBack: eu-1 is back after 6m40s"]);
    check(away(false), there(), &expect![[""]]);
    let local = || json!({"pause": {"local": {"by": "ben", "reason": "INC-8"}}});
    check(
        json!({}),
        local(),
        &expect!["pause/PausedInCluster: eu-1 was paused in the cluster itself by ben: INC-8"],
    );
    check(local(), local(), &expect![[""]]);
    check(
        local(),
        json!({}),
        &expect!["pause/ResumedInCluster: eu-1 is not paused in the cluster itself any more"],
    );
    let held = json!({"conditions": [{"type": "Held", "status": "True", "reason": "HubBehindAgent", "message": "adopt"}]});
    check(json!({}), held, &expect!["cluster/ClusterHeld: eu-1 is told nothing (HubBehindAgent): adopt"]);
}

#[test]
fn keys_sort_by_time_and_tell_things_apart() {
    let entry = |seconds, cluster: &str| Entry {
        cluster: Some(ClusterName::new(cluster)),
        ..Entry::new(What::ClusterLost, at(seconds), "x")
    };
    let keys = [entry(9, "b").key(), entry(10, "a").key(), entry(100, "a").key()];
    assert!(keys.is_sorted(), "{keys:?}");
    assert_ne!(entry(9, "a").key(), entry(9, "b").key());
    let told_again = Entry { text: "in other words".into(), ..entry(9, "a") };
    assert_eq!(told_again.key(), entry(9, "a").key());
    let long = Entry { text: "ä\n".repeat(5000), ..entry(9, "a") }.bounded();
    assert!(long.text.chars().count() <= crate::LONGEST + 1 && !long.text.contains('\n'));
    let courses = [
        What::CommitSeen,
        What::RolloutStarted,
        What::WavePassed,
        What::WaveOpened,
        What::WaitingForApproval,
        What::RolloutDone,
    ];
    let at_once = courses.map(|what| Entry::new(what, Timestamp::UNIX_EPOCH, String::new()).key());
    assert!(at_once.is_sorted(), "causes come first: {at_once:?}");
}

#[test]
fn what_a_newer_hub_wrote_is_read_and_shown() {
    let text = r#"{"at":"2026-01-01T00:00:00Z","what":"SomethingNew","text":"it rained","weather":1}"#;
    let entry: Entry = serde_json::from_str(text).unwrap();
    assert_eq!((entry.what, entry.count, entry.text.as_str()), (What::Other, 1, "it rained"));
}

#[test]
fn a_reader_gets_what_was_asked_for_and_what_is_around_it() {
    let owner =
        |name: &str| Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: name.into() };
    let on = |cluster: &str, app: &str| Entry {
        cluster: Some(ClusterName::new(cluster)),
        application: Some(AppKey::new("argocd", app)),
        ..Entry::new(What::DriftHealed, at(5), format!("{app} healed on {cluster}"))
    };
    let rollout = |name: &str| {
        let of = RolloutName::new(format!("{name}-1"));
        Entry::new(What::RolloutStarted, at(6), format!("{name}-1 started")).of_rollout(&owner(name), &of)
    };
    let all = [
        on("eu-1", "web-eu-1"),
        on("us-1", "web-us-1"),
        rollout("web"),
        rollout("api"),
        Entry::new(What::FreezeSet, at(7), "a freeze"),
        Entry {
            application: Some(AppKey::new("argocd", "web-eu-1")),
            ..Entry::new(What::ApplicationPaused, at(8), "web-eu-1 paused")
        },
        Entry {
            cluster: Some(ClusterName::new("eu-1")),
            ..Entry::new(What::ClusterLost, at(9), "eu-1 lost")
        },
    ];
    let check = |filter: &Filter, expect: &Expect| {
        let found: Vec<&str> =
            all.iter().filter(|entry| filter.matches(entry)).map(|entry| entry.text.as_str()).collect();
        expect.assert_eq(&found.join("; "));
    };
    let filter = Filter {
        cluster: Some(ClusterName::new("eu-1")),
        around: [owner("web")].into(),
        running: [AppKey::new("argocd", "web-eu-1")].into(),
        ..Filter::default()
    };
    check(&filter, &expect!["web-eu-1 healed on eu-1; web-1 started; a freeze; web-eu-1 paused; eu-1 lost"]);
    let app =
        Filter { application: Some("web-eu-1".into()), around: [owner("web")].into(), ..Filter::default() };
    check(&app, &expect!["web-eu-1 healed on eu-1; web-1 started; a freeze; web-eu-1 paused"]);
    check(&Filter { set: Some("api".into()), ..Filter::default() }, &expect!["api-1 started"]);
    check(&Filter { rollout: Some("web-1".into()), ..Filter::default() }, &expect!["web-1 started"]);
    check(
        &Filter { since: Some(at(8)), until: Some(at(8)), ..Filter::default() },
        &expect!["web-eu-1 paused"],
    );
    let mut kinds = Filter::default();
    kinds.add_kinds("drift, ClusterLost").unwrap();
    check(&kinds, &expect!["web-eu-1 healed on eu-1; web-us-1 healed on us-1; eu-1 lost"]);
    let wrong = kinds.add_kinds("weather").unwrap_err().to_string();
    assert!(
        wrong.starts_with("there are no entries of kind `weather`; there are commit, rollout,"),
        "{wrong}"
    );
    assert!(kinds.add_kinds("Other").is_err());
}
