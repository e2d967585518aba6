//! The folder, restarts, and kill -9.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::ChangeKind;
use crate::tests::run;

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, Config::default()).unwrap()
}

async fn put(store: &Embedded, key: &str, value: &str) -> Revision {
    match store.commit(Txn::new().put(key, value.to_owned())).await.unwrap() {
        Outcome::Committed(revision) => revision,
        conflict @ Outcome::Conflict { .. } => panic!("{conflict:?}"),
    }
}

#[test]
fn a_restart_goes_on_where_it_was() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        put(&store, "a", "1").await;
        let (Outcome::Committed(_) | Outcome::Conflict { .. }) =
            store.commit(Txn::new().delete("a")).await.unwrap();
        drop(store);

        let store = open(dir.path());
        assert_eq!(store.revision().await.unwrap(), Revision(2), "the last revision deleted the last key");
        let error = store.watch("", Revision(1)).await.unwrap_err();
        assert!(matches!(error, Error::Compacted { oldest: Revision(3), .. }), "{error:?}");
        let mut watch = store.watch("", Revision(2)).await.unwrap();
        assert_eq!(put(&store, "a", "2").await, Revision(3));
        let seen = watch.next().await.unwrap().unwrap();
        assert!(matches!(&seen[0].kind, ChangeKind::Put(e) if e.create_revision == Revision(3)));
    });
}

#[test]
fn only_the_owner_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data/store");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(open(&folder));
    assert_eq!((mode(&folder), mode(&folder.join(file::NAME))), (0o700, 0o600));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.join(file::NAME), fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&folder));
    assert_eq!((mode(&folder), mode(&folder.join(file::NAME))), (0o700, 0o600));
}

/// Opening the folder fails with these words, `DIR` standing for it.
fn check_refused(folder: &Path, expect: &str) {
    let error = Embedded::open(folder, Config::default()).unwrap_err();
    assert_eq!(error.to_string().replace(&folder.display().to_string(), "DIR"), expect);
}

#[test]
fn one_hub_in_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    check_refused(dir.path(), "another hub is using DIR: stop it, or give this one a folder of its own");
    drop(store);
    drop(open(dir.path()));
}

#[test]
fn a_file_that_is_no_store() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(file::NAME), "not a database\n".repeat(1000)).unwrap();
    check_refused(
        dir.path(),
        "DIR/store.redb is damaged or not a store (Not a redb database: magic number mismatch): restore it from a backup",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Damage is refused in words, or it hit nothing that is in use.
    #[test]
    fn a_damaged_file(flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..200), cut in 0_usize..3) {
        let dir = tempfile::tempdir().unwrap();
        let (path, keys) = (dir.path().join(file::NAME), 100);
        let written = run(async {
            let store = open(dir.path());
            let txn = (0..keys).fold(Txn::new(), |t, i| t.put(format!("key/{i:03}"), "x".repeat(1000)));
            assert_eq!(store.commit(txn).await.unwrap(), Outcome::Committed(Revision(1)));
            store.list("", Page::default()).await.unwrap()
        });
        let mut bytes = fs::read(&path).unwrap();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        bytes.truncate(bytes.len() * (3 - cut) / 3);
        fs::write(&path, bytes).unwrap();
        match Embedded::open(dir.path(), Config::default()) {
            Ok(store) => prop_assert_eq!(run(store.list("", Page::default())).unwrap(), written),
            Err(error) => prop_assert!(matches!(error, Error::Corrupt { .. }), "{:?}", error),
        }
    }
}

#[test]
fn a_full_disk() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = file::failure(Path::new("DIR"), redb::Error::Io(full));
    assert_eq!(error.to_string(), "the disk of DIR is full: free some space, then restart the hub");
}

#[test]
fn a_folder_that_cannot_be_made() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let folder = dir.path().join("file");
    check_refused(&folder, "cannot make the folder DIR");
}

#[test]
fn a_newer_format_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let database = file::open(dir.path(), 1 << 20).unwrap();
    table::set_format_for_test(&database, 3);
    drop(database);
    check_refused(
        dir.path(),
        "DIR/store.redb is in format 3, newer than the 2 of this version: upgrade the hub",
    );
}

const CRASH_DIR: &str = "HUB_STORE_TEST_CRASH_DIR";
const WRITERS: u64 = 8;

/// Writes until it is killed, telling each commit once it is acknowledged.
async fn write_for_ever(folder: &Path) {
    let store = Arc::new(open(folder));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for i in 0_u64.. {
                let key = format!("w{writer}/{}", i % 50);
                let revision = put(&store, &key, &format!("{i}{}", "x".repeat(300))).await;
                let line = format!("ack {revision} {key}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// Runs a writer in a process of its own, kills it, and gives each key's newest acknowledged revision.
fn killed_after(acknowledged: usize, folder: &Path) -> BTreeMap<String, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::a_kill_loses_nothing_acknowledged", "--nocapture"])
        .env(CRASH_DIR, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut newest = BTreeMap::new();
    let mut count = 0;
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        if let ["ack", revision, key] = line.split_whitespace().collect::<Vec<_>>()[..] {
            newest.insert(key.to_owned(), revision.parse().unwrap());
            count += 1;
            if count == acknowledged {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    assert!(!child.wait().unwrap().success(), "killed");
    assert!(count >= acknowledged);
    newest
}

#[test]
fn a_kill_loses_nothing_acknowledged() {
    if let Some(folder) = std::env::var_os(CRASH_DIR) {
        run(write_for_ever(Path::new(&folder)));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut newest_ever = 0;
    for acknowledged in [1, 150, 400] {
        let newest = killed_after(acknowledged, dir.path());
        run(async {
            let store = open(dir.path());
            for (key, revision) in newest {
                let entry = store.get(&key).await.unwrap().expect("what was acknowledged is there");
                assert!(entry.mod_revision.0 >= revision, "{key}");
                assert!(revision > newest_ever || entry.mod_revision.0 >= newest_ever, "no revision twice");
            }
            let all = store.list("", Page::default()).await.unwrap();
            let found = all.entries.iter().map(|e| e.mod_revision).max().unwrap();
            assert_eq!(found, all.revision, "the counter and the entries are of one write");
            newest_ever = all.revision.0;
        });
    }
}
