//! Scripts: what happens to a fleet, and after each `run` what the planner does and what waits.

use crate::{
    Change, Hold, Link, Plan, Report,
    tests::world::{Source, World, start},
};
use expect_test::{Expect, expect};
use shared_model::{
    ClusterName, HealthStatus, Mode, RollingSync, SyncPhase, fleet_rollout::PlanSpec, parse_duration,
};
use std::fmt::Write as _;

/// Plays the script; the answers to its `run` lines are `expect`.
#[allow(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(script: &str, expect: Expect) {
    let mut world = World::new();
    let mut out = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        play(&mut world, line, &mut out);
    }
    expect.assert_eq(&out);
}

fn play(world: &mut World, line: &str, out: &mut String) {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<_> = rest.split_whitespace().collect();
    match command {
        "cluster" => {
            let labels = words[1..].iter().map(|word| word.split_once('=').unwrap());
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            world.cluster(words[0]).labels = labels;
            world.refresh();
        }
        "leave" => world.leave(words[0]),
        "policy" => world.plan = PlanSpec::Policy(serde_json::from_str(rest).unwrap()),
        "rolling" => world.plan = PlanSpec::RollingSync(serde_json::from_str::<RollingSync>(rest).unwrap()),
        "immediate" => world.plan = PlanSpec::Immediate,
        "manual" => world.automated = false,
        "limit" => world.fleet.max_per_cluster = Some(words[0].parse().unwrap()),
        "apps" => world.apps = words.iter().map(|word| (*word).to_owned()).collect(),
        "commit" => {
            let only = words[1..].iter().skip(2).map(|word| ClusterName::new(*word)).collect();
            let base = words.get(2).map(|word| (*word).to_owned());
            world.commit(Source { commit: words[0].to_owned(), base, only });
        }
        "healthy" => each(world, &words, SyncPhase::Succeeded, HealthStatus::Healthy),
        "degraded" => each(world, &words, SyncPhase::Succeeded, HealthStatus::Degraded),
        "progressing" => each(world, &words, SyncPhase::Succeeded, HealthStatus::Progressing),
        "failed" => each(world, &words, SyncPhase::Failed, HealthStatus::Unknown),
        "pause" => world.pause(words[0], None),
        "pause-for" => {
            let until = world.now + parse_duration(words[1]).unwrap();
            world.pause(words[0], Some(until));
        }
        "resume" => world.cluster(words[0]).pauses.clear(),
        "lost" => world.cluster(words[0]).link = Link::LostSince(world.now),
        "back" => world.cluster(words[0]).link = Link::Connected,
        "observe" => world.cluster(words[0]).mode = Mode::Observe,
        "enforce" => world.cluster(words[0]).mode = Mode::Enforce,
        "hold" => world.cluster(words[0]).hold = Some(Hold::ClusterReplaced),
        "sync" => {
            let name = ClusterName::new(words[0]);
            for (_, app) in world.seats(&name) {
                let release = world.lead().unwrap().members[&app].release;
                world.sync_requests.insert(app, release);
            }
            world.refresh();
        }
        "wait" => world.now += parse_duration(words[0]).unwrap(),
        "run" => {
            let (plan, report) = world.run();
            show(world, &plan, &report, out);
        }
        other => panic!("unknown command {other}"),
    }
}

fn each(world: &mut World, clusters: &[&str], phase: SyncPhase, health: HealthStatus) {
    for cluster in clusters {
        world.report(cluster, phase, health);
    }
}

/// The steps in a few words each, then what waits.
fn show(world: &World, plan: &Plan, report: &Report, out: &mut String) {
    let at = world.now.duration_since(start());
    writeln!(out, "at {}s", at.as_secs()).unwrap();
    for step in &plan.steps {
        writeln!(out, "  {} {}", step.rollout, words(world, &step.change)).unwrap();
    }
    for ((_, name), rollout) in &report.rollouts {
        let waves: Vec<_> = rollout
            .waves
            .iter()
            .map(|wave| {
                let (proven, total) = (wave.proven, wave.total);
                let mark = if wave.passed {
                    "passed"
                } else if wave.open {
                    "open"
                } else {
                    "closed"
                };
                format!("{} {mark} {proven}/{total}", wave.name)
            })
            .collect();
        writeln!(out, "  {name} {}: {}", rollout.phase, waves.join(", ")).unwrap();
        if let Some(wait) = &rollout.waits_for {
            writeln!(out, "    waits: {wait}").unwrap();
        }
        for (app, wait) in &rollout.waits {
            writeln!(out, "    {}: {wait}", app.name).unwrap();
        }
        for (cluster, app) in &rollout.may_run {
            writeln!(out, "    may run: {} on {cluster}", app.name).unwrap();
        }
        for note in &rollout.notes {
            writeln!(out, "    note: {note}").unwrap();
        }
    }
    if let Some((at, why)) = plan.wake {
        writeln!(out, "  wakes after {}s: {why}", at.duration_since(world.now).as_secs()).unwrap();
    }
}

