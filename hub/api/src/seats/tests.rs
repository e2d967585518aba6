use super::*;
use futures::FutureExt as _;
use std::{future::Future, pin::Pin};

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Seat, Status>> + 'a>>;

fn seats(seats: u32, queue: usize) -> Seats {
    patient(seats, queue, Duration::from_secs(600))
}

fn patient(seats: u32, queue: usize, patience: Duration) -> Seats {
    let limits = Limits { lists: Room { seats, queue }, patience, ..Limits::default() };
    Seats::new(&limits, Metrics::default())
}

/// Asks, and gets as far as it goes without waiting.
fn ask<'a>(seats: &'a Seats, width: u32, subject: &'a str) -> Result<Seat, Asking<'a>> {
    let mut asking: Asking<'a> = Box::pin(seats.take(Class::List, width, subject));
    match (&mut asking).now_or_never() {
        Some(Ok(seat)) => Ok(seat),
        Some(Err(status)) => panic!("{status}"),
        None => Err(asking),
    }
}

fn free(seats: &Seats) -> (u32, usize) {
    let plan = seats.classes[Class::List as usize].plan.lock();
    (plan.free, plan.count)
}

#[test]
fn a_list_takes_seats_by_its_objects() {
    let check = |objects: Option<usize>, expect: u32| assert_eq!(width(objects), expect, "{objects:?}");
    check(Some(0), 1);
    check(Some(100), 1);
    check(Some(101), 2);
    check(Some(20_000), WIDEST);
    check(None, WIDEST);
}

#[tokio::test]
async fn subjects_take_turns_and_nobody_overtakes() {
    let seats = seats(1, 10);
    let first = ask(&seats, 1, "flood").ok().unwrap();
    let mut waiting: Vec<(&str, Asking<'_>)> = Vec::new();
    for subject in ["flood", "flood", "flood", "ada", "bob"] {
        waiting.push((subject, ask(&seats, 1, subject).unwrap_err()));
    }
    assert_eq!(free(&seats), (0, 5));
    let mut turns = Vec::new();
    let mut seat = Some(first);
    while !waiting.is_empty() {
        drop(seat.take());
        let mut called = None;
        for (at, (subject, asking)) in waiting.iter_mut().enumerate() {
            if let Some(given) = asking.now_or_never() {
                turns.push(*subject);
                seat = Some(given.unwrap());
                assert!(called.replace(at).is_none(), "one seat, one call");
            }
        }
        drop(waiting.remove(called.unwrap()));
    }
    // The first had one already.
    assert_eq!(turns, ["ada", "bob", "flood", "flood", "flood"]);
    drop(seat);
    assert_eq!(free(&seats), (1, 0));
}

#[tokio::test]
async fn a_wide_request_waits_until_it_fits_and_those_behind_it_wait_too() {
    let seats = seats(10, 10);
    let small = ask(&seats, 1, "ada").ok().unwrap();
    let mut wide = ask(&seats, 10, "ada").unwrap_err();
    let mut behind = ask(&seats, 1, "ada").unwrap_err();
    assert!((&mut behind).now_or_never().is_none());
    drop(small);
    let sits = (&mut wide).now_or_never().unwrap().unwrap();
    assert!((&mut behind).now_or_never().is_none());
    drop(sits);
    let _sits = (&mut behind).now_or_never().unwrap().unwrap();
}

#[tokio::test]
async fn who_leaves_lets_the_next_one_in() {
    let seats = seats(2, 10);
    let sits = ask(&seats, 1, "ada").ok().unwrap();
    let wide = ask(&seats, 2, "ada").unwrap_err();
    let mut behind = ask(&seats, 1, "ada").unwrap_err();
    drop(wide);
    let also = (&mut behind).now_or_never().unwrap().unwrap();
    // One who was called and left before he knew.
    let called = ask(&seats, 2, "bob").unwrap_err();
    drop((sits, also));
    assert_eq!(free(&seats), (0, 0));
    drop(called);
    assert_eq!(free(&seats), (2, 0));
}

#[tokio::test]
async fn a_full_queue_and_a_long_wait_are_told_to_come_back() {
    let seats = patient(1, 1, Duration::from_millis(20));
    let _sits = ask(&seats, 1, "ada").ok().unwrap();
    let waits = ask(&seats, 1, "ada").unwrap_err();
    let status = seats.take(Class::List, 1, "bob").await.unwrap_err();
    assert_eq!((status.code, status.details.unwrap().retry_after_seconds), (429, Some(3)));
    let status = waits.await.unwrap_err();
    assert_eq!((status.code, status.reason), (429, "TooManyRequests"));
    assert_eq!(free(&seats), (0, 0));
}

#[test]
fn lists_teach_how_wide_lists_are() {
    let sizes = Sizes::default();
    let kind = Kind::Application;
    assert_eq!((sizes.width(kind, None), sizes.width(kind, Some(500))), (WIDEST, 5));
    sizes.learn(kind, false, 900);
    assert_eq!(sizes.width(kind, None), WIDEST, "one namespace says nothing of all");
    sizes.learn(kind, true, 250);
    assert_eq!((sizes.width(kind, None), sizes.width(kind, Some(100))), (3, 1));
    sizes.learn(kind, false, 900);
    assert_eq!(sizes.width(kind, None), 9);
}

#[test]
fn watches_are_limited_by_subject_and_together() {
    let watches = Watches::new(&Limits { watches: 3, watches_each: 2, ..Limits::default() });
    let first = watches.enter("ada").unwrap();
    let _second = watches.enter("ada").unwrap();
    assert!(watches.enter("ada").unwrap_err().message.contains("watches of yours"));
    let _third = watches.enter("bob").unwrap();
    assert!(watches.enter("eve").unwrap_err().message.contains("no room"));
    drop(first);
    let _fourth = watches.enter("eve").unwrap();
    assert_eq!(watches.under_way.lock().each.len(), 3);
}
