//! One trace for each rollout, from the push to the last healthy cluster, as a collector has it.

use crate::web::{THREE, ground, image, push, running_with};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use tests_e2e::{
    Collector, Fleet,
    collector::Span,
    eventually,
    fleet::{SOON, Setup, alone},
    programs,
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const QUICK: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "100");

/// The canary waits for a person when it is proven.
const GUARDED: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s, approval: After}
  - {name: rest, maxUpdate: 1, settle: 1s}
";

#[tokio::test]
async fn a_rollout_is_one_trace_through_a_killed_hub_with_every_agents_spans() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let collector = Collector::start().await?;
    let endpoint = collector.endpoint();
    let environment = [(ENDPOINT, &*endpoint), QUICK];
    let setup = Setup { environment: &environment, ..Setup::default() };
    let (mut fleet, history) = running_with(control_plane, setup).await?;

    // One agent has a way of its own to the collector; the others' spans go through the hub.
    fleet.kill_agent("eu-1");
    fleet.start_agent_by("eu-1", |mut command| {
        command.env(ENDPOINT, &endpoint).env(QUICK.0, QUICK.1).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        command
    })?;
    fleet.connected("eu-1").await;
    fleet.apply(GUARDED).await?;

    push(&fleet, "v2")?;
    eventually(SOON, "the canary waits for a person", async || {
        let status = fleet.object("fleetrollout", "web-2").await?["status"].clone();
        ensure!(status["waitsFor"].as_str().is_some_and(|waits| waits.contains("approval")), "{status:#}");
        Ok(())
    })
    .await;
    let rollout = fleet.object("fleetrollout", "web-2").await?;
    let trace = rollout["spec"]["traceId"].as_str().context("it has a trace")?.to_owned();
    sent(&collector, &trace, &["gate queue", "render", "member eu-1/web-eu-1"]).await;

    // A new process makes the same ids: what it sends again is what was sent before.
    fleet.hub_mut().kill();
    fleet.hub_mut().restart().await?;
    for (cluster, _) in THREE {
        fleet.connected(cluster).await;
    }
    fleet.flotilla(&["rollout", "approve", "web", "--reason", "looks good"]).await?;
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v2")).await;
    fleet.rollout("web-2", "Done").await;

    let whole =
        ["rollout web-2", "commit", "resolve", "generate", "wave canary", "wave rest", "gate approval"];
    sent(&collector, &trace, &whole).await;
    let agents = eventually(SOON, "every agent's spans", async || {
        let spans = of(&collector, &trace);
        let agents: BTreeSet<_> = spans
            .values()
            .filter(|span| span.resource["service.name"] == "flotilla-agent")
            .map(|span| (span.attributes["k8s.cluster.name"].clone(), span.name.clone()))
            .collect();
        ensure!(agents.len() == 9, "{agents:?}");
        Ok(agents)
    })
    .await;
    for (cluster, _) in THREE {
        for part in ["fetch", "apply", "wait-healthy"] {
            ensure!(agents.contains(&(cluster.to_owned(), part.to_owned())), "{agents:?}");
        }
    }
    let spans = of(&collector, &trace);
    for span in spans.values() {
        ensure!(span.parent.is_empty() || spans.contains_key(&span.parent), "{span:?} has no parent");
    }
    let approval = spans.values().find(|span| span.name == "gate approval").context("a gate")?;
    ensure!(approval.attributes["flotilla.reason"] == "looks good", "{approval:?}");
    ensure!(approval.attributes["flotilla.approved_by"] == "admin", "{approval:?}");
    tells_where(&fleet, &trace).await
}

/// Log lines and the CLI name the trace.
async fn tells_where(fleet: &Fleet, trace: &str) -> Result<()> {
    for log in [fleet.hub().log(), fleet.agent_log("us-1")] {
        ensure!(log.contains(trace), "{log}");
    }
    let status = fleet.flotilla(&["rollout", "status", "web"]).await?;
    ensure!(status.contains(trace), "{status}");
    Ok(())
}

/// The spans of a trace by their ids. What came more than once came the same.
fn of(collector: &Collector, trace: &str) -> BTreeMap<String, Span> {
    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    for span in collector.spans().into_iter().filter(|span| span.trace == trace) {
        if let Some(before) = spans.get(&span.id) {
            assert_eq!(*before, span, "sent again, and otherwise");
        }
        spans.insert(span.id.clone(), span);
    }
    spans
}

/// Waits until spans of these names are there.
async fn sent(collector: &Collector, trace: &str, names: &[&str]) {
    eventually(SOON, &format!("spans {names:?}"), async || {
        let found: BTreeSet<String> = of(collector, trace).into_values().map(|span| span.name).collect();
        ensure!(names.iter().all(|name| found.contains(*name)), "{found:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_large_fleet_has_a_linked_trace_for_each_wave() -> Result<()> {
    // With two Applications each.
    const CLUSTERS: usize = 105;
    let collector = Collector::start().await?;
    let folder = tempfile::tempdir()?;
    let mut command = std::process::Command::new(&programs().flotilla);
    alone(&mut command, folder.path());
    command
        .args(["demo", "--once", "--clusters", &CLUSTERS.to_string()])
        .env(ENDPOINT, collector.endpoint())
        .env(QUICK.0, QUICK.1)
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "20000");
    let mut command = tokio::process::Command::from(command);
    let said = tokio::time::timeout(SOON * 2, command.kill_on_drop(true).output()).await??;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let spans: Vec<Span> = collector.spans();
    let roots: Vec<&Span> = spans.iter().filter(|span| span.name.starts_with("rollout ")).collect();
    ensure!(roots.len() == 2, "{roots:?}");
    let root = roots[1];
    let waves: Vec<&Span> =
        spans.iter().filter(|span| span.parent == root.id && span.name.starts_with("wave ")).collect();
    let mut members = 0;
    for wave in &waves {
        let [(trace, id)] = &wave.links[..] else { anyhow::bail!("{wave:?}") };
        let own = spans.iter().find(|span| span.id == *id).context("the wave's own trace")?;
        ensure!(own.trace == *trace && own.trace != root.trace && own.parent.is_empty(), "{own:?}");
        ensure!(own.links == [(wave.trace.clone(), wave.id.clone())], "linked both ways: {own:?}");
        let below: Vec<&Span> = spans.iter().filter(|span| span.parent == own.id).collect();
        members += below.len();
        for member in below {
            let parts: BTreeSet<&str> =
                spans.iter().filter(|span| span.parent == member.id).map(|span| span.name.as_str()).collect();
            ensure!(parts == BTreeSet::from(["apply", "fetch", "wait-healthy"]), "{member:?}: {parts:?}");
        }
    }
    let all = &root.attributes["flotilla.members"];
    ensure!(waves.len() == 3 && *all == members.to_string(), "{} waves, {members} of {all}", waves.len());
    Ok(())
}