fn words(world: &World, change: &Change) -> String {
    match change {
        Change::Start { waves } => format!("start {waves} waves"),
        Change::Supersede { by } => format!("superseded by {by}"),
        Change::Place { app, wave, late, fills } => {
            let wave = wave.map_or("no wave".to_owned(), |wave| format!("wave {wave}"));
            let late = if *late { " late" } else { "" };
            let fills = if *fills { " (full)" } else { "" };
            format!("place {} in {wave}{late}{fills}", app.name)
        }
        Change::Open { wave } => format!("open {wave}"),
        Change::Release { app, release, position, baseline, .. } => {
            let baseline = if *baseline { " as baseline" } else { "" };
            format!("release {} {} at {position}{baseline}", app.name, world.releases[release])
        }
        Change::Adopt { app, position } => format!("adopt {} at {position}", app.name),
        Change::Prove { app, position } => format!("prove {} at {position}", app.name),
        Change::Fail { app, reason } => format!("fail {}: {reason}", app.name),
        Change::Excuse { app, reason, may_run } => {
            format!("excuse {} {reason:?}{}", app.name, if *may_run { ", may run" } else { "" })
        }
        Change::Readmit { app, late } => format!("readmit {}{}", app.name, if *late { " late" } else { "" }),
        Change::Stop { app } => format!("stop {}", app.name),
        Change::Resume { app } => format!("resume {}", app.name),
        Change::Pass { wave } => format!("pass {wave}"),
        Change::Halt { wave, reason, member } => format!("halt in {wave}: {}: {reason}", member.name),
        Change::Finish => "finish".to_owned(),
    }
}

const CAREFUL: &str = r#"policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}, {"name": "rest", "maxUpdate": 1}]}"#;

#[test]
fn a_commit_is_proven_on_the_canary_and_then_goes_on_one_by_one() {
    check(
        &format!(
            "cluster c1 ring=canary
             cluster c2
             cluster c3
             {CAREFUL}
             commit A
             run
             run
             healthy c1
             run
             wait 5s
             run
             healthy c2
             wait 5s
             run
             healthy c3
             wait 5s
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 place web-c3 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
            at 0s
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
            at 0s
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 must stay Healthy until 2026-01-01T00:00:05Z
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
              wakes after 5s: a member has settled
            at 5s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c2 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c3
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest updates at most 1 at once: waits for c2
            at 10s
              r1 prove web-c2 at 1.1
              r1 release web-c3 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 1/2
                waits: wave rest waits for c3
                web-c3: c3 has not reported on this release yet
            at 15s
              r1 prove web-c3 at 1.1
              r1 pass 1
              r1 finish
              r1 Done: canary passed 1/1, rest passed 2/2
        "#]],
    );
}

#[test]
fn a_bad_commit_halts_at_the_canary_and_a_newer_one_takes_over() {
    check(
        r#"cluster c1 ring=canary
           cluster c2
           policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "deadline": "1m"}, {"name": "rest"}], "onFailure": "Rollback"}
           commit A
           run
           healthy c1
           wait 5s
           run
           healthy c2
           wait 5s
           run
           commit B
           run
           progressing c1
           run
           wait 1m
           run
           run
           commit A
           run
           healthy c1
           wait 5s
           run"#,
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
              wakes after 60s: a member's deadline
            at 5s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c2 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 0/1
                waits: wave rest waits for c2
                web-c2: c2 has not reported on this release yet
            at 10s
              r1 prove web-c2 at 1.1
              r1 pass 1
              r1 finish
              r1 Done: canary passed 1/1, rest passed 1/1
            at 10s
              r2 start 2 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 1
              r2 open 0
              r2 release web-c1 B at 1.2
              r2 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
              wakes after 60s: a member's deadline
            at 10s
              r2 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 is Progressing: 0 of 1 ready (fails at 2026-01-01T00:01:10Z)
                web-c2: wave rest has not opened: wave canary waits for c1
              wakes after 60s: a member's deadline
            at 70s
              r2 fail web-c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready
              r2 halt in 0: web-c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready
              r2 Halted: canary open 0/1, rest closed 0/1
                waits: halted in wave canary: argocd/web-c1 on c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready; a person or a newer commit must decide
                web-c1: c1 failed: was not proven within 1m: c1 is Progressing: 0 of 1 ready
                web-c2: halted in wave canary: argocd/web-c1 on c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready; a person or a newer commit must decide
                note: onFailure: Rollback acts as Halt for now; revert the commit to go back
            at 70s
              r2 Halted: canary open 0/1, rest closed 0/1
                waits: halted in wave canary: argocd/web-c1 on c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready; a person or a newer commit must decide
                web-c1: c1 failed: was not proven within 1m: c1 is Progressing: 0 of 1 ready
                web-c2: halted in wave canary: argocd/web-c1 on c1: was not proven within 1m: c1 is Progressing: 0 of 1 ready; a person or a newer commit must decide
                note: onFailure: Rollback acts as Halt for now; revert the commit to go back
            at 70s
              r2 superseded by r3
              r3 start 2 waves
              r3 place web-c1 in wave 0
              r3 place web-c2 in wave 1
              r3 prove web-c2 at 1.1
              r3 open 0
              r3 release web-c1 A at 1.3
              r3 Progressing: canary open 0/1, rest closed 1/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
              wakes after 60s: a member's deadline
            at 75s
              r3 prove web-c1 at 1.3
              r3 pass 0
              r3 open 1
              r3 pass 1
              r3 finish
              r3 Done: canary passed 1/1, rest passed 1/1
        "#]],
    );
}

