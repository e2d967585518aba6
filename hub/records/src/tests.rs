use crate::{BundleError, Bundles, Deleted, Error, Records, keys};
use hub_store::Memory;
use jiff::Timestamp;
use serde_json::json;
use shared_model::{AppKey, ClusterName, Digest, Kind, RolloutName};
use shared_seal::Ring;
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

fn records() -> Records {
    Records::new(Arc::new(Memory::new(hub_store::Config::default())))
}

fn application(name: &str) -> serde_json::Value {
    json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": {"project": "default"}})
}

#[tokio::test]
async fn objects_get_their_metadata_and_count_generations() {
    let records = records();
    let now = Timestamp::UNIX_EPOCH;
    let created = records.create(Kind::Application, application("web"), now).await.unwrap();
    assert_eq!(created.value["apiVersion"], "argoproj.io/v1alpha1");
    assert_eq!(created.value["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
    let error = records.create(Kind::Application, application("web"), now).await.unwrap_err();
    assert_eq!(error.to_string(), "Application \"web\" already exists");

    let mut labelled = created.value.clone();
    labelled["metadata"]["labels"] = json!({"team": "a"});
    let labelled = records.replace(Kind::Application, &created, labelled).await.unwrap();
    assert_eq!(labelled.value["metadata"]["generation"], 1);
    let mut moved = labelled.value.clone();
    moved["spec"]["project"] = json!("other");
    let moved = records.replace(Kind::Application, &labelled, moved).await.unwrap();
    assert_eq!(moved.value["metadata"]["generation"], 2);
    let mut late = created.value.clone();
    late["spec"]["project"] = json!("late");
    let stale = records.replace(Kind::Application, &created, late).await.unwrap_err();
    assert!(matches!(stale, Error::Conflict { .. }), "{stale}");
}

#[tokio::test]
async fn a_finalizer_holds_a_deleted_object_until_it_goes() {
    let records = records();
    let now = Timestamp::UNIX_EPOCH;
    let mut object = application("web");
    object["metadata"]["finalizers"] = json!([shared_model::RESOURCES_FINALIZER]);
    records.create(Kind::Application, object, now).await.unwrap();
    let status = json!({"health": {"status": "Healthy"}});
    assert!(records.put_status(Kind::Application, "argocd", "web", &status).await.unwrap());
    assert!(!records.put_status(Kind::Application, "argocd", "web", &status).await.unwrap());

    let marked = records.delete(Kind::Application, "argocd", "web", now).await.unwrap();
    assert!(matches!(marked, Deleted::Marked(_)));
    let release = |object: &serde_json::Value| {
        let mut object = object.clone();
        object["metadata"]["finalizers"] = json!([]);
        Some(object)
    };
    records.modify(Kind::Application, "argocd", "web", release).await.unwrap();
    assert!(records.get(Kind::Application, "argocd", "web").await.unwrap().is_none());
    assert!(records.status(Kind::Application, "argocd", "web").await.unwrap().is_none());
}

#[test]
fn keys_split_into_what_they_were_made_of() {
    let app = AppKey::new("argocd", "web");
    let object = keys::object(Kind::Cluster, "ignored", "eu-1");
    assert_eq!(object, "obj/clusters.flotilla.dev/_/eu-1");
    assert_eq!(keys::parse_object(&object), Some((Kind::Cluster, "", "eu-1")));
    let status = keys::status(Kind::Secret, "argocd", "repo");
    assert_eq!(keys::parse_object(&status), Some((Kind::Secret, "argocd", "repo")));
    let cluster = ClusterName::new("eu-1");
    assert_eq!(keys::parse_on_cluster(&keys::observation(&cluster, &app)), Some((cluster, app.clone())));
    let rollout = RolloutName::new("web-1");
    assert_eq!(keys::parse_member(&keys::member("argocd", &rollout, &app)), Some(("argocd", rollout, app)));
}

#[test]
fn bundles_are_found_by_digest_and_damage_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let bundles = Bundles::open(folder.path()).unwrap();
    let digest = bundles.put(b"{\"kind\":\"Namespace\"}\n").unwrap();
    assert_eq!(bundles.get(&digest).unwrap(), b"{\"kind\":\"Namespace\"}\n");
    let missing = Digest::of(b"other");
    assert!(bundles.get(&missing).unwrap_err().to_string().contains("is not here"));

    std::fs::write(folder.path().join(format!("{}.zst", digest.hex())), b"garbage").unwrap();
    let reopened = Bundles::open(folder.path()).unwrap();
    assert!(matches!(reopened.get(&digest), Err(BundleError::Damaged(_))));
    // So whoever knows that it was rendered renders it again.
    assert!(!reopened.renew(&digest), "it is gone");
    reopened.put(b"{\"kind\":\"Namespace\"}\n").unwrap();
    assert!(Bundles::open(folder.path()).unwrap().get(&digest).is_ok(), "rendering mends it");
    // Another bundle in its place is damage too, and agents get none of it.
    let other = zstd::encode_all(&b"{}"[..], 3).unwrap();
    std::fs::write(folder.path().join(format!("{}.zst", digest.hex())), other).unwrap();
    let reopened = Bundles::open(folder.path()).unwrap();
    assert!(matches!(reopened.compressed(&digest), Err(BundleError::Damaged(_))));
    assert!(!reopened.renew(&digest) && matches!(reopened.compressed(&digest), Err(BundleError::Missing(_))));
}

/// The only file of a folder.
fn file(folder: &Path) -> (PathBuf, Vec<u8>) {
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let [path] = &files[..] else { panic!("{files:?}") };
    (path.clone(), std::fs::read(path).unwrap())
}

#[test]
fn sealed_bundles_are_found_by_digest_and_their_files_tell_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ring = |number: u8| Arc::new(Ring::fresh([number; 32]));
    let open = |ring: &Arc<Ring>| Bundles::sealed(folder.path(), Arc::clone(ring));
    let (ours, secret) = (ring(1), b"{\"kind\":\"Secret\"}\n");
    // What was there before anything was sealed, an hour ago.
    let digest = Bundles::open(folder.path()).unwrap().put(secret).unwrap();
    let hour = SystemTime::now() - Duration::from_secs(3600);
    File::options().append(true).open(file(folder.path()).0).unwrap().set_modified(hour).unwrap();
    let compressed = file(folder.path()).1;
    assert_eq!(zstd::decode_all(&compressed[..]).unwrap(), secret);

    let bundles = open(&ours).unwrap();
    let (path, bytes) = file(folder.path());
    assert_eq!(path.extension().unwrap(), "sealed");
    assert!(!bytes.windows(compressed.len()).any(|part| part == compressed));
    assert_eq!(
        bundles.compressed(&digest).unwrap(),
        compressed,
        "agents go on in the middle of what they had"
    );
    assert_eq!(open(&ours).unwrap().get(&digest).unwrap(), secret);
    assert_eq!(
        open(&ours).unwrap().sweep(&BTreeSet::new(), Duration::from_secs(3000)).unwrap(),
        1,
        "its age is lost"
    );
    assert_eq!(bundles.put(secret).unwrap(), digest);

    // With another key it stays where it is; with both it is sealed anew.
    let error = open(&ring(2)).unwrap().get(&digest).unwrap_err();
    assert!(matches!(error, BundleError::Sealed(..)), "{error}");
    let both = Arc::new(ours.renewed([2; 32]));
    assert_eq!(open(&both).unwrap().get(&digest).unwrap(), secret);
    assert_eq!(open(&ring(2)).unwrap().get(&digest).unwrap(), secret);

    // One bundle under another's name, and a changed one, are damage.
    let other = open(&ring(2)).unwrap().put(b"{}").unwrap();
    std::fs::copy(folder.path().join(format!("{}.sealed", other.hex())), &path).unwrap();
    assert!(matches!(open(&ring(2)).unwrap().compressed(&digest), Err(BundleError::Damaged(_))));
    assert!(!path.exists(), "it is rendered again when it is missed");
    assert_eq!(open(&ring(2)).unwrap().get(&other).unwrap(), b"{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_status_do_not_lose_each_others_changes() {
    let records = records();
    records.create(Kind::Application, application("web"), Timestamp::UNIX_EPOCH).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let records = records.clone();
        writers.spawn(async move {
            for turn in 0..20 {
                let field = format!("w{writer}-{turn}");
                let change = |status: &mut serde_json::Value| status[&field] = json!(true);
                records.modify_status(Kind::Application, "argocd", "web", change).await.unwrap().unwrap();
            }
        });
    }
    writers.join_all().await;
    let (status, _) = records.status(Kind::Application, "argocd", "web").await.unwrap().unwrap();
    assert_eq!(status.as_object().unwrap().len(), 160);
    let gone = records.modify_status(Kind::Application, "argocd", "none", |status| *status = json!({"a": 1}));
    assert_eq!(gone.await.unwrap(), None);
}
