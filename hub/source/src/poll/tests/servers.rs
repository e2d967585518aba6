//! Servers that fail, and those that tell of pushes themselves.

use super::*;
use crate::webhook::{Change, Place, Push};

const DOWN: Failed = Failed::Server { after: None };

/// A schedule that has asked for `count` keys of one host, all at once, and has them out.
fn out(count: u8) -> (Schedule, Vec<Key>) {
    let mut schedule = Schedule::new(Settings { per_host: 8, ..SETTINGS });
    for name in 0..count {
        schedule.subscribe(key(1, name), at(0.0));
    }
    let out: Vec<Key> = std::iter::from_fn(|| schedule.poll_action(at(0.0))).collect();
    assert_eq!(out.len(), usize::from(count.min(8)));
    (schedule, out)
}

/// The keys that are due now.
fn due(schedule: &mut Schedule, now: f64) -> Vec<Key> {
    std::iter::from_fn(|| schedule.poll_action(at(now))).collect()
}

#[test]
fn a_server_that_fails_is_left_alone_and_then_asked_once() {
    let (mut schedule, out) = out(20);
    for key in &out {
        let _answer = schedule.handle_resolved(key, Err(DOWN), at(1.0));
    }
    assert_eq!(due(&mut schedule, 10.9).len(), 0, "one wait for all of them");
    let probe = due(&mut schedule, 11.0);
    assert_eq!(probe.len(), 1, "and then one question");
    assert!(!out.contains(&probe[0]), "one that did not fail");
    let Answer::Failed { next, .. } = schedule.handle_resolved(&probe[0], Err(DOWN), at(12.0)) else {
        panic!("failed")
    };
    assert!(next >= at(32.0), "twice as long");
    assert_eq!(due(&mut schedule, 31.9).len(), 0);
    let probe = due(&mut schedule, 32.0);
    assert_eq!(probe.len(), 1);
    // What the server says of one repository is an answer too.
    let _answer = schedule.handle_resolved(&probe[0], Err(Failed::Repository), at(33.0));
    assert_eq!(due(&mut schedule, 33.0).len(), 8, "it is there again");
}

#[test]
fn a_repository_that_hangs_holds_up_no_other_one() {
    let (mut schedule, out) = out(4);
    let hangs = &out[3];
    for round in 0..5 {
        let now = 200.0 * f64::from(round);
        let mut asked = if round == 0 { out.clone() } else { due(&mut schedule, now) };
        assert!(out[..3].iter().all(|key| asked.contains(key)), "round {round}: {asked:?}");
        // Its failure is the last word that is heard of the server before the others are asked again.
        asked.sort();
        for key in &asked {
            let answer = if key == hangs { Err(DOWN) } else { Ok(commit(1)) };
            let answer = schedule.handle_resolved(key, answer, at(now + 1.0));
            assert_eq!(matches!(answer, Answer::Failed { .. }), key == hangs, "{key}");
        }
    }
    // Alone on its server it just backs off, and is answered as soon as it is there.
    let (mut alone, out) = self::out(1);
    let mut now = at(1.0);
    for waits in [10.0, 20.0, 40.0] {
        let Answer::Failed { next, .. } = alone.handle_resolved(&out[0], Err(DOWN), now) else {
            panic!("failed")
        };
        let waited = next.duration_since(now).as_secs_f64();
        assert!((waits * 0.9..=waits * 1.1).contains(&waited), "{waited} and not {waits}");
        now = next;
        assert_eq!(alone.poll_action(now), Some(out[0].clone()));
    }
    assert_eq!(alone.handle_resolved(&out[0], Ok(commit(1)), now), Answer::Changed(commit(1)));
}

/// What an error means for the server of its repository.
#[test]
fn whose_fault_an_error_is() {
    let url = || RepoUrl::new("https://git1.example/repo1");
    let busy = |status, after| Error::TooMany { url: url(), status, after };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let check = |error: Error, expect: Failed| assert_eq!(Failed::from(&error), expect, "{error}");
    check(busy(429, None), Failed::Server { after: seconds(60) });
    check(busy(429, seconds(7)), Failed::Server { after: seconds(7) });
    check(busy(503, seconds(7)), Failed::Server { after: seconds(7) });
    check(busy(503, None), DOWN);
    check(Error::Unreachable { url: url(), cause: "refused".into() }, DOWN);
    check(Error::NoRepository { url: url() }, Failed::Repository);
    check(Error::Api { url: url(), cause: "busy".into(), after: seconds(3000) }, Failed::Repository);
}