#[test]
fn without_a_deadline_degraded_fails_at_once_and_progressing_never() {
    check(
        r#"cluster c1
           cluster c2
           policy {"waves": [{"name": "all", "maxFailures": 1}]}
           commit A
           run
           progressing c1
           wait 1h
           run
           degraded c1
           run
           healthy c1
           failed c2
           run
           wait 5s
           run
           commit A
           run"#,
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 0
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 release web-c2 A at 1.1
              r1 Progressing: all open 0/2
                waits: wave all waits for c1, c2
                web-c1: c1 has not reported on this release yet
                web-c2: c2 has not reported on this release yet
            at 3600s
              r1 Progressing: all open 0/2
                waits: wave all waits for c1, c2
                web-c1: c1 is Progressing: 0 of 1 ready
                web-c2: c2 has not reported on this release yet
            at 3600s
              r1 fail web-c1: is Degraded: 0 of 1 ready
              r1 Progressing: all open 0/2
                waits: wave all waits for c2
                web-c1: c1 failed: is Degraded: 0 of 1 ready
                web-c2: c2 has not reported on this release yet
            at 3600s
              r1 fail web-c2: the sync failed: apply refused
              r1 halt in 0: web-c2: the sync failed: apply refused
              r1 Halted: all open 0/2
                waits: halted in wave all: argocd/web-c2 on c2: the sync failed: apply refused; a person or a newer commit must decide
                web-c1: c1 must stay Healthy until 2026-01-01T01:00:05Z
                web-c2: c2 failed: the sync failed: apply refused
              wakes after 5s: a member has settled
            at 3605s
              r1 prove web-c1 at 1.1
              r1 Halted: all open 1/2
                waits: halted in wave all: argocd/web-c2 on c2: the sync failed: apply refused; a person or a newer commit must decide
                web-c2: c2 failed: the sync failed: apply refused
            at 3605s
              r1 superseded by r2
              r2 start 1 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 0
              r2 prove web-c1 at 1.1
              r2 adopt web-c2 at 1.1
              r2 fail web-c2: the sync failed: apply refused
              r2 open 0
              r2 pass 0
              r2 finish
              r2 Done: all passed 1/2
                web-c2: c2 failed: the sync failed: apply refused
        "#]],
    );
}

#[test]
fn a_proven_member_that_turns_degraded_is_a_failure_and_soaks_again() {
    check(
        r#"cluster c1 ring=canary
           cluster c2 ring=canary
           cluster c3
           policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "soak": "1m", "maxFailures": 1}, {"name": "rest"}]}
           commit A
           run
           healthy c1 c2
           wait 5s
           run
           progressing c2
           wait 30s
           run
           degraded c2
           run
           wait 10s
           healthy c2
           wait 5s
           run
           wait 59s
           run
           wait 1s
           run"#,
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 0
              r1 place web-c3 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 release web-c2 A at 1.1
              r1 Progressing: canary open 0/2, rest closed 0/1
                waits: wave canary waits for c1, c2
                web-c1: c1 has not reported on this release yet
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest has not opened: wave canary waits for c1, c2
            at 5s
              r1 prove web-c1 at 1.1
              r1 prove web-c2 at 1.1
              r1 Progressing: canary open 2/2, rest closed 0/1
                waits: wave canary must stay proven until 2026-01-01T00:01:05Z
                web-c3: wave rest has not opened: wave canary must stay proven until 2026-01-01T00:01:05Z
              wakes after 60s: a wave has soaked
            at 35s
              r1 Progressing: canary open 2/2, rest closed 0/1
                waits: wave canary must stay proven until 2026-01-01T00:01:05Z
                web-c3: wave rest has not opened: wave canary must stay proven until 2026-01-01T00:01:05Z
              wakes after 30s: a wave has soaked
            at 35s
              r1 fail web-c2: turned Degraded after it was proven: 0 of 1 ready
              r1 Progressing: canary open 1/2, rest closed 0/1
                waits: wave canary must stay proven until 2026-01-01T00:01:05Z
                web-c2: c2 failed: turned Degraded after it was proven: 0 of 1 ready
                web-c3: wave rest has not opened: wave canary must stay proven until 2026-01-01T00:01:05Z
              wakes after 30s: a wave has soaked
            at 50s
              r1 prove web-c2 at 1.1
              r1 Progressing: canary open 2/2, rest closed 0/1
                waits: wave canary must stay proven until 2026-01-01T00:01:50Z
                web-c3: wave rest has not opened: wave canary must stay proven until 2026-01-01T00:01:50Z
              wakes after 60s: a wave has soaked
            at 109s
              r1 Progressing: canary open 2/2, rest closed 0/1
                waits: wave canary must stay proven until 2026-01-01T00:01:50Z
                web-c3: wave rest has not opened: wave canary must stay proven until 2026-01-01T00:01:50Z
              wakes after 1s: a wave has soaked
            at 110s
              r1 pass 0
              r1 open 1
              r1 release web-c3 A at 1.1
              r1 Progressing: canary passed 2/2, rest open 0/1
                waits: wave rest waits for c3
                web-c3: c3 has not reported on this release yet
        "#]],
    );
}

