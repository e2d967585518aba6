//! The same random transactions give the same results, revisions, listings and watch events on every backend
//! and on the model.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::model::Model;
use super::{backends, run};
use crate::{Change, Compare, Config, Listing, Op, Outcome, Page, Revision, Store, Turn, Txn, Watch};

const PREFIXES: [&str; 4] = ["", "a/", "a/1", "b"];

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a/", "a/1", "a/10", "a/2", "a0", "b", "b/é"]).prop_map(str::to_owned)
}

fn compare() -> impl Strategy<Value = Compare> {
    (key(), 0..4, 0_u64..12).prop_map(|(key, kind, revision)| match kind {
        0 => Compare::Absent { key },
        1 => Compare::Exists { key },
        2 => Compare::ModRevision { key, revision: Revision(revision) },
        _ => Compare::CreateRevision { key, revision: Revision(revision) },
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (key(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(key, value)| Op::Put { key, value: value.into() }),
        2 => key().prop_map(|key| Op::Delete { key }),
    ]
}

fn txn() -> impl Strategy<Value = Txn> {
    let compares = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(compare(), 1..3)];
    (compares, prop::collection::vec(op(), 0..5)).prop_map(|(compares, mut ops)| {
        let mut seen = BTreeSet::new();
        ops.retain(|op| seen.insert(op.key().to_owned()));
        Txn { compares, ops }
    })
}

/// All that is there to be seen now, without waiting for more.
async fn drain(watch: &mut Watch) -> Vec<Change> {
    let mut seen = Vec::new();
    while let Some(next) = std::future::poll_fn(|cx| {
        let mut next = std::pin::pin!(watch.next());
        std::task::Poll::Ready(match next.as_mut().poll(cx) {
            std::task::Poll::Ready(batch) => batch,
            std::task::Poll::Pending => None,
        })
    })
    .await
    {
        let batch = next.unwrap();
        assert!(!batch.is_empty());
        seen.extend(batch);
    }
    seen
}

async fn check_listings(store: &dyn Store, model: &Model, limit: usize) {
    for prefix in PREFIXES {
        let mut after = None;
        loop {
            let page = Page { after: after.clone(), limit: Some(limit) };
            let listing = store.list(prefix, page).await.unwrap();
            let mut expected = model.entries(prefix, after.as_deref());
            let more = expected.len() > limit;
            expected.truncate(limit);
            assert_eq!(listing, Listing { entries: expected, revision: Revision(model.revision), more });
            if !more {
                break;
            }
            after = listing.entries.last().map(|e| e.key.clone());
        }
        let all = store.list(prefix, Page::default()).await.unwrap();
        assert_eq!(all.entries, model.entries(prefix, None));
    }
}

async fn check(store: &dyn Store, txns: &[Txn], limit: usize) {
    let mut model = Model::default();
    let mut watches = Vec::new();
    for prefix in PREFIXES {
        watches.push((prefix, store.watch(prefix, Revision::ZERO).await.unwrap()));
    }
    for txn in txns {
        assert_eq!(store.commit(txn.clone()).await.unwrap(), model.commit(txn), "{store:?}: {txn:?}");
        assert_eq!(store.revision().await.unwrap(), Revision(model.revision));
        for op in &txn.ops {
            assert_eq!(store.get(op.key()).await.unwrap().as_ref(), model.keys.get(op.key()));
        }
    }
    check_listings(store, &model, limit).await;
    for (prefix, mut live) in watches {
        let of_prefix: Vec<_> = model.history.iter().filter(|c| c.key.starts_with(prefix)).cloned().collect();
        assert_eq!(drain(&mut live).await, of_prefix);
        let half = Revision(model.revision / 2);
        let mut late = store.watch(prefix, half).await.unwrap();
        let newer: Vec<_> = of_prefix.into_iter().filter(|c| c.revision > half).collect();
        assert_eq!(drain(&mut late).await, newer);
        assert_eq!(late.position(), Revision(model.revision));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn backends_agree_with_the_model(txns in prop::collection::vec(txn(), 1..30), limit in 1_usize..4) {
        run(async {
            let (stores, _folder) = backends(Config::default());
            for store in &stores {
                check(store.as_ref(), &txns, limit).await;
            }
        });
    }
}

/// A row is its transactions one after the other, up to the first that does not commit.
async fn check_row(store: &dyn Store, row: &[Txn]) {
    let mut model = Model::default();
    let mut expected = Vec::new();
    for txn in row {
        expected.push(model.commit(txn));
        if matches!(expected.last(), Some(Outcome::Conflict { .. })) {
            break;
        }
    }
    let mut written = BTreeSet::new();
    let turns = row.iter().map(|txn| {
        // All that earlier turns wrote is as they left it.
        let ours = written.iter().cloned().collect();
        written.extend(txn.ops.iter().map(|op| op.key().to_owned()));
        Turn { txn: txn.clone(), ours }
    });
    let turns = turns.collect();
    assert_eq!(store.commit_row(turns).await.unwrap(), expected, "{store:?}: {row:?}");
    check_listings(store, &model, 2).await;
    let mut watch = store.watch("", Revision::ZERO).await.unwrap();
    assert_eq!(drain(&mut watch).await, model.history);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_agree_with_the_model(
        row in prop::collection::vec(txn().prop_filter("a row writes", puts_only), 1..12)
    ) {
        run(async {
            let (stores, _folder) = backends(Config::default());
            for store in &stores {
                check_row(store.as_ref(), &row).await;
            }
        });
    }
}

/// A deleted key has no revision that a later turn could go by.
fn puts_only(txn: &Txn) -> bool {
    txn.ops.iter().all(|op| matches!(op, Op::Put { .. }))
}
