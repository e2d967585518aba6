use super::{
    Confine, Limits, Mechanism, Stopped, Task,
    libraries::Libraries,
    mechanism::Found,
    parcel,
    room::{self, Room, nameless},
    spec::Shown,
};
use bytes::Bytes;
use proptest::{collection, prelude::*};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

fn files(named: &[(&str, &str)]) -> BTreeMap<String, Bytes> {
    named.iter().map(|(path, text)| ((*path).to_owned(), Bytes::from((*text).to_owned()))).collect()
}

#[test]
fn what_is_in_force_is_one_line() {
    let mut found = Found::default();
    assert_eq!(found.to_string(), "nothing");
    found.add(Mechanism::Landlock, Ok("ABI 3, files alone".to_owned()));
    found.add(Mechanism::Namespaces, Ok(String::new()));
    found.add(Mechanism::Root, Ok(String::new()));
    found.add(Mechanism::Seccomp, Err("Operation not permitted".to_owned()));
    expect_test::expect![
        "namespaces of user, network, mounts, ipc and uts, a root folder of its own, Landlock (ABI 3, files alone); not: \
         seccomp (Operation not permitted)"
    ]
    .assert_eq(&found.to_string());
    // The one goes with the other.
    found.leave_out(Mechanism::Namespaces);
    assert_eq!(found.all().collect::<Vec<_>>(), [Mechanism::Landlock]);
}

#[test]
fn why_it_stopped_is_said_for_people() {
    let check = |stopped: Stopped, expect: &str, may_pass: bool| {
        assert_eq!((stopped.to_string().as_str(), stopped.may_pass()), (expect, may_pass));
    };
    let stderr = || "Error: no chart\n".to_owned();
    check(Stopped::TimedOut { limit: Duration::from_millis(1500) }, "it was stopped after 1.5 s", true);
    let memory = "it needs more than the 1024 MiB of memory that it may have";
    check(Stopped::TooMuchMemory { limit: 1 << 30 }, memory, true);
    check(Stopped::TooMuchOutput { limit: 64 << 20 }, "it printed more than 64 MiB", false);
    check(Stopped::Failed { code: 1, stderr: stderr() }, "it failed with code 1: Error: no chart", false);
    let killed = "signal 9 ended it, as when the machine or container runs out of memory";
    check(Stopped::Killed { signal: 9, stderr: stderr() }, killed, true);
    check(Stopped::Killed { signal: 11, stderr: stderr() }, "signal 11 ended it", true);
    let absent = io::Error::other("no such file");
    check(Stopped::NotStarted(absent), "it could not be started: no such file", true);
}

#[test]
fn where_a_tool_could_read_all_nothing_is_run_if_so_wished() {
    let folder = tempfile::tempdir().unwrap();
    let run = |found: Found, only: bool| {
        let confine = Confine { own: "/bin/false".into(), found, only_apart: false }.only_apart(only);
        let (files, limits) = (files(&[]), Limits::default());
        let task = Task {
            tool: Path::new("/bin/true"),
            arguments: &["--set=password=hunter2".to_owned()],
            files: &files,
            folder: "",
            limits: &limits,
            scratch: folder.path(),
            stop: None,
        };
        assert!(!format!("{task:?}").contains("hunter2"));
        confine.run(&task).unwrap_err().to_string().contains("--render-only-confined")
    };
    let with = |mechanism: Mechanism| {
        let mut found = Found::default();
        found.add(mechanism, Ok(String::new()));
        found
    };
    assert!(run(Found::default(), true) && run(with(Mechanism::Seccomp), true));
    assert!(!run(Found::default(), false) && !run(with(Mechanism::Landlock), true));
}

