//! A rollout is under way, and this cluster's wave has not come: it heals to what it was released (invariant 7).

use crate::ground::Ground;
use anyhow::{Result, ensure};
use serde_json::json;
use tests_e2e::{Fleet, eventually, fleet::SOON};

pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: version}
data: {version: v1}
";

/// A canary wave that no cluster is in proves nothing, so nothing goes further.
const POLICY: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: waits, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}}
  - {name: rest}
";

/// A set of one Application, with these annotations.
pub(crate) fn set(fleet: &Fleet, annotations: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: waves, namespace: argocd, annotations: {{{annotations}}}}}
spec:
  goTemplate: true
  generators: [{{clusters: {{}}}}]
  template:
    metadata: {{name: 'waves-{{{{.name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: waves}}
      destination: {{name: '{{{{.name}}}}', namespace: waves}}
      syncPolicy: {{automated: {{selfHeal: true, prune: true}}, syncOptions: [CreateNamespace=true]}}
",
        fleet.repository_url()
    )
}

pub(crate) async fn a_waiting_member_heals_to_its_released_release(ground: &Ground) -> Result<()> {
    ground.fleet.apply(POLICY).await?;
    ground.fleet.apply(&set(&ground.fleet, "flotilla.dev/rollout-policy: waits")).await?;
    ground.fleet.push(&[("waves/all.yaml", &MANIFEST.replace("v1}", "v2}"))])?;
    eventually(SOON, "the rollout of v2 waits", async || {
        let text = ground.fleet.kubectl(&["get", "fleetrollouts", "--output=json"]).await?;
        let all: serde_json::Value = serde_json::from_str(&text)?;
        let waits = all["items"].as_array().into_iter().flatten().any(|rollout| {
            let name = rollout["metadata"]["name"].as_str().unwrap_or_default();
            name.starts_with("waves-") && rollout["status"]["waitsFor"].to_string().contains("canary")
        });
        ensure!(waits, "{all:#}");
        Ok(())
    })
    .await;
    ground.patch("waves", "configmap/version", r#"{"data":{"version":"mine"}}"#).await?;
    ground.becomes("waves", "configmap", "version", "/data/version", json!("v1")).await;
    ground.kubectl(&["delete", "configmap", "version", "--namespace=waves"]).await?;
    ground.becomes("waves", "configmap", "version", "/data/version", json!("v1")).await;
    Ok(())
}
