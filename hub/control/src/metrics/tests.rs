use super::{
    Metrics,
    census::Seen,
    courses::{Part, ended},
};
use crate::{index::Index, removal::Planned};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{
    AppKey, ClusterName, Digest, FleetRollout, Owner, OwnerKind, Position, ReleaseId, RolloutName,
    fleet_rollout::PlanSpec,
};
use shared_rollout::{
    Change, ClusterState, Decided, Decision, Fleet, Head, HeldUp, Line, Link, Member, Pause, Phase, Report,
    Rollback, Rollout, RolloutReport, Step, Wait, WaveHead, WaveReport, Writes,
};
use shared_runtime::metrics::Exposed;
use std::{collections::BTreeMap, sync::Arc};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn owner() -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() }
}

fn name() -> RolloutName {
    RolloutName::new("web-1")
}

fn member(state: &Value) -> Member {
    let release = ReleaseId(Digest::of(b"release"));
    let mut member = Member::new(ClusterName::new("eu-1"), release);
    let record =
        json!({"cluster": "eu-1", "release": release, "wave": 0, "state": state, "released": at(100)});
    member.record = Some(serde_json::from_value(record).unwrap());
    member
}

fn released() -> Value {
    json!({"Released": {"position": Position { incarnation: 1, generation: 1 }, "at": at(100)}})
}

fn proven(seconds: i64) -> Value {
    json!({"Proven": {"position": Position { incarnation: 1, generation: 1 }, "at": at(seconds)}})
}

fn failed(seconds: i64) -> Value {
    json!({"Failed": {"position": Position { incarnation: 1, generation: 1 }, "at": at(seconds), "reason": "no"}})
}

fn rollout(head: Head, member: Member) -> Rollout {
    Rollout {
        name: name(),
        sequence: 1,
        created: at(0),
        plan: PlanSpec::Immediate,
        head,
        members: BTreeMap::from([(AppKey::new("argocd", "web-eu-1"), member)]),
    }
}

fn progressing(waves: Vec<WaveHead>) -> Head {
    Head { phase: Phase::Progressing, started: Some(at(10)), waves, ..Head::default() }
}

/// What is shown after these.
fn shown(fill: impl FnOnce(&Metrics)) -> String {
    let metrics = Metrics::default();
    let exposed = Exposed::new("test", "1", |registry| metrics.register(registry));
    fill(&metrics);
    exposed.scrape("application/openmetrics-text").text
}

#[track_caller]
fn check(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|known| known == *line), "`{line}` is not in\n{text}");
    }
}

/// An index that knows the rollout's trace.
fn index() -> Index {
    let object = json!({
        "metadata": {"name": "web-1", "namespace": "argocd"},
        "spec": {
            "owner": {"kind": "ApplicationSet", "namespace": "argocd", "name": "web"}, "sequence": 1, "object": {},
            "plan": {"immediate": null}, "traceId": TRACE,
        },
    });
    let mut index = Index::default();
    let object: FleetRollout = serde_json::from_value(object).unwrap();
    index.rollouts.insert(("argocd".to_owned(), name()), Arc::new(object));
    index
}

#[test]
fn what_a_step_ends_is_measured_from_its_own_beginning_and_names_its_trace() {
    let step = Step { owner: owner(), rollout: name(), change: Change::Open { wave: 0 } };
    let open = WaveHead { opened: Some(at(20)), ..WaveHead::default() };
    let passed = WaveHead { passed: Some(at(200)), ..open };
    let done = Head { phase: Phase::Done, ..progressing(vec![passed]) };
    let of = |before: &Rollout, head: Option<&Head>, state: Option<&Value>| {
        let record = state.and_then(|state| {
            let app = AppKey::new("argocd", "web-eu-1");
            Some((app, member(state).record?))
        });
        let writes = Writes { head: head.cloned(), record, ..Writes::default() };
        ended(&index(), &step, before, &writes, at(220))
    };
    let before = rollout(progressing(vec![open]), member(&released()));
    let text = shown(|metrics| {
        metrics.took(&of(&before, None, Some(&proven(220))));
        metrics.took(&of(&before, None, Some(&failed(220))));
        metrics.took(&of(&before, Some(&progressing(vec![passed])), None));
        // It had passed before: nothing but the rollout ends.
        let then = rollout(progressing(vec![passed]), member(&proven(150)));
        metrics.took(&of(&then, Some(&done), None));
        // Said again it is no other end.
        assert_eq!(of(&then, None, Some(&proven(150))), []);
        assert_eq!(of(&rollout(done.clone(), member(&proven(1))), Some(&done), None), []);
    });
    let exemplar = format!("# {{trace_id=\"{TRACE}\"}}");
    check(
        &text,
        &[
            &format!(
                "flotilla_rollout_member_seconds_bucket{{le=\"120.0\",outcome=\"Proven\"}} 1 {exemplar} 120.0 220.0"
            ),
            "flotilla_rollout_member_seconds_count{outcome=\"Failed\"} 1",
            "flotilla_rollout_wave_seconds_sum 200.0",
            "flotilla_rollout_wave_seconds_count 1",
            "flotilla_rollout_seconds_sum{outcome=\"Done\"} 210.0",
            "flotilla_rollout_seconds_count{outcome=\"Halted\"} 0",
        ],
    );
}

