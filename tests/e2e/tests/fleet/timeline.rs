//! A night in the timeline: a commit, an approval, a heal, a pause, a halt and a cluster that is lost, in one list; and a
//! receiver that was told, through a hub that is killed.

use crate::web::{FULL, WEB, comes_back, ground, image, push, set};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tests_e2e::{Fleet, eventually, fleet::SOON, fleet::Setup};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

const TWO: [(&str, &str); 2] = [("eu-1", "env=prod,ring=canary"), ("us-1", "env=prod,ring=rest")];

const GUARDED: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s, approval: After}
  - {name: rest, settle: 1s}
";

/// The night, as the timeline has it.
const COURSE: [(&str, &str); 21] = [
    ("ClusterJoined", "eu-1 joined the fleet"),
    ("Created", "created RolloutPolicy argocd/careful"),
    ("CommitSeen", "main of"),
    ("RolloutStarted", "web-1 started"),
    ("RolloutDone", "web-1 is done"),
    ("Changed", "changed RolloutPolicy argocd/careful"),
    ("CommitSeen", "(was "),
    ("RolloutStarted", "web-2 started: 2 members in waves canary, rest; main "),
    ("WaveOpened", "web-2: wave canary has opened"),
    ("WaitingForApproval", "web-2"),
    ("Approved", "looks good"),
    ("WavePassed", "web-2: wave canary has passed"),
    ("RolloutDone", "web-2 is done"),
    ("DriftHealed", "web-us-1 on us-1: drift was healed"),
    ("ClusterPaused", "paused us-1 until"),
    ("ClusterResumed", "resumed us-1"),
    ("RolloutStarted", "web-3 started"),
    ("RolloutHalted", "web-3 halted in wave canary"),
    ("ClusterLost", "us-1 is lost"),
    ("HubStarted", "the hub started"),
    ("ClusterBack", "us-1 is back after"),
];

/// A receiver of notifications: the bodies that it was sent, in order, with their ids.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Value>>>);

impl Receiver {
    async fn start() -> Result<(Self, SocketAddr)> {
        let (receiver, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").await?);
        let address = listener.local_addr()?;
        let shared = receiver.clone();
        shared_runtime::spawn("receiver", async move {
            while let Ok((socket, _)) = listener.accept().await {
                let receiver = shared.clone();
                shared_runtime::spawn("request", async move { drop(receiver.serve(socket).await) });
            }
        });
        Ok((receiver, address))
    }

    async fn serve(&self, mut socket: TcpStream) -> Result<()> {
        let mut read = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
                ensure!(socket.read_buf(&mut read).await? > 0, "the connection ended");
            };
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("no length")?.trim().parse()?;
            while read.len() < end + length {
                ensure!(socket.read_buf(&mut read).await? > 0, "the connection ended");
            }
            self.0.lock().await.push(serde_json::from_slice(&read[end..end + length])?);
            read.drain(..end + length);
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
        }
    }

    /// The events that it was told, each message once.
    async fn events(&self) -> Vec<String> {
        let mut ids = std::collections::BTreeSet::new();
        let bodies = self.0.lock().await;
        let new = bodies.iter().filter(|body| ids.insert(body["id"].to_string()));
        new.map(|body| body["event"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn told(&self, expect: &[&str]) {
        eventually(SOON, &format!("the receiver is told {expect:?}"), async || {
            let told = self.events().await;
            ensure!(told == expect, "{told:?}");
            Ok(())
        })
        .await;
    }
}

/// Waits until the timeline has these entries in this order, whatever is between them: words, and parts of their texts.
async fn tells(fleet: &Fleet, more: &[&str], expect: &[(&str, &str)]) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    eventually(SOON, &format!("the timeline tells {expect:?}"), async || {
        let arguments = [&["timeline", "--output", "json"], more].concat();
        found = serde_json::from_str(&fleet.flotilla(&arguments).await?)?;
        let mut entries = found.iter();
        for (what, part) in expect {
            let next = entries.any(|entry| {
                entry["what"] == *what && entry["text"].as_str().is_some_and(|text| text.contains(part))
            });
            ensure!(next, "no {what} with {part}, or not in its place: {found:#?}");
        }
        Ok(())
    })
    .await;
    found
}

#[tokio::test]
async fn a_night_is_told_in_one_list_and_to_whoever_asked() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (receiver, address) = Receiver::start().await?;
    let setup = Setup { hub: &["--cluster-lost-after", "1s"], ..Setup::default() };
    let mut fleet = Fleet::start_with(control_plane, setup).await?;
    push(&fleet, "v1")?;
    fleet.join(&TWO, FULL).await?;
    let history = fleet.watch(fleet.clusters(), WEB, WEB).await;
    fleet.apply(&crate::web::CAREFUL.replace("maxUpdate: 1, ", "")).await?;
    fleet.apply(&set(&fleet, WEB, "env: prod")).await?;
    history.runs(SOON, &["eu-1", "us-1"], &image("v1")).await;
    fleet.rollout("web-1", "Done").await;
    let sinks = format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: flotilla-cm, namespace: argocd}}
