use super::*;
use futures::{FutureExt as _, future::BoxFuture, poll};

/// A place that is taken at once, or nothing.
fn take(turns: &Turns, project: &str) -> Option<Turn> {
    tokio::task::unconstrained(turns.turn(project)).now_or_never()
}

/// As many as begin at once.
fn all(turns: &Turns, project: &str) -> Vec<Turn> {
    std::iter::from_fn(|| take(turns, project)).collect()
}

#[tokio::test]
async fn one_project_leaves_places_for_others() {
    let turns = Turns::default();
    let red = all(&turns, "red");
    let blue = all(&turns, "blue");
    let green = all(&turns, "green");
    assert_eq!([red.len(), blue.len(), green.len()], [8, 4, 2]);
    drop(blue);
    assert_eq!(all(&turns, "red").len(), 0, "it has as many as are free");
    assert_eq!(all(&turns, "green").len(), 2);
    drop((red, green));
    assert_eq!(all(&turns, "blue").len(), 8);
    assert_eq!(turns.state.lock().working.taken, 0);
}

#[tokio::test]
async fn those_that_wait_outside_are_bounded_too_and_leave_room() {
    let turns = Turns::default();
    let mut under_way = Vec::new();
    let mut begin = |project: &str| {
        let mut count = 0;
        while let Some(mut turn) = take(&turns, project) {
            turn.rest();
            under_way.push(turn);
            count += 1;
        }
        count
    };
    assert_eq!([begin("red"), begin("blue"), begin("green"), begin("red")], [52, 41, 33, 0]);
    // Twenty projects that do nothing but wait leave room for the next.
    for number in 0..17 {
        assert!(begin(&format!("more-{number}")) > 0, "{number}");
    }
}

#[tokio::test]
async fn projects_take_turns() {
    let turns = Turns::default();
    let held = all(&turns, "red");
    let blues = all(&turns, "blue");
    let mut waiting: Vec<(&str, BoxFuture<'_, Turn>)> = Vec::new();
    for project in ["red", "red", "blue"] {
        let mut turn = Box::pin(turns.turn(project)) as BoxFuture<'_, Turn>;
        assert!(poll!(&mut turn).is_pending());
        waiting.push((project, turn));
    }
    // Somebody who gave up does not count.
    drop(waiting.remove(0));
    drop((held, blues));
    for (_, turn) in waiting {
        assert!(turn.now_or_never().is_some());
    }
    assert_eq!(turns.state.lock().under_way.taken, 0);
}

/// Turns that count waiting from `brief` on, and work as slow from `slow` on.
fn timed(brief: Duration, slow: Duration) -> Turns {
    Turns { brief, slow, ..Turns::default() }
}

const SOON: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3_600);

/// Whether the work gives up its place, on turns like these, before anything else happens.
async fn gives_up(turns: &Turns, work: impl Future<Output = ()>) -> bool {
    let taken = || turns.state.lock().working.taken;
    let mut work = pin!(turns.through("red", work));
    assert!(poll!(&mut work).is_pending());
    assert_eq!(taken(), 1);
    let began = Instant::now();
    while taken() == 1 && began.elapsed() < 50 * SOON {
        tokio::task::yield_now().await;
        assert!(poll!(&mut work).is_pending());
    }
    taken() == 0
}

#[tokio::test]
async fn who_waits_outside_gives_up_its_place_and_who_takes_long_too() {
    let ever = std::future::pending::<()>;
    assert!(gives_up(&timed(SOON, NEVER), outside(ever())).await);
    assert!(!gives_up(&timed(SOON, NEVER), ever()).await, "it does not wait outside");
    assert!(!gives_up(&timed(NEVER, NEVER), outside(ever())).await, "it waits for a moment only");
    assert!(gives_up(&timed(NEVER, SOON), ever()).await);
    let turns = timed(SOON, NEVER);
    assert!(gives_up(&turns, outside(ever())).await);
    let state = turns.state.lock();
    assert_eq!((state.working.taken, state.under_way.taken), (0, 0));
}

#[tokio::test]
async fn parts_that_compute_leave_the_thread_to_others_in_between() {
    const PARTS: usize = 64;
    let compute = async || {
        let began = Instant::now();
        while began.elapsed() < 2 * STRETCH {
            std::hint::spin_loop();
        }
    };
    let turns = Turns::default();
    let mut all =
        pin!(turns.through("red", futures::future::join_all((0..PARTS).map(|_| in_turn(compute())))));
    let mut pauses = 0;
    while poll!(&mut all).is_pending() {
        pauses += 1;
        tokio::task::yield_now().await;
    }
    assert!(pauses >= PARTS / 2, "{pauses}");
    // Nobody counts where nobody has a place.
    assert!(in_turn(compute()).now_or_never().is_some());
}
