use super::*;
use hub_store::Memory;
use shared_history::{Entry, Filter, What};
use shared_model::ClusterName;
use std::sync::Arc;

fn entry(at: Timestamp, number: usize) -> Entry {
    let cluster = Some(ClusterName::new(format!("c{number}")));
    Entry { cluster, ..Entry::new(What::ClusterLost, at, number.to_string()) }
}

/// Waits until the history has exactly these.
async fn until(records: &Records, expect: &[usize]) {
    let from = records.store().revision().await.unwrap();
    let mut watch = records.store().watch(keys::HISTORY, from).await.unwrap();
    let wished = async {
        loop {
            let told = records.told(&Filter::default(), None, 10_000).await.unwrap();
            let left: Vec<usize> =
                told.entries.iter().map(|(_, _, entry)| entry.text.parse().unwrap()).collect();
            if left == expect {
                return;
            }
            watch.next().await.unwrap().unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wished).await;
    let left = records.told(&Filter::default(), None, 10_000).await.unwrap().entries.len();
    assert!(waited.is_ok(), "{left} are left, and there should be {}", expect.len());
}

#[tokio::test]
async fn the_oldest_go_by_age_and_by_number_and_what_comes_later_is_counted() {
    let records = Records::new(Arc::new(Memory::default()));
    let now = shared_runtime::now();
    let at = |number: usize| {
        let hours = if number < 120 { 48 } else { 1 };
        now - SignedDuration::from_hours(hours) + SignedDuration::from_millis(number.try_into().unwrap())
    };
    let all = |range: std::ops::Range<usize>| range.map(|number| entry(at(number), number)).collect();
    records.tell(all(0..450)).await.unwrap();
    let keep = Retention { age: SignedDuration::from_hours(24), entries: 200 };
    let running = shared_runtime::spawn("history", run(records.clone(), keep));
    until(&records, &(250..450).collect::<Vec<_>>()).await;
    records.tell(all(450..480)).await.unwrap();
    until(&records, &(280..480).collect::<Vec<_>>()).await;
    running.abort();
}

#[tokio::test]
async fn what_is_too_old_goes_although_there_is_room() {
    let records = Records::new(Arc::new(Memory::default()));
    let now = shared_runtime::now();
    records.tell(vec![entry(now - SignedDuration::from_hours(25), 1), entry(now, 2)]).await.unwrap();
    let keep = Retention { age: SignedDuration::from_hours(24), entries: 200 };
    let running = shared_runtime::spawn("history", run(records.clone(), keep));
    until(&records, &[2]).await;
    running.abort();
}
