//! Key files as operators have them: first start, restart, lost, exchanged, replaced.

use super::*;
use shared_seal::Place;
use std::os::unix::fs::PermissionsExt as _;

const HERE: Place<'_> = Place { area: "store", name: "key" };

/// A data folder `hub` and, beside it, what a test puts there.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        fs::create_dir(ground.data()).unwrap();
        ground
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("hub")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Result<Ring, Error> {
        open(&self.data(), None)
    }

    /// It is refused with these words, `DIR` standing for the folder, and nothing is written.
    fn check_refused(&self, given: Option<&Path>, expect: &str) {
        let before = self.files();
        let error = open(&self.data(), given).unwrap_err();
        let place = self.0.path().canonicalize().unwrap().display().to_string();
        assert_eq!(error.to_string().replace(&place, "DIR"), expect);
        assert_eq!(self.files(), before, "a refusal wrote something");
    }

    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in [self.0.path().to_owned(), self.data()] {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_file() {
                    files.push((entry.clone(), fs::read(&entry).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

/// A line of a key file.
fn key(number: u8) -> String {
    KeyFile::text([number; 32]).to_string()
}

/// What names that key.
fn id(number: u8) -> KeyId {
    KeyFile::parse(&key(number)).unwrap().first()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_makes_a_key_beside_the_folder_and_later_ones_use_it() {
    let ground = Ground::new();
    let sealed = ground.open().unwrap().seal(HERE, b"value", [7; 24]);
    assert_eq!(ground.open().unwrap().open(HERE, &sealed).unwrap(), b"value");
    assert_eq!((mode(&ground.at("hub.seal-key")), mode(&ground.at("hub/seal.json"))), (0o600, 0o600));
    let names: Vec<PathBuf> = ground.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [ground.at("hub/seal.json"), ground.at("hub.seal-key")]);
    // A folder that is removed begins anew, with the key that is there.
    fs::remove_file(ground.at("hub/seal.json")).unwrap();
    let kept = fs::read(ground.at("hub.seal-key")).unwrap();
    assert!(matches!(ground.open().unwrap().open(HERE, &sealed), Err(shared_seal::Error::UnknownKey(_))));
    assert_eq!(fs::read(ground.at("hub.seal-key")).unwrap(), kept);
}

#[test]
fn the_operator_s_file_is_used_and_made_where_there_is_none() {
    let ground = Ground::new();
    let given = ground.at("given");
    let sealed = open(&ground.data(), Some(&given)).unwrap().seal(HERE, b"value", [7; 24]);
    assert_eq!(mode(&given), 0o600);
    // As Kubernetes shows it.
    fs::set_permissions(&given, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(open(&ground.data(), Some(&given)).unwrap().open(HERE, &sealed).unwrap(), b"value");
    assert!(!ground.at("hub.seal-key").exists());
    let nowhere = open(&Ground::new().data(), Some(&ground.at("none/given"))).unwrap_err();
    assert_eq!(nowhere.to_string(), "the key file cannot be made; name another with --seal-key-file FILE");
}

#[test]
fn a_key_file_that_is_gone_or_another_changes_nothing() {
    let ground = Ground::new();
    fs::write(ground.at("hub.seal-key"), key(1)).unwrap();
    ground.open().unwrap();
    fs::write(ground.at("hub.seal-key"), key(2)).unwrap();
    ground.check_refused(
        None,
        &format!(
            "DIR/hub.seal-key: it does not hold key {}, with which what is in DIR/hub is sealed; it holds {}; put that key back into it, on a line after those that are there, or name the right file with --seal-key-file FILE; nothing was changed",
            id(1),
            id(2)
        ),
    );
    fs::remove_file(ground.at("hub.seal-key")).unwrap();
    ground.check_refused(
        None,
        &format!(
            "DIR/hub.seal-key: the key file is missing, and what is in DIR/hub is sealed with its key {}; put it back, or name it with --seal-key-file FILE; nothing was changed, and without that key nothing of it can be read",
            id(1)
        ),
    );
    fs::write(ground.at("hub.seal-key"), "hunter2").unwrap();
    ground.check_refused(
        None,
        "DIR/hub.seal-key: line 1 is no key: a key is 32 random bytes in base64, as `openssl rand -base64 32` prints",
    );
    fs::write(ground.at("hub.seal-key"), key(1)).unwrap();
    ground.open().unwrap();
}

#[test]
fn a_folder_whose_data_keys_are_gone_gets_no_new_ones() {
    let ground = Ground::new();
    let text = ground.open().unwrap().seal_text(HERE, b"pem", [7; 24]);
    fs::create_dir(ground.at("hub/ca")).unwrap();
    fs::write(ground.at("hub/ca/ca.key"), text).unwrap();
    fs::remove_file(ground.at("hub/seal.json")).unwrap();
    ground.check_refused(
        None,
        "DIR/hub/seal.json: it is missing, and the folder is sealed; restore it from a backup of the data folder: nothing in the folder can be read without it",
    );
    fs::write(ground.at("hub/seal.json"), "{}").unwrap();
    let error = ground.open().unwrap_err().to_string();
    assert!(error.contains("hub/seal.json: it is damaged"), "{error}");
}

#[test]
fn a_key_is_replaced_by_putting_the_new_one_in_front() {
    let ground = Ground::new();
    let file = ground.at("hub.seal-key");
    fs::write(&file, key(1)).unwrap();
    let sealed = ground.open().unwrap().seal(HERE, b"value", [7; 24]);
    for keys in [key(2) + &key(1), key(2), key(1) + &key(2), key(1)] {
        fs::write(&file, keys).unwrap();
        assert_eq!(ground.open().unwrap().open(HERE, &sealed).unwrap(), b"value");
    }
    // One that was only added does not wrap.
    fs::write(&file, key(1) + &key(3)).unwrap();
    ground.open().unwrap();
    fs::write(&file, key(3)).unwrap();
    assert!(matches!(ground.open(), Err(Error::Other { .. })));
}

#[test]
fn a_new_data_key_takes_over_and_the_old_one_goes_when_it_is_done() {
    let ground = Ground::new();
    let none = renew(&ground.data(), None).unwrap_err();
    assert!(matches!(none, Error::NoHub { .. }), "{none}");
    let old = ground.open().unwrap();
    let sealed = old.seal(HERE, b"value", [7; 24]);
    let both = renew(&ground.data(), None).unwrap();
    assert_ne!(both.current(), old.current());
    let again = ground.open().unwrap();
    assert_eq!(
        (again.current(), again.open(HERE, &sealed).unwrap().as_slice()),
        (both.current(), &b"value"[..])
    );
    forget_past(&ground.data(), None, &again).unwrap();
    let new = ground.open().unwrap();
    assert_eq!((new.current(), new.count(), new.has(old.current())), (both.current(), 1, false));
}

#[test]
fn a_key_file_in_the_data_folder_is_refused() {
    let ground = Ground::new();
    let inside = ground.data().canonicalize().unwrap().join("seal.key");
    let refused = "DIR/hub/seal.key: it is in the data folder DIR/hub, so that whoever copies that has the key too; name a file elsewhere with --seal-key-file FILE, which is made if there is none";
    ground.check_refused(Some(&inside), refused);
    fs::write(&inside, key(1)).unwrap();
    ground.check_refused(Some(&inside), refused);
    // By whatever name it goes.
    std::os::unix::fs::symlink(&inside, ground.at("link")).unwrap();
    assert!(matches!(open(&ground.data(), Some(&ground.at("link"))), Err(Error::Place { .. })));
    // A link in the folder to a file elsewhere is one elsewhere.
    fs::write(ground.at("elsewhere"), key(1)).unwrap();
    fs::remove_file(&inside).unwrap();
    std::os::unix::fs::symlink(ground.at("elsewhere"), &inside).unwrap();
    assert!(
        matches!(open(&ground.data(), Some(&inside)), Err(Error::Place { .. })),
        "a backup takes it along"
    );
}

#[test]
fn no_key_is_made_where_it_would_not_outlive_the_folder() {
    // Kernel file systems of their own, as a volume of a container is.
    let Some(volume) = ["/dev/shm", "/proc"].iter().map(Path::new).find(|path| path.is_dir()) else { return };
    let beside = volume.with_file_name(format!("{}{BESIDE}", volume.file_name().unwrap().display()));
    let error = make(volume, &beside, true).unwrap_err();
    let words = format!(
        "{}: no key file is made there: {} is a file system of its own, and what is beside it may not outlive a restart; name a file elsewhere with --seal-key-file FILE, which is made if there is none",
        beside.display(),
        volume.display()
    );
    assert_eq!(error.to_string(), words);
    assert!(!beside.exists());
}

#[test]
fn hubs_that_begin_at_the_same_moment_begin_with_the_same_keys() {
    let ground = Ground::new();
    let begin = || ground.open().unwrap().current();
    let keys: Vec<KeyId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(ground.open().unwrap().current(), keys[0]);
}