#[test]
fn our_folders_are_no_part_of_what_a_tool_says() {
    let said = "Error: /data/room-1-2/view/chart/a.yaml: not in /data/room-1-2/view\n";
    let ended =
        nameless(Err(Stopped::Failed { code: 1, stderr: said.to_owned() }), Path::new("/data/room-1-2/view"));
    let Err(Stopped::Failed { stderr, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(stderr, "Error: chart/a.yaml: not in .\n");
}

#[test]
fn a_room_may_be_read_only_and_is_removed() {
    let scratch = tempfile::tempdir().expect("a folder");
    let room = Room::new(scratch.path(), &files(&[("a", "1"), ("b/c/d", "2")])).expect("a room");
    let mode = |path: &str| fs::metadata(room.view().join(path)).expect("there").permissions().mode() & 0o777;
    assert_eq!(fs::read_to_string(room.view().join("b/c/d")).expect("there"), "2");
    assert_eq!(
        (mode(""), mode("a"), mode("b"), mode("b/c"), mode("b/c/d")),
        (0o500, 0o400, 0o500, 0o500, 0o400)
    );
    assert_eq!(fs::read_dir(room.home()).expect("there").count(), 0);
    drop(room);
    assert_eq!(fs::read_dir(scratch.path()).expect("there").count(), 0);
}

#[test]
fn what_is_not_a_room_is_not_cleared() {
    let scratch = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(scratch.path().join("room-1-0/view/a")).expect("made");
    fs::create_dir(scratch.path().join("other")).expect("made");
    room::clear(scratch.path());
    let left: Vec<PathBuf> =
        fs::read_dir(scratch.path()).expect("there").flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, [scratch.path().join("other")]);
    room::clear(&scratch.path().join("never made"));
}

#[test]
fn a_large_view_is_not_packed() {
    assert!(parcel::pack(&files(&[("a", "1")])).is_some());
    let large = BTreeMap::from([("a".to_owned(), Bytes::from(vec![0; 33 << 20]))]);
    assert!(parcel::pack(&large).is_none());
    // Many small files take a page each.
    let many = (0..10_000).map(|number| (number.to_string(), Bytes::from_static(b"x"))).collect();
    assert!(parcel::pack(&many).is_none());
}

#[test]
fn a_broken_parcel_is_an_error() {
    let (packed, _) = parcel::pack(&files(&[("a/b", "text"), ("c", "")])).expect("small");
    for length in 1..packed.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let unpacked = parcel::unpack(&packed[..length], folder.path());
        // Between two files an end is an end.
        assert_eq!(unpacked.is_ok(), length == 16 + 7, "cut at {length}");
    }
}

#[test]
fn a_dynamic_program_shows_its_libraries() {
    let own = std::env::current_exe().expect("a path");
    let libraries = Libraries::of(&own).expect("a program");
    // Tests are linked as the hub is: with the system's loader where there is one.
    if let Some(loader) = &libraries.loader {
        assert!(loader.is_absolute() && loader.exists(), "{libraries:?}");
        assert!(!libraries.folders.is_empty(), "{libraries:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other");
    fs::write(&other, "x".repeat(100)).expect("written");
    assert_eq!(Libraries::of(&other).expect("readable"), Libraries::default());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is unpacked is what was packed, and takes no more room than was said.
    #[test]
    fn parcels_arrive(named in collection::btree_map("[a-d](/[a-d]{1,3}){0,3}\\.y", collection::vec(any::<u8>(), 0..5000), 0..12)) {
        let named: BTreeMap<String, Bytes> = named.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
        let (packed, shown) = parcel::pack(&named).expect("small");
        let folder = tempfile::tempdir().expect("a folder");
        parcel::unpack(packed.as_slice(), folder.path()).expect("unpacked");
        let (mut inodes, mut pages, mut left) = (0, 0, vec![folder.path().to_owned()]);
        let mut found = BTreeMap::new();
        while let Some(path) = left.pop() {
            for entry in fs::read_dir(path).expect("a folder").flatten() {
                inodes += 1;
                if entry.path().is_dir() {
                    left.push(entry.path());
                } else {
                    let bytes = fs::read(entry.path()).expect("a file");
                    pages += bytes.len().div_ceil(4096) as u64;
                    let name = entry.path().strip_prefix(folder.path()).expect("below").display().to_string();
                    found.insert(name, Bytes::from(bytes));
                }
            }
        }
        prop_assert_eq!(found, named);
        let Shown::Sent { size, inodes: most } = shown else { panic!("sent") };
        prop_assert!(inodes <= most && pages * 4096 <= size);
    }

    /// A file that only begins as a program does is an error or nothing, and never a panic.
    #[test]
    fn broken_programs_are_no_trouble(bytes in collection::vec(any::<u8>(), 0..300), cut in 0..300_usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tool");
        let mut own = vec![0; 64 + cut];
        fs::File::open(std::env::current_exe().expect("a path")).expect("readable").read_exact(&mut own).expect("long");
        for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte > 128) {
            if let Some(place) = own.get_mut(16 + at) {
                *place = *byte;
            }
        }
        fs::write(&path, own).expect("written");
        let _ = Libraries::of(&path);
    }
}

#[test]
fn limits_are_those_of_argo_cd() {
    let limits = Limits::default();
    assert_eq!((limits.wall, limits.memory, limits.output), (Duration::from_secs(90), 1 << 30, 16 << 20));
}
