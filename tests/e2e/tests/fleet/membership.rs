//! Clusters come, change their labels, and are left out by mistake.

use crate::web::{CAREFUL, FULL, WEB, ground, image, push, set};
use anyhow::{Context, Result, ensure};
use std::time::Instant;
use tests_e2e::{Fleet, eventually, fleet::SOON};

const STAGE: &str = "stage";

#[tokio::test]
async fn clusters_join_move_and_are_not_lost_by_a_typing_error() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let mut fleet = Fleet::start(control_plane).await?;
    push(&fleet, "v1")?;
    fleet.join(&[("eu-1", "env=prod,ring=canary"), ("us-1", "env=staging")], FULL).await?;
    fleet.apply(CAREFUL).await?;
    let prod = set(&fleet, WEB, "env: prod");
    // Without a policy: one wave.
    let stage = set(&fleet, STAGE, "env: staging")
        .replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", "");
    fleet.apply(&format!("{prod}---{stage}")).await?;
    let generations = (generation(&fleet, WEB).await?, generation(&fleet, STAGE).await?);
    let web = fleet.watch([fleet.cluster("eu-1")], WEB, WEB).await;
    web.runs(SOON, &["eu-1"], &image("v1")).await;
    fleet.rollout("stage-1", "Done").await;
    // No cluster is in the wave after the canary yet: it says so, and is open for the first one.
    eventually(SOON, "the rest is empty", async || {
        let status = fleet.object("fleetrollout", "web-1").await?["status"].clone();
        let waits = status["waitsFor"].as_str().unwrap_or_default();
        ensure!(waits.contains("wave rest has 0 of 1 proven"), "{status:#}");
        Ok(())
    })
    .await;

    // A cluster that joins gets what its labels say.
    fleet.join(&[("us-2", "env=staging")], FULL).await?;
    let joined = Instant::now();
    let staged = fleet.watch([fleet.cluster("us-1"), fleet.cluster("us-2")], STAGE, WEB).await;
    staged.runs(SOON, &["us-1", "us-2"], &image("v1")).await;
    println!("a cluster had its application {:?} after it had joined", joined.elapsed());

    // A relabelled one moves: the old application goes with its objects, the new one comes.
    let moved = Instant::now();
    fleet.kubectl(&["label", "cluster", "us-2", "env=prod", "--overwrite"]).await?;
    let web = fleet.watch([fleet.cluster("eu-1"), fleet.cluster("us-2")], WEB, WEB).await;
    web.runs(SOON, &["us-2"], &image("v1")).await;
    eventually(SOON, "the old application has gone", async || {
        let last = staged.last("us-2").context("it was there")?;
        ensure!(last.image.is_empty(), "{staged:?}");
        let apps = applications(&fleet).await?;
        ensure!(apps == ["stage-us-1", "web-eu-1", "web-us-2"], "{apps:?}");
        Ok(())
    })
    .await;
    fleet.rollout("web-1", "Done").await;
    println!("a relabelled cluster had moved after {:?}", moved.elapsed());
    ensure!(staged.images("us-1") == [image("v1")], "{staged:?}");
    ensure!(
        generations == (generation(&fleet, WEB).await?, generation(&fleet, STAGE).await?),
        "a set was changed"
    );

    // A selector with a typing error would leave nothing of the set.
    fleet.apply(&set(&fleet, WEB, "env: prdo")).await?;
    let said = fleet.condition("applicationset", WEB, "DeletionsHeld", &["web-eu-1", "web-us-2"]).await;
    ensure!(said.contains("2 of 2") && said.contains("nothing is deleted until it is approved"), "{said}");
    ensure!(applications(&fleet).await? == ["stage-us-1", "web-eu-1", "web-us-2"]);

    // It goes on in its clusters as if nothing had been said; mended, it is as before.
    fleet.apply(&prod).await?;
    eventually(SOON, "nothing is held any more", async || {
        let status = fleet.object("applicationset", WEB).await?["status"].clone();
        ensure!(!status.to_string().contains("DeletionsHeld"), "{status:#}");
        Ok(())
    })
    .await;
    push(&fleet, "v2")?;
    web.runs(SOON, &["eu-1", "us-2"], &image("v2")).await;
    ensure!(web.images("eu-1") == [image("v1"), image("v2")], "{web:?}");

    // If it was meant, a person says so.
    fleet.apply(&set(&fleet, WEB, "env: prdo")).await?;
    fleet.condition("applicationset", WEB, "DeletionsHeld", &["web-eu-1", "web-us-2"]).await;
    fleet.flotilla(&["appset", "approve", WEB]).await?;
    eventually(SOON, "they go", async || {
        let left = applications(&fleet).await?;
        ensure!(left == ["stage-us-1"], "{left:?}");
        for cluster in ["eu-1", "us-2"] {
            ensure!(web.last(cluster).is_some_and(|last| last.image.is_empty()), "{web:?}");
        }
        Ok(())
    })
    .await;
    Ok(())
}

/// The names of all Applications on the hub.
async fn applications(fleet: &Fleet) -> Result<Vec<String>> {
    let names = fleet.kubectl(&["get", "applications", "--output=name"]).await?;
    Ok(names.lines().map(|line| line.rsplit('/').next().unwrap_or_default().to_owned()).collect())
}

async fn generation(fleet: &Fleet, set: &str) -> Result<i64> {
    fleet.object("applicationset", set).await?["metadata"]["generation"]
        .as_i64()
        .context("it has a generation")
}