#[test]
fn a_paused_canary_stops_everything_and_says_so() {
    check(
        &format!(
            "cluster c1 ring=canary
             cluster c2
             {CAREFUL}
             pause c1
             commit A
             run
             resume c1
             pause-for c1 2h
             run
             wait 2h
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 open 0
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 is paused by ann: INC-7 (not acknowledged yet)
                web-c2: wave rest has not opened: wave canary waits for c1
            at 0s
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 is paused by ann until 2026-01-01T02:00:00Z: INC-7 (not acknowledged yet)
                web-c2: wave rest has not opened: wave canary waits for c1
              wakes after 7200s: a pause ends
            at 7200s
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
        "#]],
    );
}

#[test]
fn skipped_members_are_excused_and_nothing_proven_holds() {
    check(
        r#"cluster c1 ring=canary
           cluster c2 ring=canary
           cluster c3
           policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}, {"name": "rest"}], "paused": "Skip", "unreachable": {"after": "2m", "action": "Skip", "atMost": 1}}
           lost c1
           pause c2
           commit A
           run
           wait 2m
           run
           resume c2
           run
           healthy c2
           wait 5s
           run
           back c1
           run
           healthy c1 c3
           wait 5s
           run"#,
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 0
              r1 place web-c3 in wave 1
              r1 open 0
              r1 excuse web-c2 Paused
              r1 Progressing: canary open 0/2, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: c2 is paused by ann: INC-7 (not acknowledged yet)
                web-c3: wave rest has not opened: wave canary waits for c1
              wakes after 120s: a silent cluster counts as unreachable
            at 120s
              r1 excuse web-c1 Unreachable
              r1 Progressing: canary open 0/2, rest closed 0/1
                waits: wave canary has 0 of 1 proven members that it needs (2 excused), and no other that can be
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: c2 is paused by ann: INC-7 (not acknowledged yet)
                web-c3: wave rest has not opened: wave canary has 0 of 1 proven members that it needs (2 excused), and no other that can be
            at 120s
              r1 readmit web-c2
              r1 release web-c2 A at 1.1
              r1 Progressing: canary open 0/2, rest closed 0/1
                waits: wave canary waits for c2
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest has not opened: wave canary waits for c2
            at 125s
              r1 prove web-c2 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c3 A at 1.1
              r1 Progressing: canary passed 1/2, rest open 0/1
                waits: wave rest waits for c3
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c3: c3 has not reported on this release yet
            at 125s
              r1 readmit web-c1 late
              r1 release web-c1 A at 1.1
              r1 Progressing: canary passed 1/2, rest open 0/1
                waits: wave rest waits for c3
                web-c1: c1 has not reported on this release yet
                web-c3: c3 has not reported on this release yet
            at 130s
              r1 prove web-c1 at 1.1
              r1 prove web-c3 at 1.1
              r1 pass 1
              r1 finish
              r1 Done: canary passed 2/2, rest passed 1/1
        "#]],
    );
}

#[test]
fn a_cut_off_member_holds_its_slot_until_it_is_excused() {
    check(
        r#"cluster c1
           cluster c2
           cluster c3
           policy {"waves": [{"name": "all", "maxUpdate": 1}], "unreachable": {"after": "2m", "action": "Skip", "atMost": "10%"}}
           commit A
           run
           lost c1
           run
           wait 2m
           run
           lost c2
           wait 2m
           run
           back c1
           run
           healthy c1
           wait 5s
           run"#,
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 0
              r1 place web-c3 in wave 0
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: all open 0/3
                waits: wave all waits for c1, c2, c3
                web-c1: c1 has not reported on this release yet
                web-c2: wave all updates at most 1 at once: waits for c1
                web-c3: wave all updates at most 1 at once: waits for c1
            at 0s
              r1 Progressing: all open 0/3
                waits: wave all waits for c1, c2, c3
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: wave all updates at most 1 at once: waits for c1
                web-c3: wave all updates at most 1 at once: waits for c1
              wakes after 120s: a silent cluster counts as unreachable
            at 120s
              r1 excuse web-c1 Unreachable, may run
              r1 release web-c2 A at 1.1
              r1 Progressing: all open 0/3
                waits: wave all waits for c2, c3
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: c2 has not reported on this release yet
                web-c3: wave all updates at most 1 at once: waits for c2
                may run: web-c1 on c1
            at 240s
              r1 Progressing: all open 0/3
                waits: wave all waits for c2, c3
                web-c1: c1 is away since 2026-01-01T00:00:00Z
                web-c2: c2 is away since 2026-01-01T00:02:00Z
                web-c3: wave all updates at most 1 at once: waits for c2
                may run: web-c1 on c1
            at 240s
              r1 readmit web-c1
              r1 excuse web-c2 Unreachable, may run
              r1 Progressing: all open 0/3
                waits: wave all waits for c1, c3
                web-c1: c1 has not reported on this release yet
                web-c2: c2 is away since 2026-01-01T00:02:00Z
                web-c3: wave all updates at most 1 at once: waits for c1
                may run: web-c2 on c2
            at 245s
              r1 prove web-c1 at 1.1
              r1 release web-c3 A at 1.1
              r1 Progressing: all open 1/3
                waits: wave all waits for c3
                web-c2: c2 is away since 2026-01-01T00:02:00Z
                web-c3: c3 has not reported on this release yet
                may run: web-c2 on c2
        "#]],
    );
}

