//! Scripts: the manual of waves in `tests/scenarios`, and what is too small for it in `scripts`; in both, lines with `>` say what happens
//! to a fleet, and after each `run` follows what the planner does and what waits. The answers are
//! written anew by `UPDATE_EXPECT=1 cargo test -p shared-rollout`.

use crate::{
    Change, Hold, Link, Plan, Report,
    tests::world::{Source, World, other_owner, start},
};
use expect_test::{ExpectFile, expect_file};
use shared_model::{
    ClusterName, HealthStatus, Mode, RollingSync, SyncPhase, fleet_rollout::PlanSpec, parse_duration,
};
use std::fmt::Write as _;

/// Plays the commands of a script; the script with the answers to them is `expect`.
#[allow(clippy::needless_pass_by_value, reason = "expect_file! makes a value")]
fn check(script: &str, expect: ExpectFile) {
    let mut world = World::new();
    let mut out = String::new();
    for line in script.lines().filter(|line| line.starts_with(['>', '#'])) {
        writeln!(out, "{line}").unwrap();
        if let Some(command) = line.strip_prefix("> ") {
            play(&mut world, command, &mut out);
        }
    }
    expect.assert_eq(&out);
}

macro_rules! scripts {
    ($folder:literal: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let file = concat!($folder, stringify!($name), ".txt");
                check(include_str!(concat!($folder, stringify!($name), ".txt")), expect_file![file]);
            }
        )*
    };
}

// The manual of waves, in the order in which it is best read.
scripts! { "../../../../tests/scenarios/":
    a_commit_is_proven_on_the_canary_and_then_goes_on_one_by_one
    a_proven_member_that_turns_degraded_is_a_failure_and_soaks_again
    with_a_deadline_degraded_may_still_mend_itself
    some_failures_are_tolerated_and_keep_their_slots
    a_bad_commit_halts_at_the_canary_and_a_newer_one_takes_over
    a_quorum_is_a_share_of_the_wave
    take_waves_count_clusters_in_name_order_and_stay_full
    joiners_get_the_baseline_or_the_release_of_the_wave_that_passed
    approvals_before_and_after
    sync_windows_hold_releases_and_say_when_they_open
    a_freeze_holds_the_whole_fleet_and_lifts_by_itself
    a_set_waits_for_another_on_each_cluster
    two_sets_share_the_limit_of_a_cluster
    a_cut_off_member_holds_its_slot_until_it_is_excused
    a_cluster_that_was_away_catches_up_with_what_was_proven
    what_is_away_is_withdrawn_first_when_a_rollout_halts
    a_hub_that_was_away_gives_everybody_their_time_anew
    a_paused_canary_stops_everything_and_says_so
    a_paused_application_is_left_alone
    a_rollback_goes_newest_wave_first_to_what_was_proven
    a_person_undoes_what_was_done_and_the_line_waits
    what_is_there_already_is_proven_and_a_revert_goes_back_at_once
    a_halted_rollout_tries_again_when_a_person_says_so
    what_went_back_starts_again_at_wave_one
    a_newer_commit_queues_once_the_canary_is_proven
    restart_keeps_the_slots_of_what_it_replaces
    a_busy_repository_starves_nobody
    a_person_pauses_a_rollout
    expedite_lets_a_fix_go_ahead
    a_cluster_that_is_retired_holds_nothing_up
    rolling_sync_counts_as_argo_cd_and_never_halts
}

/// The manual's index names every scenario once, in the order of the tests.
#[test]
fn the_manual_of_waves_has_an_index() {
    let text = include_str!("../../../../tests/scenarios/README.md");
    let listed: Vec<_> =
        text.split("](").skip(1).filter_map(|rest| rest.split_once(".txt)")).map(|(name, _)| name).collect();
    assert_eq!(listed, MANUAL);
}

const MANUAL: [&str; 31] = [
    "a_commit_is_proven_on_the_canary_and_then_goes_on_one_by_one",
    "a_proven_member_that_turns_degraded_is_a_failure_and_soaks_again",
    "with_a_deadline_degraded_may_still_mend_itself",
    "some_failures_are_tolerated_and_keep_their_slots",
    "a_bad_commit_halts_at_the_canary_and_a_newer_one_takes_over",
    "a_quorum_is_a_share_of_the_wave",
    "take_waves_count_clusters_in_name_order_and_stay_full",
    "joiners_get_the_baseline_or_the_release_of_the_wave_that_passed",
    "approvals_before_and_after",
    "sync_windows_hold_releases_and_say_when_they_open",
    "a_freeze_holds_the_whole_fleet_and_lifts_by_itself",
    "a_set_waits_for_another_on_each_cluster",
    "two_sets_share_the_limit_of_a_cluster",
    "a_cut_off_member_holds_its_slot_until_it_is_excused",
    "a_cluster_that_was_away_catches_up_with_what_was_proven",
    "what_is_away_is_withdrawn_first_when_a_rollout_halts",
    "a_hub_that_was_away_gives_everybody_their_time_anew",
    "a_paused_canary_stops_everything_and_says_so",
    "a_paused_application_is_left_alone",
    "a_rollback_goes_newest_wave_first_to_what_was_proven",
    "a_person_undoes_what_was_done_and_the_line_waits",
    "what_is_there_already_is_proven_and_a_revert_goes_back_at_once",
    "a_halted_rollout_tries_again_when_a_person_says_so",
    "what_went_back_starts_again_at_wave_one",
    "a_newer_commit_queues_once_the_canary_is_proven",
    "restart_keeps_the_slots_of_what_it_replaces",
    "a_busy_repository_starves_nobody",
    "a_person_pauses_a_rollout",
    "expedite_lets_a_fix_go_ahead",
    "a_cluster_that_is_retired_holds_nothing_up",
    "rolling_sync_counts_as_argo_cd_and_never_halts",
];

