//! What is frozen and cannot be read for a while.

use super::*;
use shared_rollout::{Head, Phase};

/// A rollout under way, a hub that starts without its mirrors, and a server that is down: nothing of it is decided
/// from an expansion that lacks members, which would find nobody left to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_cannot_be_read_for_a_while_waits_and_passes_nothing() {
    let loops = Loops::start().await;
    let (records, now) = (loops.records.clone(), Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    for name in ["eu-1", "us-1"] {
        records.create(Kind::Cluster, cluster(name, &json!({"env": "prod"})), now).await.unwrap();
    }
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    let head = async |records: &Records| {
        let key = keys::head("argocd", &RolloutName::new("web-1"));
        records.read::<Head>(&key).await.unwrap().map(|(head, _)| head).unwrap_or_default()
    };
    let open =
        async |records: &Records| head(records).await.waves.first().is_some_and(|wave| wave.opened.is_some());
    loops.until("its wave is open", open).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);

    let away = loops.folder.path().join("away");
    std::fs::rename(loops.repository(), &away).unwrap();
    std::fs::remove_dir_all(loops.folder.path().join("mirrors")).unwrap();
    // Something else that the hub decides says when it has decided.
    assign(&records, "lost", "gone", &run(1)).await;
    let loops = loops.again().await;
    let said = async |_: &Records| {
        let said = loops.condition(Kind::ApplicationSet, "web").await;
        ["rollout web-1, member web-eu-1: ", "nothing is rolled out until"]
            .iter()
            .all(|part| said.contains(part))
    };
    loops.until("the set says what it waits for", said).await;
    let forgotten = async |records: &Records| {
        let told = records.store().list(keys::ASSIGNMENTS, Page::default()).await.unwrap();
        told.entries.iter().all(|entry| !entry.key.contains("lost"))
    };
    loops.until("the hub plans", forgotten).await;
    assert_eq!(head(&records).await.phase, Phase::Progressing);

    std::fs::remove_dir_all(loops.repository()).unwrap();
    std::fs::rename(&away, loops.repository()).unwrap();
    let well = async |_: &Records| {
        !loops.condition(Kind::ApplicationSet, "web").await.contains("nothing is rolled out until")
    };
    loops.until("it is back", well).await;
    let after = head(&records).await;
    assert_eq!(after.phase, Phase::Progressing);
    assert!(after.waves.iter().all(|wave| wave.passed.is_none()), "{after:#?}");
    assert_eq!(records.list(Kind::FleetRollout, None).await.unwrap().0.len(), 1);
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
