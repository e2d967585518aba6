//! Trouble of the whole cluster: its API server throttles, is not reached, is killed; or the agent is.

use crate::ground::{EU, Ground};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests_e2e::way::Trouble;

pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: edited}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: deleted}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: remade}
data: {key: git}
";

/// Waits until everything of it is as Git says.
pub(crate) async fn is_whole(ground: &Ground) {
    for name in ["edited", "deleted", "more", "remade"] {
        ground.becomes("trouble", "configmap", name, "/data/key", json!("git")).await;
    }
    ground.is_settled("trouble").await;
}

async fn tamper(ground: &Ground) -> Result<()> {
    ground.patch("trouble", "configmap/edited", r#"{"data":{"key":"mine"}}"#).await?;
    ground.patch("trouble", "configmap/more", r#"{"data":{"key":"mine"}}"#).await?;
    ground.kubectl(&["delete", "configmap", "deleted", "--namespace=trouble"]).await?;
    Ok(())
}

/// First it throttles, then nobody is there: each is told, and costs few requests; then everything is healed.
pub(crate) async fn a_server_in_trouble_is_spared(ground: &mut Ground) -> Result<()> {
    ground.way.trouble(Some(Trouble::Throttled(2)));
    let mark = ground.way.mark();
    tamper(ground).await?;
    ground.says("trouble", &["slow down", "Too many requests"]).await;
    ground.stays_polite(mark, 3, "", 4.0).await?;

    // Every watch breaks off, and every heal fails.
    let cluster = ground.fleet.cluster_mut(EU).context("it has joined")?;
    cluster.stop_api_server();
    ground.way.trouble(None);
    let mark = ground.way.mark();
    ground.says("trouble", &["unreachable", "no healthy upstream"]).await;
    ground.stays_polite(mark, 4, "", 15.0).await?;
    ensure!(ground.fleet.agent_runs(EU), "the agent has ended");
    let cluster = ground.fleet.cluster_mut(EU).context("it has joined")?;
    cluster.start_api_server().await?;
    is_whole(ground).await;
    // And what happens from now on is seen again.
    ground.patch("trouble", "configmap/edited", r#"{"data":{"key":"mine"}}"#).await?;
    is_whole(ground).await;
    Ok(())
}

pub(crate) async fn what_happened_while_the_agent_was_away_is_healed(ground: &mut Ground) -> Result<()> {
    ground.fleet.kill_agent(EU);
    tamper(ground).await?;
    // Somebody made one anew, with another uid and without our marks.
    let remade = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "remade", "namespace": "trouble"},
        "data": {"key": "mine"}});
    ground.cluster().replace_by_force(&remade.to_string()).await?;
    ground.fleet.start_agent(EU)?;
    is_whole(ground).await;
    Ok(())
}
