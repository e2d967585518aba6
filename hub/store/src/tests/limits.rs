//! What no backend takes.

use super::{backends, run};
use crate::{Compare, Config, MAX_KEY_BYTES, MAX_OPS, MAX_VALUE_BYTES, Outcome, Page, Revision, Txn};

fn puts(count: usize) -> Txn {
    (0..count).fold(Txn::new(), |txn, i| txn.put(format!("k{i}"), "v"))
}

fn check(txn: &Txn, expect: &str) {
    run(async {
        let (stores, _folder) = backends(Config::default());
        for store in &stores {
            let result = match store.commit(txn.clone()).await {
                Ok(Outcome::Committed(r)) => format!("committed at {r}"),
                Ok(conflict) => format!("{conflict:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(result, expect, "{store:?}");
            let left = store.list("", Page::default()).await.unwrap();
            assert_eq!(left.entries.is_empty(), !expect.starts_with("committed at 1"), "all or nothing");
        }
    });
}

#[test]
fn operations() {
    check(&puts(MAX_OPS), "committed at 1");
    check(&puts(MAX_OPS + 1), "101 operations in one transaction, of at most 100: split it");
    let compares = (0..=MAX_OPS).fold(puts(1), |txn, i| txn.when(Compare::Absent { key: format!("c{i}") }));
    check(&compares, "101 compares in one transaction, of at most 100: split it");
    check(&Txn::new(), "committed at 0");
    check(&Txn::new().delete("absent"), "committed at 0");
}

#[test]
fn sizes() {
    let value = |size: usize| vec![b'x'; size];
    check(&Txn::new().put("big", value(MAX_VALUE_BYTES)), "committed at 1");
    check(
        &Txn::new().put("ok", "v").put("big", value(MAX_VALUE_BYTES + 1)),
        "the value of big has 1048577 bytes, more than the 1048576 of any backend",
    );
    check(
        &Txn::new().put("a", value(800_000)).put("b", value(800_000)),
        "a transaction of 2 operations has 1600002 bytes, of at most 1433600: split it",
    );
    check(&Txn::new().put("k".repeat(MAX_KEY_BYTES), "v"), "committed at 1");
}

#[test]
fn keys() {
    check(&Txn::new().put("", "v"), "a key is empty");
    check(&Txn::new().put("a", "1").delete("a"), "a transaction writes a twice");
    let long = format!("the key {}… has 4097 bytes, of at most 4096", "k".repeat(60));
    check(&Txn::new().put("k".repeat(MAX_KEY_BYTES + 1), "v"), &long);
}

#[test]
fn values_stay_out_of_debug_output() {
    run(async {
        let (stores, _folder) = backends(Config::default());
        for store in &stores {
            let txn = Txn::new().put("secret", "hunter2");
            let mut watch = store.watch("", Revision::ZERO).await.unwrap();
            let shown = format!("{txn:?} {:?}", store.commit(txn.clone()).await.unwrap());
            let entry = store.get("secret").await.unwrap();
            let shown = format!("{shown} {entry:?} {:?} {store:?} {watch:?}", watch.next().await);
            assert!(shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
        }
    });
}
