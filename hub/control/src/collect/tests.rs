use super::*;
use hub_records::history::{Seen, seen_key};
use hub_store::Memory;
use serde_json::json;
use shared_model::{AppKey, OwnerKind, RepoUrl};

struct Ground {
    records: Records,
    bundles: Bundles,
    collector: Collector,
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (records, bundles) =
            (Records::new(Arc::new(Memory::default())), Bundles::open(folder.path()).unwrap());
        Self { records, bundles, collector: Collector::default(), folder }
    }

    /// A release of a bundle that holds this text.
    async fn release(&self, text: &str) -> ReleaseId {
        self.joined(text, &[]).await
    }

    /// One that was joined from these.
    async fn joined(&self, text: &str, parts: &[Digest]) -> ReleaseId {
        let bundle = self.bundles.put(text.as_bytes()).unwrap();
        let app = AppKey::new("argocd", text);
        let spec = json!({
            "application": app, "bundle": bundle, "bundleBytes": text.len(), "namespace": "x", "project": "default",
            "syncPolicy": {}, "selfHeal": true, "prune": true, "revisions": [],
        });
        let noted = Noted { spec: serde_json::from_value(spec).unwrap(), parts: parts.to_vec() };
        let id = noted.spec.id();
        self.records.write(&keys::release(&id), &noted).await.unwrap();
        id
    }

    /// Makes all bundles as old as if nobody had asked for them for two hours.
    fn age(&self) {
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let file = std::fs::File::options().append(true).open(file.unwrap().path()).unwrap();
            file.set_modified(std::time::SystemTime::now() - 2 * GRACE).unwrap();
        }
    }

    /// A look after so many minutes; which of these releases are there afterwards.
    async fn look(&mut self, needed: &[ReleaseId], minutes: i64, of: &[ReleaseId]) -> Vec<bool> {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let needed = Needed { releases: needed.iter().copied().collect(), revisions: BTreeSet::new() };
        let looked = self.collector.collect(&self.records, &self.bundles, &needed, now).await;
        looked.unwrap();
        let mut there = Vec::new();
        for id in of {
            there.push(self.records.store().get(&keys::release(id)).await.unwrap().is_some());
        }
        there
    }
}

#[tokio::test]
async fn what_nobody_needed_for_an_hour_goes() {
    let mut ground = Ground::new();
    let all = [ground.release("a").await, ground.release("b").await, ground.release("c").await];
    let [a, b, c] = all;
    assert_eq!(ground.look(&[a], 0, &all).await, [true, true, true]);
    // Needed in between: its hour begins anew.
    assert_eq!(ground.look(&[a, c], 40, &all).await, [true, true, true]);
    assert_eq!(ground.look(&[a], 61, &all).await, [true, false, true]);
    let _writing =
        ground.records.recent().note(c, Timestamp::UNIX_EPOCH + SignedDuration::from_mins(100)).await;
    drop(_writing);
    assert_eq!(ground.look(&[a], 130, &[c]).await, [true], "somebody found it a moment ago");
    assert_eq!(ground.look(&[a], 200, &[c]).await, [true], "its hour began anew");
    assert_eq!(ground.look(&[a], 261, &[a, b, c]).await, [true, false, false]);
}

#[tokio::test]
async fn the_parts_of_a_release_stay_as_long_as_it_does() {
    let mut ground = Ground::new();
    let parts = ["chart", "extra", "nobody's"].map(|text| ground.bundles.put(text.as_bytes()).unwrap());
    let joined = ground.joined("joined", &parts[..2]).await;
    ground.age();
    ground.look(&[joined], 0, &[]).await;
    // The renew of a file that is there answers so.
    assert_eq!(parts.map(|part| ground.bundles.renew(&part)), [true, true, false]);
    ground.age();
    ground.look(&[], 10, &[]).await;
    assert_eq!(ground.look(&[], 80, &[joined]).await, [false]);
    assert_eq!(parts.map(|part| ground.bundles.renew(&part)), [false, false, false]);
}

#[tokio::test]
async fn nothing_is_deleted_while_somebody_writes_what_was_found_gone() {
    let ground = Ground::new();
    let id = ground.release("a").await;
    let writing = ground.records.recent().note(id, Timestamp::UNIX_EPOCH).await;
    let mut named = BTreeSet::new();
    let part = [(id, Vec::new())];
    let mut deleting = Box::pin(delete(&ground.records, &part, &mut named));
    assert!(futures::poll!(&mut deleting).is_pending());
    drop(writing);
    assert_eq!(deleting.await.unwrap(), 0, "it was noted");
}

fn reference(revision: &str) -> (RepoUrl, String) {
    (RepoUrl::new("https://git.example.com/shop.git"), revision.to_owned())
}

/// Keeps that the revision was some commit.
async fn saw(records: &Records, revision: &str) -> String {
    let commit = json!({"repoURL": reference(revision).0, "revision": revision, "commit": "c".repeat(40)});
    let seen = json!({"commit": commit, "at": Timestamp::UNIX_EPOCH});
    let key = seen_key(&reference(revision).0, revision);
    records.write(&key, &serde_json::from_value::<Seen>(seen).unwrap()).await.unwrap();
    key
}

#[tokio::test]
async fn a_revision_that_nobody_follows_is_forgotten_after_an_hour() {
    let mut ground = Ground::new();
    let followed = saw(&ground.records, "main").await;
    let merged = saw(&ground.records, "feature").await;
    let back = saw(&ground.records, "v1").await;
    let owner =
        |name: &str| Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: name.into() };
    let follows =
        |revision: &str| Evaluation { references: [reference(revision)].into(), ..Evaluation::default() };
    let mut evaluations: BTreeMap<Owner, Evaluation> =
        [(owner("a"), follows("main")), (owner("b"), follows("main"))].into();
    for (minutes, collected, left) in [
        (0, 0, vec![&followed, &merged, &back]),
        (59, 0, vec![&followed, &merged, &back]),
        (61, 1, vec![&followed, &back]),
        (121, 0, vec![&followed, &back]),
        (181, 1, vec![&followed]),
    ] {
        // Somebody follows one again for a while.
        let other = if minutes == 59 || minutes == 61 { "v1" } else { "main" };
        evaluations.insert(owner("b"), follows(other));
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let needed = needed(&Index::default(), &evaluations);
        let looked = ground.collector.collect(&ground.records, &ground.bundles, &needed, now);
        assert_eq!(looked.await.unwrap().revisions, collected, "after {minutes} minutes");
        let listing = ground.records.store().list(keys::SEEN, Page::default()).await.unwrap();
        let there: BTreeSet<&String> = listing.entries.iter().map(|entry| &entry.key).collect();
        assert_eq!(there, left.into_iter().collect());
    }
}
