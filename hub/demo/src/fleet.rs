//! The simulated clusters, and an agent in each that joined the hub as any other: by a token, over mTLS.

use crate::{folder::AGENTS, simulated::Simulated};
use agent::{Agent, Cluster};
use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use hub_serve::Hub;
use rand::RngCore as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared_model::{JoinToken, Kind};
use shared_runtime::{Tasks, otlp::Choice};
use std::{collections::BTreeMap, path::Path, time::Duration};

const REGIONS: [&str; 3] = ["eu", "us", "ap"];
/// How many clusters join at once.
const AT_ONCE: usize = 32;
/// Files that a cluster keeps open: both ends of its connections, its lock, and some while it writes.
const FILES_EACH: u64 = 8;
const FILES_BESIDE: u64 = 256;

/// What a cluster is called, and the labels it joins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<&'static str, &'static str>,
}

/// The clusters of a fleet: in turn in each region; the first is the canary, the next (one of each region
/// when there are enough, never the last) follow it.
pub(crate) fn places(count: usize) -> Vec<Place> {
    let early = REGIONS.len().min(count.saturating_sub(2));
    let place = |index: usize| {
        let region = REGIONS[index % REGIONS.len()];
        let ring = match index {
            0 => "canary",
            index if index <= early => "early",
            _ => "main",
        };
        Place {
            name: format!("{region}-{}", index / REGIONS.len() + 1),
            labels: BTreeMap::from([("env", "prod"), ("region", region), ("ring", ring)]),
        }
    };
    (0..count).map(place).collect()
}

/// A cluster of the fleet.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) place: Place,
    pub(crate) cluster: Simulated,
}

impl Member {
    /// Whether it is the canary.
    pub(crate) fn is_canary(&self) -> bool {
        self.place.labels["ring"] == "canary"
    }
}

/// Makes room for the fleet's connections and files.
pub(crate) fn raise_open_files(clusters: usize) -> anyhow::Result<()> {
    let needed = FILES_BESIDE + FILES_EACH * clusters as u64;
    let allowed = rlimit::increase_nofile_limit(needed).context("the limit of open files cannot be read")?;
    if allowed < needed {
        let most = allowed.saturating_sub(FILES_BESIDE) / FILES_EACH;
        bail!(
            "{clusters} clusters need {needed} open files, and this shell may have {allowed}: raise its limit (`ulimit -n {needed}`, as root if it refuses), or take --clusters {most}"
        );
    }
    Ok(())
}

/// Starts the clusters and joins them to the hub, some at a time; `joined` is told how many are done.
pub(crate) async fn join(
    count: usize,
    hub: &Hub,
    folder: &Path,
    tasks: &Tasks,
    mut joined: impl FnMut(usize),
) -> anyhow::Result<Vec<Member>> {
    let folder = folder.join(AGENTS);
    let joining = places(count).into_iter().enumerate().map(|(index, place)| {
        let folder = folder.join(&place.name);
        async move {
            let name = place.name.clone();
            join_one(index, place, hub, &folder, tasks)
                .await
                .with_context(|| format!("cluster {name} did not join"))
        }
    });
    let mut joining = futures::stream::iter(joining).buffered(AT_ONCE);
    let mut members = Vec::with_capacity(count);
    while let Some(member) = joining.try_next().await? {
        members.push(member);
        joined(members.len());
    }
    Ok(members)
}

async fn join_one(
    index: usize,
    place: Place,
    hub: &Hub,
    folder: &Path,
    tasks: &Tasks,
) -> anyhow::Result<Member> {
    let cluster = Simulated::start(&place.name, ready_after(index), tasks);
    let config = agent::Config {
        link: agent::LinkConfig::of(hub.agent_address.clone()),
        token: Some(token(hub, &place).await?),
        place: folder.to_owned().into(),
        ceiling: agent::Ceiling::default(),
        metrics: agent::Metrics::default(),
        sops_keys: None,
        sops_reach: agent::Reach::Bound,
        // Through the hub, as everything.
        traces: Choice::read(|_| None, "flotilla-agent", env!("CARGO_PKG_VERSION"))?,
    };
    Box::pin(Agent::build(config, Cluster::from_service(cluster.clone(), "default"), tasks)).await?;
    Ok(Member { place, cluster })
}

/// Between one and two and a half seconds: pods of different clusters do not start in step.
fn ready_after(index: usize) -> Duration {
    Duration::from_millis(1000 + (index as u64 * 377) % 1500)
}

/// What `flotilla cluster token` makes.
async fn token(hub: &Hub, place: &Place) -> anyhow::Result<JoinToken> {
    let mut random = [0_u8; 32];
    rand::rng().fill_bytes(&mut random);
    let secret = hex::encode(random);
    let id = format!("{}-demo", place.name);
    let object = json!({
        "metadata": {"name": id},
        "spec": {
            "cluster": place.name,
            "labels": place.labels,
            "secretHash": hex::encode(Sha256::digest(secret.as_bytes())),
            "expires": shared_runtime::now().checked_add(Duration::from_secs(3600))?,
        },
    });
    hub.records.create(Kind::EnrollmentToken, object, shared_runtime::now()).await?;
    Ok(JoinToken { id, secret, authority: hub.authority.clone() })
}

#[cfg(test)]
mod tests;
