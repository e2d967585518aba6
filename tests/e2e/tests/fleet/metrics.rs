//! What a hub and an agent show, scraped as Prometheus does; and everything that `deploy/` says of it.

use crate::web::{CAREFUL, FULL, WEB, ground, push, set};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;
use tests_e2e::{
    Fleet, eventually,
    fleet::{SOON, Setup},
    free_port,
};
use tests_metrics::{
    deployed,
    exposition::{Family, Format, Sample, read},
    judge::{self, Shown},
};

/// Prometheus' own header.
const OPEN: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

const SINK: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: flotilla-cm, namespace: argocd}
data:
  notifications.yaml: |
    sinks:
    - {name: oncall, type: generic, url: 'http://127.0.0.1:9/', on: [done]}
";

struct Scrapers {
    client: reqwest::Client,
    hub: u16,
    agent: u16,
}

impl Scrapers {
    async fn text(&self, port: u16, accept: &str) -> Result<(String, String)> {
        let url = format!("http://127.0.0.1:{port}/metrics");
        let answer = self.client.get(url).header("accept", accept).send().await?.error_for_status()?;
        let kind = answer.headers()["content-type"].to_str()?.to_owned();
        Ok((kind, answer.text().await?))
    }

    async fn plain(&self, port: u16) -> Result<Vec<Family>> {
        let (kind, text) = self.text(port, "text/plain").await?;
        ensure!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        read(&text, Format::Plain).map_err(|why| anyhow::anyhow!("{why}\n{text}"))
    }

    async fn open(&self, port: u16) -> Result<Vec<Family>> {
        let (kind, text) = self.text(port, OPEN).await?;
        ensure!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
        read(&text, Format::OpenMetrics).map_err(|why| anyhow::anyhow!("{why}\n{text}"))
    }
}

fn value(families: &[Family], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut samples = families.iter().flat_map(|family| &family.samples);
    let is = |sample: &&Sample| {
        let mut labels = labels.iter();
        sample.name == name
            && labels.all(|(label, value)| sample.labels.get(*label).is_some_and(|known| known == value))
    };
    samples.find(is).map(|sample| sample.value)
}

/// The API has the same for who may read it, and nobody else.
async fn of_the_api(fleet: &Fleet) -> Result<()> {
    let text = fleet.kubectl(&["get", "--raw", "/metrics"]).await?;
    let families = read(&text, Format::Plain).map_err(anyhow::Error::msg)?;
    ensure!(value(&families, "flotilla_gateway_agents_connected", &[]) == Some(1.0), "{text}");
    ensure!(value(&families, "flotilla_build_info", &[("component", "hub")]) == Some(1.0), "{text}");
    Ok(())
}

/// Durations of the rollout name its trace.
fn exemplars(open: &[Family], rollout: &Value) -> Result<()> {
    let trace = rollout["spec"]["traceId"].as_str().context("the rollout has a trace")?;
    for name in
        ["flotilla_rollout_seconds", "flotilla_rollout_wave_seconds", "flotilla_rollout_member_seconds"]
    {
        let family = open.iter().find(|family| family.name == name).context(name)?;
        let mut exemplars = family.samples.iter().filter_map(|sample| sample.exemplar.as_ref());
        ensure!(exemplars.any(|labels| labels["trace_id"] == trace), "{name} has no exemplar of {trace}");
    }
    Ok(())
}

#[tokio::test]
async fn a_scrape_shows_a_rollout_and_everything_that_dashboard_and_alerts_ask_for() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    shared_runtime::install_crypto();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
    let scrapers = Scrapers { client, hub: free_port(), agent: free_port() };
    let [hub, agent] = [scrapers.hub, scrapers.agent].map(|port| format!("127.0.0.1:{port}"));
    let setup =
        Setup { hub: &["--metrics-listen", &hub], agents: &["--metrics-listen", &agent], ..Setup::default() };
    let mut fleet = Fleet::start_with(control_plane, setup).await?;
    push(&fleet, "v1")?;
    fleet.join(&[("eu-1", "env=prod,ring=canary")], FULL).await?;
    // What notifications count is shown once there is a sink; nobody listens at this one.
    fleet.apply(SINK).await?;
    // An empty wave would hold.
    fleet.apply(&CAREFUL.replace("  - {name: rest, maxUpdate: 1, settle: 1s}\n", "")).await?;
    fleet.apply(&set(&fleet, WEB, "env: prod")).await?;
    fleet.rollout("web-1", "Done").await;
    let rollout = fleet.object("fleetrollout", "web-1").await?;

    // A person deletes: it is healed, and both sides count that.
    fleet.cluster("eu-1").kubectl(&["delete", "configmap", "settings", "--namespace", WEB]).await?;
    eventually(SOON, "what was healed is counted", async || {
        let hub = scrapers.plain(scrapers.hub).await?;
        let agent = scrapers.plain(scrapers.agent).await?;
        let counted = [
            value(&hub, "flotilla_drift_healed_total", &[]),
            value(&agent, "flotilla_agent_drift_healed_total", &[]),
            value(&hub, "flotilla_rollouts", &[("phase", "Done")]),
            value(&agent, "flotilla_agent_applications", &[("sync", "Synced"), ("health", "Healthy")]),
        ];
        ensure!(counted.iter().all(|count| count.is_some_and(|count| count >= 1.0)), "{counted:?}");
        Ok(())
    })
    .await;
    of_the_api(&fleet).await?;
    exemplars(&scrapers.open(scrapers.hub).await?, &rollout)?;
    let (with_agent, of_agent) = (scrapers.plain(scrapers.hub).await?, scrapers.plain(scrapers.agent).await?);
    scrapers.open(scrapers.agent).await?;

    fleet.flotilla(&["cluster", "pause", "eu-1", "--reason", "INC-7"]).await?;
    fleet.kill_agent("eu-1");
    eventually(SOON, "the lost cluster is named, and since when one is paused", async || {
        let hub = scrapers.plain(scrapers.hub).await?;
        let lost = value(&hub, "flotilla_cluster_lost_timestamp_seconds", &[("cluster", "eu-1")]);
        let paused = value(&hub, "flotilla_pause_oldest_start_timestamp_seconds", &[("what", "cluster")]);
        ensure!([lost, paused].iter().all(|at| at.is_some_and(|at| at > 1.7e9)), "{lost:?} {paused:?}");
        Ok(())
    })
    .await;
    let without_agent = scrapers.plain(scrapers.hub).await?;
    everything_is_shown(&[&with_agent, &without_agent], &of_agent)
}

/// The files in `deploy/` and the scrapes say the same.
fn everything_is_shown(of_hub: &[&[Family]], of_agent: &[Family]) -> Result<()> {
    let mut shown = Shown::default();
    of_hub.iter().for_each(|families| shown.add(families));
    shown.add(of_agent);
    let mut faults: Vec<String> = deployed::asked().iter().flat_map(|asked| shown.lacks(asked)).collect();
    // The last scrape of the hub has what is there in trouble only.
    let mut families = of_hub.last().map(|families| families.to_vec()).unwrap_or_default();
    let more = of_hub.iter().flat_map(|families| families.iter());
    for family in more {
        match families.iter_mut().find(|known| known.name == family.name) {
            Some(known) => known.samples.extend(family.samples.iter().cloned()),
            None => families.push(family.clone()),
        }
    }
    faults.extend(judge::differ(&deployed::listed("The hub"), &families));
    faults.extend(judge::differ(&deployed::listed("The agent"), of_agent));
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
