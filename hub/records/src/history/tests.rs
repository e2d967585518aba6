use super::*;
use hub_store::{Before, Keys, Listing, Memory, Store, Watch};
use serde_json::{Value, json};
use shared_history::What;
use shared_model::{ClusterName, Kind};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn lost(seconds: i64, cluster: &str) -> Entry {
    let text = format!("{cluster} at {seconds}");
    Entry { cluster: Some(ClusterName::new(cluster)), ..Entry::new(What::ClusterLost, at(seconds), text) }
}

async fn all(records: &Records) -> Vec<String> {
    let told = records.told(&Filter::default(), None, 1000).await.unwrap();
    told.entries.into_iter().map(|(_, _, entry)| entry.text).collect()
}

#[tokio::test]
async fn what_is_told_again_is_there_once_and_does_not_keep_others_out() {
    let records = Records::new(Arc::new(Memory::default()));
    records.tell(vec![lost(20, "b"), lost(10, "a")]).await.unwrap();
    let again = Entry { text: "other words".into(), ..lost(10, "a") };
    records.tell(vec![again, lost(5, "c"), lost(5, "c")]).await.unwrap();
    assert_eq!(all(&records).await, ["c at 5", "a at 10", "b at 20"]);
}

#[tokio::test]
async fn pages_come_in_the_order_of_time_and_end() {
    let records = Records::new(Arc::new(Memory::default()));
    records
        .tell((0..250).map(|second| lost(second, if second % 2 == 0 { "eu" } else { "us" })).collect())
        .await
        .unwrap();
    let filter = Filter {
        cluster: Some(ClusterName::new("eu")),
        since: Some(at(20)),
        until: Some(at(220)),
        ..Filter::default()
    };
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let told = records.told(&filter, after.take(), 40).await.unwrap();
        pages += 1;
        found.extend(told.entries.into_iter().map(|(_, _, entry)| entry.at));
        match told.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expect: Vec<Timestamp> = (20..=220).filter(|second| second % 2 == 0).map(at).collect();
    assert_eq!((found, pages), (expect, 3));
    let last = records.told_last(&filter, 2).await.unwrap();
    let last: Vec<Timestamp> = last.entries.into_iter().map(|(_, _, entry)| entry.at).collect();
    assert_eq!(last, [at(218), at(220)]);
}

fn secret(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "argocd"}, "data": {"password": "aGlkZGVu"}})
}

#[tokio::test]
async fn what_a_person_writes_is_told_in_the_same_transaction_and_what_the_hub_writes_is_not() {
    let records = Records::new(Arc::new(Memory::default()));
    let ann = records.on_behalf_of("ann");
    let stored = ann.create(Kind::Secret, secret("git"), at(1)).await.unwrap();
    records.create(Kind::Secret, secret("own"), at(1)).await.unwrap();
    let told = records.told(&Filter::default(), None, 10).await.unwrap();
    assert_eq!((told.entries.len(), told.entries[0].1), (1, stored.revision), "one transaction");
    let mut changed = stored.value.clone();
    changed["data"]["password"] = json!("b3RoZXI=");
    let changed = ann.replace(Kind::Secret, &stored, changed).await.unwrap();
    // One that lost the race changes nothing, and tells nothing.
    assert!(ann.put(Kind::Secret, &stored, secret("git")).await.is_err());
    assert!(ann.remove(Kind::Secret, &stored).await.is_err());
    ann.delete_version(Kind::Secret, &changed, at(3)).await.unwrap();
    let said = all(&records).await;
    assert_eq!(
        said,
        ["ann created Secret argocd/git", "ann changed Secret argocd/git", "ann deleted Secret argocd/git"]
    );
    let raw = records.store().list(keys::HISTORY, Page::default()).await.unwrap();
    let raw: String =
        raw.entries.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect();
    assert!(!raw.contains("aGlkZGVu") && !raw.contains("b3RoZXI"), "{raw}");
}

