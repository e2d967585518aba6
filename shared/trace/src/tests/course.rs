//! What a trace looks like, and its invariants over random heads.

use super::world::{World, app, at, drawn, failed, position, proven};
use crate::{SLOWEST, Sampler, Span, SpanId, Waited};
use proptest::prelude::*;
use shared_rollout::{Approved, Decided, Decision, Halted, MemberState, Phase, Rollback, Side, WaveHead};
use std::collections::{BTreeMap, BTreeSet};

fn passed(opened: i64, passed: i64) -> WaveHead {
    WaveHead { opened: Some(at(opened)), passed: Some(at(passed)), ..WaveHead::default() }
}

fn waited(wave: usize, what: &str, from: i64, to: i64) -> Waited {
    let text = format!("wave-{wave} waits for {what}");
    Waited { wave: Some(wave), what: what.into(), text, from: at(from), to: Some(at(to)) }
}

/// One that went through two waves with an approval between them.
fn done() -> World {
    let mut world = World::new(2, 3);
    world.member(0, 0, 6, proven(10));
    world.member(1, 1, 40, proven(50));
    world.member(2, 1, 50, proven(58));
    let head = &mut world.rollout.head;
    head.waves = vec![passed(6, 40), passed(40, 60)];
    head.phase = Phase::Done;
    head.finished = Some(at(60));
    let reason = "looks good".to_owned();
    head.approvals.push(Approved { wave: 0, side: Side::After, by: "ann".into(), at: at(40), reason });
    world.waits = vec![waited(0, "soak", 10, 20), waited(0, "approval", 20, 40), waited(1, "budget", 40, 50)];
    world
}

#[test]
fn a_trace_shows_where_the_time_went() {
    let closed = done().closed(Sampler::Always);
    let expect = "\
rollout web-7 -20..60
  commit -20..-2
  resolve -2..0
  generate 0..1
  render 1..3
  gate queue 3..5
  wave wave-0 6..40
    member c0/web-0 6..10
  gate soak 10..20
  gate approval 20..40
  gate budget 40..50
  wave wave-1 40..60
    member c1/web-1 40..50
    member c2/web-2 50..58";
    assert_eq!(drawn(&closed), expect);
    let gate = closed.spans.iter().find(|span| span.name == "gate approval").unwrap();
    let by = gate.attributes.iter().find(|(name, _)| *name == "flotilla.approved_by").unwrap();
    assert_eq!(by.1, "ann".into());
    assert!(closed.wanted.is_empty());
}

#[test]
fn what_is_under_way_shows_what_has_ended() {
    let mut world = World::new(2, 3);
    world.rollout.head.waves[0].opened = Some(at(6));
    world.member(0, 0, 6, proven(10));
    world.member(1, 0, 6, failed(9));
    world.waits = vec![Waited { to: None, ..waited(0, "soak", 10, 0) }];
    let expect = "\
commit -20..-2
resolve -2..0
generate 0..1
render 1..3
gate queue 3..5
member c0/web-0 6..10";
    assert_eq!(drawn(&world.closed(Sampler::Always)), expect);
}

