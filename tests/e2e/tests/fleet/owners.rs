//! What belongs to other objects of the hub, deleted by kubectl in its three ways.

use crate::web::ground;
use anyhow::{Result, ensure};
use tests_e2e::{Fleet, eventually, fleet::SOON};

fn config(name: &str, owner: Option<(&str, &str)>) -> String {
    let owners = owner.map_or_else(String::new, |(name, uid)| {
        format!(
            ", ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: {name}, uid: {uid}, blockOwnerDeletion: true}}]"
        )
    });
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: argocd{owners}}}}}")
}

/// An object that owns another one; the first one's name.
async fn pair(fleet: &Fleet, name: &str) -> Result<()> {
    fleet.apply(&config(name, None)).await?;
    let uid =
        fleet.object("configmap", name).await?["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    fleet.apply(&config(&format!("{name}-owned"), Some((name, &uid)))).await?;
    Ok(())
}

async fn is_there(fleet: &Fleet, name: &str) -> Result<bool> {
    let shown = fleet.kubectl(&["get", "configmap", name, "--ignore-not-found", "--output=name"]).await?;
    Ok(!shown.is_empty())
}

#[tokio::test]
async fn kubectl_deletes_in_the_background_in_the_foreground_and_leaves_orphans() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let fleet = Fleet::start(control_plane).await?;

    pair(&fleet, "background").await?;
    fleet.kubectl(&["delete", "configmap", "background"]).await?;
    eventually(SOON, "what it owned goes after it", async || {
        ensure!(!is_there(&fleet, "background-owned").await?, "it is there");
        Ok(())
    })
    .await;

    // It waits until both are gone.
    pair(&fleet, "foreground").await?;
    fleet.kubectl(&["delete", "configmap", "foreground", "--cascade=foreground", "--timeout=60s"]).await?;
    ensure!(!is_there(&fleet, "foreground-owned").await?, "what it owned went before it");

    // While what it owns is kept by a finalizer, it stays too.
    pair(&fleet, "kept").await?;
    let hold = r#"{"metadata": {"finalizers": ["example.com/hold"]}}"#;
    fleet.kubectl(&["patch", "configmap", "kept-owned", "--type=merge", "--patch", hold]).await?;
    fleet.kubectl(&["delete", "configmap", "kept", "--cascade=foreground", "--wait=false"]).await?;
    eventually(SOON, "what it owns is marked", async || {
        let marked = fleet.object("configmap", "kept-owned").await?;
        ensure!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
        Ok(())
    })
    .await;
    ensure!(is_there(&fleet, "kept").await?, "it waits");
    let free = r#"{"metadata": {"finalizers": null}}"#;
    fleet.kubectl(&["patch", "configmap", "kept-owned", "--type=merge", "--patch", free]).await?;
    fleet.kubectl(&["wait", "configmap", "kept", "--for=delete", "--timeout=60s"]).await?;

    pair(&fleet, "orphaning").await?;
    fleet.kubectl(&["delete", "configmap", "orphaning", "--cascade=orphan"]).await?;
    let left = fleet.object("configmap", "orphaning-owned").await?;
    ensure!(left["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty), "{left}");
    Ok(())
}
