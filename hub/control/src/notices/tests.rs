use super::transitions;
use expect_test::{Expect, expect};
use jiff::Timestamp;
use serde_json::json;
use shared_model::{AppKey, ClusterName, Digest, Position, ReleaseId, RolloutName, fleet_rollout::PlanSpec};
use shared_rollout::{Change, Evidence, Halted, Head, Member, MemberState, Phase, Rollout, WaveHead};
use std::collections::BTreeMap;

fn plan() -> PlanSpec {
    serde_json::from_value(json!({"policy": {"waves": [{"name": "canary"}, {"name": "rest"}]}})).unwrap()
}

fn rollout(plan: PlanSpec, head: Head) -> Rollout {
    let member = |name: &str, wave: usize| {
        let release = ReleaseId(Digest::of(b"release"));
        let position = Position { incarnation: 1, generation: 2 };
        let state = MemberState::Proven { position, at: Timestamp::UNIX_EPOCH };
        let mut member = Member::new(ClusterName::new(format!("on-{name}")), release);
        member.record = serde_json::from_value(json!({
            "cluster": member.cluster, "release": release, "wave": wave, "state": state,
        }))
        .ok();
        (AppKey::new("argocd", name), member)
    };
    Rollout {
        name: RolloutName::new("shop-2"),
        sequence: 2,
        created: Timestamp::UNIX_EPOCH,
        plan,
        head,
        members: BTreeMap::from([member("a", 0), member("b", 1), member("c", 1)]),
    }
}

fn head(phase: Phase, waves: [WaveHead; 2]) -> Head {
    Head { phase, waves: waves.to_vec(), ..Head::default() }
}

#[track_caller]
fn check(plan: PlanSpec, before: Head, after: &Head, change: &Change, expect: &Expect) {
    let told = transitions(&rollout(plan, before), after, change);
    let lines = told.iter().map(|told| {
        let notice = &told.notice;
        let kind = if notice.warning { "Warning" } else { "Normal" };
        format!("{kind} {} [{}] {}", notice.reason, notice.key, notice.message)
    });
    expect.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_rollouts_course_is_told_once_per_transition() {
    let (none, at) = (WaveHead::default(), Some(Timestamp::UNIX_EPOCH));
    let open = WaveHead { opened: at, ..none };
    let evidence = Evidence { total: 1, proven: 1, excused: 0, failed: 0 };
    let passed = WaveHead { passed: at, evidence: Some(evidence), ..open };
    let pass = Change::Pass { wave: 0, evidence };
    let start = Change::Start { waves: 2, replaced: 0 };
    let queued = Head::default();
    let progressing = head(Phase::Progressing, [none; 2]);
    check(
        plan(),
        queued.clone(),
        &progressing,
        &start,
        &expect!["Normal RolloutStarted [0] 3 members in waves canary, rest"],
    );
    let opened = head(Phase::Progressing, [open, none]);
    check(
        plan(),
        progressing,
        &opened,
        &Change::Open { wave: 0 },
        &expect!["Normal WaveOpened [0/0] wave canary has opened: 1 member"],
    );
    let through = head(Phase::Progressing, [passed, none]);
    check(
        plan(),
        opened.clone(),
        &through,
        &pass,
        &expect!["Normal WavePassed [0/0] wave canary has passed: 1 of 1 proven"],
    );
    // Nothing that a member does.
    check(plan(), opened.clone(), &opened, &Change::Finish, &expect![[""]]);
    let done = head(Phase::Done, [passed; 2]);
    check(
        plan(),
        through.clone(),
        &done,
        &Change::Finish,
        &expect![[r#"
        Normal WaveOpened [0/1] wave rest has opened: 2 members
        Normal WavePassed [0/1] wave rest has passed: 1 of 1 proven
        Normal RolloutDone [0] every wave has passed, 3 members"#]],
    );
    let superseded = Head { phase: Phase::Superseded, ..through.clone() };
    let by = Change::Supersede { by: RolloutName::new("shop-3") };
    check(plan(), through, &superseded, &by, &expect!["Normal RolloutSuperseded [0] shop-3 took its place"]);
    // One wave for everything is no news.
    check(
        PlanSpec::Immediate,
        queued,
        &opened,
        &start,
        &expect!["Normal RolloutStarted [0] 3 members at once"],
    );
}

#[test]
fn what_goes_wrong_is_a_warning_and_a_second_attempt_is_told_anew() {
    let before = head(Phase::Progressing, [WaveHead::default(); 2]);
    let halted = Halted {
        at: Timestamp::UNIX_EPOCH,
        wave: 1,
        reason: "missed its deadline".to_owned(),
        member: Some(AppKey::new("argocd", "b")),
        by: None,
    };
    let after = Head { phase: Phase::Halted, halted: Some(halted), attempt: 2, ..before.clone() };
    check(
        plan(),
        before,
        &after,
        &Change::Finish,
        &expect!["Warning RolloutHalted [2] in wave rest, argocd/b on on-b: missed its deadline"],
    );
    let back = Head { phase: Phase::RollingBack, ..after.clone() };
    check(
        plan(),
        after,
        &back,
        &Change::Finish,
        &expect![
            "Warning RollbackStarted [2] members go back to what was proven before: in wave rest, argocd/b on on-b: missed its deadline"
        ],
    );
    let returned = Head { phase: Phase::RolledBack, ..back.clone() };
    check(
        plan(),
        back,
        &returned,
        &Change::Finish,
        &expect!["Warning RolledBack [2] every member that can be told has gone back"],
    );
}