#[test]
fn a_halt_is_an_error_and_another_attempt_a_span_of_its_own() {
    let mut world = World::new(2, 2);
    world.rollout.head.waves[0].opened = Some(at(6));
    world.member(0, 0, 6, failed(9));
    let reason = "a member failed".to_owned();
    let halted = Halted { at: at(9), wave: 0, reason, member: Some(app(0)), by: None };
    world.rollout.head.halted = Some(halted);
    world.rollout.head.phase = Phase::Halted;
    let first = world.closed(Sampler::Always);
    let expect = "\
rollout web-7 -20..9 FAILED halted in wave wave-0: a member failed
  commit -20..-2
  resolve -2..0
  generate 0..1
  render 1..3
  gate queue 3..5
  wave wave-0 6..9 FAILED a member failed
    member c0/web-0 6..9 FAILED the sync failed: no";
    assert_eq!(drawn(&first), expect);

    // A newer rollout takes its place a day later: that ends nothing of this one.
    let mut later = world.clone();
    later.rollout.head.phase = Phase::Superseded;
    later.rollout.head.finished = Some(at(90_000));
    assert_eq!(later.closed(Sampler::Always).spans.len(), first.spans.len());
    assert_eq!(drawn(&later.closed(Sampler::Always)), expect.replace("Halted", "Superseded"));

    let head = &mut world.rollout.head;
    let again = Decided { what: Decision::Retry, by: "ann".into(), at: at(30), reason: String::new() };
    head.decisions.push(again);
    (head.attempt, head.halted, head.phase, head.finished) = (1, None, Phase::Done, Some(at(50)));
    head.waves = vec![passed(6, 50); 2];
    world.member(0, 0, 31, proven(35));
    let second = world.closed(Sampler::Always);
    let expect = "\
rollout web-7 attempt 2 30..50
  wave wave-0 30..50
    member c0/web-0 31..35
  wave wave-1 30..50";
    assert_eq!(drawn(&second), expect);
    let root = first.spans.iter().find(|span| span.parent.is_none()).unwrap();
    let top = second.spans.iter().find(|span| span.name.contains("attempt")).unwrap();
    assert_eq!((top.parent, top.trace), (Some(root.id), root.trace));
}

#[test]
fn what_is_taken_back_shows_the_way_back() {
    let mut world = World::new(1, 2);
    world.rollout.head.waves[0].opened = Some(at(6));
    world.member(
        0,
        0,
        6,
        MemberState::Returned {
            position: position(),
            at: at(30),
            release: shared_model::ReleaseId(shared_model::Digest::of(b"before")),
        },
    );
    let head = &mut world.rollout.head;
    head.phase = Phase::RolledBack;
    head.halted =
        Some(Halted { at: at(20), wave: 0, reason: "undone by ann".into(), member: None, by: None });
    head.rollback = Some(Rollback { at: at(20), by: Some("ann".into()), reason: String::new(), pins: false });
    let drawn = drawn(&world.closed(Sampler::Always));
    let expect = "\
  wave wave-0 6..20 FAILED undone by ann
    member c0/web-0 6..20
  member c0/web-0 goes back 20..30";
    assert!(drawn.starts_with("rollout web-7 -20..30 FAILED") && drawn.ends_with(expect), "{drawn}");
}

#[test]
fn above_two_hundred_members_each_wave_is_a_linked_trace() {
    let mut world = World::new(2, 201);
    world.rollout.head.waves = vec![passed(6, 40), passed(40, 60)];
    world.rollout.head.phase = Phase::Done;
    world.rollout.head.finished = Some(at(60));
    (0..201).for_each(|number| world.member(number, usize::from(number > 0), 40, proven(50)));
    let closed = world.closed(Sampler::Always);
    let traces: BTreeSet<_> = closed.spans.iter().map(|span| span.trace).collect();
    assert_eq!(traces.len(), 3);
    let by_id: BTreeMap<SpanId, &Span> = closed.spans.iter().map(|span| (span.id, span)).collect();
    let linked: Vec<_> = closed.spans.iter().filter(|span| !span.links.is_empty()).collect();
    assert_eq!(linked.len(), 4);
    for span in linked {
        for link in &span.links {
            let other = by_id[&link.span];
            assert_eq!(other.trace, link.trace);
            assert_ne!(other.trace, span.trace);
            assert!(other.links.iter().any(|back| back.span == span.id), "linked both ways");
        }
    }
}

#[test]
fn no_trace_is_larger_than_backends_take() {
    let mut world = World::new(1, 10_000);
    world.rollout.head.waves = vec![passed(6, 60)];
    world.rollout.head.phase = Phase::Done;
    world.rollout.head.finished = Some(at(60));
    (0..10_000).for_each(|number| world.member(number, 0, 6, proven(50)));
    let closed = world.closed(Sampler::Always);
    let mut sizes: BTreeMap<_, usize> = BTreeMap::new();
    closed.spans.iter().for_each(|span| *sizes.entry(span.trace).or_default() += 1);
    assert_eq!(closed.spans.iter().filter(|span| span.name.starts_with("member")).count(), 10_000);
    assert_eq!(sizes.len(), 6);
    assert!(sizes.values().all(|size| *size < 2300), "{sizes:?}");
}

