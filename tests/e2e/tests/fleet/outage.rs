//! The hub is killed in the middle of a wave.

use crate::web::{THREE, WEB, comes_back, ground, heals_a_deletion, image, push, running};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::DeleteParams};
use std::time::Instant;
use tests_e2e::{eventually, fleet::SOON};

#[tokio::test]
async fn a_killed_hub_goes_on_where_it_was_and_agents_heal_without_it() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (mut fleet, history) = running(control_plane).await?;

    let pushed = push(&fleet, "v2")?;
    eventually(SOON, "the first of the rest has it", async || {
        history.first(pushed, |seen| seen.cluster != "eu-1" && seen.image == image("v2")).context("not yet")
    })
    .await;
    fleet.hub_mut().kill();
    let old: Vec<&str> = THREE
        .iter()
        .map(|(name, _)| *name)
        .filter(|cluster| history.last(cluster).is_some_and(|last| last.image == image("v1")))
        .collect();
    ensure!(old.len() == 1, "the hub was not killed in the middle of a wave:\n{history:?}");

    // Without a hub every agent keeps what it was told: the new and the old.
    for cluster in ["eu-1", old[0]] {
        println!(
            "without a hub, {cluster} had its ConfigMap back after {:?}",
            heals_a_deletion(&fleet, cluster).await?
        );
    }
    // One that starts now heals what happened while it was away, and goes on.
    fleet.kill_agent(old[0]);
    let maps: Api<ConfigMap> = Api::namespaced(fleet.cluster(old[0]).client(), WEB);
    maps.delete("settings", &DeleteParams::default()).await?;
    let started = Instant::now();
    fleet.start_agent(old[0])?;
    eventually(SOON, "it is back", async || {
        let data = maps.get("settings").await?.data.unwrap_or_default();
        ensure!(data.get("version").is_some_and(|version| version == "v1"), "{data:?}");
        Ok(())
    })
    .await;
    println!("an agent that started without a hub had healed after {:?}", started.elapsed());
    comes_back(&fleet, old[0]).await?;

    let restarted = Instant::now();
    fleet.hub_mut().restart().await?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    fleet.rollout("web-2", "Done").await;
    println!("the rollout was done {:?} after the hub had started again", restarted.elapsed());
    history.assert_canary_first("eu-1");
    for (cluster, _) in THREE {
        // Told exactly twice: the first commit and the second.
        let status = fleet.agent_status(cluster).await?;
        ensure!(status.split_whitespace().any(|word| word == "1.2"), "{cluster}:\n{status}");
        // Not a single state of another version in between: nothing was sent twice, or back.
        ensure!(history.images(cluster) == [image("v1"), image("v2")], "{history:?}");
    }
    let rollouts = fleet.kubectl(&["get", "fleetrollouts", "--output=name"]).await?;
    ensure!(rollouts.lines().count() == 2, "{rollouts}");
    Ok(())
}