data:
  notifications.yaml: |
    sinks:
    - name: oncall
      url: http://{address}/hook
      group: 0s
      on: [started, waitingForApproval, approved, done, halted, paused, resumed, drift, clusterLost, clusterBack]
      match: {{sets: [web]}}
"
    );
    fleet.apply(&sinks).await?;
    let sent = fleet.flotilla(&["notify", "test", "oncall", "--event", "halted", "--send"]).await?;
    ensure!(sent.contains("shop-2 halted") && sent.contains("answered 200"), "{sent}");

    // A commit, and a person who looks at the canary.
    fleet.apply(GUARDED).await?;
    push(&fleet, "v2")?;
    tells(&fleet, &[], &[("WaitingForApproval", "web-2")]).await;
    fleet.flotilla(&["rollout", "approve", "web", "--reason", "looks good"]).await?;
    fleet.rollout("web-2", "Done").await;
    // Somebody deletes what the agent puts back.
    comes_back(&fleet, "us-1").await?;
    tells(&fleet, &[], &[("DriftHealed", "web-us-1 on us-1")]).await;
    fleet.flotilla(&["cluster", "pause", "us-1", "--for", "2h", "--reason", "INC-7"]).await?;
    fleet.flotilla(&["cluster", "resume", "us-1"]).await?;
    // A commit that never becomes healthy.
    push(&fleet, "broken-3")?;
    fleet.rollout("web-3", "Halted").await;
    fleet.kill_agent("us-1");
    tells(&fleet, &[], &[("ClusterLost", "us-1 is lost")]).await;
    receiver
        .told(&[
            "halted",
            "started",
            "waitingForApproval",
            "approved",
            "done",
            "drift",
            "paused",
            "resumed",
            "started",
            "halted",
            "clusterLost",
        ])
        .await;

    // What happens to a hub that is killed is told by the one that comes after it.
    fleet.hub_mut().kill();
    fleet.start_agent("us-1")?;
    fleet.hub_mut().restart().await?;
    fleet.connected("us-1").await;
    let all = tells(&fleet, &["--limit", "1000"], &COURSE).await;
    let approved = all.iter().find(|entry| entry["what"] == "Approved").context("no approval")?;
    ensure!(approved["by"] == "admin" && approved["wave"] == "canary", "{approved:#}");
    let started = all.iter().find(|entry| entry["rollout"] == "web-2").context("no rollout")?;
    ensure!(started["commits"][0]["author"].as_str().is_some_and(|author| !author.is_empty()), "{started:#}");
    let degraded = all.iter().any(|entry| entry["what"] == "Degraded" && entry["cluster"] == "eu-1");
    ensure!(degraded, "{all:#?}");

    // For one cluster: what concerns it, and the rollouts that go there.
    let shown = fleet.flotilla(&["timeline", "--cluster", "eu-1", "--since", "1h"]).await?;
    ensure!(shown.contains("web-3 halted") && shown.contains("ago"), "{shown}");
    ensure!(!shown.contains("us-1 is lost") && !shown.contains("paused us-1"), "{shown}");
    let gates = fleet.flotilla(&["timeline", "--kind", "gate,decision"]).await?;
    ensure!(gates.lines().count() == 2, "{gates}");
    let told = fleet.flotilla(&["notify", "list"]).await?;
    ensure!(told.contains("oncall") && told.contains("generic"), "{told}");
    eventually(SOON, "the receiver hears that the cluster is back", async || {
        let told = receiver.events().await;
        ensure!(told.len() == 12 && told.last().is_some_and(|last| last == "clusterBack"), "{told:?}");
        Ok(())
    })
    .await;
    Ok(())
}
