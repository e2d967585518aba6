//! A folder of a version that sealed nothing.

use super::*;
use crate::{Hub, home, tests::config};
use hub_records::{Records, keys};
use shared_model::{Digest, Kind};
use shared_runtime::Tasks;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

const SECRET: &str = "correct horse battery staple";

fn secret() -> serde_json::Value {
    serde_json::json!({"metadata": {"name": "ours", "namespace": "argocd"}, "stringData": {"password": SECRET}})
}

/// In which files of the folder these words are.
fn found(folder: &Path, words: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(place) = folders.pop() {
        for path in fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap().windows(words.len()).any(|part| part == words.as_bytes()) {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// What such a version leaves: its authority, a bundle.
async fn before(folder: &Path) -> (String, Digest) {
    let now = shared_runtime::now();
    let authority = Authority::open(&folder.join("ca"), "test", now).unwrap().fingerprint();
    let store = folder.join(STORE);
    let opened = Embedded::open(&store, hub_store::Config::default()).unwrap();
    let records = Records::new(Arc::new(opened));
    home::check(&records, &store, now).await.unwrap();
    records.create(Kind::Secret, secret(), now).await.unwrap();
    let bundle = Bundles::open(&folder.join("bundles")).unwrap().put(SECRET.as_bytes()).unwrap();
    (authority, bundle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_not_sealed_is_the_same_hub_sealed() {
    shared_runtime::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    fs::create_dir(&data).unwrap();
    let (authority, bundle) = before(&data).await;
    let bare = data.join(format!("bundles/{}.zst", bundle.hex()));
    // A short text is not made shorter by compression.
    let of_bundle = bare.strip_prefix(&data).unwrap().to_owned();
    assert_eq!(found(&data, SECRET), [of_bundle, Path::new("store").join(hub_store::FILE)]);
    assert_eq!(found(&data, "PRIVATE KEY"), [Path::new("ca/ca.key")]);
    for _start in 0..2 {
        let tasks = Tasks::new();
        let hub = Hub::start(config(folder.path()), &tasks).await.unwrap();
        assert_eq!((found(&data, SECRET), found(&data, "PRIVATE KEY")), (vec![], vec![]));
        assert!(!bare.exists());
        let kept = hub.records.get(Kind::Secret, "argocd", "ours").await.unwrap().unwrap();
        assert_eq!(kept.value["stringData"]["password"], SECRET);
        assert_eq!(hub.bundles.get(&bundle).unwrap(), SECRET.as_bytes());
        assert_eq!(hub.authority, authority);
        let restored = hub.records.read::<hub_records::Restored>(keys::RESTORED).await.unwrap();
        assert!(restored.is_none(), "it is taken for a copy of itself");
        drop(hub);
        assert!(tasks.drain(Duration::from_secs(10)).await);
        closed(&data);
    }
}

/// Waits until nobody has the store open: what the tasks held goes after them.
fn closed(data: &Path) {
    let (ring, until) = (seal::open(data, None).unwrap(), Instant::now() + Duration::from_secs(20));
    let open = || Embedded::sealed(&data.join(STORE), hub_store::Config::default(), Arc::new(ring.clone()));
    while open().is_err() {
        assert!(Instant::now() < until, "the store is never closed");
        std::thread::yield_now();
    }
}
