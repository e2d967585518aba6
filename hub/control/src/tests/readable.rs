//! What is frozen and cannot be read for a while.

use super::*;
use hub_store::{Op, Txn};
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
    // What was planned once is known without a repository, as long as its releases are.
    for entry in records.store().list(keys::RELEASES, Page::default()).await.unwrap().entries {
        let ops = vec![Op::Delete { key: entry.key }];
        drop(records.store().commit(Txn { compares: Vec::new(), ops }).await.unwrap());
    }
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

/// The same, with its releases in the store: what it ships is what it shipped, and nobody has to read it again.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_planned_keeps_its_release_without_a_repository() {
    let loops = Loops::start().await;
    let (records, now) = (loops.records.clone(), Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    for name in ["eu-1", "us-1"] {
        records.create(Kind::Cluster, cluster(name, &json!({"env": "prod"})), now).await.unwrap();
    }
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    let planned = async |records: &Records| {
        records.store().list(keys::MEMBERS, Page::default()).await.unwrap().entries.len() == 2
    };
    loops.until("its members are planned", planned).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
    std::fs::rename(loops.repository(), loops.folder.path().join("away")).unwrap();
    std::fs::remove_dir_all(loops.folder.path().join("mirrors")).unwrap();
    assign(&records, "lost", "gone", &run(1)).await;
    let loops = loops.again().await;
    let forgotten = async |records: &Records| {
        let told = records.store().list(keys::ASSIGNMENTS, Page::default()).await.unwrap();
        told.entries.iter().all(|entry| !entry.key.contains("lost"))
    };
    loops.until("the hub plans", forgotten).await;
    let said =
        async |_: &Records| loops.condition(Kind::Application, "web-eu-1").await.contains("ComparisonError");
    loops.until("what is new cannot be read", said).await;
    let condition = loops.condition(Kind::ApplicationSet, "web").await;
    assert!(!condition.contains("nothing is rolled out until"), "{condition}");
    assert_eq!(records.list(Kind::FleetRollout, None).await.unwrap().0.len(), 1);
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

/// A set whose generator does not ask Git, and that has nothing to write any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_at_rest_says_that_its_repository_is_gone_and_that_it_is_back() {
    let loops = Loops::start().await;
    let (records, now) = (loops.records.clone(), Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod", "ring": "a"})), now).await.unwrap();
    let mut object = set(&loops.repository());
    object["spec"]["template"]["metadata"]["labels"] = json!({"ring": "{{metadata.labels.ring}}"});
    records.create(Kind::ApplicationSet, object, now).await.unwrap();
    let at = async |commit: &str| {
        let status = loops.records.status(Kind::Application, "argocd", "web-eu-1").await.unwrap();
        status.is_some_and(|(status, _)| status["target"]["revisions"] == json!([commit]))
    };
    for text in ["one", "two"] {
        loops.commit("README.md", text);
        let commit = loops.head();
        loops.until("the commit is known", async |_| at(&commit).await).await;
    }

    let away = loops.folder.path().join("away");
    for ring in ["a", "b"] {
        std::fs::rename(loops.repository(), &away).unwrap();
        let gone = async |_: &Records| {
            let said = loops.condition(Kind::Application, "web-eu-1").await;
            said.contains("ComparisonError") && said.contains("cannot be read since")
        };
        loops.until("it is gone", gone).await;
        // Everything is looked at again while it is gone.
        let relabelled = |object: &Value| {
            let mut object = object.clone();
            object["metadata"]["labels"]["ring"] = json!(ring);
            Some(object)
        };
        records.modify(Kind::Cluster, "", "eu-1", relabelled).await.unwrap();
        let followed = async |records: &Records| {
            let application = records.get(Kind::Application, "argocd", "web-eu-1").await.unwrap().unwrap();
            application.value["metadata"]["labels"]["ring"] == ring
        };
        loops.until("its Application follows", followed).await;
        std::fs::remove_dir_all(loops.repository()).unwrap();
        std::fs::rename(&away, loops.repository()).unwrap();
        let well = async |_: &Records| {
            !loops.condition(Kind::Application, "web-eu-1").await.contains("ComparisonError")
        };
        loops.until("it is back", well).await;
    }
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
