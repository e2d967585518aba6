use crate::v1;
use jiff::Timestamp;
use shared_model::*;

fn observation() -> Observation {
    Observation {
        application: AppKey::new("argocd", "web-eu-1"),
        cluster: ClusterName::new("eu-1"),
        position: Position { incarnation: 1, generation: 7 },
        release: Some(ReleaseId(Digest::of(b"release"))),
        phase: SyncPhase::Succeeded,
        message: "applied 3 objects".into(),
        sync: SyncState::OutOfSync,
        health: Health::new(HealthStatus::Degraded, "1 of 3 ready"),
        drift: vec!["Deployment/web: spec.replicas live=5 desired=3".into()],
        resources: vec![ResourceState {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            namespace: "web".into(),
            name: "web".into(),
            sync: SyncState::OutOfSync,
            health: Some(Health::new(HealthStatus::Degraded, "1 of 3 ready")),
        }],
        healed: 2,
        removed: false,
        pin: Some(LocalPin { reason: "INC-7".into(), by: "ada".into(), at: Timestamp::UNIX_EPOCH }),
        unsupported: vec!["ignoreDifferences: jqPathExpressions".into()],
        received_at: Timestamp::UNIX_EPOCH,
        healthy_since: None,
    }
}

#[test]
fn observations_survive_the_wire() {
    let sent = observation();
    let received = v1::Observation::to_wire(&sent).from_wire(&sent.cluster, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(received, sent);
}

#[test]
fn malformed_observations_name_the_field() {
    let check = |change: fn(&mut v1::Observation), expected: &str| {
        let mut wire = v1::Observation::to_wire(&observation());
        change(&mut wire);
        let error = wire.from_wire(&ClusterName::new("eu-1"), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(|wire| wire.application = None, "malformed Observation: application is missing");
    check(|wire| wire.phase = "Done".into(), "malformed Observation: phase `Done` is unknown");
    check(
        |wire| wire.release = "latest".into(),
        "malformed Observation: release `latest` is not a digest: expected sha256:<64 hex digits>",
    );
}
