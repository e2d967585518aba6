//! Who may send, and what that writes.

use super::*;
use crate::tests::write;
use hub_store::Memory;

const SINK: &str = "sinks: [{name: a, url: 'http://127.0.0.1:1', on: [done]}]";

fn service(records: &Records) -> Service {
    let deps = Deps { records: records.clone(), metrics: Metrics::default() };
    Service::new(deps, States::default())
}

/// How many writes so many looks make.
async fn writes(service: &mut Service, looks: usize) -> u64 {
    let before = service.records.store().revision().await.unwrap();
    for _ in 0..looks {
        service.look().await.unwrap();
    }
    service.records.store().revision().await.unwrap().0 - before.0
}

/// Makes the lease as old as that.
fn age(service: &mut Service, by: Duration) {
    let (_, since) = service.held.as_mut().expect("the lease is held");
    *since = since.checked_sub(by).unwrap();
}

async fn lease(records: &Records) -> Option<hub_store::Entry> {
    records.store().get(&lease::key(LEASE)).await.unwrap()
}

#[tokio::test]
async fn a_hub_without_sinks_writes_nothing() {
    let records = Records::new(Arc::new(Memory::default()));
    let mut hub = service(&records);
    assert_eq!(writes(&mut hub, 100).await, 0, "no settings at all");
    write(&records, "sinks: []").await;
    assert_eq!(writes(&mut hub, 100).await, 0);
    write(&records, SINK).await;
    assert_eq!(writes(&mut hub, 1).await, 2, "the lease, and where the sink begins");
    write(&records, "sinks: []").await;
    assert_eq!(writes(&mut hub, 1).await, 2, "the sink is forgotten, then the lease given up");
    assert_eq!((lease(&records).await, cursor::all(&records).await.unwrap().len()), (None, 0));
    assert!(hub.running.is_empty() && hub.following.is_none());
    assert_eq!(writes(&mut hub, 100).await, 0);
}

#[tokio::test]
async fn a_lease_is_renewed_at_half_its_life_and_not_before() {
    let records = Records::new(Arc::new(Memory::default()));
    write(&records, SINK).await;
    let mut hub = service(&records);
    hub.look().await.unwrap();
    let began = lease(&records).await.unwrap();
    assert_eq!(writes(&mut hub, 100).await, 0);
    age(&mut hub, RENEW);
    assert_eq!(writes(&mut hub, 100).await, 1);
    let renewed = lease(&records).await.unwrap();
    assert!(renewed.mod_revision > began.mod_revision && renewed.create_revision == began.create_revision);
    assert!(hub.held.as_ref().unwrap().0.expires > shared_runtime::now() + RENEW);
}

#[tokio::test]
async fn one_hub_sends_and_another_takes_over_with_what_it_left() {
    let records = Records::new(Arc::new(Memory::default()));
    write(&records, SINK).await;
    let (mut first, mut second) = (service(&records), service(&records));
    first.look().await.unwrap();
    assert_eq!(writes(&mut second, 100).await, 0);
    assert_eq!((first.running.len(), second.running.len()), (1, 0));
    let begins = cursor::all(&records).await.unwrap();
    // The first is away for longer than its lease lasts.
    let gone = Txn::new().delete(lease::key(LEASE));
    let _gone = records.store().commit(gone).await.unwrap();
    second.look().await.unwrap();
    age(&mut first, RENEW);
    first.look().await.unwrap();
    assert_eq!((first.running.len(), second.running.len()), (0, 1));
    assert_eq!(cursor::all(&records).await.unwrap(), begins);
    // Nobody else is there to forget what is taken away.
    write(&records, "sinks: []").await;
    second.look().await.unwrap();
    assert_eq!(writes(&mut first, 100).await, 0);
    assert_eq!(cursor::all(&records).await.unwrap().len(), 0);
}

#[tokio::test]
async fn wrong_settings_are_told_by_one_hub_and_leave_what_was() {
    let records = Records::new(Arc::new(Memory::default()));
    write(&records, SINK).await;
    let mut hub = service(&records);
    hub.look().await.unwrap();
    write(&records, "sinks: [{name: a}]").await;
    assert_eq!(writes(&mut hub, 100).await, 1, "one Event");
    assert_eq!(hub.running.len(), 1);
    assert_eq!(writes(&mut service(&records), 100).await, 0);
}

#[tokio::test]
async fn a_worker_that_ended_is_started_again() {
    let records = Records::new(Arc::new(Memory::default()));
    write(&records, SINK).await;
    let mut hub = service(&records);
    hub.look().await.unwrap();
    hub.running["a"].task.0.abort();
    while !hub.running["a"].task.is_over() {
        tokio::task::yield_now().await;
    }
    hub.look().await.unwrap();
    assert!(!hub.running["a"].task.is_over());
}
