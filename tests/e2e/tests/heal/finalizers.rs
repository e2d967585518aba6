//! Finalizers that nobody serves hold an object of the release, and one that left it.

use crate::ground::Ground;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests_e2e::{eventually, fleet::SOON};

pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: kept}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: leaves}
data: {key: git}
";
const HOLD: &str = r#"{"metadata":{"finalizers":["example.com/hold"]}}"#;
const LET_GO: &str = r#"{"metadata":{"finalizers":null}}"#;

pub(crate) async fn a_finalizer_that_holds_is_named(ground: &Ground) -> Result<()> {
    // Deleted by hand, and held: told, and it comes back when it is let go.
    let before = ground.object("stuck", "configmap", "held").await?["metadata"]["uid"].clone();
    let mark = ground.way.mark();
    ground.patch("stuck", "configmap/held", HOLD).await?;
    ground.kubectl(&["delete", "configmap", "held", "--namespace=stuck", "--wait=false"]).await?;
    ground.says("stuck", &["ConfigMap stuck/held is being deleted", "example.com/hold"]).await;
    ground.patch("stuck", "configmap/kept", r#"{"data":{"key":"mine"}}"#).await?;
    ground.becomes("stuck", "configmap", "kept", "/data/key", json!("git")).await;
    ground.patch("stuck", "configmap/held", LET_GO).await?;
    eventually(SOON, "it is there anew", async || {
        let held = ground.object("stuck", "configmap", "held").await?;
        let metadata = &held["metadata"];
        ensure!(metadata["uid"] != before && metadata["deletionTimestamp"] == Value::Null, "{held:#}");
        Ok(())
    })
    .await;
    ground.is_settled("stuck").await;
    ground.stays_polite(mark, 1, "/configmaps/held", 2.0).await?;

    // Pruned, and held: told, and the rest of the release is applied.
    ground.patch("stuck", "configmap/leaves", HOLD).await?;
    let mark = ground.way.mark();
    let (left, _) = MANIFEST.rsplit_once("---").context("it has parts")?;
    ground.fleet.push(&[("stuck/all.yaml", &left.replace("key: git", "key: next"))])?;
    ground.says("stuck", &["ConfigMap stuck/leaves is being deleted", "example.com/hold"]).await;
    ground.becomes("stuck", "configmap", "kept", "/data/key", json!("next")).await;
    let status = ground.status("stuck").await?;
    ensure!(status["operationState"]["phase"] == "Succeeded", "{status:#}");
    ground.stays_polite(mark, 1, "/configmaps/leaves", 2.0).await?;
    ground.patch("stuck", "configmap/leaves", LET_GO).await?;
    ground.is_settled("stuck").await;
    Ok(())
}
