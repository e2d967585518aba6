use super::*;
use crate::rendered::{NON_DETERMINISTIC, Warning};
use proptest::prelude::*;
use std::{collections::BTreeSet, fs};

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn kept(number: u64, warnings: &[&str]) -> Kept {
    let warnings = warnings.iter().map(|condition| Warning::new(condition, "said")).collect();
    Kept::new(digest(number), number, warnings)
}

#[test]
fn what_was_not_used_for_longest_is_forgotten() {
    let cache = Cache::new(2);
    for number in [0, 1] {
        cache.put(digest(number), Ok(kept(number, &[])));
    }
    assert!(cache.get(&digest(0)).is_some());
    cache.put(digest(2), Err(Vec::new()));
    assert_eq!(cache.get(&digest(1)), None);
    assert!(cache.get(&digest(0)).is_some() && cache.get(&digest(2)).is_some());
    cache.forget(&digest(0));
    assert_eq!(cache.len(), 1);
}

#[test]
fn results_outlive_a_restart_and_failures_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renderings");
    let cache = Cache::open(&file, 10).unwrap();
    cache.put(digest(1), Ok(kept(1, &[NON_DETERMINISTIC])));
    cache.put(digest(2), Err(Vec::new()));
    cache.put(digest(3), Ok(kept(30, &[])));
    cache.put(digest(3), Ok(kept(31, &[])));
    drop(cache);
    let again = Cache::open(&file, 10).unwrap();
    assert_eq!(again.get(&digest(1)), Some(Ok(kept(1, &[NON_DETERMINISTIC]))));
    assert_eq!(again.get(&digest(2)), None);
    assert_eq!(again.get(&digest(3)), Some(Ok(kept(31, &[]))));
}

#[test]
fn the_file_grows_no_further_than_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renderings");
    let cache = Cache::open(&file, 50).unwrap();
    for number in 0..5_000 {
        cache.put(digest(number), Ok(kept(number, &[])));
    }
    let lines = fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines <= 1_100, "{lines}");
    drop(cache);
    let again = Cache::open(&file, 50).unwrap();
    assert_eq!(again.len(), 50);
    assert!((4_950..5_000).all(|number| again.get(&digest(number)) == Some(Ok(kept(number, &[])))));
}

#[test]
fn a_file_that_cannot_be_used_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renderings");
    fs::create_dir_all(file.join("in the way")).unwrap();
    assert!(Cache::open(&file, 10).is_err());
    let cache = Cache::open_anyway(&file, 10);
    cache.put(digest(1), Ok(kept(1, &[])));
    assert!(folder.path().join("renderings.unreadable/in the way").is_dir());
    drop(cache);
    assert_eq!(Cache::open_anyway(&file, 10).get(&digest(1)), Some(Ok(kept(1, &[]))));
    // Where not even that works, it is kept in memory.
    let nowhere = Cache::open_anyway(&folder.path().join("no/such/folder"), 10);
    nowhere.put(digest(1), Ok(kept(1, &[])));
    assert_eq!(nowhere.get(&digest(1)), Some(Ok(kept(1, &[]))));
}

#[test]
fn who_looks_something_up_waits_for_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("renderings"), 10).unwrap();
    cache.put(digest(1), Ok(kept(1, &[])));
    // Somebody writes.
    let journal = cache.journal.lock();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| cache.put(digest(2), Ok(kept(2, &[]))));
        while cache.get(&digest(2)).is_none() {
            std::thread::yield_now();
        }
        assert!(cache.get(&digest(1)).is_some() && !writer.is_finished());
        drop(journal);
    });
}

#[test]
fn results_are_counted_as_they_come_and_go() {
    let cache = Cache::new(3);
    for (number, known) in [(1, true), (2, false), (3, true), (3, false), (3, true), (4, true), (5, false)] {
        cache.put(digest(number), if known { Ok(kept(number, &[])) } else { Err(Vec::new()) });
        let state = cache.state.lock();
        assert_eq!(state.results, state.results().len());
    }
    cache.forget(&digest(4));
    assert_eq!(cache.state.lock().results, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A crash leaves a file that ends anywhere, or with anything: what is read is what was written, and what is written then is read.
    #[test]
    fn a_file_that_was_cut_short_says_nothing_wrong(count in 1..20_u64, cut in 0.0..1.0, rubbish in proptest::collection::vec(any::<u8>(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("renderings");
        let cache = Cache::open(&file, 100).unwrap();
        for number in 0..count {
            cache.put(digest(number), Ok(kept(number, &[])));
        }
        drop(cache);
        let mut bytes = fs::read(&file).unwrap();
        let whole: BTreeSet<u64> = (0..count).collect();
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        bytes.extend(&rubbish);
        fs::write(&file, &bytes).unwrap();
        let again = Cache::open(&file, 100).unwrap();
        let right = whole.iter().filter(|number| match again.get(&digest(**number)) {
            Some(known) => { assert_eq!(known, Ok(kept(**number, &[]))); true }
            None => false,
        });
        prop_assert_eq!(right.count(), again.len());
        again.put(digest(1_000), Ok(kept(1_000, &[])));
        drop(again);
        let last = Cache::open(&file, 100).unwrap();
        prop_assert_eq!(last.get(&digest(1_000)), Some(Ok(kept(1_000, &[]))));
    }
}
