use super::{decide, members::Member, name, row, status, undo, why};
use crate::args::{Args, Command, RolloutCommand};
use clap::Parser as _;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn rollout() -> Value {
    json!({
        "metadata": {"name": "shop-2", "namespace": "argocd"},
        "spec": {
            "owner": {"kind": "ApplicationSet", "namespace": "argocd", "name": "shop"},
            "commits": [{"repoURL": "https://git.example.com/shop", "revision": "main", "commit": "3f2a1bc".repeat(6)}],
            "plan": {"policy": {"waves": [{"name": "canary", "approval": "After"}, {"name": "rest"}], "onFailure": "Rollback"}},
            "traceId": "0af7651916cd43dd8448eb211c80319c",
        },
        "status": {
            "phase": "Progressing", "attempt": 1, "started": "2026-01-01T00:00:00.25Z",
            "paused": {"by": "ann", "at": "2026-01-01T00:05:00Z", "until": "2026-01-01T01:00:00Z", "reason": "INC-7"},
            "waitsFor": "shop-2 is paused by ann until 2026-01-01T01:00:00Z: INC-7",
            "waves": [
                {
                    "name": "canary", "opened": "2026-01-01T00:00:00Z", "passed": "2026-01-01T00:04:00Z", "total": 2,
                    "proven": 1, "excused": 1, "evidence": {"total": 2, "proven": 1, "excused": 1, "failed": 0},
                },
                {"name": "rest", "total": 3, "waiting": 3},
            ],
            "approvals": [
                {"wave": 0, "side": "After", "by": "ben", "at": "2026-01-01T00:03:59Z", "reason": "graphs look fine"},
            ],
            "exceptional": [{
                "application": "argocd/web-eu-2", "cluster": "eu-2", "state": "Released", "excused": "Unreachable",
                "waitsFor": "eu-2 is away since 2026-01-01T00:01:00Z",
            }],
            "exceptionalOmitted": 3,
            "mayRun": [{"application": "argocd/web-eu-2", "cluster": "eu-2"}],
            "decisions": [
                {"decision": "retry", "by": "ann", "at": "2026-01-01T00:00:00Z"},
                {"decision": "approve", "wave": "canary", "by": "ben", "at": "2026-01-01T00:03:59Z", "reason": "graphs look fine"},
                {"decision": "pause", "by": "ann", "at": "2026-01-01T00:05:00Z", "reason": "INC-7"},
            ],
        },
    })
}

fn member(app: &str, wave: &str, state: &str, waits_for: &str, before: &Value) -> Member {
    let cluster = app.strip_prefix("web-").unwrap();
    serde_json::from_value(json!({
        "application": format!("argocd/{app}"), "cluster": cluster, "wave": wave, "state": state,
        "waitsFor": waits_for, "before": before,
    }))
    .unwrap()
}

fn members() -> Vec<Member> {
    let before = json!({"release": "0a1b2c3", "revision": "9".repeat(40)});
    vec![
        member("web-eu-1", "canary", "Proven", "", &before),
        member("web-eu-2", "canary", "Failed", "eu-2 failed: missed its deadline", &Value::Null),
        member(
            "web-us-1",
            "rest",
            "Waiting",
            "wave rest has not opened: wave canary waits for eu-2",
            &Value::Null,
        ),
    ]
}

