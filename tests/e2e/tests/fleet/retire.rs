//! Clusters that leave on purpose: drained, or with what runs there; and an Application whose cluster does not answer.

use crate::web::{WEB, ground, image, running};
use anyhow::{Context, Result, ensure};
use tests_e2e::{Fleet, eventually, fleet::SOON};

#[tokio::test]
async fn a_cluster_is_drained_another_leaves_with_its_work_and_a_lost_one_is_forgotten() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (mut fleet, history) = running(control_plane).await?;
    let drained = fleet.flotilla(&["cluster", "retire", "us-2", "--drain", "--yes"]).await?;
    println!("{drained}");
    gone(&fleet, "cluster", "us-2").await;
    gone(&fleet, "application", "web-us-2").await;
    eventually(SOON, "nothing of it is left on us-2", async || {
        let left = fleet
            .cluster("us-2")
            .kubectl(&["get", "deployments,configmaps", "-n", WEB, "-o", "name"])
            .await?;
        ensure!(!left.contains("deployment") && !left.contains("settings"), "{left}");
        Ok(())
    })
    .await;
    // Its agent is let in no more, and says why.
    eventually(SOON, "its agent is refused", async || {
        let log = fleet.agent_log("us-2");
        ensure!(log.contains("revoked") || log.contains("retired") || log.contains("no Cluster"), "{log}");
        Ok(())
    })
    .await;

    // The other one leaves with everything that runs there.
    fleet.flotilla(&["cluster", "retire", "us-1", "--yes"]).await?;
    gone(&fleet, "cluster", "us-1").await;
    gone(&fleet, "application", "web-us-1").await;
    let last = history.last("us-1").context("it was seen")?;
    ensure!(last.image == image("v1") && last.ready, "{history:?}");

    // What is deleted while its cluster is away waits for it by name, until a person forgets it.
    fleet.kill_agent("eu-1");
    fleet.kubectl(&["delete", "applicationset", WEB, "--wait=false"]).await?;
    fleet.condition("application", "web-eu-1", "DeletionPending", &["Terminating, waits for eu-1"]).await;
    let refused = fleet.hub().run(&["app", "forget", "web-eu"]).await?;
    ensure!(!refused.success && refused.text.contains("web-eu"), "{}", refused.text);
    fleet.flotilla(&["app", "forget", "web-eu-1", "--yes"]).await?;
    gone(&fleet, "application", "web-eu-1").await;
    // It comes back: told to give up what was forgotten, and its objects stay.
    fleet.start_agent("eu-1")?;
    fleet.connected("eu-1").await;
    eventually(SOON, "the agent has given it up", async || {
        let status = fleet.agent_status("eu-1").await?;
        ensure!(!status.contains("web-eu-1") || status.contains("removed"), "{status}");
        Ok(())
    })
    .await;
    let last = history.last("eu-1").context("it was seen")?;
    ensure!(last.image == image("v1") && last.ready, "{history:?}");
    Ok(())
}

async fn gone(fleet: &Fleet, kind: &str, name: &str) {
    eventually(SOON, &format!("{kind} {name} is gone"), async || {
        let left = fleet.kubectl(&["get", kind, "--output=name"]).await?;
        ensure!(!left.lines().any(|line| line.ends_with(&format!("/{name}"))), "{left}");
        Ok(())
    })
    .await;
}