#[test]
fn failed_members_and_the_slowest_are_kept_whatever_is_sampled() {
    let mut world = World::new(1, 100);
    world.rollout.head.waves = vec![WaveHead { opened: Some(at(6)), ..WaveHead::default() }];
    (0..100).for_each(|number| world.member(number, 0, 6, proven(10 + i64::try_from(number).unwrap())));
    world.member(3, 0, 6, failed(9));
    let nothing = Sampler::named("traceidratio", "0").unwrap();
    assert!(world.closed(nothing).wanted.is_empty(), "who is slow shows at the end");
    world.rollout.head.waves = vec![passed(6, 200)];
    let closed = world.closed(nothing);
    let kept: Vec<_> = closed.wanted.iter().map(|wanted| wanted.application.name.as_str()).collect();
    let mut expect: Vec<String> = (100 - SLOWEST..100).map(|number| format!("web-{number}")).collect();
    expect.push("web-3".into());
    expect.sort();
    assert_eq!(kept, expect);
    for wanted in &closed.wanted {
        let span = closed.spans.iter().find(|span| span.id == wanted.context.span).unwrap();
        assert_eq!(span.context(true), wanted.context);
    }
    assert_eq!(world.closed(Sampler::Never).spans, Vec::new());
}

fn state() -> impl Strategy<Value = MemberState> {
    prop_oneof![
        Just(MemberState::Waiting),
        (0..100_i64).prop_map(|seconds| MemberState::Released { position: position(), at: at(seconds) }),
        (0..100_i64).prop_map(proven),
        (0..100_i64).prop_map(failed),
    ]
}

prop_compose! {
    fn world()(
        frozen in prop_oneof![Just(3_usize), Just(250), Just(5000)],
        phase in prop_oneof![
            Just(Phase::Queued), Just(Phase::Progressing), Just(Phase::Halted), Just(Phase::Done),
            Just(Phase::Superseded), Just(Phase::RolledBack),
        ],
        finished in 60..200_i64,
        rollback in proptest::option::of(10..60_i64),
        halted in proptest::option::of(0..60_i64),
        attempt in 0..2_u32,
        waves in prop::collection::vec((proptest::option::of(0..60_i64), proptest::option::of(0..60_i64)), 1..4),
        members in prop::collection::vec((0..3_usize, 0..60_i64, state(), any::<bool>()), 0..12),
        waits in prop::collection::vec((0..3_usize, 0..60_i64, proptest::option::of(0..60_i64)), 0..4),
        committed in -100_000..100_i64,
        known in prop_oneof![Just(0), 0..100_000_i64],
    ) -> World {
        let mut world = World::new(waves.len(), frozen);
        let seen = &mut world.spec.timings.as_mut().unwrap().commits[0];
        (seen.committed_at, seen.asked, seen.answered) = (Some(at(committed)), at(-2 - known), at(-known));
        let head = &mut world.rollout.head;
        (head.phase, head.attempt) = (phase, attempt);
        head.finished = Some(at(finished)).filter(|_| matches!(phase, Phase::Done | Phase::Superseded));
        let reason = "it failed".to_owned();
        head.halted = halted.filter(|_| phase != Phase::Done)
            .map(|seconds| Halted { at: at(seconds), wave: 0, reason, member: None, by: None });
        head.rollback = rollback.filter(|_| matches!(phase, Phase::RolledBack | Phase::Superseded))
            .map(|seconds| Rollback { at: at(seconds), by: None, reason: String::new(), pins: false });
        for (wave, (opened, passed)) in head.waves.iter_mut().zip(waves) {
            *wave = WaveHead {
                opened: opened.map(at), passed: opened.and(passed).map(at).max(opened.map(at)).filter(|_| passed.is_some()),
                ..WaveHead::default()
            };
        }
        let last = head.waves.len() - 1;
        for (number, (wave, released, state, late)) in members.into_iter().enumerate() {
            world.member(number, wave.min(last), released, state);
            world.rollout.members.get_mut(&app(number)).unwrap().record.as_mut().unwrap().late = late;
        }
        world.waits = waits.into_iter().enumerate().map(|(number, (wave, from, to))| {
            let what = format!("gate-{number}");
            Waited { to: to.map(|to| at(to.max(from))), ..waited(wave.min(last), &what, from, 0) }
        }).collect();
        world
    }
}

