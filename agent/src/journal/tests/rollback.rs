//! Taking back, releasing, and what is said when that cannot be.

use super::*;
use jiff::Timestamp;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Six orders of one application (the fifth is the fourth's release again), one order of another.
fn ground() -> (Memory, Place) {
    let memory = Memory::new();
    let place = Place::Memory(memory.clone());
    let journal = open(&place);
    for (generation, value) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "d"), (6, "e"), (7, "f")] {
        run(&journal, generation, value).unwrap();
    }
    let other = AppKey::new("team", "web");
    let (spec, compressed) = release(&other, "w");
    journal.save_order(&other, position(1), What::Run(Box::new(spec)), Some(&compressed)).unwrap();
    (memory, place)
}

fn back(place: &Place, app: &str, to: Option<u64>) -> Result<String, String> {
    let done = roll_back(place, app, to, "INC-7", "ada", Timestamp::UNIX_EPOCH);
    done.map(|(app, ran)| format!("{app} {}", ran.position)).map_err(|error| error.to_string())
}

fn release_of(place: &Place, app: &str) -> Result<String, String> {
    let done = unpin(place, app);
    done.map(|(app, pin, newest)| format!("{app} {} {}", pin.position, newest.unwrap()))
        .map_err(|error| error.to_string())
}

#[test]
fn an_application_is_taken_back_and_released() {
    let (_, place) = ground();
    assert_eq!(back(&place, "orders", None), Ok("argocd/orders 1.6".into()));
    let pins = |place: &Place| Records(place.look().unwrap()).pins().unwrap();
    assert_eq!(pins(&place)[&app()].reason, "INC-7");
    assert_eq!(back(&place, "argocd/orders", Some(3)), Ok("argocd/orders 1.3".into()));
    assert_eq!(pins(&place)[&app()].position, position(3));
    assert_eq!(release_of(&place, "orders"), Ok("argocd/orders 1.3 1.7".into()));
    assert_eq!(pins(&place), BTreeMap::new());
}

#[test]
fn what_cannot_be_is_said_with_what_can() {
    let (memory, place) = ground();
    let check = |to, expect: &str| assert_eq!(back(&place, "orders", to).unwrap_err(), expect);
    check(Some(1), "order 1 of argocd/orders is not kept; kept are 6, 5, 3, 2");
    check(
        Some(7),
        "order 7 is the newest of argocd/orders: it runs without a pin; release a pin with `flotilla-agent unpin argocd/orders`",
    );
    assert_eq!(
        back(&place, "shop", None).unwrap_err(),
        "there is no application shop here; there are argocd/orders, team/web"
    );
    assert_eq!(
        back(&place, "web", None).unwrap_err(),
        "team/web has no earlier release here to take it back to"
    );
    assert_eq!(
        release_of(&place, "orders").unwrap_err(),
        "argocd/orders is not taken back: it runs its newest order"
    );
    memory.lose(&bundles::name(&digest("e")));
    check(
        None,
        "the bundle of order 6 of argocd/orders is not here any more, or damaged; these can run: 5, 3, 2",
    );
    back(&place, "orders", Some(5)).unwrap();
    let already = "argocd/orders is taken back to 5 already (INC-7); name another order with --to, or release it with `flotilla-agent unpin argocd/orders`";
    check(Some(5), already);
    check(None, already);
    let journal = open(&place);
    let removal = What::Remove { cascade: true, done: false, told: false };
    journal.save_order(&app(), position(8), removal, None).unwrap();
    check(Some(3), "the hub ordered the removal of argocd/orders: there is nothing to take it back to");
    let other = AppKey::new("other", "orders");
    let (spec, compressed) = release(&other, "o");
    journal.save_order(&other, position(1), What::Run(Box::new(spec)), Some(&compressed)).unwrap();
    check(None, "several applications are named orders: give one of argocd/orders, other/orders");
    let empty = Place::Memory(Memory::new());
    assert_eq!(back(&empty, "orders", None).unwrap_err(), "there is no application orders here");
}

#[test]
fn the_order_that_is_pinned_is_kept_whatever_comes_after_it() {
    let (_, place) = ground();
    back(&place, "orders", Some(2)).unwrap();
    let journal = open(&place);
    for generation in 8..=14 {
        run(&journal, generation, &generation.to_string()).unwrap();
    }
    assert_eq!(values(&journal), ["1.1 w", "1.14 14", "1.13 13", "1.12 12", "1.11 11", "1.10 10", "1.2 b"]);
    release_of(&place, "orders").unwrap();
    run(&journal, 15, "15").unwrap();
    assert!(!values(&journal).contains(&"1.2 b".to_owned()));
    // A removal that is done ends a pin.
    back(&place, "orders", Some(13)).unwrap();
    journal
        .save_order(&app(), position(16), What::Remove { cascade: true, done: true, told: false }, None)
        .unwrap();
    assert_eq!(journal.records.pins().unwrap(), BTreeMap::new());
}

#[test]
fn what_cannot_be_read_holds_until_it_is_mended() {
    let (memory, place) = ground();
    let records = Records(place.look().unwrap());
    let held = || records.local().unwrap().pause.map(|pause| pause.reason);
    assert_eq!(held(), None);
    let pause = LocalPause { reason: "INC-7".into(), by: "ada".into(), until: None };
    set_local_pause(&place, Some(&pause)).unwrap();
    assert_eq!(local_pause(&place).unwrap(), Some(pause));
    memory.damage("local/pause");
    assert!(held().unwrap().contains("is damaged"), "{:?}", held());
    set_local_pause(&place, None).unwrap();
    assert_eq!(held(), None);
    back(&place, "orders", Some(3)).unwrap();
    memory.damage("local/pin-");
    assert!(held().unwrap().contains("run `flotilla-agent unpin APP`"), "{:?}", held());
    unpin(&place, "orders").unwrap();
    assert_eq!(held(), None);
    // Its order is lost, and the pin can be let go of all the same.
    back(&place, "orders", Some(3)).unwrap();
    assert_ne!(memory.damage("apps/"), 0);
    let (application, _, newest) = unpin(&place, "orders").unwrap();
    assert_eq!((application, newest), (app(), None));
    assert_eq!(records.pins().unwrap(), BTreeMap::new());
}

async fn follow(place: Place) {
    let journal = Arc::new(open(&place));
    run(&journal, 1, "a").unwrap();
    run(&journal, 2, "b").unwrap();
    let (told, mut heard) = mpsc::channel(1);
    let following = shared_runtime::spawn("local", Arc::clone(&journal).follow_local(told));
    let mut next = async || {
        let heard = tokio::time::timeout(std::time::Duration::from_secs(30), heard.recv()).await;
        heard.unwrap().unwrap()
    };
    assert_eq!(next().await, Local::default());
    let pause = LocalPause { reason: "INC-7".into(), by: "ada".into(), until: None };
    set_local_pause(&place, Some(&pause)).unwrap();
    assert_eq!(next().await.pause, Some(pause));
    back(&place, "orders", None).unwrap();
    assert_eq!(next().await.pins[&app()].position, position(1));
    set_local_pause(&place, None).unwrap();
    let last = next().await;
    assert_eq!((last.pause, last.pins.len()), (None, 1));
    drop(heard);
    following.await.unwrap();
}

#[tokio::test]
async fn the_engine_is_told_at_once_and_at_each_change() {
    follow(Place::Memory(Memory::new())).await;
    let temporary = tempfile::tempdir().unwrap();
    follow(folder(temporary.path())).await;
}
