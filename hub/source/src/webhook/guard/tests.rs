use super::*;
use crate::webhook::{Push, Trust};

fn at(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn push(body: u32, id: &str) -> Delivery {
    push_to("team/app", body, id)
}

fn push_to(repository: &str, body: u32, id: &str) -> Delivery {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&body.to_le_bytes());
    let name = repository.to_owned();
    let push = Push { name, places: Vec::new(), default_branch: None, changes: Vec::new() };
    let id = (!id.is_empty()).then(|| id.to_owned());
    Delivery { forge: Forge::GitHub, id, digest, trust: Trust::Proven, event: Event::Push(push) }
}

/// How many of `from` get in at once.
fn admitted(guard: &mut Guard, sender: IpAddr, now: Timestamp) -> usize {
    std::iter::from_fn(|| guard.enter(sender, now).ok()).take(10_000).count()
}

#[test]
fn a_sender_has_its_share_and_keeps_nobody_else_from_theirs() {
    let mut guard = Guard::default();
    assert_eq!(admitted(&mut guard, from(1), at(0.0)), 200);
    let TooMany(wait) = guard.enter(from(1), at(0.0)).unwrap_err();
    assert_eq!(wait, Duration::from_millis(50));
    assert_eq!(admitted(&mut guard, from(2), at(0.0)), 200);
    assert_eq!(admitted(&mut guard, from(1), at(1.0)), 20);
    assert_eq!(admitted(&mut guard, from(1), at(3600.0)), 200);
    // A clock that goes back gives nothing.
    assert_eq!(admitted(&mut guard, from(1), at(0.0)), 0);
    let network = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(admitted(&mut guard, network("2001:db8::1"), at(0.0)), 200);
    assert_eq!(admitted(&mut guard, network("2001:db8::ffff:2"), at(0.0)), 0);
    assert_eq!(admitted(&mut guard, network("2001:db8:0:1::1"), at(0.0)), 200);
}

#[test]
fn guessing_ends_soon() {
    let mut guard = Guard::default();
    let mut tries = 0;
    while guard.enter(from(1), at(0.0)).is_ok() {
        guard.refused(from(1), at(0.0));
        tries += 1;
    }
    assert_eq!(tries, 19);
    let mut more = 0;
    for second in 1..=60 {
        while guard.enter(from(1), at(f64::from(second))).is_ok() {
            guard.refused(from(1), at(f64::from(second)));
            more += 1;
        }
    }
    assert!((60..=120).contains(&more), "{more} in a minute");
}

#[test]
fn a_delivery_is_taken_once() {
    let mut guard = Guard::default();
    let mut check = |delivery: Delivery, now: f64, expect: Novelty| {
        assert_eq!(guard.believe(&delivery, at(now)), Ok(expect), "{delivery:?}");
    };
    check(push(1, "a"), 0.0, Novelty::New);
    check(push(1, "a"), 1.0, Novelty::Repeated);
    // Nobody signs the name: the last body counts under any.
    check(push(1, "b"), 2.0, Novelty::Repeated);
    check(push(2, "a"), 3.0, Novelty::Repeated);
    check(push(2, "c"), 4.0, Novelty::New);
    check(push(3, ""), 5.0, Novelty::New);
    check(push(3, ""), 86_000.0, Novelty::Repeated);
    check(push(3, ""), 86_406.0, Novelty::New);
    check(Delivery { forge: Forge::GitLab, ..push(3, "") }, 86_406.0, Novelty::New);
    let ping = Delivery { event: Event::Ping, ..push(9, "p") };
    check(ping.clone(), 90_000.0, Novelty::New);
    check(ping, 90_000.0, Novelty::New);
}

#[test]
fn a_branch_may_go_to_and_fro() {
    let mut guard = Guard::default();
    let mut check = |delivery: Delivery, now: f64, expect: Novelty| {
        assert_eq!(guard.believe(&delivery, at(now)), Ok(expect), "{delivery:?}");
    };
    check(push(1, "there"), 0.0, Novelty::New);
    check(push(2, "back"), 1.0, Novelty::New);
    check(push(1, "there again"), 2.0, Novelty::New);
    check(push(1, "there again, once more"), 3.0, Novelty::Repeated);
    check(push(2, "back"), 4.0, Novelty::Repeated);
    // What happens elsewhere makes nothing new of it.
    check(push_to("team/other", 3, "other"), 5.0, Novelty::New);
    check(push(1, "recorded"), 6.0, Novelty::Repeated);
    // What was first taken a day ago is forgotten, what came after it is not.
    check(push(1, "late"), 86_402.0, Novelty::Repeated);
    check(push(1, "later"), 86_403.0, Novelty::New);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut guard = Guard::default();
    for body in 0..40_000 {
        assert_eq!(guard.believe(&push(body, &body.to_string()), at(f64::from(body))), Ok(Novelty::New));
    }
    assert!(guard.order.len() <= REMEMBERED + 2 && guard.seen.len() <= guard.order.len());
    for sender in 0..20_000_u32 {
        guard.enter(IpAddr::from(sender.to_be_bytes()), at(0.0)).unwrap();
    }
    assert!(guard.senders.len() <= SENDERS);
}

#[test]
fn a_forge_has_its_limit() {
    let mut guard = Guard::default();
    let taken = (0..5000).take_while(|body| guard.believe(&push(*body, ""), at(0.0)).is_ok()).count();
    assert_eq!(taken, 1000);
    let other = Delivery { forge: Forge::Gitea, ..push(1, "") };
    assert_eq!(guard.believe(&other, at(0.0)), Ok(Novelty::New));
    // What was turned away is not known: the forge may deliver it again.
    assert_eq!(guard.believe(&push(1000, ""), at(1.0)), Ok(Novelty::New));
}
