//! A hub comes back from an old backup: it knows less than its agents, so nothing changes in any cluster, although Git
//! has moved on, and it says what to run.

use crate::shop::{POLICY, alarms, set};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, path::Path, time::Instant};
use tests_e2e::{
    Fleet, Options, Record, control_plane, eventually,
    fleet::{SOON, Setup},
    record::Kinds,
};

const TWO: [(&str, &str); 2] = [("eu-1", "env=prod,ring=canary"), ("us-1", "env=prod,ring=rest")];
const KINDS: Kinds<'static> = &[("", "v1", &["ConfigMap"])];
/// One namespace for all, so that one watch sees all.
const PLACE: &str = "place";
const COMMAND: &str = "flotilla hub restore --adopt";

#[tokio::test]
async fn a_restored_backup_changes_nothing_and_says_what_to_run() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1}s {what}", began.elapsed().as_secs_f32());
    let mut fleet = Fleet::start_with(control_plane, Setup::default()).await?;
    let (record, before, seen) = restored(&mut fleet, &step).await?;

    // It sees the newest commit, and both agents; it holds everything back.
    for (cluster, _) in TWO {
        fleet.condition("cluster", cluster, "Held", &[COMMAND]).await;
    }
    let listed = fleet.flotilla(&["cluster", "list"]).await?;
    for (cluster, _) in TWO {
        let reasons = ["HubBehindAgent", "HubRestored"];
        let tells = |line: &str| line.contains(cluster) && reasons.iter().any(|reason| line.contains(reason));
        ensure!(listed.lines().any(tells) && listed.contains(COMMAND), "{listed}");
    }
    eventually(SOON, "the rollout of the newest commit says why it waits", async || {
        let status = fleet.object("fleetrollout", "shop-2").await?["status"].clone();
        let waits = status["waitsFor"].as_str().unwrap_or_default();
        ensure!(waits.contains("eu-1") && waits.contains(COMMAND), "{status:#}");
        Ok(())
    })
    .await;
    step("the hub knows that it is behind, and says so");

    // An agent that starts now gets nothing either, and heals what was done meanwhile.
    fleet.kill_agent("us-1");
    let us = fleet.cluster("us-1");
    us.kubectl(&["delete", "configmap", "shop", "--namespace", PLACE]).await?;
    let heard = fleet.hub().log().len();
    fleet.start_agent("us-1")?;
    eventually(SOON, "the hub has heard the new agent", async || {
        let log = fleet.hub().log();
        let connected = |line: &str| line.contains("an agent connected") && line.contains("us-1");
        ensure!(log[heard..].lines().any(connected), "{}", &log[heard..]);
        Ok(())
    })
    .await;
    let us = fleet.cluster("us-1");
    eventually(SOON, "the agent has healed", async || {
        let version = us.kubectl(&["get", "configmap", "shop", "--namespace", PLACE, JSONPATH]).await?;
        ensure!(version == "v3", "{version}");
        Ok(())
    })
    .await;
    fleet.condition("cluster", "us-1", "Held", &[COMMAND]).await;
    step("an agent that started into it has healed, and was told nothing");

    let after = versions(&fleet).await?;
    for (object, version) in &before {
        let healed = object == "us-1/shop";
        ensure!(healed != (after.get(object) == Some(version)), "{object} has changed: {record:?}");
    }
    ensure!(after.len() == before.len(), "{before:?}, now {after:?}");
    // By the watches: the one deletion by hand, and its end.
    let changes: Vec<_> = record.changes().split_off(seen);
    let changes: Vec<_> =
        changes.iter().map(|change| (&*change.cluster, &*change.object, change.deleted)).collect();
    let shop = "ConfigMap/shop";
    ensure!(changes == [("us-1", shop, true), ("us-1", shop, false)], "{changes:?}");
    println!("the hub logged {} warnings in all", alarms(&fleet.hub().log()).len());
    Ok(())
}

