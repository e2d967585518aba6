//! Watches while they run: they wake, end, fall behind, and meet many writers.

use std::sync::Arc;

use super::{backends, run};
use crate::{ChangeKind, Compare, Config, Error, Outcome, Revision, Store, Txn};

fn small() -> Config {
    Config { window_changes: 4, ..Config::default() }
}

async fn put(store: &dyn Store, key: &str) -> Revision {
    match store.commit(Txn::new().put(key, "v")).await.unwrap() {
        Outcome::Committed(revision) => revision,
        conflict @ Outcome::Conflict { .. } => panic!("{conflict:?}"),
    }
}

#[test]
fn a_waiting_watch_wakes_for_its_prefix_only() {
    run(async {
        let (stores, _folder) = backends(Config::default());
        for store in &stores {
            let mut watch = store.watch("b", Revision::ZERO).await.unwrap();
            let write = async {
                put(store.as_ref(), "a").await;
                put(store.as_ref(), "b").await
            };
            let (seen, revision) = tokio::join!(watch.next(), write);
            let seen = seen.unwrap().unwrap();
            assert_eq!(seen.len(), 1);
            assert_eq!((seen[0].revision, seen[0].key.as_str()), (revision, "b"));
            assert!(matches!(&seen[0].kind, ChangeKind::Put(e) if e.mod_revision == e.create_revision));
        }
    });
}

#[test]
fn a_watch_from_the_future_waits_for_it() {
    run(async {
        let (stores, _folder) = backends(small());
        for store in &stores {
            let mut watch = store.watch("", Revision(7)).await.unwrap();
            let write = async {
                for i in 0..8 {
                    put(store.as_ref(), &format!("k{i}")).await;
                }
            };
            let (seen, ()) = tokio::join!(watch.next(), write);
            let revisions: Vec<_> = seen.unwrap().unwrap().iter().map(|c| c.revision.0).collect();
            assert_eq!(revisions, [8]);
        }
    });
}

#[test]
fn a_slow_watch_is_told_and_ends() {
    run(async {
        let (stores, _folder) = backends(small());
        for store in &stores {
            let mut slow = store.watch("", Revision::ZERO).await.unwrap();
            for i in 0..6 {
                put(store.as_ref(), &format!("k{i}")).await;
            }
            let error = slow.next().await.unwrap().unwrap_err();
            assert!(matches!(error, Error::Lagged { at: Revision(0), oldest: Revision(3) }), "{error:?}");
            assert!(slow.next().await.is_none());

            let error = store.watch("", Revision(1)).await.unwrap_err();
            assert!(
                matches!(error, Error::Compacted { from: Revision(1), oldest: Revision(3) }),
                "{error:?}"
            );
            let mut watch = store.watch("", Revision(2)).await.unwrap();
            assert_eq!(watch.next().await.unwrap().unwrap().len(), 4);
        }
    });
}

#[test]
fn watches_end_with_their_store() {
    run(async {
        let (stores, _folder) = backends(Config::default());
        for store in stores {
            let mut watch = store.watch("", Revision::ZERO).await.unwrap();
            put(store.as_ref(), "last").await;
            drop(store);
            assert_eq!(watch.next().await.unwrap().unwrap()[0].key, "last");
            assert!(watch.next().await.is_none());
        }
    });
}

/// Adds one to a counter, by compare and retry.
async fn increment(store: &dyn Store) -> Revision {
    loop {
        let (count, revision) = match store.get("count").await.unwrap() {
            Some(e) => (std::str::from_utf8(&e.value).unwrap().parse::<u64>().unwrap(), e.mod_revision),
            None => (0, Revision::ZERO),
        };
        let unchanged = Compare::ModRevision { key: "count".to_owned(), revision };
        let txn = Txn::new().when(unchanged).put("count", (count + 1).to_string());
        if let Outcome::Committed(at) = store.commit(txn).await.unwrap() {
            return at;
        }
    }
}

#[test]
fn many_writers_lose_no_update() {
    run(async {
        let (stores, _folder) = backends(Config::default());
        for store in stores {
            let store: Arc<dyn Store> = Arc::from(store);
            let mut watch = store.watch("", Revision::ZERO).await.unwrap();
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..20 {
                let store = Arc::clone(&store);
                writers.spawn(async move {
                    for i in 0..5 {
                        increment(store.as_ref()).await;
                        put(store.as_ref(), &format!("w{writer}/{i}")).await;
                    }
                });
            }
            writers.join_all().await;
            assert_eq!(store.get("count").await.unwrap().unwrap().value, "100");
            assert_eq!(store.revision().await.unwrap(), Revision(200), "a lost compare takes no revision");
            let mut seen = Vec::new();
            while seen.len() < 200 {
                seen.extend(watch.next().await.unwrap().unwrap().into_iter().map(|c| c.revision.0));
            }
            assert_eq!(seen, (1..=200).collect::<Vec<_>>());
        }
    });
}
