//! What was plain becomes sealed, at the same revisions, whatever moment the process dies at.

use std::sync::Arc;

use shared_seal::Ring;

use super::*;
use crate::{Config, Embedded, Listing, Outcome, Page, Store as _, Txn, tests::run};

const NEEDLE: &str = "correct horse battery staple";

fn ring(number: u8) -> Arc<Ring> {
    Arc::new(Ring::fresh([number; 32]))
}

fn sealed(folder: &Path, ring: &Arc<Ring>) -> Result<Embedded, Error> {
    Embedded::sealed(folder, Config::default(), Arc::clone(ring))
}

/// Keys with the needle as values, some written over and some deleted: pages of the past are in the file.
fn fill(store: &Embedded) -> Listing {
    run(async {
        for i in 0..300 {
            let value = format!("{NEEDLE} {i} {}", "x".repeat(i * 20));
            let (key, gone) = (format!("key/{:03}", i % 200), format!("key/{:03}", i % 7));
            let txn = Txn::new().put(key, value).delete(gone + "/");
            assert!(matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_)));
        }
        let txn = Txn::new().delete("key/007");
        assert!(matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_)));
        store.list("", Page::default()).await.unwrap()
    })
}

fn list(store: &Embedded) -> Listing {
    run(store.list("", Page::default())).unwrap()
}

/// How often the needle is in the folder's files.
fn found(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(NEEDLE.len()).filter(|part| *part == NEEDLE.as_bytes()).count()).sum()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_sealed_store_is_the_same_store_and_its_file_tells_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(1);
    let store = sealed(dir.path(), &ring).unwrap();
    let written = fill(&store);
    drop(store);
    assert_eq!(found(dir.path()), 0);
    assert_eq!(list(&sealed(dir.path(), &ring).unwrap()), written);
}

#[test]
fn what_was_plain_is_sealed_at_the_same_revisions_in_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let plain = Embedded::open(dir.path(), Config::default()).unwrap();
    let written = fill(&plain);
    drop(plain);
    assert!(found(dir.path()) >= 100, "the needle is not found where it is");
    let before = fs::metadata(dir.path().join(file::NAME)).unwrap().ino();
    let ring = ring(1);
    let store = sealed(dir.path(), &ring).unwrap();
    assert_eq!(list(&store), written);
    let txn = Txn::new().put("more", NEEDLE);
    assert!(
        matches!(run(store.commit(txn)).unwrap(), Outcome::Committed(revision) if revision == written.revision.next())
    );
    drop(store);
    assert_eq!((found(dir.path()), names(dir.path())), (0, vec![file::NAME.to_owned()]));
    assert_eq!(fs::metadata(dir.path().join(file::NAME)).unwrap().ino(), before);
}

#[test]
fn with_a_new_data_key_everything_is_sealed_anew_and_the_old_key_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = ring(1);
    let written = fill(&sealed(dir.path(), &old).unwrap());
    let both = Arc::new(old.renewed([2; 32]));
    assert_eq!(list(&sealed(dir.path(), &both).unwrap()), written);
    assert_eq!(list(&sealed(dir.path(), &ring(2)).unwrap()), written);
    let error = sealed(dir.path(), &old).unwrap_err();
    assert!(matches!(error, Error::OtherKey { key, .. } if key == both.current()), "{error:?}");
}

#[test]
fn a_sealed_store_is_not_opened_otherwise_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (ring(1), ring(2));
    let written = fill(&sealed(dir.path(), &ours).unwrap());
    let check = |opened: Result<Embedded, Error>, expect: &str| {
        let said = opened.unwrap_err().to_string();
        assert_eq!(said.replace(&dir.path().display().to_string(), "DIR"), expect);
    };
    check(
        Embedded::open(dir.path(), Config::default()),
        "DIR/store.redb is sealed, and was opened without a key",
    );
    check(
        sealed(dir.path(), &theirs),
        &format!(
            "DIR/store.redb is sealed with data key {}, which is not among those of this data folder: restore the two from one backup",
            ours.current()
        ),
    );
    assert_eq!(list(&sealed(dir.path(), &ours).unwrap()), written);
}

#[test]
fn a_value_in_another_key_s_place_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(1);
    let store = sealed(dir.path(), &ring).unwrap();
    assert!(matches!(
        run(store.commit(Txn::new().put("a", "1").put("b", "2"))).unwrap(),
        Outcome::Committed(_)
    ));
    drop(store);
    // Whoever writes to the file can exchange what is sealed.
    let database = file::open(dir.path(), 1 << 20).unwrap();
    table::exchange_for_test(&database, "a", "b");
    drop(database);
    let store = sealed(dir.path(), &ring).unwrap();
    for error in [run(store.get("a")).unwrap_err(), run(store.list("", Page::default())).unwrap_err()] {
        assert!(
            matches!(&error, Error::Corrupt { reason, .. } if reason.starts_with("the value of a: it was changed")),
            "{error}"
        );
    }
}

/// Dies at each of the moments between two steps: what opens then is the whole store, sealed.
#[test]
fn a_death_at_any_moment_loses_nothing() {
    let check = |die: &dyn Fn(&Path, &Arc<Ring>)| {
        let dir = tempfile::tempdir().unwrap();
        let plain = Embedded::open(dir.path(), Config::default()).unwrap();
        let written = fill(&plain);
        drop(plain);
        let ring = ring(1);
        die(dir.path(), &ring);
        assert_eq!(list(&sealed(dir.path(), &ring).unwrap()), written);
        assert_eq!((found(dir.path()), names(dir.path())), (0, vec![file::NAME.to_owned()]));
    };
    let copied = |folder: &Path, ring: &Arc<Ring>, name: &str| {
        let sealing = Sealing::with(Arc::clone(ring));
        let database = file::open(folder, 1 << 20).unwrap();
        let found = table::prepare(&database, folder, &sealing).unwrap();
        copy(&database, found, &folder.join(name), folder, &sealing).unwrap();
    };
    let cut = |path: &Path| {
        let length = fs::metadata(path).unwrap().len();
        OpenOptions::new().write(true).open(path).unwrap().set_len(length / 2).unwrap();
    };
    check(&|_, _| {});
    check(&|folder, ring| {
        copied(folder, ring, MAKING);
        cut(&folder.join(MAKING));
    });
    check(&|folder, ring| copied(folder, ring, MAKING));
    check(&|folder, ring| copied(folder, ring, COPY));
    check(&|folder, ring| {
        copied(folder, ring, COPY);
        // Half of it is written over the file.
        let (copy, path) = (fs::read(folder.join(COPY)).unwrap(), folder.join(file::NAME));
        let mut mixed = fs::read(&path).unwrap();
        mixed.resize(mixed.len().max(copy.len()), 0);
        mixed[..copy.len() / 2].copy_from_slice(&copy[..copy.len() / 2]);
        fs::write(&path, mixed).unwrap();
    });
    check(&|folder, ring| {
        copied(folder, ring, COPY);
        fs::copy(folder.join(COPY), folder.join(file::NAME)).unwrap();
    });
}

#[test]
fn a_copy_that_another_process_puts_in_place_is_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(1);
    drop(sealed(dir.path(), &ring).unwrap());
    let other = file::private(&dir.path().join(COPY)).unwrap();
    other.lock().unwrap();
    assert!(matches!(sealed(dir.path(), &ring), Err(Error::InUse { .. })));
}
