use super::*;

fn open(folder: &Path, most: u64) -> Store {
    Store::open(folder, most).unwrap()
}

/// Which of some archives are there, as a word of their letters.
fn there(store: &Store, all: &[(char, CommitId)]) -> String {
    all.iter().filter(|(_, id)| store.get(id).unwrap().is_some()).map(|(letter, _)| *letter).collect()
}

fn put(store: &Store, letters: &str) -> Vec<(char, CommitId)> {
    letters
        .chars()
        .map(|letter| (letter, store.put(letter.to_string().repeat(10).as_bytes()).unwrap()))
        .collect()
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_least_recently_used_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 30);
    let all = put(&store, "abc");
    assert_eq!(there(&store, &all), "abc");
    // Asking for the first makes the second the oldest.
    store.get(&all[0].1).unwrap().unwrap();
    let more = put(&store, "d");
    assert_eq!(there(&store, &all), "ac");
    assert_eq!(there(&store, &more), "d");
    assert_eq!(files(folder.path()), 3);
}

#[test]
fn what_is_pinned_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 20);
    let all = put(&store, "ab");
    store.retain([all[0].1.clone(), all[1].1.clone()].into());
    let more = put(&store, "cd");
    assert_eq!(there(&store, &all), "ab");
    assert_eq!(there(&store, &more), "d", "what came last is there for who asked for it");
    store.retain(BTreeSet::new());
    assert_eq!(files(folder.path()), 2);
}

#[test]
fn another_process_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 100);
    let all = put(&store, "ab");
    let label = Label { name: "web".to_owned(), version: "1.0.0".to_owned(), chart: true };
    store.name(&all[0].1, &label).unwrap();
    fs::write(folder.path().join("7.part"), "half").unwrap();
    fs::write(folder.path().join(format!("{}.label", all[1].1)), "{half").unwrap();
    drop(store);
    let store = open(folder.path(), 100);
    assert_eq!(there(&store, &all), "ab");
    assert_eq!(store.label(&all[0].1), Some(label));
    assert_eq!(store.label(&all[1].1), None);
    assert_eq!(files(folder.path()), 3, "what a crash left is removed");
    assert_eq!(store.held.lock().bytes, 20);
}

#[test]
fn what_somebody_changed_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 100);
    let all = put(&store, "abc");
    fs::write(store.path(&all[0].1, ARCHIVE), "changed").unwrap();
    fs::remove_file(store.path(&all[1].1, ARCHIVE)).unwrap();
    assert_eq!(there(&store, &all), "c");
    assert_eq!(store.held.lock().bytes, 10);
    put(&store, "ab");
    assert_eq!(there(&store, &all), "abc");
}

#[test]
fn names_go_with_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 10);
    let all = put(&store, "ab");
    let label = Label { name: "web".to_owned(), version: "1.0.0".to_owned(), chart: true };
    for (_, id) in &all {
        store.name(id, &label).unwrap();
    }
    // Long ago.
    for (_, since) in store.held.lock().labels.values_mut() {
        *since = SystemTime::UNIX_EPOCH;
    }
    store.retain(BTreeSet::new());
    let named = all.iter().map(|(_, id)| store.label(id).is_some()).collect::<Vec<_>>();
    assert_eq!(named, [false, true]);
    assert_eq!(files(folder.path()), 2);
    let other = put(&store, "x");
    let named = |version: &str, chart: bool| {
        let label = Label { name: "web".to_owned(), version: version.to_owned(), chart };
        store.name(&other[0].1, &label).unwrap();
        store.label(&other[0].1).unwrap().version
    };
    assert_eq!(
        [named("latest", true), named("stable", true), named("1.0.0", true), named("", false)],
        ["latest", "latest", "1.0.0", "1.0.0"]
    );
    let long = Label { name: "x".repeat(2000), ..label };
    store.name(&all[0].1, &long).unwrap();
    assert_eq!(store.label(&all[0].1), None, "no such name is kept");
}