#[test]
fn a_server_that_names_a_time_is_left_alone_for_that() {
    let (mut schedule, out) = out(20);
    let told = Failed::Server { after: Some(Duration::from_secs(600)) };
    let Answer::Failed { next, .. } = schedule.handle_resolved(&out[0], Err(told), at(1.0)) else {
        panic!("failed")
    };
    assert_eq!(next, later(at(601.0), BEHIND));
    // What was out already comes back; nothing more goes out, whoever asks for it.
    for key in &out[1..] {
        let _answer = schedule.handle_resolved(key, Err(DOWN), at(2.0));
        schedule.refresh(key, at(3.0));
    }
    assert_eq!(due(&mut schedule, 600.9).len(), 0);
    assert_eq!(due(&mut schedule, 601.0).len(), 1);
    // Without a named time, somebody who asks is let through: the server may be back.
    let (mut schedule, out) = self::out(20);
    for key in &out {
        let _answer = schedule.handle_resolved(key, Err(DOWN), at(1.0));
    }
    schedule.refresh(&out[3], at(2.0));
    assert_eq!(due(&mut schedule, 2.0).len(), 1);
}

#[test]
fn other_settings_count_at_once() {
    let mut schedule =
        Schedule::new(Settings { period: Duration::from_secs(3600), jitter: Duration::ZERO, ..SETTINGS });
    schedule.subscribe(key(1, 1), at(0.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)).len(), 1);
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1799.0)).len(), 0);
    schedule.set(SETTINGS, at(10.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(142.0)).len(), 1);
    schedule.set(Settings { period: Duration::ZERO, ..SETTINGS }, at(143.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1e9)).len(), 0, "never by time");
    schedule.refresh(&key(1, 1), at(1e9));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1e9)).len(), 1);
    schedule.set(SETTINGS, at(1e9));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1e9 + 132.0)).len(), 1);
}

#[test]
fn no_settings_make_a_question_forgotten() {
    let never = Settings { period: Duration::ZERO, ..SETTINGS };
    let told = Failed::Server { after: Some(Duration::from_secs(60)) };
    // One key has the server left alone, one comes new while it is, one is told of a push then.
    let mut schedule = Schedule::new(SETTINGS);
    let (down, new, pushed) = (key(1, 2), key(1, 3), key(1, 1));
    schedule.subscribe(pushed.clone(), at(0.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)).len(), 1);
    schedule.subscribe(down.clone(), at(1.0));
    assert_eq!(asked(&mut schedule, &Err(told), at(1.0)), [down.to_string()]);
    schedule.subscribe(new.clone(), at(2.0));
    assert_eq!(schedule.push(&push(2), at(2.0)), std::slice::from_ref(&pushed));
    assert_eq!(due(&mut schedule, 2.0).len(), 0);
    schedule.set(never, at(3.0));
    let mut there = asked(&mut schedule, &Ok(commit(2)), at(62.0));
    there.sort();
    assert_eq!(there, [pushed, down, new].map(|key| key.to_string()));
    assert_eq!(asked(&mut schedule, &Ok(commit(2)), at(1e9)).len(), 0, "never by time");
}

/// A push to `main` of [`key`]`(1, 1)`, to the commit of this digit.
fn push(digit: u8) -> Push {
    let url = "https://git1.example/repo1";
    Push {
        name: "repo1".into(),
        places: Place::of(&RepoUrl::new(url)).into_iter().collect(),
        default_branch: None,
        changes: vec![Change {
            reference: "refs/heads/main".into(),
            before: None,
            after: Some(commit(digit)),
        }],
    }
}