#[test]
fn a_deadline_stands_still_while_the_cluster_is_paused() {
    check(
        r#"cluster c1
           policy {"waves": [{"name": "all", "deadline": "1m"}]}
           commit A
           run
           wait 50s
           pause c1
           run
           wait 1h
           run
           resume c1
           run
           wait 59s
           run
           wait 1s
           run"#,
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place web-c1 in wave 0
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 has not reported on this release yet
              wakes after 60s: a member's deadline
            at 50s
              r1 stop web-c1
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 is paused by ann: INC-7 (not acknowledged yet)
            at 3650s
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 is paused by ann: INC-7 (not acknowledged yet)
            at 3650s
              r1 resume web-c1
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 has not reported on this release yet
              wakes after 60s: a member's deadline
            at 3709s
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 has not reported on this release yet
              wakes after 1s: a member's deadline
            at 3710s
              r1 fail web-c1: was not proven within 1m: c1 has not reported on this release yet
              r1 halt in 0: web-c1: was not proven within 1m: c1 has not reported on this release yet
              r1 Halted: all open 0/1
                waits: halted in wave all: argocd/web-c1 on c1: was not proven within 1m: c1 has not reported on this release yet; a person or a newer commit must decide
                web-c1: c1 failed: was not proven within 1m: c1 has not reported on this release yet
        "#]],
    );
}

