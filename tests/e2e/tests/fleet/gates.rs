//! Gates that people and calendars keep: an approval, a freeze, and a quorum of clusters that are there.

use crate::web::{THREE, ground, image, push, running};
use anyhow::{Result, ensure};
use tests_e2e::{Fleet, eventually, fleet::SOON};

/// The canary waits for a person when it is proven; the rest needs all of its clusters, away or not.
const GUARDED: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  unreachable: {after: 1s, action: Skip, atMost: 1}
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s, approval: After}
  - {name: rest, settle: 1s, minProven: 100%}
";

#[tokio::test]
async fn an_approval_a_freeze_and_a_quorum_hold_a_rollout_and_say_so() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (mut fleet, history) = running(control_plane).await?;
    fleet.apply(GUARDED).await?;
    fleet
        .flotilla(&[
            "freeze",
            "--name",
            "sale",
            "--for",
            "48h",
            "--selector",
            "ring=rest",
            "--reason",
            "the sale",
        ])
        .await?;

    // The canary is proven and a person has to look.
    push(&fleet, "v2")?;
    waits(&fleet, "waits for approval").await;
    let why = fleet.flotilla(&["rollout", "why", "web"]).await?;
    ensure!(why.contains("flotilla rollout approve"), "{why}");
    only_the_canary(&history)?;
    let refused =
        fleet.hub().run(&["rollout", "approve", "web", "--wave", "rest", "--reason", "now"]).await?;
    ensure!(!refused.success && refused.text.contains("has not been reached"), "{}", refused.text);
    fleet.flotilla(&["rollout", "approve", "web", "--reason", "looks good"]).await?;

    // Approved; the rest is frozen.
    waits(&fleet, "wave rest waits for us-1, us-2").await;
    let why = fleet.flotilla(&["rollout", "why", "web"]).await?;
    ensure!(why.contains("next open") && why.contains("the sale"), "{why}");
    let status = fleet.object("fleetrollout", "web-2").await?["status"].clone();
    ensure!(status["approvals"][0]["reason"] == "looks good", "{status:#}");
    only_the_canary(&history)?;

    // One of two is away when the freeze is lifted: the policy excuses it, the quorum does not.
    fleet.kill_agent("us-2");
    fleet.flotilla(&["freeze", "lift", "sale"]).await?;
    history.runs(SOON, &["eu-1", "us-1"], &image("v2")).await;
    waits(&fleet, "1 of 2 proven members that it needs (1 excused)").await;
    fleet.start_agent("us-2")?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    fleet.rollout("web-2", "Done").await;
    history.assert_canary_first("eu-1");
    Ok(())
}

fn only_the_canary(history: &tests_e2e::History) -> Result<()> {
    for cluster in ["us-1", "us-2"] {
        ensure!(history.images(cluster) == [image("v1")], "{history:?}");
    }
    Ok(())
}

async fn waits(fleet: &Fleet, part: &str) {
    eventually(SOON, &format!("the rollout waits for {part}"), async || {
        let status = fleet.object("fleetrollout", "web-2").await?["status"].clone();
        ensure!(status["waitsFor"].as_str().is_some_and(|waits| waits.contains(part)), "{status:#}");
        Ok(())
    })
    .await;
}
