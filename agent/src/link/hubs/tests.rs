use super::*;
use proptest::prelude::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

/// Runs a list of hubs where `answer` says how a try at a time ends and how long it takes; the tries, in ms.
fn tries(count: usize, until: i64, answer: impl Fn(usize, i64) -> (Ended, i64)) -> Vec<(usize, i64)> {
    let mut hubs = Hubs::new(count);
    let (mut now, mut tries) = (0, Vec::new());
    loop {
        let next = hubs.poll(at(now));
        now = now.max(next.at.as_millisecond() - at(0).as_millisecond());
        if now > until {
            return tries;
        }
        tries.push((next.hub, now));
        let (ended, took) = answer(next.hub, now);
        now += took;
        hubs.handle_ended(next.hub, ended, 1.0, at(now));
    }
}

#[test]
fn all_away_are_tried_in_turn_and_ever_more_slowly() {
    let found = tries(2, 10_000, |_, _| (Ended::Failed, 0));
    let expect = [(0, 0), (1, 0), (0, 1000), (1, 1000), (0, 3000), (1, 3000), (0, 7000), (1, 7000)];
    assert_eq!(found, expect);
}

#[test]
fn after_a_lost_session_the_same_hub_comes_first() {
    // The second works for 5 s; then it is away for good and the first is back.
    let answer = |hub, now| match hub {
        0 if now < 3000 => (Ended::Failed, 0),
        1 if now < 3000 => (Ended::Worked, 5000),
        0 => (Ended::Worked, 60_000),
        _ => (Ended::Failed, 0),
    };
    assert_eq!(tries(2, 20_000, answer), [(0, 0), (1, 0), (1, 6000), (0, 6000)]);
}

#[test]
fn a_hub_that_refuses_does_not_hold_up_another() {
    let answer = |hub, _| if hub == 0 { (Ended::Refused, 0) } else { (Ended::Failed, 0) };
    let found = tries(2, 59_000, answer);
    assert_eq!(found.iter().filter(|(hub, _)| *hub == 0).count(), 1, "{found:?}");
    assert_eq!(found.iter().filter(|(hub, _)| *hub == 1).count(), 6, "{found:?}");
}

#[test]
fn a_new_identity_is_shown_soon() {
    let mut hubs = Hubs::new(1);
    hubs.handle_ended(0, Ended::Refused, 1.0, at(0));
    assert_eq!(hubs.poll(at(1)).at, at(60_000));
    hubs.handle_identity(1.0, at(5000));
    assert_eq!(hubs.poll(at(5000)).at, at(6000));
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_it() {
    let mut hubs = Hubs::new(1);
    hubs.handle_ended(0, Ended::Failed, 1.0, at(1_000_000_000));
    assert!(hubs.poll(at(0)).at <= at(0));
}

proptest! {
    #[test]
    fn never_hot_and_never_forgotten(
        count in 1_usize..4,
        ends in prop::collection::vec((0_u8..3, 0.0_f64..=1.0, 0_i64..3000), 1..200),
    ) {
        let mut hubs = Hubs::new(count);
        let mut now = 0;
        let mut last: Vec<Option<i64>> = vec![None; count];
        for (end, random, took) in ends {
            let next = hubs.poll(at(now));
            let wait = next.at.as_millisecond() - at(now).as_millisecond();
            prop_assert!(wait <= 60_000, "waits {wait} ms");
            now += wait.max(0);
            if let Some(last) = last[next.hub] {
                prop_assert!(now - last >= 500, "hot: {} ms", now - last);
            }
            let ended = [Ended::Worked, Ended::Failed, Ended::Refused][usize::from(end)];
            now += took;
            last[next.hub] = Some(now);
            hubs.handle_ended(next.hub, ended, random, at(now));
        }
    }
}