#[test]
fn the_census_counts_what_is_and_what_is_no_more_is_zero() {
    let paused = Pause { reason: "INC-7".into(), since: Some(at(50)), ..Pause::default() };
    // Over, however old.
    let over = Pause { since: Some(at(2)), until: Some(at(400)), ..Pause::default() };
    let lost = ClusterState { link: Link::LostSince(at(1)), ..ClusterState::default() };
    let held_up = HeldUp { by: "ann".into(), at: at(1), reason: String::new(), until: None };
    let head = Head { paused: Some(held_up), ..progressing(vec![WaveHead::default()]) };
    let mut of_app = member(&released());
    of_app.pauses = vec![Pause { since: Some(at(70)), ..paused.clone() }];
    let fleet = Fleet {
        clusters: BTreeMap::from([
            (
                ClusterName::new("eu-1"),
                ClusterState { pauses: vec![over, paused], ..ClusterState::default() },
            ),
            (ClusterName::new("eu-2"), lost),
        ]),
        lines: BTreeMap::from([(owner(), Line { rollouts: vec![rollout(head, of_app)] })]),
        ..Fleet::default()
    };
    let wait = Wait::Unreported { cluster: ClusterName::new("eu-1") };
    let report = RolloutReport {
        phase: Phase::Progressing,
        waves: vec![WaveReport { total: 3, released: 2, failed: 1, ..WaveReport::default() }],
        waits_for: Some(Wait::NoWave { cluster: ClusterName::new("eu-1") }),
        waits: BTreeMap::from([(AppKey::new("argocd", "web-eu-1"), Arc::new(wait))]),
        ..RolloutReport::default()
    };
    let report = Report { rollouts: BTreeMap::from([((owner(), name()), report)]), ..Report::default() };
    let leaving = Planned::default();
    let seen = Seen { fleet: &fleet, report: &report, leaving: &leaving, unrendered: 2, at: at(500) };
    let lines = [
        "flotilla_rollouts{phase=\"Progressing\"} 1",
        "flotilla_rollouts{phase=\"Halted\"} 0",
        "flotilla_rollout_oldest_start_timestamp_seconds{phase=\"Progressing\"} 10.0",
        "flotilla_rollouts_waiting{reason=\"NoWave\"} 1",
        "flotilla_rollout_members{state=\"released\"} 2",
        "flotilla_rollout_members_waiting{reason=\"Unreported\"} 1",
        "flotilla_clusters{link=\"Connected\"} 1",
        "flotilla_clusters{link=\"Lost\"} 1",
        "flotilla_render_failing 2",
        "flotilla_paused{what=\"cluster\"} 1",
        "flotilla_paused{what=\"application\"} 1",
        "flotilla_pause_oldest_start_timestamp_seconds{what=\"cluster\"} 50.0",
        "flotilla_pause_oldest_start_timestamp_seconds{what=\"application\"} 70.0",
        "flotilla_pause_oldest_start_timestamp_seconds{what=\"rollout\"} 1.0",
        "flotilla_paused{what=\"rollout\"} 1",
        "flotilla_paused_unacknowledged{what=\"cluster\"} 1",
    ];
    check(&shown(|metrics| metrics.census(&seen)), &lines);
    let nothing = (Fleet::default(), Report::default());
    let empty = Seen { fleet: &nothing.0, report: &nothing.1, leaving: &leaving, unrendered: 0, at: at(600) };
    let text = shown(|metrics| {
        metrics.census(&seen);
        metrics.census(&empty);
    });
    for line in lines {
        let (name, _) = line.rsplit_once(' ').unwrap();
        let gone = name.contains("_oldest_start_");
        let now: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
        assert!(if gone { now.is_empty() } else { now == [format!("{name} 0")] }, "{now:?}");
    }
}

#[test]
fn a_rollout_that_ended_is_measured_once_and_not_for_as_long_as_it_lay() {
    let step = Step { owner: owner(), rollout: name(), change: Change::Open { wave: 0 } };
    let check = |before: &Head, after: &Head, expect: &[(Part, u64)]| {
        let writes = Writes { head: Some(after.clone()), ..Writes::default() };
        let before = rollout(before.clone(), member(&released()));
        let found = ended(&index(), &step, &before, &writes, at(300_000));
        let found: Vec<(Part, u64)> =
            found.into_iter().map(|ended| (ended.part, ended.took.as_secs())).collect();
        assert_eq!(found, expect);
    };
    let under_way = progressing(Vec::new());
    let of = |phase| Head { phase, ..under_way.clone() };
    let (halted, superseded) = (of(Phase::Halted), of(Phase::Superseded));
    check(&under_way, &halted, &[(Part::Rollout(Phase::Halted), 299_990)]);
    check(&under_way, &superseded, &[(Part::Rollout(Phase::Superseded), 299_990)]);
    check(&halted, &superseded, &[]);
    check(&of(Phase::RolledBack), &superseded, &[]);
    // It lay for days before somebody tried it again, or took it back.
    let retry = Decided { by: "ann".into(), at: at(299_000), reason: String::new(), what: Decision::Retry };
    let again = Head { attempt: 1, decisions: vec![retry], ..under_way.clone() };
    check(&again, &Head { phase: Phase::Done, ..again.clone() }, &[(Part::Rollout(Phase::Done), 1_000)]);
    let undo = Rollback { at: at(299_900), by: Some("ann".into()), reason: String::new(), pins: false };
    let back = Head { phase: Phase::RollingBack, rollback: Some(undo), ..under_way.clone() };
    check(
        &back,
        &Head { phase: Phase::RolledBack, ..back.clone() },
        &[(Part::Rollout(Phase::RolledBack), 100)],
    );
    // What goes back by itself never stood still.
    let own = Rollback { at: at(299_900), by: None, reason: String::new(), pins: false };
    let back = Head { rollback: Some(own), ..back };
    check(
        &back,
        &Head { phase: Phase::RolledBack, ..back.clone() },
        &[(Part::Rollout(Phase::RolledBack), 299_990)],
    );
}
