//! Observe mode beside a running Argo CD: compares and reports, writes nothing, labels nothing; then it takes over.

use crate::ground::{EU, Ground, WRITER};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests_e2e::{eventually, fleet::SOON};

/// What Git says: a later version than what Argo CD applied last, and one object more.
pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: prices, annotations: {argocd.argoproj.io/sync-wave: '1'}}
data: {version: '2', kept: yes-please}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: main, image: 'shop/web:v1', resources: {requests: {cpu: 1000m, memory: 1024Mi}}, ports: [{containerPort: 80}]}
";

/// The same as Argo CD applied it before, with its marks.
fn applied_by_argo() -> String {
    let (map, rest) = MANIFEST.split_once("---").unwrap_or_default();
    let (_, deployment) = rest.split_once("---").unwrap_or_default();
    let marked = |text: &str, group: &str, kind: &str, name: &str, annotations: &str| {
        let id = format!("observed:{group}/{kind}:observed/{name}");
        let marks = format!(
            "{{name: {name}, namespace: observed, labels: {{app.kubernetes.io/instance: observed}}, \
             annotations: {{argocd.argoproj.io/tracking-id: '{id}'{annotations}}}}}"
        );
        let metadata = text.lines().find(|line| line.starts_with("metadata:")).unwrap_or_default();
        text.replace(metadata, &format!("metadata: {marks}"))
    };
    let wave = ", argocd.argoproj.io/sync-wave: '1'";
    let map = marked(map, "", "ConfigMap", "prices", wave).replace("version: '2'", "version: '1'");
    format!("{map}---{}", marked(deployment, "apps", "Deployment", "shop", ""))
}

/// Everything of the namespace: resourceVersion and uid by kind and name.
async fn versions(ground: &Ground) -> Result<BTreeMap<String, (Value, Value)>> {
    let kinds = "configmaps,services,deployments,replicasets,pods,secrets,serviceaccounts,namespaces";
    let text = ground.kubectl(&["get", kinds, "--namespace=observed", "--output=json"]).await?;
    let list: Value = serde_json::from_str(&text)?;
    let all = list["items"].as_array().cloned().unwrap_or_default();
    let one = |object: &Value| {
        let metadata = &object["metadata"];
        let name = format!("{} {}", object["kind"], metadata["name"]);
        (name, (metadata["resourceVersion"].clone(), metadata["uid"].clone()))
    };
    // Other namespaces are nobody's business here, and change by themselves.
    let ours =
        |object: &&Value| object["kind"] != "Namespace" || object["metadata"]["name"] == json!("observed");
    Ok(all.iter().filter(ours).map(one).collect())
}

async fn mode(ground: &Ground, mode: &str) -> Result<()> {
    let patch = json!({"spec": {"mode": mode}}).to_string();
    ground.fleet.kubectl(&["patch", "cluster", EU, "--type=merge", "--patch", &patch]).await?;
    Ok(())
}

pub(crate) async fn an_observing_agent_writes_nothing(ground: &Ground) -> Result<()> {
    mode(ground, "Observe").await?;
    ground.kubectl(&["create", "namespace", "observed"]).await?;
    let argo = applied_by_argo();
    ground.cluster().apply_as("argocd-controller", &argo).await?;
    // Its controllers write status until it is ready.
    ground.kubectl(&["rollout", "status", "deployment/shop", "--namespace=observed"]).await?;
    let before = eventually(SOON, "nothing changes any more", async || {
        let first = versions(ground).await?;
        ensure!(first.len() >= 6 && first == versions(ground).await?, "{first:?}");
        Ok(first)
    })
    .await;

    ground.fleet.apply(&ground.application("observed", "observed")).await?;
    eventually(SOON, "it says exactly what would change", async || {
        let status = ground.status("observed").await?;
        ensure!(
            status["drift"]
                == json!(["ConfigMap/prices: data.version live=1 desired=2", "Service/shop: missing"]),
            "{status:#}"
        );
        let message = status["operationState"]["message"].as_str().unwrap_or_default();
        ensure!(message.contains("observes only"), "{status:#}");
        ensure!(status["sync"]["status"] == "OutOfSync", "{status:#}");
        Ok(())
    })
    .await;

    // Asked to sync by a person it writes no more than before; what changes in the cluster it tells.
    drop(ground.fleet.hub().run(&["app", "sync", "observed"]).await?);
    ground.kubectl(&["create", "configmap", "of-somebody", "--namespace=observed"]).await?;
    ground.patch("observed", "configmap/prices", r#"{"data":{"version":"3"}}"#).await?;
    eventually(SOON, "it says what changed", async || {
        let status = ground.status("observed").await?;
        ensure!(status["drift"][0] == "ConfigMap/prices: data.version live=3 desired=2", "{status:#}");
        Ok(())
    })
    .await;
    let mut after = versions(ground).await?;
    after.remove("\"ConfigMap\" \"of-somebody\"");
    for (name, state) in &before {
        ensure!(name.contains("prices") || after.get(name) == Some(state), "{name}: {before:?} {after:?}");
    }
    ensure!(before.len() == after.len(), "{before:?} {after:?}");
    let writes: Vec<_> = ground.way.since(0).into_iter().filter(|asked| asked.is_write()).collect();
    ensure!(writes.is_empty(), "an observing agent writes: {writes:#?}");

    // Taking over changes what was told of, and restarts nothing.
    ground.cluster().apply(WRITER).await?;
    mode(ground, "Enforce").await?;
    ground.is_settled("observed").await;
    ground.becomes("observed", "configmap", "prices", "/data/version", json!("2")).await;
    let taken = versions(ground).await?;
    for (name, (_, uid)) in &before {
        ensure!(taken.get(name).is_some_and(|(_, now)| now == uid), "{name} was replaced: {taken:?}");
    }
    ensure!(taken.contains_key("\"ConfigMap\" \"of-somebody\""), "{taken:?}");
    let deleted: Vec<_> = ground
        .way
        .since(0)
        .into_iter()
        .filter(|asked| asked.verb == "DELETE" || asked.verb == "PUT")
        .collect();
    ensure!(deleted.is_empty(), "{deleted:?}");
    Ok(())
}
