use super::{ring::Ring, *};
use serde_json::json;

fn event(revision: u64) -> Event {
    Event::new(Revision(revision), Kind::Secret, None, json!({}), false)
}

fn revisions(found: Result<(Vec<Arc<Event>>, Revision), Compacted>) -> (Vec<u64>, u64) {
    let (events, upto) = found.unwrap();
    (events.iter().map(|event| event.revision.0).collect(), upto.0)
}

#[test]
fn a_ring_keeps_whole_revisions_within_its_limits() {
    let mut ring = Ring::bounded(Revision(10), 3, 100_000);
    ring.push(vec![event(11), event(12), event(12)], Revision(14));
    assert_eq!(revisions(ring.after(Revision(10))), (vec![11, 12, 12], 14));
    assert_eq!(revisions(ring.after(Revision(12))), (vec![], 14));
    assert_eq!(ring.after(Revision(9)).unwrap_err(), Compacted { asked: Revision(9), oldest: Revision(10) });

    ring.push(vec![event(15), event(16)], Revision(16));
    assert_eq!(revisions(ring.after(Revision(12))), (vec![15, 16], 16));
    assert_eq!(ring.after(Revision(11)).unwrap_err().oldest, Revision(12));

    ring.push(Vec::new(), Revision(20));
    assert_eq!(revisions(ring.after(Revision(16))), (vec![], 20));
    ring.restart(Revision(30));
    assert!(ring.after(Revision(20)).is_err());
}

#[test]
fn the_newest_revision_stays_whatever_its_size() {
    let mut ring = Ring::bounded(Revision(0), 1, 1);
    ring.push(vec![event(1), event(1), event(1)], Revision(1));
    assert_eq!(revisions(ring.after(Revision(0))), (vec![1, 1, 1], 1));
}

#[test]
fn an_object_of_small_fields_weighs_many_times_its_text() {
    let resource = json!({"kind": "ConfigMap", "name": "settings", "health": {"status": "Healthy"}});
    let status = json!({"resources": vec![resource; 50]});
    assert!(weight(&status) > 5 * status.to_string().len(), "{}", weight(&status));
    let text = json!("x".repeat(1_000));
    assert!((1_000..1_100).contains(&weight(&text)), "{}", weight(&text));
}

#[tokio::test]
async fn a_feed_that_nobody_wants_rests_and_whoever_comes_wakes_it() {
    let by = Mutex::new((0, Instant::now() - 2 * LINGERS));
    let wanted = Arc::new(Wanted { by, came: Notify::new(), awake: watch::Sender::new(true) });
    let ring = Arc::new(RwLock::new(Ring::new(Revision(0))));
    ring.write().push(vec![event(1)], Revision(1));
    let feed =
        Feed { ring: Arc::clone(&ring), tip: watch::channel(Revision(1)).1, wanted: Arc::clone(&wanted) };
    let rests = || rests(&wanted, &ring, Revision(1));
    let mut resting = Box::pin(rests());
    assert!(futures::poll!(&mut resting).is_pending());
    let mut waking = Box::pin(feed.wake());
    assert!(futures::poll!(&mut waking).is_pending(), "nothing is given yet");
    assert!(feed.step(Revision(0)).is_err(), "what came before is not kept for nobody");
    assert!(resting.await);
    wanted.awake.send_replace(true);
    waking.await;
    assert!(!rests().await, "somebody came a moment ago");
    wanted.by.lock().1 = Instant::now() - 2 * LINGERS;
    let watched = feed.watched();
    assert!(!rests().await, "somebody watches");
    drop(watched);
    assert!(!rests().await, "a watch ended a moment ago");
    wanted.by.lock().1 = Instant::now() - Duration::from_secs(50);
    assert!(!rests().await, "a slow client may still be at work on its listing");
}