#[test]
fn a_repository_whose_webhooks_come_is_polled_less_until_one_is_missed() {
    let slow = Settings { period_with_webhooks: Some(Duration::from_secs(1800)), ..SETTINGS };
    let mut schedule = Schedule::new(slow);
    let (key, other) = (key(1, 1), key(1, 2));
    schedule.subscribe(key.clone(), at(0.0));
    schedule.subscribe(other.clone(), at(0.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)).len(), 2);
    assert_eq!(schedule.push(&push(2), at(1.0)), std::slice::from_ref(&key));
    assert_eq!(asked(&mut schedule, &Ok(commit(2)), at(1.0)), [key.to_string()]);
    for now in [140.0, 280.0, 420.0] {
        assert_eq!(asked(&mut schedule, &Ok(commit(2)), at(now)), [other.to_string()]);
    }
    // The safety net finds what nobody told: webhooks do not come any more.
    assert_eq!(asked(&mut schedule, &Ok(commit(3)), at(1813.0)).len(), 2);
    assert_eq!(asked(&mut schedule, &Ok(commit(3)), at(1945.0)).len(), 2);
}

#[test]
fn what_a_forge_told_is_asked_for_until_its_servers_know_it() {
    let mut schedule = Schedule::new(SETTINGS);
    let key = key(1, 1);
    schedule.subscribe(key.clone(), at(0.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)).len(), 1);
    schedule.push(&push(2), at(10.0));
    for now in [10.0, 11.0, 13.0] {
        assert_eq!(schedule.poll_action(at(now)), Some(key.clone()), "{now}");
        assert_eq!(schedule.handle_resolved(&key, Ok(commit(1)), at(now)), Answer::Same);
        assert_eq!(schedule.poll_action(at(now)), None);
    }
    assert_eq!(schedule.poll_action(at(17.0)), Some(key.clone()));
    assert_eq!(schedule.handle_resolved(&key, Ok(commit(2)), at(17.0)), Answer::Changed(commit(2)));
    assert!(schedule.poll_timeout().unwrap().0 >= at(137.0));
    // A webhook that is wrong is not believed for ever.
    schedule.push(&push(9), at(20.0));
    let mut asked = 0;
    while schedule.poll_timeout().unwrap().0 < at(100.0) {
        let (now, _) = schedule.poll_timeout().unwrap();
        assert_eq!(schedule.poll_action(now), Some(key.clone()));
        assert_eq!(schedule.handle_resolved(&key, Ok(commit(2)), now), Answer::Same);
        asked += 1;
    }
    assert_eq!(asked, 5);
}

/// A server that is down for a while, asked by many keys: the questions, and when all were answered again.
fn outage(keys: u8, down: (f64, f64), named: Option<u64>) -> (usize, f64) {
    let mut schedule = Schedule::new(Settings { per_host: 4, ..SETTINGS });
    for name in 0..keys {
        schedule.subscribe(key(1, name), at(0.0));
    }
    let (mut asked, mut since) = (0, BTreeSet::new());
    let mut answered = down.1;
    for tick in 0..6000 {
        let now = f64::from(tick);
        while let Some(key) = schedule.poll_action(at(now)) {
            let is_down = (down.0..down.1).contains(&now);
            asked += usize::from(is_down);
            let failed = Failed::Server { after: named.map(Duration::from_secs) };
            let answer = if is_down { Err(failed) } else { Ok(commit(1)) };
            let _answer = schedule.handle_resolved(&key, answer, at(now));
            if now >= down.1 && since.insert(key) {
                answered = now;
            }
        }
    }
    assert_eq!(since.len(), usize::from(keys), "every key is asked for again");
    (asked, answered - down.1)
}

proptest! {
    #[test]
    fn an_outage_costs_few_questions_and_ends_for_all(
        keys in 2..60_u8, from in 0..200_u32, lasts in 1..2000_u32, named in prop::option::of(1..400_u64),
    ) {
        let down = (f64::from(from), f64::from(from + lasts));
        let (asked, late) = outage(keys, down, named);
        // Waits of 10, 20, 40, 80, 160 and then 300 s, or as named, each with one question; and those before the first.
        let waits = match named {
            Some(named) => f64::from(lasts) / f64::from(u32::try_from(named).unwrap()).max(10.0) + 4.0,
            None => 8.0 + f64::from(lasts) / 300.0,
        };
        prop_assert!(asked as f64 <= waits + 3.0, "{asked} questions in {lasts} s");
        prop_assert!(late <= 400.0_f64.max(132.0) + 132.0, "{late} s later");
    }
}
