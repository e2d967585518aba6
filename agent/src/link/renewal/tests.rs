use super::*;
use proptest::prelude::*;

const DAY: i64 = 24 * 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn second(at: Timestamp) -> i64 {
    at.as_second() - 1_700_000_000
}

const fn life(from: Timestamp, to: Timestamp) -> Life {
    Life { from, to, trusted: true }
}

/// A certificate of 30 days.
fn month() -> Life {
    life(at(0), at(30 * DAY))
}

fn waits(renewal: &Renewal, now: i64) -> i64 {
    match renewal.poll(at(now)) {
        Step::Ask => 0,
        Step::Wait(until) => second(until) - now,
    }
}

#[test]
fn it_is_due_at_two_thirds() {
    let renewal = Renewal::new(month(), 0.0);
    assert_eq!(second(renewal.due()), 20 * DAY);
    assert_eq!(second(Renewal::new(month(), 1.0).due()), 20 * DAY + DAY / 2);
    assert_eq!(waits(&renewal, 20 * DAY - 60), 60);
    assert_eq!(waits(&renewal, 20 * DAY), 0);
    // At most an hour is slept at once: clocks jump.
    assert_eq!(waits(&renewal, 0), 3600);
}

#[test]
fn the_hub_may_ask_for_it_at_once_but_not_all_the_time() {
    let mut renewal = Renewal::new(month(), 0.0);
    renewal.handle_renew_now(at(10));
    assert_eq!(waits(&renewal, 10), 0);
    renewal.handle_renewed(month(), 0.0, at(10));
    renewal.handle_renew_now(at(11));
    assert_eq!(waits(&renewal, 11), 59);
    assert_eq!(waits(&renewal, 70), 0);
    // A back-off from before does not hold it up.
    for _ in 0..10 {
        renewal.handle_failed(Failure::Passing, 1.0, at(100));
    }
    assert_eq!(waits(&renewal, 200), 3500);
    renewal.handle_renew_now(at(200));
    assert_eq!(waits(&renewal, 200), 0);
}

#[test]
fn a_certificate_of_an_authority_that_went_is_replaced() {
    let mut renewal = Renewal::new(month(), 0.0);
    renewal.handle_life(Life { trusted: false, ..month() });
    assert_eq!(waits(&renewal, 100), 0);
    // The hub gives out the same again: no hot loop.
    let mut now = 100;
    for _ in 0..10 {
        renewal.handle_renewed(Life { trusted: false, ..month() }, 1.0, at(now));
        let wait = waits(&renewal, now);
        assert!(wait >= 60, "{wait}");
        now += wait;
    }
    assert!(waits(&renewal, now - 3600) >= 3600);
}

#[test]
fn failures_are_tried_again_ever_more_slowly_and_quickly_once_expired() {
    let mut renewal = Renewal::new(month(), 0.0);
    let mut found = Vec::new();
    for _ in 0..8 {
        renewal.handle_failed(Failure::Passing, 1.0, at(21 * DAY));
        found.push(waits(&renewal, 21 * DAY));
    }
    assert_eq!(found, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    renewal.handle_failed(Failure::Passing, 1.0, at(31 * DAY));
    assert_eq!(waits(&renewal, 31 * DAY), 60);
    assert_eq!(renewal.needs_person(at(31 * DAY)), None);
}

#[test]
fn a_person_is_told_what_to_do_once_an_hour() {
    let mut renewal = Renewal::new(month(), 0.0);
    assert_eq!(renewal.poll_remedy(at(0)), None);
    renewal.handle_failed(Failure::Refused, 1.0, at(0));
    assert_eq!(renewal.poll_remedy(at(0)), Some(Remedy::Refused));
    assert_eq!(renewal.poll_remedy(at(3599)), None);
    assert_eq!(renewal.poll_remedy(at(3600)), Some(Remedy::Refused));
    renewal.handle_renewed(month(), 0.0, at(3700));
    assert_eq!(renewal.poll_remedy(at(9000)), None);
    assert_eq!(renewal.needs_person(at(120 * DAY)), None);
    assert_eq!(renewal.needs_person(at(120 * DAY + 1)), Some(Remedy::TooOld));
}

#[test]
fn a_revoked_identity_asks_seldom() {
    let mut renewal = Renewal::new(month(), 0.0);
    renewal.handle_revoked(at(0));
    renewal.handle_not_let_in();
    assert!(waits(&renewal, 0) >= 60);
    assert_eq!(renewal.needs_person(at(0)), Some(Remedy::Refused));
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_it() {
    let mut renewal = Renewal::new(life(at(0), at(3000)), 0.0);
    renewal.handle_failed(Failure::Passing, 1.0, at(DAY * 365));
    assert_eq!(waits(&renewal, 2500), 0);
}

/// What happens to one agent: the hub is away at times, says things, and answers otherwise.
#[derive(Debug, Clone)]
struct Story {
    /// Seconds.
    life: i64,
    /// The hub comes back at this share of the life after the beginning; it was away from the beginning.
    back: f64,
    randoms: Vec<f64>,
}

fn story() -> impl Strategy<Value = Story> {
    (30_i64..60 * DAY, 0.0_f64..1.5, prop::collection::vec(0.0_f64..=1.0, 1..20))
        .prop_map(|(life, back, randoms)| Story { life, back, randoms })
}

proptest! {
    #[test]
    fn it_is_renewed_soon_after_the_hub_is_back_and_never_hot(story in story()) {
        let mut randoms = story.randoms.iter().copied().cycle();
        let mut random = || randoms.next().unwrap();
        let whole = Duration::from_secs(story.life.unsigned_abs());
        let (end, back) = (at(story.life), at(0) + whole.mul_f64(story.back));
        let mut renewal = Renewal::new(life(at(0), at(story.life)), random());
        let (mut now, mut last) = (at(0), None::<Timestamp>);
        loop {
            match renewal.poll(now) {
                Step::Wait(until) => {
                    prop_assert!(until > now, "it would spin");
                    now = until;
                }
                Step::Ask => {
                    if let Some(last) = last {
                        let wait = now.duration_since(last).unsigned_abs();
                        prop_assert!(wait >= CLOSEST, "hot: {wait:?}");
                    }
                    last = Some(now);
                    if now >= back {
                        break;
                    }
                    renewal.handle_failed(Failure::Passing, random(), now);
                }
            }
        }
        let due = renewal.due();
        // How late it may be after both it was due and the hub was back.
        let from = due.max(back);
        let left = end.duration_since(from).unsigned_abs();
        let most = if from >= end { MINUTE } else { LONGEST.min((left / 7).max(EXPIRED_FIRST)) };
        let late = now.duration_since(from).unsigned_abs();
        prop_assert!(late <= most, "{late:?} late, {most:?} allowed");
        if back <= due {
            prop_assert_eq!(now, due);
            prop_assert!(now < at(0) + whole * 7 / 10, "at {now} of {end}");
        }
    }
}