#[test]
fn joiners_get_the_baseline_or_the_release_of_the_wave_that_passed() {
    check(
        &format!(
            "cluster c1 ring=canary
             cluster c2
             {CAREFUL}
             commit A
             run
             cluster c9
             run
             healthy c1
             wait 5s
             run
             healthy c2
             wait 5s
             run
             healthy c9
             wait 5s
             run
             commit B
             run
             cluster c8
             run
             cluster c0 ring=canary
             run
             healthy c8 c0 c1
             wait 5s
             run
             cluster d1 ring=canary
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
            at 0s
              r1 place web-c9 in wave 1
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c9: wave rest has not opened: wave canary waits for c1
            at 5s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c2 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c9
                web-c2: c2 has not reported on this release yet
                web-c9: wave rest updates at most 1 at once: waits for c2
            at 10s
              r1 prove web-c2 at 1.1
              r1 release web-c9 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 1/2
                waits: wave rest waits for c9
                web-c9: c9 has not reported on this release yet
            at 15s
              r1 prove web-c9 at 1.1
              r1 pass 1
              r1 finish
              r1 Done: canary passed 1/1, rest passed 2/2
            at 15s
              r2 start 2 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 1
              r2 place web-c9 in wave 1
              r2 open 0
              r2 release web-c1 B at 1.2
              r2 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c9: wave rest has not opened: wave canary waits for c1
            at 15s
              r2 place web-c8 in wave 1
              r1 place web-c8 in wave 1 late
              r1 release web-c8 A at 1.1 as baseline
              r2 Progressing: canary open 0/1, rest closed 0/3
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c8: wave rest has not opened: wave canary waits for c1
                web-c9: wave rest has not opened: wave canary waits for c1
            at 15s
              r2 place web-c0 in wave 0
              r2 release web-c0 B at 1.1
              r2 Progressing: canary open 0/2, rest closed 0/3
                waits: wave canary waits for c0, c1
                web-c0: c0 has not reported on this release yet
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c0, c1
                web-c8: wave rest has not opened: wave canary waits for c0, c1
                web-c9: wave rest has not opened: wave canary waits for c0, c1
            at 20s
              r1 prove web-c8 at 1.1
              r2 prove web-c0 at 1.1
              r2 prove web-c1 at 1.2
              r2 pass 0
              r2 open 1
              r2 release web-c2 B at 1.2
              r2 Progressing: canary passed 2/2, rest open 0/3
                waits: wave rest waits for c2, c8, c9
                web-c2: c2 has not reported on this release yet
                web-c8: wave rest updates at most 1 at once: waits for c2
                web-c9: wave rest updates at most 1 at once: waits for c2
            at 20s
              r2 place web-d1 in wave 0 late
              r2 release web-d1 B at 1.1
              r2 Progressing: canary passed 2/3, rest open 0/3
                waits: wave rest waits for c2, c8, c9
                web-c2: c2 has not reported on this release yet
                web-c8: wave rest updates at most 1 at once: waits for c2
                web-c9: wave rest updates at most 1 at once: waits for c2
                web-d1: d1 has not reported on this release yet
        "#]],
    );
}

#[test]
fn take_waves_count_clusters_in_name_order_and_stay_full() {
    check(
        r#"apps api web
           cluster c2
           cluster c1
           cluster c3
           policy {"waves": [{"name": "first", "take": 1}, {"name": "second", "match": {"matchLabels": {"zone": "x"}}}]}
           commit A
           run
           leave c1
           cluster b1
           run
           cluster b1 zone=x
           run"#,
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place api-c1 in wave 0 (full)
              r1 place web-c1 in wave 0
              r1 place api-c2 in no wave
              r1 place web-c2 in no wave
              r1 place api-c3 in no wave
              r1 place web-c3 in no wave
              r1 open 0
              r1 release api-c1 A at 1.1
              r1 release web-c1 A at 1.1
              r1 Progressing: first open 0/2, second closed 0/0
                waits: wave first waits for c1
                api-c1: c1 has not reported on this release yet
                api-c2: no wave takes c2: add a wave that matches it
                api-c3: no wave takes c3: add a wave that matches it
                web-c1: c1 has not reported on this release yet
                web-c2: no wave takes c2: add a wave that matches it
                web-c3: no wave takes c3: add a wave that matches it
            at 0s
              r1 place api-b1 in no wave
              r1 place web-b1 in no wave
              r1 Progressing: first open 0/0, second closed 0/0
                waits: wave first has 0 of 1 proven members that it needs (0 excused), and no other that can be
                api-b1: no wave takes b1: add a wave that matches it
                api-c2: no wave takes c2: add a wave that matches it
                api-c3: no wave takes c3: add a wave that matches it
                web-b1: no wave takes b1: add a wave that matches it
                web-c2: no wave takes c2: add a wave that matches it
                web-c3: no wave takes c3: add a wave that matches it
            at 0s
              r1 place api-b1 in wave 1
              r1 place web-b1 in wave 1
              r1 Progressing: first open 0/0, second closed 0/2
                waits: wave first has 0 of 1 proven members that it needs (0 excused), and no other that can be
                api-b1: wave second has not opened: wave first has 0 of 1 proven members that it needs (0 excused), and no other that can be
                api-c2: no wave takes c2: add a wave that matches it
                api-c3: no wave takes c3: add a wave that matches it
                web-b1: wave second has not opened: wave first has 0 of 1 proven members that it needs (0 excused), and no other that can be
                web-c2: no wave takes c2: add a wave that matches it
                web-c3: no wave takes c3: add a wave that matches it
        "#]],
    );
}

#[test]
fn a_newer_commit_queues_once_the_canary_is_proven() {
    check(
        &format!(
            "cluster c1 ring=canary
             cluster c2
             {CAREFUL}
             commit A
             run
             commit B
             run
             healthy c1
             wait 5s
             run
             commit C
             commit D
             run
             healthy c2
             wait 5s
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
            at 0s
              r1 superseded by r2
              r2 start 2 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 1
              r2 open 0
              r2 release web-c1 B at 1.2
              r2 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: c2 joined before wave rest was reached and no earlier rollout got that far: wave canary waits for c1
            at 5s
              r2 prove web-c1 at 1.2
              r2 pass 0
              r2 open 1
              r2 release web-c2 B at 1.1
              r2 Progressing: canary passed 1/1, rest open 0/1
                waits: wave rest waits for c2
                web-c2: c2 has not reported on this release yet
            at 5s
              r3 superseded by r4
              r2 Progressing: canary passed 1/1, rest open 0/1
                waits: wave rest waits for c2
                web-c2: c2 has not reported on this release yet
              r4 Queued: 
                waits: waits for its turn behind r2
                web-c1: waits for its turn behind r2
                web-c2: waits for its turn behind r2
            at 10s
              r2 prove web-c2 at 1.1
              r2 pass 1
              r2 finish
              r4 start 2 waves
              r4 place web-c1 in wave 0
              r4 place web-c2 in wave 1
              r4 open 0
              r4 release web-c1 D at 1.3
              r4 Progressing: canary open 0/1, rest closed 0/1
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
        "#]],
    );
}

#[test]
fn restart_keeps_the_slots_of_what_it_replaces() {
    check(
        r#"cluster c1 ring=canary
           cluster c2
           cluster c3
           policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}, {"name": "rest", "maxUpdate": 2}], "supersede": "Restart"}
           commit A
           run
           healthy c1
           wait 5s
           run
           policy {"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}, {"name": "rest", "maxUpdate": 1}], "supersede": "Restart"}
           commit B
           run
           healthy c1
           wait 5s
           run
           healthy c2
           wait 5s
           run"#,
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 place web-c3 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
            at 5s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c2 A at 1.1
              r1 release web-c3 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c3
                web-c2: c2 has not reported on this release yet
                web-c3: c3 has not reported on this release yet
            at 5s
              r1 superseded by r2
              r2 start 2 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 1
              r2 place web-c3 in wave 1
              r2 open 0
              r2 release web-c1 B at 1.2
              r2 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
            at 10s
              r2 prove web-c1 at 1.2
              r2 pass 0
              r2 open 1
              r2 release web-c2 B at 1.2
              r2 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c3
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest updates at most 1 at once: waits for c2, c3
            at 15s
              r2 prove web-c2 at 1.2
              r2 release web-c3 B at 1.2
              r2 Progressing: canary passed 1/1, rest open 1/2
                waits: wave rest waits for c3
                web-c3: c3 has not reported on this release yet
        "#]],
    );
}

