use super::*;
use hub_store::{Before, Entry, Error, Keys, Listing, Memory, Outcome, Page, Revision, Store, Watch};
use serde_json::json;
use shared_history::{Filter, What};
use shared_model::AppKey;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A store that writes nothing for a while.
#[derive(Debug, Default)]
struct Full(Memory, AtomicBool);

#[async_trait::async_trait]
impl Store for Full {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.0.get(key).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        self.0.list(prefix, page).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, Error> {
        self.0.commit(txn).await
    }

    async fn commit_row(&self, row: Vec<Turn>) -> Result<Vec<Outcome>, Error> {
        if self.1.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        self.0.commit_row(row).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.0.watch(prefix, from).await
    }

    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error> {
        self.0.before(keys, at, upto).await
    }

    async fn revision(&self) -> Result<Revision, Error> {
        self.0.revision().await
    }
}

fn observation(health: &str) -> Observation {
    let observation = json!({
        "application": "argocd/web", "cluster": "eu-1",
        "position": {"incarnation": 1, "generation": 1}, "phase": "Succeeded", "sync": "Synced",
        "health": {"status": health}, "receivedAt": Timestamp::UNIX_EPOCH,
    });
    serde_json::from_value(observation).unwrap()
}

async fn told(records: &Records) -> Vec<What> {
    let told = records.told(&Filter::default(), None, 1000).await.unwrap();
    told.entries.into_iter().map(|(_, _, entry)| entry.what).collect()
}

#[tokio::test]
async fn what_could_not_be_written_is_told_when_it_can() {
    let store = Arc::new(Full::default());
    let records = Records::new(Arc::clone(&store) as Arc<dyn Store>);
    let mut degraded = Degraded::load(&records).await;
    for (health, expect) in
        [("Degraded", vec![What::Degraded]), ("Healthy", vec![What::Degraded, What::Healthy])]
    {
        store.1.store(true, Ordering::Relaxed);
        write(&records, &mut degraded, vec![observation(health)]).await.unwrap_err();
        store.1.store(false, Ordering::Relaxed);
        write(&records, &mut degraded, vec![observation(health)]).await.unwrap();
        let mut found = told(&records).await;
        found.sort();
        let mut expect = expect;
        expect.sort();
        assert_eq!(found, expect);
    }
}

#[tokio::test]
async fn drift_of_very_many_applications_is_counted_and_none_is_left_out() {
    let records = Records::new(Arc::new(Memory::default()));
    let cluster = ClusterName::new("eu-1");
    let now = Timestamp::from_second(1_000).unwrap();
    let event = |number: usize| Event {
        at: now,
        application: Some(AppKey::new("argocd", format!("web-{number:03}"))),
        reason: "DriftHealed".into(),
        message: "Deployment web".into(),
    };
    let events: Vec<Event> = (0..100).chain(0..100).map(event).collect();
    let mut gathered = Gathered::default();
    for round in 1..=2 {
        let ops = told::of_events((&records, &mut gathered), &cluster, &events, now).await.unwrap();
        for part in ops.chunks(MAX_OPS) {
            let txn = Txn { compares: Vec::new(), ops: part.to_vec() };
            let Outcome::Committed(_) = records.store().commit(txn).await.unwrap() else {
                panic!("a conflict")
            };
        }
        let told = records.told(&Filter::default(), None, 1000).await.unwrap();
        let entries: Vec<_> = told.entries.into_iter().map(|(_, _, entry)| entry).collect();
        assert_eq!(entries.len(), 41, "forty, and one for the others");
        assert_eq!(entries.iter().map(|entry| entry.count).sum::<u64>(), 200 * round);
        let others = entries.iter().find(|entry| entry.application.is_none()).unwrap();
        assert_eq!(others.count, 120 * round);
        assert!(others.text.contains("more applications"), "{}", others.text);
    }
}
