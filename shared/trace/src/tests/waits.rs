use super::world::{World, app, at, later, proven};
use crate::{MOST_WAITS, Waited, note};
use shared_model::{ClusterName, RolloutName};
use shared_rollout::{MemberState, RolloutReport, Side, Wait, WaveReport};
use std::sync::Arc;

fn report(waits_for: Option<Wait>) -> RolloutReport {
    let wave = |number: usize| WaveReport { name: format!("wave-{number}"), ..WaveReport::default() };
    RolloutReport { waits_for, waves: vec![wave(0), wave(1)], ..RolloutReport::default() }
}

fn approval() -> Wait {
    let rollout = RolloutName::new("web-7");
    Wait::Approval { rollout, wave: "wave-1".into(), side: Side::Before }
}

#[test]
fn a_gate_is_noted_when_it_holds_and_when_it_does_not_any_more() {
    let world = World::new(2, 3);
    let mut known = Vec::new();
    let soak = Wait::Soak { wave: "wave-0".into(), until: at(60) };
    assert!(note(&mut known, &world.rollout, Some(&report(Some(soak.clone()))), at(10)));
    assert!(!note(&mut known, &world.rollout, Some(&report(Some(soak))), at(11)), "no news");
    assert!(note(&mut known, &world.rollout, Some(&report(Some(approval()))), at(60)));
    assert!(note(&mut known, &world.rollout, None, at(70)));
    let shown: Vec<_> =
        known.iter().map(|waited| (waited.wave, &*waited.what, waited.from, waited.to)).collect();
    let expect = [(Some(0), "soak", at(10), Some(at(60))), (Some(1), "approval", at(60), Some(at(70)))];
    assert_eq!(shown, expect);
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Waited>>(&text).unwrap(), known);
}

#[test]
fn members_that_wait_for_a_place_are_one_gate_of_their_wave() {
    let mut world = World::new(2, 3);
    (0..3).for_each(|number| world.member(number, 1, 6, MemberState::Waiting));
    world.member(0, 1, 6, proven(9));
    let holding = vec![ClusterName::new("c0")];
    let budget = Arc::new(Wait::Budget { wave: "wave-1".into(), max_update: 1, holding, held: 1 });
    let unproven = Wait::Unproven { wave: "wave-1".into(), clusters: Vec::new(), count: 2 };
    let mut told = report(Some(unproven));
    told.waits.extend((1..3).map(|number| (app(number), Arc::clone(&budget))));
    let mut known = Vec::new();
    assert!(note(&mut known, &world.rollout, Some(&told), at(10)));
    assert_eq!(
        known.iter().map(|waited| (waited.wave, &*waited.what)).collect::<Vec<_>>(),
        [(Some(1), "budget")]
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let world = World::new(2, 3);
    let mut known = Vec::new();
    for number in 0..2 * MOST_WAITS {
        let waits_for = (number % 2 == 0).then(approval);
        note(
            &mut known,
            &world.rollout,
            Some(&report(waits_for)),
            later(at(0), i64::try_from(number).unwrap()),
        );
    }
    assert_eq!(known.len(), MOST_WAITS);
}
