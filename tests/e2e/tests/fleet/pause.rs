//! A paused cluster is left alone, and everything that waits for it says so.

use crate::web::{THREE, WEB, ground, image, push, running, until};
use anyhow::{Result, ensure};
use tests_e2e::{Fleet, eventually, fleet::SOON};

#[tokio::test]
async fn nothing_moves_while_the_only_canary_is_paused() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (mut fleet, history) = running(control_plane).await?;

    fleet.flotilla(&["cluster", "pause", "eu-1", "--for", "2h", "--reason", "INC-7"]).await?;
    let listed = list_says(&fleet, "eu-1", &["INC-7", "1h59m", "acknowledged"]).await;
    ensure!(!listed.contains("not acknowledged"), "{listed}");
    let clusters = fleet.kubectl(&["get", "clusters"]).await?;
    ensure!(clusters.contains("INC-7"), "{clusters}");

    // The rollout says whom it waits for, and why.
    push(&fleet, "v2")?;
    eventually(SOON, "the rollout waits for the pause", async || {
        let status = fleet.object("fleetrollout", "web-2").await?["status"].clone();
        let waits = status["waitsFor"].as_str().unwrap_or_default();
        ensure!(waits.contains("eu-1 is paused") && waits.contains("INC-7"), "{status:#}");
        Ok(())
    })
    .await;
    for said in [
        fleet.kubectl(&["get", "fleetrollouts"]).await?,
        fleet.flotilla(&["rollout", "list"]).await?,
        fleet.flotilla(&["app", "list"]).await?,
    ] {
        ensure!(said.contains("eu-1 is paused") && said.contains("INC-7"), "{said}");
    }

    // Its agent looks on and keeps its hands off: it reports the edit, and does not take it back.
    fleet.cluster("eu-1").kubectl(&["scale", "deployment", WEB, "--namespace", WEB, "--replicas=5"]).await?;
    eventually(SOON, "the drift is reported", async || {
        let status = fleet.object("application", "web-eu-1").await?["status"].clone();
        ensure!(status.to_string().contains("spec.replicas live=5 desired=2"), "{status:#}");
        Ok(())
    })
    .await;
    ensure!(history.last("eu-1").is_some_and(|last| last.replicas == 5), "{history:?}");
    for (cluster, _) in THREE {
        ensure!(history.images(cluster) == [image("v1")], "{history:?}");
    }

    // A pause that its agent cannot know of yet says so, with what to do.
    fleet.kill_agent("us-1");
    let said = fleet.flotilla(&["cluster", "pause", "us-1", "--reason", "INC-8"]).await?;
    ensure!(said.contains("flotilla-agent pause"), "{said}");
    list_says(&fleet, "us-1", &["INC-8", "not acknowledged since"]).await;
    fleet.start_agent("us-1")?;
    eventually(SOON, "the agent acknowledges", async || {
        let line = cluster_line(&fleet, "us-1").await?;
        ensure!(!line.contains("not acknowledged") && line.contains("acknowledged"), "{line}");
        Ok(())
    })
    .await;
    fleet.flotilla(&["cluster", "resume", "us-1"]).await?;

    fleet.flotilla(&["cluster", "resume", "eu-1"]).await?;
    until(&history, "the edit is taken back", |seen| seen.replicas == 2, "eu-1").await;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    history.assert_canary_first("eu-1");
    fleet.rollout("web-2", "Done").await;
    let line = cluster_line(&fleet, "eu-1").await?;
    ensure!(!line.contains("INC-7"), "{line}");
    Ok(())
}

/// The line about a cluster in `flotilla cluster list`.
async fn cluster_line(fleet: &Fleet, cluster: &str) -> Result<String> {
    let listed = fleet.flotilla(&["cluster", "list"]).await?;
    let line = listed.lines().find(|line| line.split_whitespace().next() == Some(cluster));
    Ok(line.unwrap_or_default().to_owned())
}

async fn list_says(fleet: &Fleet, cluster: &str, parts: &[&str]) -> String {
    eventually(SOON, &format!("cluster list says {parts:?} of {cluster}"), async || {
        let line = cluster_line(fleet, cluster).await?;
        ensure!(parts.iter().all(|part| line.contains(part)), "{line}");
        Ok(line)
    })
    .await
}
