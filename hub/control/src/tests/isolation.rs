//! A generator that fails alone (`flotilla.dev/on-generator-failure: Isolate`).

use super::*;

const SILENT: &str = "spec.generators[1].git";

/// A list that gives `a`, and files that give `b`.
fn mixed(loops: &Loops) -> Value {
    let mut object = set(&loops.repository());
    object["metadata"]["annotations"] = json!({"flotilla.dev/on-generator-failure": "Isolate"});
    object["spec"]["generators"] = json!([
        {"list": {"elements": [{"name": "a"}]}},
        {"git": {"repoURL": loops.repository().to_str(), "revision": "main", "files": [{"path": "envs/*.yaml"}]}},
    ]);
    object["spec"]["template"]["metadata"]["name"] = json!("{{name}}");
    object["spec"]["template"]["spec"]["destination"]["name"] = json!("eu-1");
    object["spec"]["template"]["spec"]["source"]["targetRevision"] = json!("main");
    object
}

/// Waits for a rollout; answers how many members it had, and who gave nothing then.
async fn rollout(loops: &Loops, name: &str) -> (u64, Vec<String>) {
    let read = async |records: &Records| records.get(Kind::FleetRollout, "argocd", name).await.unwrap();
    loops.until(name, async |records| read(records).await.is_some()).await;
    let spec = read(&loops.records).await.unwrap().value["spec"].clone();
    let standing = spec["standing"].as_array().cloned().unwrap_or_default();
    let standing = standing.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    (spec["timings"]["members"].as_u64().unwrap(), standing)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_generator_fails_alone_the_others_are_rolled_out_without_its_applications() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    let write = |path: &str, text: &str| std::fs::write(loops.repository().join(path), text).unwrap();
    loops.commit("envs/b.yaml", "name: b");
    loops.commit("web/config.yaml", CONFIG_MAP);
    records.create(Kind::Cluster, cluster("eu-1", &json!({})), now).await.unwrap();
    records.create(Kind::ApplicationSet, mixed(&loops), now).await.unwrap();
    assert_eq!(rollout(&loops, "web-1").await, (2, vec![]));

    // One commit breaks a file and changes what both ship.
    write("envs/b.yaml", "name: [");
    loops.commit("web/config.yaml", &CONFIG_MAP.replace("web", "second"));
    assert_eq!(rollout(&loops, "web-2").await, (1, vec![SILENT.to_owned()]));
    let said = async |_: &Records| loops.condition(Kind::Application, "b").await.contains("GeneratorFailed");
    loops.until("its Application says so", said).await;
    let said = async |_: &Records| loops.condition(Kind::ApplicationSet, "web").await.contains("envs/b.yaml");
    loops.until("its set says so", said).await;
    assert_eq!(records.list(Kind::Application, None).await.unwrap().0.len(), 2);

    // After a restart nobody remembers what it gave; the first rollout tells.
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
    let loops = loops.again().await;
    loops.commit("web/config.yaml", &CONFIG_MAP.replace("web", "third"));
    assert_eq!(rollout(&loops, "web-3").await, (1, vec![SILENT.to_owned()]));

    // It works again, and gets what it missed.
    loops.commit("envs/b.yaml", "name: b");
    assert_eq!(rollout(&loops, "web-4").await, (2, vec![]));
    assert_eq!(loops.records.list(Kind::Application, None).await.unwrap().0.len(), 2);
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
