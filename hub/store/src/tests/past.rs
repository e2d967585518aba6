//! A revision that is not the newest any more reads as it did when it was.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{backends, run};
use crate::{Config, Entry, Error, Listing, Op, Outcome, Page, Past, Revision, Store, Txn};

const KEYS: [&str; 6] = ["a/", "a/1", "a/2", "a/3", "b", "b/1"];

fn txn() -> impl Strategy<Value = Txn> {
    let op = (prop::sample::select(KEYS.to_vec()), prop::option::of(any::<u8>())).prop_map(|(key, value)| {
        let key = key.to_owned();
        match value {
            Some(value) => Op::Put { key, value: vec![value].into() },
            None => Op::Delete { key },
        }
    });
    prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), op, 1..4).prop_map(|ops| {
        let ops = ops.into_iter().map(|(key, op)| match op {
            Op::Put { value, .. } => Op::Put { key: key.to_owned(), value },
            Op::Delete { .. } => Op::Delete { key: key.to_owned() },
        });
        Txn { compares: Vec::new(), ops: ops.collect() }
    })
}

/// Everything at a revision, in pages.
async fn paged(past: &Past<'_>, prefix: &str, limit: usize) -> Vec<Entry> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let listing = past.list(prefix, Page { after: after.take(), limit: Some(limit) }).await.unwrap();
        assert_eq!(listing.revision, past.revision());
        assert!(listing.entries.len() == limit || !listing.more && listing.entries.len() < limit);
        after = listing.entries.last().map(|entry| entry.key.clone());
        all.extend(listing.entries);
        if !listing.more {
            return all;
        }
    }
}

async fn check(store: &dyn Store, txns: &[Txn]) {
    let mut then: BTreeMap<Revision, Listing> = BTreeMap::new();
    for txn in txns {
        let now = store.list("", Page::default()).await.unwrap();
        then.insert(now.revision, now);
        assert!(matches!(store.commit(txn.clone()).await.unwrap(), Outcome::Committed(_)));
    }
    for (revision, was) in then {
        let past = Past::new(store, revision);
        for prefix in ["", "a/", "b"] {
            let expect: Vec<Entry> =
                was.entries.iter().filter(|entry| entry.key.starts_with(prefix)).cloned().collect();
            assert_eq!(past.list(prefix, Page::default()).await.unwrap().entries, expect);
            for limit in 1..4 {
                assert_eq!(paged(&past, prefix, limit).await, expect, "{prefix} by {limit} at {revision}");
            }
        }
        for key in KEYS {
            let expect = was.entries.iter().find(|entry| entry.key == key);
            assert_eq!(past.get(key).await.unwrap().as_ref(), expect, "{key} at {revision}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_can_be_read(txns in prop::collection::vec(txn(), 1..12)) {
        let (backends, _folder) = backends(Config::default());
        for store in backends {
            run(check(&*store, &txns));
        }
    }
}

#[test]
fn what_is_forgotten_is_said_to_be() {
    let (backends, _folder) = backends(Config { window_changes: 2, ..Config::default() });
    for store in backends {
        run(async {
            for value in 0..5_u8 {
                let written = store.commit(Txn::new().put("a/1", vec![value])).await.unwrap();
                assert!(matches!(written, Outcome::Committed(_)));
            }
            let past = |revision| Past::new(&*store, Revision(revision));
            assert_eq!(past(4).get("a/1").await.unwrap().unwrap().value[..], [3]);
            for revision in [1, 2] {
                let gone = past(revision).list("a/", Page::default()).await;
                assert!(matches!(gone, Err(Error::Compacted { oldest: Revision(4), .. })), "{gone:?}");
            }
        });
    }
}