#[tokio::test]
async fn two_freezes_without_a_name_are_no_reason_to_refuse_them() {
    let records = Records::new(Arc::new(Memory::default())).on_behalf_of("ann");
    let windows =
        "- {kind: deny, until: '2030-01-01T00:00:00Z'}\n- {kind: deny, until: '2031-01-01T00:00:00Z'}\n";
    let map = json!({"metadata": {"name": "flotilla-cm", "namespace": "argocd"}, "data": {"windows.yaml": windows}});
    records.create(Kind::ConfigMap, map, at(1)).await.unwrap();
    assert_eq!(all(&records).await.len(), 2);
}

#[tokio::test]
async fn a_commit_is_seen_once() {
    let records = Records::new(Arc::new(Memory::default()));
    let commit = |digit: &str| -> CommitId { digit.repeat(40).parse().unwrap() };
    let seen = |digit: &str| Seen {
        commit: Commit {
            repo_url: RepoUrl::new("https://ann:secret@git.example.com/x.git"),
            revision: "main".into(),
            commit: commit(digit),
            author: "Ann".into(),
            message: "Fix".into(),
            committed: None,
        },
        at: at(5),
    };
    let entry = |digit: &str| {
        let commits = vec![seen(digit).commit];
        Entry { commits, ..Entry::new(What::CommitSeen, at(5), format!("main is {digit}")) }
    };
    assert!(records.see(&seen("a"), None, entry("a")).await.unwrap());
    // Another hub, and this one after a restart, looked at the same time.
    assert!(!records.see(&seen("a"), None, entry("a")).await.unwrap());
    assert!(records.see(&seen("b"), Some(&commit("a")), entry("b")).await.unwrap());
    assert!(!records.see(&seen("b"), Some(&commit("a")), entry("b")).await.unwrap());
    let told = records.told(&Filter::default(), None, 10).await.unwrap();
    assert_eq!(told.entries.len(), 2);
    assert!(!json!(told.entries[0].2).to_string().contains("secret"));
}

/// A store in which an agent tells late whenever somebody reads.
#[derive(Debug, Default)]
struct Meddled(Memory, AtomicI64);

#[async_trait::async_trait]
impl Store for Meddled {
    async fn get(&self, key: &str) -> Result<Option<hub_store::Entry>, hub_store::Error> {
        self.0.get(key).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, hub_store::Error> {
        let listing = self.0.list(prefix, page).await?;
        let late = lost(self.1.fetch_add(1, Ordering::Relaxed), "late");
        let _written = self.0.commit(Txn { compares: Vec::new(), ops: vec![put(late)] }).await?;
        Ok(listing)
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, hub_store::Error> {
        self.0.commit(txn).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, hub_store::Error> {
        self.0.watch(prefix, from).await
    }

    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, hub_store::Error> {
        self.0.before(keys, at, upto).await
    }

    async fn revision(&self) -> Result<Revision, hub_store::Error> {
        self.0.revision().await
    }
}

#[tokio::test]
async fn a_list_of_many_pages_and_a_watch_from_it_miss_nothing() {
    let store = Arc::new(Meddled::default());
    let records = Records::new(Arc::clone(&store) as Arc<dyn Store>);
    let many = (0..5000).map(|second| lost(10_000 + second, "eu")).collect();
    records.tell(many).await.unwrap();
    let eu = records.told(&Filter::default(), None, 5000).await.unwrap();
    let last = records.told_last(&Filter::default(), 10_000).await.unwrap();
    for listed in [eu, last] {
        let told: Vec<String> = listed.entries.iter().map(|(key, ..)| key.clone()).collect();
        let mut watch = store.watch(keys::HISTORY, listed.revision).await.unwrap();
        let mut watched = Vec::new();
        let newest = store.revision().await.unwrap();
        while watched.last().is_none_or(|(_, at)| *at < newest) {
            let changes = watch.next().await.unwrap().unwrap();
            watched.extend(changes.into_iter().map(|change| (change.key, change.revision)));
        }
        for late in 0..store.1.load(Ordering::Relaxed) {
            let key = key(&lost(late, "late"));
            assert!(
                told.contains(&key) || watched.iter().any(|(there, _)| *there == key),
                "the {late}th is in neither"
            );
        }
    }
}
