use super::{parse_labels, paused, row, unacknowledged, warnings};
use crate::args::Args;
use clap::Parser as _;
use jiff::Timestamp;
use serde_json::{Value, json};

#[test]
fn labels_are_pairs_or_an_error_that_shows_one() {
    let labels = parse_labels("--labels", "env=prod, region=eu").unwrap();
    assert_eq!(
        labels.into_iter().collect::<Vec<_>>(),
        [("env".into(), "prod".into()), ("region".into(), "eu".into())]
    );
    for (text, part) in [("env", "`env` is not KEY=VALUE"), ("env=a b", "`env=a b`"), ("-x=y", "`-x=y`")] {
        let error = parse_labels("--labels", text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

fn check_pause(spec: &Value, status: &Value, expected: &str) {
    let cluster = json!({"metadata": {"name": "eu-1"}, "spec": {"pause": spec}, "status": {"pause": status}});
    let now: Timestamp = "2026-01-01T10:10:00Z".parse().unwrap();
    assert_eq!(paused(&cluster, now), expected);
}

#[test]
fn a_pause_says_why_how_long_and_whether_the_agent_knows() {
    let at = "2026-01-01T10:00:00Z";
    check_pause(&Value::Null, &Value::Null, "no");
    check_pause(
        &json!({"reason": "INC-7", "for": "2h", "at": at}),
        &Value::Null,
        "INC-7, 1h50m left (requested, not acknowledged since 10:00:00 UTC)",
    );
    check_pause(
        &json!({"reason": "INC-7", "at": at}),
        &json!({"acknowledgedAt": at}),
        "INC-7 (acknowledged)",
    );
    check_pause(&json!({"reason": "INC-7", "for": "5m", "at": at}), &Value::Null, "no");
    check_pause(&Value::Null, &json!({"local": {"reason": "disk"}}), "in the cluster: disk");
    let local = json!({"local": {"reason": "disk", "by": "ben", "until": "2026-01-01T10:30:00Z"}});
    check_pause(&Value::Null, &local, "in the cluster by ben: disk, 20m left");
    check_pause(&Value::Null, &json!({"local": {"until": "2026-01-01T10:05:00Z"}}), "no");
}

#[test]
fn an_agent_that_does_not_answer_can_be_stopped_where_it_runs() {
    let cluster =
        json!({"metadata": {"name": "eu-1"}, "spec": {"pause": {"reason": "INC-7", "for": "7200s"}}});
    let hint = unacknowledged(&cluster, Timestamp::UNIX_EPOCH).unwrap();
    assert!(hint.ends_with("flotilla-agent pause --for 7200s --reason INC-7"), "{hint}");
    let row = row(&cluster, Timestamp::UNIX_EPOCH);
    assert_eq!(row[1], "Never");
}

#[test]
fn what_is_wrong_with_an_agents_identity_or_clock_is_said() {
    let check = |status: Value, state: &str, expect: &[&str]| {
        let cluster = json!({"metadata": {"name": "eu-1"}, "status": status});
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        assert_eq!(warnings(&cluster, now), expect);
        assert_eq!(row(&cluster, now)[1], state);
    };
    check(json!({"identity": {"expiresAt": "2026-06-02T00:00:00Z"}}), "Never", &[]);
    check(
        json!({"connection": {"state": "Disconnected"}, "identity": {"expiresAt": "2026-05-01T00:00:00Z"}}),
        "Disconnected",
        &[
            "eu-1: its certificate expired at 2026-05-01T00:00:00Z; its agent renews it when it returns before 2026-07-30T00:00:00Z",
        ],
    );
    check(
        json!({"identity": {"expiresAt": "2026-01-01T00:00:00Z"}}),
        "Never",
        &["eu-1: its certificate expired at 2026-01-01T00:00:00Z and cannot be renewed any more; \
           `flotilla cluster token --name eu-1 --reenrol` replaces it"],
    );
    check(
        json!({
            "connection": {"state": "Disconnected"},
            "identity": {"revoked": {"by": "ada", "at": "2026-05-01T00:00:00Z", "reason": "INC-7"}},
            "conditions": [
                {"type": "ClockSkewed", "status": "True", "message": "the agent's clock is wrong"},
                {"type": "Held", "status": "False", "message": "old"},
            ],
        }),
        "Revoked",
        &[
            "eu-1: the agent's clock is wrong",
            "eu-1: ada revoked its identity at 2026-05-01T00:00:00Z (INC-7); \
             `flotilla cluster token --name eu-1 --reenrol` lets it come back",
        ],
    );
}

#[test]
fn what_takes_clusters_and_applications_away_is_read_with_its_arguments() {
    let read =
        |line: &str| Args::try_parse_from(line.split_whitespace()).map(|args| format!("{:?}", args.command));
    let check = |line: &str, part: &str| {
        let shown = read(line).unwrap();
        assert!(shown.contains(part), "{line}: {shown}");
    };
    check("flotilla cluster retire eu-1", r#"Retire { name: "eu-1", drain: false, yes: false }"#);
    check("flotilla cluster retire eu-1 --drain --yes", "drain: true, yes: true");
    check(
        "flotilla app forget web -n team --yes",
        r#"Forget { name: "web", namespace: Namespace { namespace: "team" }, yes: true }"#,
    );
    check("flotilla appset approve-deletions fleet", r#"Approve { name: "fleet""#);
    check("flotilla appset ls", "List");
    for line in ["flotilla cluster retire", "flotilla app forget", "flotilla appset approve"] {
        let error = read(line).unwrap_err().to_string();
        assert!(error.contains("required arguments were not provided"), "{line}: {error}");
    }
}

#[test]
fn a_cluster_on_its_way_out_says_so() {
    let check = |spec: Value, expect: &str| {
        let cluster = json!({"metadata": {"name": "eu-1"}, "spec": spec, "status": {"connection": {"state": "Connected"}}});
        assert_eq!(row(&cluster, Timestamp::UNIX_EPOCH)[1], expect);
    };
    check(json!({"retire": {"drain": true, "by": "ann"}}), "Connected, drained");
    check(json!({"retire": {"by": "ann"}}), "Connected, retired");
    check(json!({}), "Connected");
}
