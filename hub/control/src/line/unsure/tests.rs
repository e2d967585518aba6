use super::*;
use crate::tests::{application, index, records};
use hub_records::keys;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Digest, Kind, Owner, OwnerKind, ReleaseId};
use shared_rollout::{Head, MemberRecord, MemberState, Phase, WaveHead};
use std::collections::BTreeMap;

fn app(name: &str) -> AppKey {
    AppKey::new("argocd", name)
}

/// Two rollouts of one line, frozen with so many members each.
fn rollout(name: &str, sequence: u64, members: usize) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "owner": Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() },
            "sequence": sequence, "object": {}, "plan": "immediate", "commits": [],
            "timings": {"members": members},
        },
    })
}

fn head(phase: Phase) -> Head {
    let wave = WaveHead { opened: Some(Timestamp::UNIX_EPOCH), ..WaveHead::default() };
    Head { phase, waves: if phase == Phase::Queued { Vec::new() } else { vec![wave] }, ..Head::default() }
}

/// What inputs came to: a member for each of these, and none for each of those.
fn resolved(members: &[&str], lost: &[&str]) -> Resolved {
    let member = |name: &&str| {
        let member = super::super::MemberInput {
            cluster: ClusterName::new("eu-1"),
            labels: BTreeMap::new(),
            release: ReleaseId(Digest::of(name.as_bytes())),
            automated: true,
            revisions: Vec::new(),
        };
        (app(name), member)
    };
    Resolved {
        members: members.iter().map(member).collect(),
        lost: lost.iter().map(|name| (app(name), "Git does not answer".to_owned())).collect(),
        conditions: members.iter().chain(lost).map(|name| (app(name), Vec::new())).collect(),
        ..Resolved::default()
    }
}

#[tokio::test]
async fn a_member_that_cannot_be_read_for_a_while_is_waited_for_and_one_that_never_was_is_not() {
    let (records, now) = (records(), Timestamp::UNIX_EPOCH);
    for name in ["a", "b", "c"] {
        records.create(Kind::Application, application(name, "eu-1", &[]), now).await.unwrap();
    }
    for (name, sequence) in [("web-1", 1), ("web-2", 2)] {
        records.create(Kind::FleetRollout, rollout(name, sequence, 2), now).await.unwrap();
    }
    let record = |name: &str| MemberRecord {
        cluster: ClusterName::new("eu-1"),
        release: ReleaseId(Digest::of(name.as_bytes())),
        wave: Some(0),
        late: false,
        state: MemberState::Waiting,
        excused: None,
        may_run: false,
        stopped: false,
        failures: 0,
        attempt: 0,
        again: false,
        released: None,
        before: None,
    };
    let empty = index(&records).await;
    for rollout in ["web-1", "web-2"] {
        for name in ["a", "b"] {
            let key = keys::member("argocd", &RolloutName::new(rollout), &app(name));
            records.write(&key, &record(name)).await.unwrap();
        }
    }
    let placed = index(&records).await;
    let check = |index: &Index, name: &str, phase: Phase, resolved: &Resolved, expect: Option<&str>| {
        let mut index = index.clone();
        let key = ("argocd".to_owned(), RolloutName::new(name));
        let rollout = std::sync::Arc::clone(&index.rollouts[&key]);
        index.heads.insert(key, (head(phase), hub_store::Revision(1)));
        let found = unsure(&index, &rollout, resolved);
        assert_eq!(found.is_some(), expect.is_some(), "{name} {phase:?}: {found:?}");
        assert!(found.unwrap_or_default().contains(expect.unwrap_or_default()));
    };
    let whole = resolved(&["a", "b"], &[]);
    let (a, nobody) = (resolved(&["a"], &["b"]), resolved(&[], &["a", "b"]));
    check(&placed, "web-2", Phase::Progressing, &whole, None);
    check(&placed, "web-2", Phase::Progressing, &a, Some("rollout web-2, member b: Git does not answer"));
    check(&placed, "web-2", Phase::Done, &nobody, Some("member a"));
    check(&placed, "web-1", Phase::RolledBack, &a, Some("member b"));
    // Nothing waits for a rollout of the past.
    check(&placed, "web-1", Phase::Done, &nobody, None);
    // One that joined later, and never could be rendered.
    check(&placed, "web-2", Phase::Progressing, &resolved(&["a", "b"], &["c"]), None);
    // Its Application is gone meanwhile.
    let mut gone = placed.clone();
    gone.objects.get_mut(&Kind::Application).unwrap().remove(&("argocd".to_owned(), "b".to_owned()));
    check(&gone, "web-2", Phase::Progressing, &a, None);
    // Before anybody has a record it counts how many were frozen.
    check(&empty, "web-2", Phase::Queued, &a, Some("member b"));
    check(&empty, "web-2", Phase::Queued, &resolved(&["a", "b"], &["c"]), None);
    check(&empty, "web-2", Phase::Progressing, &a, None);
    let failed =
        Resolved { problem: Some("spec.generators[0]: no answer".to_owned()), ..Resolved::default() };
    check(&placed, "web-2", Phase::Progressing, &failed, Some("spec.generators[0]: no answer"));
    check(&placed, "web-1", Phase::Superseded, &failed, None);
}
