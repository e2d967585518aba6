//! What really happened, read from the simulated clusters themselves, whatever the hub says.

use crate::{
    fleet::Member,
    sample::{CANARY, Version},
    simulated::Workload,
};
use anyhow::{bail, ensure};
use hub_show::Rollout;

/// The Deployments of a fleet, cluster by cluster.
pub(crate) type Workloads = Vec<Vec<Workload>>;

/// What runs where.
pub(crate) fn workloads(fleet: &[Member]) -> Workloads {
    fleet.iter().map(|member| member.cluster.workloads()).collect()
}

/// Every cluster runs this version, and all of it is ready.
pub(crate) fn all_run(fleet: &[Member], version: Version) -> anyhow::Result<()> {
    for member in fleet {
        let running = member.cluster.workloads();
        for (name, image) in version.images() {
            let Some(workload) = running.iter().find(|workload| workload.name == name) else {
                bail!("{} has no Deployment {name}, though the hub says so", member.place.name);
            };
            ensure!(
                workload.image == image && workload.ready,
                "{} runs {} (ready: {}) instead of {image}, though the hub says so",
                member.place.name,
                workload.image,
                workload.ready
            );
        }
    }
    Ok(())
}

/// The rollout halted at the canary, which runs the broken version; no other Deployment was touched since `before`.
pub(crate) fn only_the_canary_broke(
    fleet: &[Member],
    before: &Workloads,
    rollout: &Rollout,
) -> anyhow::Result<()> {
    let Some(halt) = &rollout.halted else { bail!("the rollout is {}: it did not halt", rollout.phase) };
    ensure!(halt.wave == CANARY, "the rollout halted in wave {}, not at the canary", halt.wave);
    let [_, (name, image)] = Version::Broken.images();
    for (member, before) in fleet.iter().zip(before) {
        let now = member.cluster.workloads();
        if member.is_canary() {
            let broken = now
                .iter()
                .any(|workload| workload.name == name && workload.image == image && !workload.ready);
            ensure!(broken, "{} is the canary and does not run {image} unready: {now:?}", member.place.name);
        } else {
            ensure!(now == *before, "{} was touched: it ran {before:?} and runs {now:?}", member.place.name);
        }
    }
    Ok(())
}
