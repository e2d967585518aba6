use super::*;
use crate::Memory;
use crate::tests::run;

const TTL: Duration = Duration::from_secs(10);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Asks for the lease and says in a word what came of it.
async fn check(store: &Memory, holder: &str, second: i64, expect: &str) -> Option<Lease> {
    let (found, lease) = match acquire(store, "planning", holder, TTL, at(second)).await.unwrap() {
        Acquired::Held(l) => {
            (format!("{} until {}, fence {}", l.holder, l.expires.as_second(), l.fence), Some(l))
        }
        Acquired::HeldBy { holder, expires } => {
            (format!("{holder} has it until {}", expires.as_second()), None)
        }
    };
    assert_eq!(found, expect);
    lease
}

async fn act(store: &Memory, lease: &Lease) -> bool {
    let txn = Txn::new().when(lease.fence()).put("work", lease.holder.clone());
    matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_))
}

#[test]
fn one_holder_at_a_time() {
    run(async {
        let store = Memory::default();
        let first = check(&store, "hub a", 0, "hub a until 10, fence 1").await.unwrap();
        check(&store, "hub b", 9, "hub a has it until 10").await;
        let renewed = check(&store, "hub a", 5, "hub a until 15, fence 1").await.unwrap();
        assert!(act(&store, &first).await && act(&store, &renewed).await, "renewing keeps the fence");
        let second = check(&store, "hub b", 15, "hub b until 25, fence 6").await.unwrap();
        assert!(act(&store, &second).await);
        assert!(!act(&store, &renewed).await, "the old holder's fence is gone for good");
        check(&store, "hub a", 16, "hub b has it until 25").await;
    });
}

#[test]
fn released_is_free_at_once() {
    run(async {
        let store = Memory::default();
        let first = check(&store, "a", 0, "a until 10, fence 1").await.unwrap();
        assert!(matches!(store.commit(first.release()).await.unwrap(), Outcome::Committed(_)));
        check(&store, "b", 1, "b until 11, fence 3").await;
        assert!(matches!(store.commit(first.release()).await.unwrap(), Outcome::Conflict { .. }));
    });
}

#[test]
fn an_unreadable_lease_is_nobodys() {
    run(async {
        let store = Memory::default();
        let garbage = Txn::new().put(key("planning"), vec![0xff]);
        assert!(matches!(store.commit(garbage).await.unwrap(), Outcome::Committed(_)));
        check(&store, "a", 0, "a until 10, fence 3").await;
    });
}