#[tokio::test]
async fn what_the_agents_hold_is_adopted_as_it_is_and_the_next_commit_rolls_out() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1}s {what}", began.elapsed().as_secs_f32());
    let mut fleet = Fleet::start_with(control_plane, Setup::default()).await?;
    let (record, before, seen) = restored(&mut fleet, &step).await?;
    for (cluster, _) in TWO {
        fleet.condition("cluster", cluster, "Held", &[COMMAND]).await;
    }
    // Without the word nothing is done, and all is told.
    let told = fleet.flotilla(&["hub", "restore"]).await?;
    for part in ["eu-1", "us-1", "shop-eu-1", "late-us-1", "1.3", "Nothing was changed"] {
        ensure!(told.contains(part), "{part}: {told}");
    }
    ensure!(versions(&fleet).await? == before, "{record:?}");

    fleet.flotilla(&["hub", "restore", "--adopt"]).await?;
    for (cluster, _) in TWO {
        eventually(SOON, &format!("{cluster} is not held any more"), async || {
            let status = fleet.object("cluster", cluster).await?["status"].clone();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let held = conditions.iter().any(|one| one["type"] == "Held" && one["status"] == "True");
            ensure!(!held, "{status:#}");
            Ok(())
        })
        .await;
    }
    step("what the agents hold is adopted");
    fleet.push(&[("shop/map.yaml", &map("shop", "v5"))])?;
    for (name, _) in TWO {
        let cluster = fleet.cluster(name);
        eventually(SOON, &format!("{name} has the next commit"), async || {
            let version =
                cluster.kubectl(&["get", "configmap", "shop", "--namespace", PLACE, JSONPATH]).await?;
            let rollouts = fleet.flotilla(&["rollout", "list"]).await?;
            ensure!(version == "v5", "{version}\n{rollouts}");
            Ok(())
        })
        .await;
    }
    step("the next commit is everywhere");
    // Only that: what this hub never heard of stays, what it thought was there does not come back.
    let after = versions(&fleet).await?;
    ensure!(after.keys().eq(before.keys()), "{before:?}, now {after:?}");
    for cluster in ["eu-1", "us-1"] {
        let late = format!("{cluster}/late");
        ensure!(before[&late] == after[&late], "{late} was changed: {record:?}");
    }
    let changes = record.changes().split_off(seen);
    let only_shop = changes.iter().all(|change| change.object == "ConfigMap/shop" && !change.deleted);
    ensure!(only_shop, "{changes:?}");
    Ok(())
}

const JSONPATH: &str = "--output=jsonpath={.data.version}";

/// Two clusters that are far ahead of their hub: three commits, an application that is gone and one that has come
/// since the backup. Gives the record of their objects, their versions, and how long the record was.
async fn restored(
    fleet: &mut Fleet,
    step: &impl Fn(&str),
) -> Result<(Record, BTreeMap<String, String>, usize)> {
    fleet.push(&[("shop/map.yaml", &map("shop", "v1")), ("extra/map.yaml", &map("extra", "v1"))])?;
    fleet.push(&[("shop/more.yaml", &map("dropped", "v1"))])?;
    fleet.join(&TWO, Options { controllers: true }).await?;
    fleet.apply(POLICY).await?;
    fleet
        .apply(&format!(
            "{}---{}",
            set(fleet, "shop", "shop", PLACE, Some("careful")),
            set(fleet, "extra", "extra", PLACE, Some("careful"))
        ))
        .await?;
    for rollout in ["shop-1", "extra-1"] {
        fleet.rollout(rollout, "Done").await;
    }
    let (data, backup) = (fleet.hub().data(), fleet.folder().join("backup"));
    fleet.hub_mut().stop().await?;
    copy(&data, &backup)?;
    fleet.hub_mut().restart().await?;
    step("the hub has a backup of v1");

    fleet.push_removal(&["shop/more.yaml"])?;
    fleet.rollout("shop-2", "Done").await;
    fleet.push(&[("shop/map.yaml", &map("shop", "v3")), ("late/map.yaml", &map("late", "v3"))])?;
    fleet.rollout("shop-3", "Done").await;
    fleet.kubectl(&["delete", "applicationset", "extra"]).await?;
    fleet.apply(&set(fleet, "late", "late", PLACE, Some("careful"))).await?;
    fleet.rollout("late-1", "Done").await;
    eventually(SOON, "all is as ordered", async || {
        let found: Vec<String> = versions(fleet).await?.into_keys().collect();
        ensure!(found == ["eu-1/late", "eu-1/shop", "us-1/late", "us-1/shop"], "{found:?}");
        Ok(())
    })
    .await;
    let record = Record::watch(fleet.clusters(), PLACE, KINDS).await;
    let (versions, seen) = (versions(fleet).await?, record.changes().len());
    fleet.hub_mut().stop().await?;
    fleet.push(&[("shop/map.yaml", &map("shop", "v4"))])?;
    std::fs::rename(&data, fleet.folder().join("lost"))?;
    copy(&backup, &data)?;
    fleet.hub_mut().restart().await?;
    step("the hub is back from its backup");
    Ok((record, versions, seen))
}

fn map(name: &str, version: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{version: {version}}}\n")
}

/// The resourceVersion of each ConfigMap of ours, by `cluster/name`.
async fn versions(fleet: &Fleet) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for cluster in fleet.clusters() {
        let columns =
            "--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        let listed = cluster.kubectl(&["get", "configmaps", "--namespace", PLACE, columns]).await?;
        for line in listed.lines().filter(|line| !line.starts_with("kube-root-ca")) {
            let (name, version) = line.split_once(' ').context("a name and a version")?;
            all.insert(format!("{}/{name}", cluster.name()), version.to_owned());
        }
    }
    Ok(all)
}

/// Copies a folder as a backup does.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