proptest! {
    #[test]
    fn invariants_of_a_trace(world in world()) {
        let closed = world.closed(Sampler::Always);
        prop_assert_eq!(&closed, &world.clone().closed(Sampler::Always), "the same ids");
        let ids: Vec<SpanId> = closed.spans.iter().map(|span| span.id).collect();
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each span once");
        prop_assert_eq!(world.closed_but(Sampler::Always, &ids).spans, Vec::<Span>::new(), "and not again");
        let by_id: BTreeMap<SpanId, &Span> = closed.spans.iter().map(|span| (span.id, span)).collect();
        let is_over = closed.spans.iter().any(|span| span.name.starts_with("rollout"));
        let late = |span: &Span| span.attributes.iter().any(|(name, _)| *name == "flotilla.late");
        for span in &closed.spans {
            prop_assert!(span.start <= span.end);
            let Some(parent) = span.parent else { continue };
            // An attempt after the first stands below that one.
            if parent == crate::Seed::of(&world.spec).unwrap().root(0) && world.rollout.head.attempt > 0 {
                continue;
            }
            match by_id.get(&parent) {
                Some(parent) => {
                    prop_assert_eq!(parent.trace, span.trace);
                    let cut = span.start >= parent.end;
                    let inside = parent.start <= span.start && span.end <= parent.end;
                    prop_assert!(inside || late(span) || cut, "{} {:?} in {:?}", span.name, span, parent);
                }
                None => prop_assert!(!is_over, "{} has no parent", span.name),
            }
        }
        let members = world.rollout.members.values().filter_map(|member| member.record.as_ref());
        let ended = members.filter(|record| record.released.is_some() && record.state.is_proven()).count();
        let shown = closed.spans.iter().filter(|span| span.name.starts_with("member"));
        prop_assert!(shown.count() >= ended, "every member once");
    }
}

#[test]
fn a_commit_of_last_week_does_not_make_a_week_of_trace() {
    let mut world = done();
    let seen = &mut world.spec.timings.as_mut().unwrap().commits[0];
    (seen.committed_at, seen.commit) = (Some(at(-600_000)), "d".repeat(40).parse().unwrap());
    let closed = world.closed(Sampler::Always);
    let root = closed.spans.iter().find(|span| span.parent.is_none()).unwrap();
    assert_eq!(root.start, at(-2));
}

#[test]
fn a_commit_that_others_followed_for_days_is_named_and_does_not_make_days_of_trace() {
    let mut world = done();
    let seen = &mut world.spec.timings.as_mut().unwrap().commits[0];
    // A second set on a monorepo whose last push was three days ago.
    (seen.committed_at, seen.asked, seen.answered) = (Some(at(-260_000)), at(-259_202), at(-259_200));
    let closed = world.closed(Sampler::Always);
    let root = closed.spans.iter().find(|span| span.parent.is_none()).unwrap();
    assert_eq!(root.start, at(0));
    let times = |name: &str| {
        closed
            .spans
            .iter()
            .filter(|span| span.name == name)
            .map(|span| (span.start, span.end))
            .collect::<Vec<_>>()
    };
    assert_eq!(times("commit"), [(at(0), at(0))]);
    assert_eq!(times("resolve"), []);
    assert_eq!(times("generate"), [(at(0), at(1))]);
}
