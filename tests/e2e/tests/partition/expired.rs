//! A cut outlives the agent's certificate: healing goes on, and when the network is back the agent renews what has
//! expired and takes the next commit, with nobody's help.

use crate::shop::{alarms, maps, runs_maps, set, tamper_maps};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use std::time::Instant;
use tests_e2e::{
    Fleet, Network, Options, control_plane, eventually,
    fleet::{SOON, Setup},
};

#[tokio::test]
async fn a_certificate_that_expired_in_a_cut_is_renewed_after_it() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1}s {what}", began.elapsed().as_secs_f32());
    let hub = ["--agent-certificate-lifetime", "15s", "--keepalive", "3s"];
    let setup = Setup { proxies: true, hub: &hub, agents: &["--keepalive", "3s"], ..Setup::default() };
    let mut fleet = Fleet::start_with(control_plane, setup).await?;
    fleet.push(&[("shop/all.yaml", &maps("v1"))])?;
    fleet.join(&[("eu-1", "env=prod")], Options::default()).await?;
    fleet.apply(&set(&fleet, "shop", "shop", "shop", None)).await?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;

    fleet.network().set(Network::Cut).await;
    step("the network is cut");
    let cut = fleet.agent_log("eu-1").len();
    fleet.push(&[("shop/all.yaml", &maps("v2"))])?;
    eventually(SOON, "the certificate has expired, and the hub says what comes of it", async || {
        let listed = fleet.flotilla(&["cluster", "list"]).await?;
        ensure!(listed.contains("eu-1: its certificate expired at"), "{listed}");
        ensure!(listed.contains("its agent renews it when it returns"), "{listed}");
        Ok(())
    })
    .await;
    step("the certificate has expired");
    tamper_maps(fleet.cluster("eu-1")).await?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;
    // One that starts with a certificate that has expired has nothing else to work with.
    fleet.kill_agent("eu-1");
    tamper_maps(fleet.cluster("eu-1")).await?;
    fleet.start_agent("eu-1")?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;
    step("the agent heals with an expired certificate, before and after a restart");
    eventually(SOON, "the agent says so where it runs", async || {
        let status = fleet.agent_status("eu-1").await?;
        ensure!(status.contains("not connected") && status.contains("certificate ended"), "{status}");
        Ok(())
    })
    .await;
    let log = fleet.agent_log("eu-1");
    ensure!(alarms(&log[cut..]).len() < 30, "{log}");

    fleet.network().set(Network::Open).await;
    let healed = Instant::now();
    runs_maps(fleet.cluster("eu-1"), "v2").await;
    println!(
        "{:?} after the cut the agent had renewed its certificate and taken the commit",
        healed.elapsed()
    );
    fleet.rollout("shop-2", "Done").await;
    let expires = fleet.object("cluster", "eu-1").await?["status"]["identity"]["expiresAt"].clone();
    let expires: Timestamp = expires.as_str().context("the hub knows when it expires")?.parse()?;
    ensure!(expires > Timestamp::now(), "it has expired: {expires}");
    Ok(())
}
