//! A namespace is deleted with all that is in it.

use crate::ground::Ground;
use anyhow::{Result, ensure};
use serde_json::json;
use tests_e2e::{eventually, fleet::SOON};

/// Its namespace is made because the Application asks for it.
pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: second}
data: {key: git}
";

/// It brings its namespace along.
pub(crate) const BROUGHT: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: brought, labels: {team: shop}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {key: git}
";

/// A finalizer of somebody else keeps the namespace for a while.
pub(crate) async fn a_deleted_namespace_comes_back(ground: &Ground) -> Result<()> {
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": "gone", "finalizers": ["example.com/hold"]}});
    ground.cluster().apply(&held.to_string()).await?;
    let mark = ground.way.mark();
    ground.kubectl(&["delete", "namespace", "gone", "--wait=false"]).await?;
    ground.says("gone", &["namespace gone", "being deleted", "example.com/hold"]).await;
    ground.stays_polite(mark, 2, "/namespaces/gone", 4.0).await?;
    ground.patch("gone", "configmap/held", r#"{"metadata":{"finalizers":null}}"#).await?;
    is_back(ground, "gone", &["first", "second"]).await;
    Ok(())
}

pub(crate) async fn a_deleted_namespace_of_the_release_comes_back(ground: &Ground) -> Result<()> {
    ground.kubectl(&["delete", "namespace", "brought", "--wait=false"]).await?;
    is_back(ground, "brought", &["first"]).await;
    ground.becomes("brought", "namespace", "brought", "/metadata/labels/team", json!("shop")).await;
    Ok(())
}

async fn is_back(ground: &Ground, namespace: &str, maps: &[&str]) {
    eventually(SOON, &format!("namespace {namespace} is back"), async || {
        let object = ground.object(namespace, "namespace", namespace).await?;
        ensure!(object["status"]["phase"] == "Active", "{object:#}");
        Ok(())
    })
    .await;
    for map in maps {
        ground.becomes(namespace, "configmap", map, "/data/key", json!("git")).await;
    }
    ground.is_settled(namespace).await;
}