fn check(lines: &[String], expect: &Expect) {
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn a_list_says_what_is_paused_while_it_is() {
    let check = |now: &str, expect: &str| {
        assert_eq!(row(&rollout(), now.parse().unwrap())[1..4], ["shop-2", expect, "1/5"])
    };
    check("2026-01-01T00:59:59Z", "Progressing (paused)");
    check("2026-01-01T01:00:00Z", "Progressing");
}

#[test]
fn a_status_shows_waves_gates_and_who_decided_what() {
    check(
        &status::lines(&rollout(), Some("https://jaeger/trace/0af7651916cd43dd8448eb211c80319c")),
        &expect![[r#"
        NAME        shop-2
        OWNER       ApplicationSet argocd/shop
        COMMIT      3f2a1bc (main of https://git.example.com/shop)
        PLAN        policy with waves canary, rest; on failure Rollback
        PHASE       Progressing, attempt 2
        STARTED     2026-01-01T00:00:00Z
        PAUSED      by ann since 2026-01-01T00:05:00Z until 2026-01-01T01:00:00Z: INC-7
        WAITS FOR   shop-2 is paused by ann until 2026-01-01T01:00:00Z: INC-7
        TRACE       0af7651916cd43dd8448eb211c80319c
                    https://jaeger/trace/0af7651916cd43dd8448eb211c80319c

        WAVE     STATE    PROVEN   UPDATING   FAILED   EXCUSED   BACK   WAITING   OPENED                 PASSED
        canary   passed   1/2      0          0        1         0      0         2026-01-01T00:00:00Z   2026-01-01T00:04:00Z
        rest     closed   0/3      0          0        0         0      3

        Gates:
          canary may pass: approved by ben at 2026-01-01T00:03:59Z: graphs look fine
          canary passed at 2026-01-01T00:04:00Z with 1 of 2 proven, 1 excused, 0 failed

        Members that a person may have to look at:
          APPLICATION       CLUSTER   STATE                             WAITS FOR
          argocd/web-eu-2   eu-2      Released (excused: Unreachable)   eu-2 is away since 2026-01-01T00:01:00Z
          and 3 more; `flotilla rollout why` lists them all
          argocd/web-eu-2 on eu-2 may run this unproven release: its cluster was excused while it did

        Decisions:
          AT                     BY    DECISION         REASON
          2026-01-01T00:00:00Z   ann   retry
          2026-01-01T00:03:59Z   ben   approve canary   graphs look fine
          2026-01-01T00:05:00Z   ann   pause            INC-7"#]],
    );
}

#[test]
fn a_rollout_that_halted_says_where_and_why() {
    let mut rollout = rollout();
    rollout["status"] = json!({
        "phase": "RollingBack",
        "halted": {"at": "2026-01-01T00:02:00Z", "wave": 0, "cluster": "eu-1", "reason": "missed its deadline"},
        "rollback": {"at": "2026-01-01T00:02:00Z", "reason": "missed its deadline"},
    });
    check(
        &status::lines(&rollout, None),
        &expect![[r#"
        NAME        shop-2
        OWNER       ApplicationSet argocd/shop
        COMMIT      3f2a1bc (main of https://git.example.com/shop)
        PLAN        policy with waves canary, rest; on failure Rollback
        PHASE       RollingBack
        HALTED      in wave canary on eu-1 at 2026-01-01T00:02:00Z: missed its deadline
        ROLLBACK    by the policy since 2026-01-01T00:02:00Z: missed its deadline
        TRACE       0af7651916cd43dd8448eb211c80319c"#]],
    );
}

#[test]
fn why_is_a_sentence_per_member_that_waits() {
    let members = members();
    check(
        &why::sentences(&members.iter().collect::<Vec<_>>()),
        &expect![[r#"
        argocd/web-eu-2 on eu-2: eu-2 failed: missed its deadline
        argocd/web-us-1 on us-1: wave rest has not opened: wave canary waits for eu-2"#]],
    );
}

#[test]
fn who_goes_back_to_what_is_said_before_it_happens() {
    check(
        &undo::who_goes_back(&members()),
        &expect![[r#"
        APPLICATION       CLUSTER   WAVE     STATE    GOES BACK TO
        argocd/web-eu-1   eu-1      canary   Proven   commit 9999999 (release 0a1b2c3)
        argocd/web-eu-2 stays on eu-2: nothing was proven there before"#]],
    );
    check(
        &undo::who_goes_back(&members()[2..]),
        &expect!["No member goes back: none runs this rollout with anything proven before it."],
    );
}

#[test]
fn decisions_say_what_they_came_to() {
    let check = |decision: &str, status: Value, expect: &str| {
        let mut after = rollout();
        after["status"] = status;
        assert_eq!(decide::said("shop-2", &after, decision), expect);
    };
    let approvals = json!([{"wave": 0, "side": "After"}, {"wave": 1, "side": "Before"}]);
    check("approve", json!({"approvals": approvals}), "shop-2: wave rest is approved to begin");
    check("pause", json!({"paused": {"by": "ann"}}), "shop-2: paused until somebody resumes it");
    let until = json!({"paused": {"until": "2026-01-01T01:00:00.7Z"}});
    check("pause", until, "shop-2: paused until 2026-01-01T01:00:01Z");
    check("retry", json!({"phase": "Progressing"}), "shop-2: tries again; it is Progressing");
}

#[test]
fn a_mistyped_name_is_corrected() {
    let known = ["shop-1".to_owned(), "shop".to_owned(), "web".to_owned()];
    assert_eq!(
        name::unknown("shpo", "argocd", &known),
        "there is no rollout, ApplicationSet or Application `shpo` in namespace argocd (did you mean `shop`?); \
         `flotilla rollout list -n argocd` shows the rollouts"
    );
}

fn parsed(line: &str) -> Result<RolloutCommand, String> {
    match Args::try_parse_from(line.split_whitespace()) {
        Ok(Args { command: Command::Rollout(command), .. }) => Ok(command),
        Ok(_) => panic!("{line} is another command"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn commands_are_read_with_their_arguments() {
    let ok = |line: &str| format!("{:?}", parsed(line).unwrap());
    let shown = ok("flotilla rollout pause shop --for 90m --reason INC-7 -n team");
    assert!(
        shown.contains("name: \"shop\"") && shown.contains("5400s") && shown.contains("\"team\""),
        "{shown}"
    );
    let shown = ok("flotilla rollout expedite shop-3 --cluster eu-1 --cluster eu-2 --reason hotfix --yes");
    assert!(shown.contains("clusters: [\"eu-1\", \"eu-2\"]") && shown.contains("yes: true"), "{shown}");
    assert!(ok("flotilla rollout undo shop --reason INC-7 --no-pin").contains("no_pin: true"));
    assert!(ok("flotilla rollout abort shop").contains("reason: \"\""));
    assert!(ok("flotilla rollout why shop --cluster eu-1").contains("cluster: Some(\"eu-1\")"));
}

#[test]
fn what_is_missing_or_makes_no_sense_is_refused() {
    let check = |line: &str, part: &str| {
        let error = parsed(line).unwrap_err();
        assert!(error.contains(part), "{line}: {error}");
    };
    check("flotilla rollout approve shop", "--reason");
    check("flotilla rollout undo shop", "--reason");
    check("flotilla rollout expedite shop --reason x", "--cluster");
    check("flotilla rollout pause shop --for 0 --reason x", "it would be over at once");
    check("flotilla rollout why shop --cluster a --app b", "cannot be used with");
    check("flotilla rollout aprove shop --reason x", "approve");
}
