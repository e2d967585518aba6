//! A commit reaches the canary, is proven there, and then the rest.

use crate::web::{HEALED, OTHERS, THREE, WEB, ground, image, push, running};
use anyhow::{Context, Result, ensure};
use std::time::Instant;
use tests_e2e::{eventually, fleet::SOON};

#[tokio::test]
async fn a_commit_reaches_the_canary_then_the_rest_and_a_bad_one_halts() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (fleet, history) = running(control_plane).await?;
    history.assert_canary_first("eu-1");

    let pushed = push(&fleet, "v2")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    let v2 = |cluster: &str| {
        history.first(pushed, |seen| seen.cluster == cluster && seen.image == image("v2") && seen.ready)
    };
    for (cluster, _) in THREE {
        let seen = v2(cluster).context("it runs")?;
        println!("{cluster} was ready with the second commit {:?} after its push", seen.at - pushed);
    }
    history.assert_canary_first("eu-1");
    let status = fleet.rollout("web-2", "Done").await;
    ensure!(status["proven"] == 3 && status["members"] == 3, "{status:#}");

    // A commit that never becomes ready stays on the canary, and says so.
    let pushed = push(&fleet, "broken-3")?;
    let status = fleet.rollout("web-3", "Halted").await;
    println!("the bad commit halted {:?} after its push", pushed.elapsed());
    let text = status.to_string();
    ensure!(text.contains("canary") && text.contains("eu-1"), "{status:#}");
    let listed = fleet.flotilla(&["rollout", "list"]).await?;
    ensure!(listed.contains("Halted") && listed.contains("eu-1"), "{listed}");

    // The others run the old one, and heal it.
    heals_an_edit(&fleet, &history).await?;
    heals_a_deletion(&fleet, "us-2").await?;
    for cluster in OTHERS {
        ensure!(history.images(cluster) == [image("v1"), image("v2")], "{history:?}");
    }
    ensure!(history.last("eu-1").is_some_and(|last| last.image == image("broken-3")), "{history:?}");

    // A newer commit decides.
    let pushed = push(&fleet, "v4")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v4")).await;
    println!("the commit that mends it was everywhere {:?} after its push", pushed.elapsed());
    history.assert_canary_first("eu-1");
    Ok(())
}

/// Somebody scales the Deployment by hand: back within two seconds, as the cluster's own watch tells.
async fn heals_an_edit(fleet: &tests_e2e::Fleet, history: &tests_e2e::History) -> Result<()> {
    let began = Instant::now();
    fleet.cluster("us-1").kubectl(&["scale", "deployment", WEB, "--namespace", WEB, "--replicas=5"]).await?;
    let saw = |since: Instant, replicas| {
        history.first(since, |seen| seen.cluster == "us-1" && seen.replicas == replicas)
    };
    let (mut edited, mut healed) = (None, None);
    eventually(SOON, "the watch sees the edit, and that it is taken back", async || {
        edited = saw(began, 5);
        healed = edited.as_ref().and_then(|edited| saw(edited.at, 2));
        ensure!(healed.is_some(), "{history:?}");
        Ok(())
    })
    .await;
    let (edited, healed) = edited.zip(healed).context("both were seen")?;
    let took = healed.at - edited.at;
    println!("an edit by hand was taken back after {took:?}");
    ensure!(took < HEALED, "healed only after {took:?}");
    Ok(())
}

async fn heals_a_deletion(fleet: &tests_e2e::Fleet, cluster: &str) -> Result<()> {
    let took = crate::web::heals_a_deletion(fleet, cluster).await?;
    println!("a deleted ConfigMap was back after {took:?}");
    Ok(())
}

/// What is released while another commit is under way, watched on the clusters.
#[tokio::test]
async fn a_commit_during_a_rollout_overtakes_nothing() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (fleet, history) = running(control_plane).await?;

    // While the canary is not proven: the newer one takes over, the older one goes nowhere else.
    let pushed = push(&fleet, "v2")?;
    let on_canary = |tag: &str| {
        let image = image(tag);
        history.first(pushed, |seen| seen.cluster == "eu-1" && seen.image == image)
    };
    eventually(SOON, "v2 is on the canary", async || on_canary("v2").context("not yet")).await;
    push(&fleet, "v3")?;
    eventually(SOON, "v3 is on the canary", async || on_canary("v3").context("not yet")).await;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v3")).await;
    history.assert_canary_first("eu-1");

    // While the rest is under way: what was proven goes on, the newer one begins at the canary.
    let pushed = push(&fleet, "v4")?;
    eventually(SOON, "v4 is beyond the canary", async || {
        let beyond = history.first(pushed, |seen| seen.cluster != "eu-1" && seen.image == image("v4"));
        beyond.context("not yet")
    })
    .await;
    push(&fleet, "v5")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v5")).await;
    println!("two commits on top of each other were through after {:?}", pushed.elapsed());
    history.assert_canary_first("eu-1");
    for cluster in OTHERS {
        let images = history.images(cluster);
        let mut sorted = images.clone();
        sorted.sort();
        ensure!(images == sorted, "{cluster} went back: {images:?}");
    }
    Ok(())
}
