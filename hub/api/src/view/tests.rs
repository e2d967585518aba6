use super::*;
use shared_model::{AppKey, ClusterName, Digest, Health, HealthStatus, Position, ReleaseId};

fn release(text: &str) -> ReleaseId {
    ReleaseId(Digest::of(text.as_bytes()))
}

fn seen(release: Option<ReleaseId>, sync: SyncState) -> Observation {
    Observation {
        application: AppKey::new("argocd", "web"),
        cluster: ClusterName::new("eu-1"),
        position: Position::default(),
        release,
        phase: SyncPhase::Succeeded,
        message: String::new(),
        sync,
        health: Health::new(HealthStatus::Healthy, ""),
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        removed: false,
        pin: None,
        unsupported: Vec::new(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        healthy_since: None,
    }
}

fn shown(decided: Option<Value>, observation: Option<Observation>) -> Value {
    let object = Stored {
        value: json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {}}),
        revision: Revision(5),
        created: Revision(5),
    };
    let parts = Parts {
        object,
        status: decided.map(|status| (status, Revision(7))),
        observation: observation.map(|observation| (observation, Revision(6))),
    };
    view(Kind::Application, parts)
}

#[test]
fn an_application_is_synced_only_on_the_release_that_is_wanted() {
    let decided = json!({"cluster": "eu-1", "target": {"release": release("b"), "revisions": ["c0ffee"]}});
    let check = |release, sync, expect: &str| {
        let shown = shown(Some(decided.clone()), Some(seen(release, sync)));
        assert_eq!(
            shown["status"]["sync"],
            json!({"status": expect, "revision": "c0ffee"}),
            "{release:?} {sync}"
        );
    };
    check(Some(release("b")), SyncState::Synced, "Synced");
    check(Some(release("b")), SyncState::OutOfSync, "OutOfSync");
    check(Some(release("a")), SyncState::Synced, "OutOfSync");
    check(None, SyncState::Unknown, "Unknown");
}

#[test]
fn without_a_report_it_is_unknown_and_missing() {
    let status = shown(None, None)["status"].clone();
    assert_eq!(status, json!({"sync": {"status": "Unknown"}, "health": {"status": "Missing"}}));
}

#[test]
fn what_the_hub_decided_is_kept_and_the_version_is_that_of_the_newest_part() {
    let decided = json!({
        "conditions": [{"type": "X"}], "rollout": {"name": "web-1"},
        "target": {"release": release("b"), "revisions": ["a", "b"]},
    });
    let shown = shown(Some(decided), Some(seen(Some(release("b")), SyncState::Synced)));
    assert_eq!(shown["metadata"]["resourceVersion"], "7");
    let status = &shown["status"];
    assert_eq!(status["conditions"][0]["type"], "X");
    assert_eq!(status["rollout"]["name"], "web-1");
    assert_eq!(status["sync"]["revisions"], json!(["a", "b"]));
    assert_eq!(status["health"], json!({"status": "Healthy"}));
    assert_eq!(status["operationState"]["phase"], "Succeeded");
    assert_eq!(status["reconciledAt"], "1970-01-01T00:00:00Z");
}

#[test]
fn a_pin_and_what_the_agent_leaves_out_are_conditions() {
    use shared_model::LocalPin;
    let decided = json!({
        "cluster": "eu-1", "target": {"release": release("b")},
        "conditions": [{"type": "UnsupportedFields", "message": "spec.x has no effect yet"}],
    });
    let pin = LocalPin { reason: "INC-9".into(), by: "ben".into(), at: jiff::Timestamp::UNIX_EPOCH };
    let observation = Observation {
        pin: Some(pin),
        unsupported: vec!["jq paths".into(), "a hydrator".into()],
        ..seen(Some(release("b")), SyncState::Synced)
    };
    let status = shown(Some(decided), Some(observation))["status"].clone();
    let said = "pinned in eu-1 itself by ben since 1970-01-01T00:00:00Z: INC-9; nothing new reaches it until \
                `flotilla-agent unpin argocd/web` is run there";
    assert_eq!(
        status["conditions"],
        json!([
            {"type": "UnsupportedFields", "message": "spec.x has no effect yet"},
            {"type": "PinnedInCluster", "message": said, "lastTransitionTime": "1970-01-01T00:00:00Z"},
            {"type": "UnsupportedInCluster", "message": "the cluster's agent leaves out: jq paths; a hydrator"},
        ])
    );
    // Whatever its content, it is not what the hub's order says.
    assert_eq!(status["sync"]["status"], "OutOfSync");
    assert_eq!(status["operationState"], json!({"phase": "Succeeded", "message": said}));
    assert_eq!(status["pin"]["by"], "ben");
}
