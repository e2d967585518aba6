use super::*;
use crate::ChangeKind;

fn change(revision: u64, key: &str) -> Change {
    Change { revision: Revision(revision), key: key.to_owned(), kind: ChangeKind::Delete, previous: None }
}

fn window(window_changes: usize, changes: impl IntoIterator<Item = (u64, &'static str)>) -> Window {
    let mut window = Window::new(Revision::ZERO, Config { window_changes, ..Config::default() });
    for (revision, key) in changes {
        window.extend([change(revision, key)], Instant::now());
    }
    window
}

/// What a watcher of everything sees from `at` on: revisions, and how far it got.
fn check(window: &Window, at: u64, expect: Option<(&[u64], u64)>) {
    let step = window.step(Revision(at), "");
    let found = step.map(|s| (s.changes.iter().map(|c| c.revision.0).collect::<Vec<_>>(), s.upto.0));
    assert_eq!(found, expect.map(|(revisions, upto)| (revisions.to_vec(), upto)), "from {at}");
}

#[test]
fn whole_revisions_leave_first() {
    let window = window(3, [(1, "a"), (1, "b"), (2, "a"), (3, "a")]);
    check(&window, 0, None);
    check(&window, 1, Some((&[2, 3], 3)));
    check(&window, 3, Some((&[], 3)));
    check(&window, 9, Some((&[], 9)));
}

#[test]
fn the_newest_revision_stays_whatever_its_size() {
    let mut window = Window::new(Revision::ZERO, Config { window_bytes: 1, ..Config::default() });
    window.extend([change(1, "a")], Instant::now());
    window.extend([change(2, "a"), change(2, "b"), change(2, "c")], Instant::now());
    check(&window, 0, None);
    check(&window, 1, Some((&[2, 2, 2], 2)));
    assert_eq!(window.bytes, window.changes.iter().map(Change::cost).sum::<usize>());
}

#[test]
fn a_step_is_bounded_and_splits_no_revision() {
    let mut window = Window::new(Revision::ZERO, Config::default());
    window.extend((1..=1023).map(|r| change(r, "a")), Instant::now());
    window.extend([change(1024, "a"), change(1024, "b"), change(1025, "a")], Instant::now());
    let first = window.step(Revision::ZERO, "").unwrap();
    assert_eq!((first.changes.len(), first.upto), (1025, Revision(1024)));
    check(&window, 1024, Some((&[1025], 1025)));
}

#[test]
fn a_prefix_without_changes_moves_on() {
    let window = window(8, [(1, "a"), (2, "b")]);
    let step = window.step(Revision::ZERO, "c").unwrap();
    assert_eq!(step, Step { changes: Vec::new(), upto: Revision(2) });
}

#[test]
fn what_is_old_leaves_when_something_new_comes() {
    let mut window = Window::new(Revision::ZERO, Config::default());
    let (began, fifth) = (Instant::now(), KEPT / 5);
    for revision in 1..=6u32 {
        window.extend([change(revision.into(), "a")], began + fifth * revision);
    }
    check(&window, 0, Some((&[1, 2, 3, 4, 5, 6], 6)));
    window.extend([change(7, "a")], began + fifth * 7);
    check(&window, 0, None);
    check(&window, 1, Some((&[2, 3, 4, 5, 6, 7], 7)));
    window.extend([change(8, "a")], began + fifth * 60);
    check(&window, 6, None);
    check(&window, 7, Some((&[8], 8)));
    assert_eq!(window.bytes, window.changes.iter().map(Change::cost).sum::<usize>());
}
