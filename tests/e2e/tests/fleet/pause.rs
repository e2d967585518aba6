//! A paused cluster, and a paused application, is left alone, and everything that waits for it says so.

use crate::web::{FULL, THREE, WEB, ground, image, push, running, set, until};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
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

/// One wave, for one cluster.
const ALONE: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec: {waves: [{name: all, settle: 1s}]}
";

#[tokio::test]
async fn an_application_that_is_paused_is_left_alone_until_it_is_resumed_or_its_time_is_over() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let mut fleet = Fleet::start(control_plane).await?;
    push(&fleet, "v1")?;
    fleet.join(&THREE[..1], FULL).await?;
    let history = fleet.watch(fleet.clusters(), WEB, WEB).await;
    fleet.apply(ALONE).await?;
    fleet.apply(&set(&fleet, WEB, "env: prod")).await?;
    history.runs(SOON, &["eu-1"], &image("v1")).await;
    fleet.rollout("web-1", "Done").await;

    let said = fleet.flotilla(&["app", "pause", "web-eu-1", "--for", "2h", "--reason", "INC-7"]).await?;
    ensure!(said.contains("the agent of eu-1 has acknowledged it"), "{said}");

    // Git and the cluster change: both are seen, nothing is done about either.
    push(&fleet, "v2")?;
    let scale = async |replicas: &str| {
        let to = format!("--replicas={replicas}");
        fleet.cluster("eu-1").kubectl(&["scale", "deployment", WEB, "--namespace", WEB, &to]).await
    };
    scale("5").await?;
    eventually(SOON, "the drift is reported", async || {
        let status = fleet.object("application", "web-eu-1").await?["status"].clone();
        ensure!(status.to_string().contains("spec.replicas live=5 desired=2"), "{status:#}");
        let pause = &status["pause"];
        ensure!(pause["reason"] == "INC-7" && pause["acknowledged"] == true, "{pause:#}");
        Ok(())
    })
    .await;
    eventually(SOON, "the rollout waits for the pause", async || {
        let status = fleet.object("fleetrollout", "web-2").await?["status"].clone();
        ensure!(status["waitsFor"].to_string().contains("INC-7"), "{status:#}");
        Ok(())
    })
    .await;
    for said in [
        fleet.flotilla(&["app", "list"]).await?,
        fleet.flotilla(&["cluster", "status", "eu-1"]).await?,
        fleet.kubectl(&["get", "applications", "-o", "wide"]).await?,
    ] {
        ensure!(said.contains("INC-7"), "{said}");
    }
    ensure!(history.last("eu-1").is_some_and(|last| last.replicas == 5), "{history:?}");
    ensure!(history.images("eu-1") == [image("v1")], "{history:?}");

    fleet.flotilla(&["app", "resume", "web-eu-1"]).await?;
    history.runs(SOON, &["eu-1"], &image("v2")).await;
    until(&history, "the edit is taken back", |seen| seen.replicas == 2, "eu-1").await;
    fleet.rollout("web-2", "Done").await;

    // One that ends by itself: nothing before, all after.
    let asked = Instant::now();
    let length = Duration::from_secs(15);
    fleet
        .flotilla(&["app", "pause", "-l", "argocd.argoproj.io/no-such-label", "--for", "15s"])
        .await
        .unwrap_err();
    let said = fleet.flotilla(&["app", "pause", "web-eu-1", "--for", "15s", "--reason", "INC-8"]).await?;
    ensure!(said.contains("has acknowledged it"), "{said}");
    scale("7").await?;
    until(&history, "the edit is seen", |seen| seen.replicas == 7, "eu-1").await;
    until(&history, "the edit is taken back", |seen| seen.replicas == 2, "eu-1").await;
    ensure!(asked.elapsed() >= length, "healed after {:?}", asked.elapsed());
    eventually(SOON, "the pause is over", async || {
        let status = fleet.object("application", "web-eu-1").await?["status"].clone();
        ensure!(status["pause"].is_null(), "{status:#}");
        let events = fleet.flotilla(&["cluster", "events", "eu-1"]).await?;
        ensure!(["Paused", "Resumed", "PauseEnded"].iter().all(|reason| events.contains(reason)), "{events}");
        Ok(())
    })
    .await;
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