scripts! { "scripts/":
    a_failure_after_a_retry_counts
    a_baseline_under_a_rolled_back_rollout_keeps_to_max_update
    an_overrun_is_for_waves_that_began_in_the_window
    what_was_let_past_holds_nothing_any_more
    a_done_rollout_halts_when_its_joiners_fail
    a_moved_application_joins_the_wave_of_its_new_cluster
    a_release_of_an_older_rollout_is_proven_after_a_pause
    a_removed_application_comes_back_at_a_higher_position
    a_revert_in_a_closed_wave_goes_back_at_once
    an_agent_ahead_of_the_store_is_left_alone
    what_halted_is_nobodys_baseline
    what_was_proven_before_counts_again_after_a_failure
    without_a_deadline_degraded_fails_at_once_and_progressing_never
    skipped_members_are_excused_and_nothing_proven_holds
    a_deadline_stands_still_while_the_cluster_is_paused
    rolling_sync_steps_know_in_and_not_in_only
    without_a_policy_a_person_syncs_what_is_not_automated
    a_cluster_has_its_own_limit_across_applications
    observing_held_and_unknown_clusters_are_named
    an_empty_wave_of_a_policy_holds_and_an_empty_fleet_says_so
    a_pinned_member_is_excused_by_name_and_holds_no_slot
    a_pinned_canary_proves_nothing
    what_was_adopted_is_moved_by_what_came_after_only
    who_has_nothing_to_go_back_to_is_named
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
        "remove" => {
            for seat in world.seats(&ClusterName::new(words[0])) {
                world.remove(&seat);
            }
        }
        "roam" => world.roam(ClusterName::new(words[0])),
        "ahead" => {
            for seat in world.seats(&ClusterName::new(words[0])) {
                if let Some(agent) = world.agents.get_mut(&seat) {
                    agent.0.generation += 5;
                }
            }
            each(world, &words, SyncPhase::Succeeded, HealthStatus::Healthy);
        }
        "commit-other" => {
            let source = Source { commit: words[0].to_owned(), ..Source::default() };
            world.commit_to(&other_owner(), source);
        }
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
        "forget" => world.forget(words[0]),
        "adopt" => world.adopt(words[0]),
        "pin" => world.pin(words[0]),
        "unpin" => world.unpin(words[0]),
        "sync" => {
            let name = ClusterName::new(words[0]);
            for (_, app) in world.seats(&name) {
                let member = world.lead().unwrap().members.get(&app);
                if let Some(release) = member.map(|member| member.release) {
                    world.sync_requests.insert(app, release);
                }
            }
            world.refresh();
        }
        "decide" => {
            // decide ROLLOUT PERSON JSON
            let (rollout, rest) = rest.split_once(' ').unwrap();
            let (by, decision) = rest.split_once(' ').unwrap();
            let refused = world.decide(rollout, by, decision).err();
            if let Some(refused) = refused {
                writeln!(out, "  refused: {refused}").unwrap();
            }
        }
        "window" => world.window(words[0], rest.split_once(' ').unwrap().1),
        "pause-app" => world.pause_apps(words[0], true),
        "resume-app" => world.pause_apps(words[0], false),
        "restart" => {
            // The hub was away; its agents come back to it one by one.
            world.fleet.since = Some(world.now);
            let now = world.now;
            for state in world.fleet.clusters.values_mut() {
                state.link = Link::LostSince(now);
            }
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
        Change::Start { waves, replaced: 0 } => format!("start {waves} waves"),
        Change::Start { waves, replaced } => format!("start {waves} waves, {replaced} given up"),
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
        Change::Pass { wave, .. } => format!("pass {wave}"),
        Change::Again { app, .. } => format!("again {}", app.name),
        Change::RollBack { reason } => format!("roll back: {reason}"),
        Change::Return { app, release, position, .. } => {
            format!("return {} to {} at {position}", app.name, world.releases[release])
        }
        Change::Back { app, position } => format!("back {} at {position}", app.name),
        Change::EndRollback => "rolled back".to_owned(),
        Change::Halt { wave, reason, member } => format!("halt in {wave}: {}: {reason}", member.name),
        Change::Finish => "finish".to_owned(),
    }
}
