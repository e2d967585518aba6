use super::*;
use tokio::task::{JoinHandle, yield_now};

/// Somebody who waits, after whoever waits already.
#[allow(clippy::disallowed_methods, reason = "a task of the test's own")]
async fn wait(fair: &Fair, project: &'static str, is_slow: bool) -> JoinHandle<Permit> {
    let (mine, before) = (fair.clone(), fair.waiting());
    let handle = tokio::task::spawn(async move { mine.slot(project, is_slow).await });
    while fair.waiting() == before {
        yield_now().await;
    }
    handle
}

#[tokio::test]
async fn projects_take_turns() {
    let fair = Fair::new(1, SLOW);
    let mut held = fair.slot("red", false).await;
    let mut waiting = Vec::new();
    for project in ["red", "red", "red", "blue", "green", "blue"] {
        waiting.push((project, wait(&fair, project, false).await));
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        drop(held);
        let next = loop {
            if let Some(at) = waiting.iter().position(|(_, handle)| handle.is_finished()) {
                break waiting.remove(at);
            }
            yield_now().await;
        };
        order.push(next.0);
        held = next.1.await.unwrap();
    }
    assert_eq!(order, ["red", "blue", "green", "red", "blue", "red"]);
}

#[tokio::test]
async fn who_is_slow_makes_room_for_others() {
    let fair = Fair::new(2, Duration::from_millis(20));
    let slow: Vec<Permit> = vec![fair.slot("red", false).await, fair.slot("red", false).await];
    let other = wait(&fair, "blue", false).await;
    let both = async {
        let ever = std::future::pending::<()>;
        tokio::join!(slow[0].through(ever()), slow[1].through(ever()));
    };
    tokio::select! {
        () = both => panic!("it waited for the slow ones"),
        permit = other => drop(permit.unwrap()),
    }
    // The slow lane is full now: who is known to be slow waits, who is not does not.
    let known = wait(&fair, "red", true).await;
    drop(fair.slot("blue", false).await);
    assert!(!known.is_finished());
    drop(slow);
    drop(known.await.unwrap());
}

#[tokio::test]
async fn who_gave_up_takes_no_slot() {
    let fair = Fair::new(1, SLOW);
    let held = fair.slot("red", false).await;
    let gone = wait(&fair, "blue", false).await;
    gone.abort();
    assert!(gone.await.is_err());
    drop(held);
    let all = [fair.slot("green", false).await];
    assert_eq!((all.len(), fair.waiting()), (1, 0));
}

#[tokio::test]
async fn any_number_may_have_given_up() {
    const MANY: usize = 50_000;
    let fair = Fair::new(1, SLOW);
    let held = fair.slot("red", false).await;
    let mut gone: Vec<_> = (0..MANY).map(|_| Box::pin(fair.slot("blue", false))).collect();
    for slot in &mut gone {
        assert!(futures_poll(slot.as_mut()).await.is_none());
    }
    assert_eq!(fair.waiting(), MANY);
    drop(gone);
    drop(held);
    assert_eq!((fair.waiting(), fair.taken()), (0, 0));
    drop(fair.slot("green", false).await);
}

/// What a future comes to at once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
