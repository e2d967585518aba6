//! What is bad goes back: by policy while Git is away, and by a person's command.

use crate::web::{OTHERS, THREE, WEB, ground, image, manifest, push, running, until};
use anyhow::{Context, Result, ensure};
use std::time::Instant;
use tests_e2e::{Fleet, History, eventually, fleet::SOON};

/// As the tests' policy, and what fails goes back. An agent tries a refused object again for minutes, so the wave
/// has a deadline.
const ROLLBACK: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  onFailure: Rollback
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s}
  - {name: rest, maxUpdate: 1, settle: 1s, deadline: 20s}
";

/// A ConfigMap that one cluster has already, and nobody may change there.
fn guard(value: &str, immutable: bool) -> String {
    format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: guard, namespace: {WEB}}}
immutable: {immutable}
data: {{value: '{value}'}}
"
    )
}

#[tokio::test]
async fn a_commit_that_fails_in_the_second_wave_goes_back_with_git_and_hub_away() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (mut fleet, history) = running(control_plane).await?;
    fleet.apply(ROLLBACK).await?;

    // It cannot be applied on us-1, and nobody could know before.
    let taken = fleet.folder().join("guard.yaml");
    std::fs::write(&taken, guard("mine", true))?;
    let taken = taken.display().to_string();
    fleet.cluster("us-1").kubectl(&["apply", "--filename", &taken]).await?;
    fleet.push(&[("web/web.yaml", &manifest("v2")), ("web/guard.yaml", &guard("ours", false))])?;
    let pushed = Instant::now();
    until(&history, "the canary has it", |seen| seen.image == image("v2"), "eu-1").await;
    // From here on nobody can ask Git, and nobody has to.
    fleet.stop_git();
    let status = fleet.rollout("web-2", "RolledBack").await;
    println!("it was taken back {:?} after its push, without Git", pushed.elapsed());
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v1")).await;
    let text = status.to_string();
    ensure!(text.contains("us-1") && text.contains("guard"), "{status:#}");
    ensure!(history.images("us-2") == [image("v1")], "us-2 was touched: {history:?}");
    history.assert_canary_first("eu-1");

    // A hub that starts again without Git tries nothing of it again.
    fleet.hub_mut().restart().await?;
    for (cluster, _) in THREE {
        fleet.connected(cluster).await;
    }
    let status = fleet.rollout("web-2", "RolledBack").await;
    ensure!(status["waitsFor"].to_string().contains("newer commit"), "{status:#}");
    let listed = fleet.flotilla(&["rollout", "list"]).await?;
    ensure!(listed.contains("RolledBack"), "{listed}");

    // Git is back with the same commit: it stays rejected. Then it moves.
    fleet.start_git()?;
    fleet.push_removal(&["web/guard.yaml"])?;
    push(&fleet, "v3")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v3")).await;
    for cluster in OTHERS {
        let images = history.images(cluster);
        let tried = images.iter().filter(|seen| **seen == image("v2")).count();
        ensure!(tried <= 1, "{cluster} was told twice: {images:?}");
    }
    Ok(())
}

/// When a cluster first ran an image after a moment.
fn first(history: &History, after: Instant, cluster: &str, tag: &str) -> Result<Instant> {
    let image = image(tag);
    let seen = history.first(after, |seen| seen.cluster == cluster && seen.image == image);
    Ok(seen.with_context(|| format!("{cluster} never ran {image}"))?.at)
}

#[tokio::test]
async fn a_person_takes_back_what_was_done_and_newer_commits_wait_for_them() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (fleet, history) = running(control_plane).await?;
    push(&fleet, "v2")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    fleet.rollout("web-2", "Done").await;

    let asked = Instant::now();
    let said = fleet.flotilla(&["rollout", "undo", WEB, "--reason", "checkout is slow", "--yes"]).await?;
    println!("{said}");
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v1")).await;
    let status = fleet.rollout("web-2", "RolledBack").await;
    println!("all three were back {:?} after the command", asked.elapsed());
    ensure!(status.to_string().contains("checkout is slow"), "{status:#}");
    let canary = first(&history, asked, "eu-1", "v1")?;
    for cluster in OTHERS {
        ensure!(first(&history, asked, cluster, "v1")? < canary, "the canary went back before {cluster}");
    }

    // What comes next waits until the person lets it.
    push(&fleet, "v3")?;
    waits(&fleet, "web-3", "flotilla rollout resume").await;
    let why = fleet.flotilla(&["rollout", "why", "web-3"]).await?;
    ensure!(why.contains("newer commits wait"), "{why}");
    ensure!(history.last("eu-1").is_some_and(|last| last.image == image("v1")), "{history:?}");
    fleet.flotilla(&["rollout", "resume", "web-2"]).await?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v3")).await;
    history.assert_canary_first("eu-1");
    Ok(())
}

/// Waits until a rollout says that it waits for this.
async fn waits(fleet: &Fleet, rollout: &str, part: &str) {
    eventually(SOON, &format!("{rollout} waits for {part}"), async || {
        let status = fleet.object("fleetrollout", rollout).await?["status"].clone();
        ensure!(status["waitsFor"].as_str().is_some_and(|waits| waits.contains(part)), "{status:#}");
        Ok(())
    })
    .await;
}