#[test]
fn what_is_there_already_is_proven_and_a_revert_goes_back_at_once() {
    check(
        &format!(
            "cluster c1 ring=canary
             cluster c2
             cluster c3
             {CAREFUL}
             commit A
             run
             healthy c1
             wait 5s
             run
             healthy c2
             wait 5s
             run
             healthy c3
             wait 5s
             run
             commit B on A c2 c3
             run
             degraded c2
             run
             commit A
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 1
              r1 place web-c3 in wave 1
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: canary open 0/1, rest closed 0/2
                waits: wave canary waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave rest has not opened: wave canary waits for c1
                web-c3: wave rest has not opened: wave canary waits for c1
            at 5s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 release web-c2 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c3
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest updates at most 1 at once: waits for c2
            at 10s
              r1 prove web-c2 at 1.1
              r1 release web-c3 A at 1.1
              r1 Progressing: canary passed 1/1, rest open 1/2
                waits: wave rest waits for c3
                web-c3: c3 has not reported on this release yet
            at 15s
              r1 prove web-c3 at 1.1
              r1 pass 1
              r1 finish
              r1 Done: canary passed 1/1, rest passed 2/2
            at 15s
              r2 start 2 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 1
              r2 place web-c3 in wave 1
              r2 prove web-c1 at 1.1
              r2 open 0
              r2 pass 0
              r2 open 1
              r2 release web-c2 B at 1.2
              r2 Progressing: canary passed 1/1, rest open 0/2
                waits: wave rest waits for c2, c3
                web-c2: c2 has not reported on this release yet
                web-c3: wave rest updates at most 1 at once: waits for c2
            at 15s
              r2 fail web-c2: is Degraded: 0 of 1 ready
              r2 halt in 1: web-c2: is Degraded: 0 of 1 ready
              r2 Halted: canary passed 1/1, rest open 0/2
                waits: halted in wave rest: argocd/web-c2 on c2: is Degraded: 0 of 1 ready; a person or a newer commit must decide
                web-c2: c2 failed: is Degraded: 0 of 1 ready
                web-c3: halted in wave rest: argocd/web-c2 on c2: is Degraded: 0 of 1 ready; a person or a newer commit must decide
            at 15s
              r2 superseded by r3
              r3 start 2 waves
              r3 place web-c1 in wave 0
              r3 place web-c2 in wave 1
              r3 place web-c3 in wave 1
              r3 prove web-c1 at 1.1
              r3 prove web-c3 at 1.1
              r3 open 0
              r3 pass 0
              r3 open 1
              r3 release web-c2 A at 1.3
              r3 Progressing: canary passed 1/1, rest open 1/2
                waits: wave rest waits for c2
                web-c2: c2 has not reported on this release yet
        "#]],
    );
}

#[test]
fn rolling_sync_counts_as_argo_cd_and_never_halts() {
    check(
        r#"cluster c1 env=dev
           cluster c2 env=qa
           cluster c3 env=prod
           cluster c4 env=prod
           cluster c5 env=odd
           rolling {"steps": [
             {"matchExpressions": [{"key": "env", "operator": "In", "values": ["dev"]}]},
             {"matchExpressions": [{"key": "env", "operator": "In", "values": ["none"]}]},
             {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod", "odd"]}]},
             {"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}], "maxUpdate": "0%"}]}
           manual
           commit A
           run
           degraded c1
           run
           healthy c1
           run
           healthy c2
           run
           commit B
           run"#
            .replace("\n             ", " ")
            .as_str(),
        expect![[r#"
            at 0s
              r1 start 4 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 2
              r1 place web-c3 in wave 3
              r1 place web-c4 in wave 3
              r1 place web-c5 in no wave
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: 1 open 0/1, 2 closed 0/0, 3 closed 0/1, 4 closed 0/2
                waits: wave 1 waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave 3 has not opened: wave 1 waits for c1
                web-c3: wave 4 has not opened: wave 1 waits for c1
                web-c4: wave 4 has not opened: wave 1 waits for c1
                web-c5: no wave takes c5: add a wave that matches it
            at 0s
              r1 fail web-c1: is Degraded: 0 of 1 ready
              r1 Progressing: 1 open 0/1, 2 closed 0/0, 3 closed 0/1, 4 closed 0/2
                waits: wave 1 waits for c1
                web-c1: c1 failed: is Degraded: 0 of 1 ready
                web-c2: wave 3 has not opened: wave 1 waits for c1
                web-c3: wave 4 has not opened: wave 1 waits for c1
                web-c4: wave 4 has not opened: wave 1 waits for c1
                web-c5: no wave takes c5: add a wave that matches it
            at 0s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 open 1
              r1 pass 1
              r1 open 2
              r1 release web-c2 A at 1.1
              r1 Progressing: 1 passed 1/1, 2 passed 0/0, 3 open 0/1, 4 closed 0/2
                waits: wave 3 waits for c2
                web-c2: c2 has not reported on this release yet
                web-c3: wave 4 has not opened: wave 3 waits for c2
                web-c4: wave 4 has not opened: wave 3 waits for c2
                web-c5: no wave takes c5: add a wave that matches it
            at 0s
              r1 prove web-c2 at 1.1
              r1 pass 2
              r1 open 3
              r1 Progressing: 1 passed 1/1, 2 passed 0/0, 3 passed 1/1, 4 open 0/2
                waits: wave 4 waits for c3, c4
                web-c3: wave 4 has maxUpdate 0: a person must raise it
                web-c4: wave 4 has maxUpdate 0: a person must raise it
                web-c5: no wave takes c5: add a wave that matches it
            at 0s
              r1 superseded by r2
              r2 start 4 waves
              r2 place web-c1 in wave 0
              r2 place web-c2 in wave 2
              r2 place web-c3 in wave 3
              r2 place web-c4 in wave 3
              r2 place web-c5 in no wave
              r2 open 0
              r2 release web-c1 B at 1.2
              r2 Progressing: 1 open 0/1, 2 closed 0/0, 3 closed 0/1, 4 closed 0/2
                waits: wave 1 waits for c1
                web-c1: c1 has not reported on this release yet
                web-c2: wave 3 has not opened: wave 1 waits for c1
                web-c3: c3 joined before wave 4 was reached and no earlier rollout got that far: wave 1 waits for c1
                web-c4: c4 joined before wave 4 was reached and no earlier rollout got that far: wave 1 waits for c1
                web-c5: no wave takes c5: add a wave that matches it
        "#]],
    );
}

#[test]
fn without_a_policy_a_person_syncs_what_is_not_automated() {
    check(
        "cluster c1
         manual
         commit A
         run
         sync c1
         run
         healthy c1
         run
         commit B
         run
         commit C
         run",
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place web-c1 in wave 0
              r1 open 0
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: a person must sync argocd/web-c1 to 39e286b0e602
            at 0s
              r1 release web-c1 A at 1.1
              r1 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: c1 has not reported on this release yet
            at 0s
              r1 prove web-c1 at 1.1
              r1 pass 0
              r1 finish
              r1 Done: all passed 1/1
            at 0s
              r2 start 1 waves
              r2 place web-c1 in wave 0
              r2 open 0
              r2 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: a person must sync argocd/web-c1 to ad5b4eddfcff
            at 0s
              r2 superseded by r3
              r3 start 1 waves
              r3 place web-c1 in wave 0
              r3 open 0
              r3 Progressing: all open 0/1
                waits: wave all waits for c1
                web-c1: a person must sync argocd/web-c1 to fa74f0845388
        "#]],
    );
}

#[test]
fn a_cluster_has_its_own_limit_across_applications() {
    check(
        "cluster c1
         limit 1
         apps api web
         commit A
         run
         run",
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place api-c1 in wave 0
              r1 place web-c1 in wave 0
              r1 open 0
              r1 release api-c1 A at 1.1
              r1 Progressing: all open 0/2
                waits: wave all waits for c1
                api-c1: c1 has not reported on this release yet
                web-c1: c1 updates at most 1 applications at once
            at 0s
              r1 Progressing: all open 0/2
                waits: wave all waits for c1
                api-c1: c1 has not reported on this release yet
                web-c1: c1 updates at most 1 applications at once
        "#]],
    );
}

#[test]
fn observing_held_and_unknown_clusters_are_named() {
    check(
        "cluster c1
         cluster c2
         observe c1
         hold c2
         commit A
         run
         healthy c1 c2
         run",
        expect![[r#"
            at 0s
              r1 start 1 waves
              r1 place web-c1 in wave 0
              r1 place web-c2 in wave 0
              r1 open 0
              r1 release web-c1 A at 1.1
              r1 Progressing: all open 0/2
                waits: wave all waits for c1, c2
                web-c1: c1 only observes (spec.mode: Observe), so nothing can be proven there
                web-c2: c2 is held: another cluster answers under its name (ClusterReplaced)
            at 0s
              r1 Progressing: all open 0/2
                waits: wave all waits for c1, c2
                web-c1: c1 only observes (spec.mode: Observe), so nothing can be proven there
                web-c2: c2 is held: another cluster answers under its name (ClusterReplaced)
        "#]],
    );
}

#[test]
fn an_empty_wave_of_a_policy_holds_and_an_empty_fleet_says_so() {
    check(
        &format!(
            "cluster c2
             {CAREFUL}
             commit A
             run
             leave c2
             run
             immediate
             commit B
             run"
        ),
        expect![[r#"
            at 0s
              r1 start 2 waves
              r1 place web-c2 in wave 1
              r1 open 0
              r1 Progressing: canary open 0/0, rest closed 0/1
                waits: wave canary has 0 of 1 proven members that it needs (0 excused), and no other that can be
                web-c2: wave rest has not opened: wave canary has 0 of 1 proven members that it needs (0 excused), and no other that can be
            at 0s
              r1 Progressing: canary open 0/0, rest closed 0/0
                waits: wave canary has 0 of 1 proven members that it needs (0 excused), and no other that can be
            at 0s
              r1 superseded by r2
              r2 start 1 waves
              r2 open 0
              r2 pass 0
              r2 finish
              r2 Done: all passed 0/0
        "#]],
    );
}
