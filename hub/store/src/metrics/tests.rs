use super::*;
use crate::{Compare, Config, Embedded};
use shared_runtime::metrics::Exposed;

fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn what_a_store_does_and_holds_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path(), Config::default()).unwrap();
    let metrics = Metrics::default();
    metrics.follow(&embedded);
    let exposed = Exposed::new("test", "1", |registry| metrics.register(registry));
    let store = Measured::new(Arc::new(embedded), metrics);
    let mut slow = store.watch("", Revision::ZERO).await.unwrap();
    let mut quick = store.watch("b", Revision::ZERO).await.unwrap();
    for number in 0..3 {
        let txn = Txn::new().put(format!("a/{number}"), "x").put(format!("b/{number}"), vec![b'y'; 1000]);
        let Outcome::Committed(_) = store.commit(txn).await.unwrap() else { panic!("a conflict") };
    }
    let taken = Compare::Absent { key: "a/1".into() };
    let Outcome::Conflict { .. } = store.commit(Txn::new().when(taken).put("a/1", "z")).await.unwrap() else {
        panic!("no conflict")
    };
    store.get("a/1").await.unwrap();
    store.list("a", Page::default()).await.unwrap();
    store.commit(Txn::new().put("", "no key")).await.unwrap_err();
    quick.next().await.unwrap().unwrap();
    let text = exposed.scrape("").text;
    let check =
        |sample: &str, expect: f64| assert_eq!(value(&text, sample), Some(expect), "{sample} in {text}");
    check("flotilla_store_operation_seconds_count{operation=\"commit\"}", 5.0);
    check("flotilla_store_operation_seconds_count{operation=\"get\"}", 1.0);
    check("flotilla_store_failures_total{operation=\"commit\"}", 0.0);
    check("flotilla_store_failures_total{operation=\"get\"}", 0.0);
    check("flotilla_store_conflicts_total", 1.0);
    check("flotilla_store_writes_total", 6.0);
    check("flotilla_store_revision", 3.0);
    check("flotilla_store_watches", 2.0);
    check("flotilla_store_watch_lag_revisions", 3.0);
    check("flotilla_store_window_changes", 6.0);
    check("flotilla_store_queue_depth", 0.0);
    assert!(value(&text, "flotilla_store_size_bytes").unwrap() > 4096.0, "{text}");
    assert!(value(&text, "flotilla_store_window_bytes").unwrap() > 3000.0, "{text}");
    slow.next().await.unwrap().unwrap();
    let text = exposed.scrape("").text;
    assert_eq!(value(&text, "flotilla_store_watch_lag_revisions"), Some(0.0), "{text}");
    drop((slow, quick));
    assert_eq!(value(&exposed.scrape("").text, "flotilla_store_watches"), Some(0.0));
    // Who shows it does not hold it open.
    drop(store);
    assert_eq!(value(&exposed.scrape("").text, "flotilla_store_size_bytes"), None);
    Embedded::open(folder.path(), Config::default()).unwrap();
}

/// A store that answers everything with an error.
#[derive(Debug)]
struct Wrong(Error);

#[async_trait::async_trait]
impl Store for Wrong {
    async fn get(&self, _: &str) -> Result<Option<Entry>, Error> {
        Err(self.0.clone())
    }

    async fn list(&self, _: &str, _: Page) -> Result<Listing, Error> {
        Err(self.0.clone())
    }

    async fn commit(&self, _: Txn) -> Result<Outcome, Error> {
        Err(self.0.clone())
    }

    async fn commit_row(&self, _: Vec<Turn>) -> Result<Vec<Outcome>, Error> {
        Err(self.0.clone())
    }

    async fn watch(&self, _: &str, _: Revision) -> Result<Watch, Error> {
        Err(self.0.clone())
    }

    async fn before(&self, _keys: &Keys, _at: Revision, _upto: Revision) -> Result<Before, Error> {
        Err(self.0.clone())
    }

    async fn revision(&self) -> Result<Revision, Error> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn failures_are_the_stores_own_and_not_those_of_who_asks() {
    let folder = std::path::PathBuf::from("data");
    let source = Arc::new(std::io::Error::other("gone"));
    let (from, oldest) = (Revision(1), Revision(9));
    for (error, counts) in [
        (Error::Io { what: "read", path: folder.clone(), source }, 1.0),
        (Error::DiskFull { folder }, 1.0),
        (Error::Closed, 1.0),
        // A client that asks for what is long gone.
        (Error::Compacted { from, oldest }, 0.0),
        (Error::Lagged { at: from, oldest }, 0.0),
        (Error::EmptyKey, 0.0),
    ] {
        let metrics = Metrics::default();
        let exposed = Exposed::new("test", "1", |registry| metrics.register(registry));
        let store = Measured::new(Arc::new(Wrong(error.clone())), metrics);
        store.watch("", from).await.unwrap_err();
        store.commit(Txn::new()).await.unwrap_err();
        let text = exposed.scrape("").text;
        for operation in ["watch", "commit"] {
            let sample = format!("flotilla_store_failures_total{{operation=\"{operation}\"}}");
            assert_eq!(value(&text, &sample), Some(counts), "{error}: {sample}");
        }
    }
}
