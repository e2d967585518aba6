#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;
use serde_json::json;

const NOW: &str = "2026-01-01T12:00:00Z";

fn check(cell: fn(&Value, Timestamp) -> Value, object: Value, expect: &str) {
    assert_eq!(cell(&object, NOW.parse().unwrap()).as_str().unwrap_or_default(), expect, "{object}");
}

#[test]
fn pauses_say_where_they_stand() {
    let pause = json!({"reason": "INC-7", "for": "2h", "at": "2026-01-01T11:50:00Z"});
    let acknowledged = json!({"pause": {"acknowledgedAt": "2026-01-01T11:50:01Z"}});
    check(paused, json!({"spec": {}}), "no");
    check(paused, json!({"spec": {"pause": pause}}), "requested, not acknowledged since 11:50:00");
    check(paused, json!({"spec": {"pause": pause}, "status": acknowledged}), "yes (INC-7, 1h50m left)");
    check(paused, json!({"spec": {"pause": {"at": NOW}}, "status": acknowledged}), "yes");
    let over = json!({"for": "5m", "at": "2026-01-01T11:50:00Z"});
    check(paused, json!({"spec": {"pause": over}, "status": acknowledged}), "no");
    check(paused, json!({"status": {"pause": {"local": {"reason": "disk"}}}}), "in the cluster (disk)");
    let switch = json!({"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}});
    check(
        paused,
        json!({"metadata": switch, "spec": {}, "status": acknowledged}),
        "yes (annotation argocd.argoproj.io/skip-reconcile)",
    );
    let app = |pause: Value| json!({"status": {"pause": pause}});
    check(paused_application, json!({"status": {}}), "no");
    check(paused_application, app(json!({"reason": "INC-7", "acknowledged": true})), "yes (INC-7)");
    let until = |until: &str| app(json!({"reason": "", "acknowledged": false, "until": until}));
    check(paused_application, until("2026-01-01T13:00:00Z"), "yes (1h left, not acknowledged)");
    check(paused_application, until("2026-01-01T12:00:00Z"), "no");
}

#[test]
fn rollouts_say_how_far_they_are() {
    let waves = json!([
        {"name": "canary", "total": 1, "proven": 1, "passed": NOW},
        {"name": "rest", "total": 3, "proven": 1, "excused": 1},
    ]);
    check(wave, json!({"status": {"waves": waves}}), "2/2 (rest)");
    check(wave, json!({}), "");
    check(progress, json!({"status": {"members": 4, "proven": 2, "failed": 1}}), "2/4, 1 failed");
    check(phase, json!({"status": {"phase": "Progressing"}}), "Progressing");
    let paused = json!({"by": "ann", "until": "2026-01-01T12:00:01Z"});
    check(phase, json!({"status": {"phase": "Progressing", "paused": paused}}), "Progressing (paused)");
    check(phase, json!({"status": {"phase": "Halted", "paused": {"by": "ann"}}}), "Halted (paused)");
    let over = json!({"by": "ann", "until": NOW});
    check(phase, json!({"status": {"phase": "Done", "paused": over}}), "Done");
    let member = json!({"name": "web-3", "wave": "canary", "state": "Released"});
    check(rollout_of, json!({"status": {"rollout": member}}), "web-3 (canary: Released)");
}

#[test]
fn tokens_say_how_long_they_work() {
    check(expires, json!({"spec": {"expires": "2026-01-01T13:30:00Z"}}), "in 1h30m");
    check(expires, json!({"spec": {"expires": "2026-01-01T11:00:00Z"}}), "expired");
    check(expires, json!({"spec": {}}), "never");
}

#[test]
fn argo_cds_kinds_have_its_columns() {
    let names = |kind| {
        let columns = columns(kind).into_iter();
        columns.map(|column| (column.name, column.priority)).collect::<Vec<_>>()
    };
    let application = [
        ("Name", 0),
        ("Sync Status", 0),
        ("Health Status", 0),
        ("Revision", 10),
        ("Project", 10),
        ("Cluster", 1),
        ("Paused", 1),
        ("Rollout", 1),
        ("Age", 1),
    ];
    assert_eq!(names(Kind::Application), application);
    let set = [("Name", 0), ("Age", 0), ("Applications", 1), ("Rollout", 1), ("Waits For", 1)];
    assert_eq!(names(Kind::ApplicationSet), set);
    assert_eq!(names(Kind::AppProject), [("Name", 0), ("Age", 0), ("Description", 1)]);
}
