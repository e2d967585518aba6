//! `flotilla hub restore`: what a hub holds after its store was lost, and taking the agents' word for it.

use crate::{
    args::{Connection, RestoreOptions},
    cli::{client::Hub, output},
};
use anyhow::bail;
use rand::RngCore as _;
use serde_json::{Value, json};
use shared_model::Kind;
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, options: RestoreOptions) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    let clusters = hub.list(Kind::Cluster, "", None).await?;
    for name in &options.clusters {
        if !clusters.iter().any(|cluster| cluster["metadata"]["name"] == **name) {
            bail!("there is no Cluster `{name}`; `flotilla cluster list` shows them");
        }
    }
    let named = |cluster: &&Value| {
        options.clusters.is_empty()
            || options.clusters.iter().any(|name| cluster["metadata"]["name"] == **name)
    };
    let chosen: Vec<&Value> = clusters.iter().filter(named).collect();
    if chosen.is_empty() {
        output::line("no cluster has joined this hub: there is nothing to adopt");
        return Ok(ExitCode::SUCCESS);
    }
    let mut changes = false;
    for cluster in &chosen {
        for line in describe(cluster) {
            output::line(&line);
            changes = true;
        }
    }
    if !changes {
        output::line("no agent that is connected is held: there is nothing to adopt");
    }
    if !options.adopt || options.dry_run {
        if changes {
            output::note(
                "Nothing was changed. To take what the agents hold as truth: flotilla hub restore --adopt",
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut random = [0_u8; 8];
    rand::rng().fill_bytes(&mut random);
    let patch = json!({"spec": {"adopt": {"request": hex::encode(random), "by": null, "at": null}}});
    let mut away = Vec::new();
    for cluster in &chosen {
        let name = cluster["metadata"]["name"].as_str().unwrap_or_default();
        hub.merge(Kind::Cluster, "", name, &patch).await?;
        if !is_connected(cluster) {
            away.push(name);
        }
    }
    if changes {
        output::line(&format!(
            "asked for {}: what their agents hold becomes what this hub assigns",
            counted(chosen.len(), "cluster")
        ));
    }
    if !away.is_empty() {
        output::note(&format!("Away now, adopted when they return: {}", away.join(", ")));
    }
    if changes || !away.is_empty() {
        output::note(
            "`flotilla cluster list` shows who is still held; `flotilla cluster status NAME` shows why.",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn is_connected(cluster: &Value) -> bool {
    cluster.pointer("/status/connection/state").is_some_and(|state| state == "Connected")
}

/// Why the cluster is held and what an adoption would take over; nothing for one that is not.
fn describe(cluster: &Value) -> Vec<String> {
    let name = cluster["metadata"]["name"].as_str().unwrap_or_default();
    let Some(reason) = held(cluster) else { return Vec::new() };
    let applications = cluster.pointer("/status/behind/applications").and_then(Value::as_array);
    let applications = applications.map(Vec::as_slice).unwrap_or_default();
    let count = cluster.pointer("/status/behind/count").and_then(Value::as_u64).unwrap_or_default();
    let mut lines = vec![format!(
        "{name}: held ({reason}), {} ahead of this hub",
        counted(usize::try_from(count).unwrap_or(usize::MAX), "application")
    )];
    let side = |value: &Value, none: &str| match (value["position"].as_str(), value["release"].as_str()) {
        (None, _) => none.to_owned(),
        (Some(position), None) => format!("removed at {position}"),
        (Some(position), Some(release)) => format!("{release} at {position}"),
    };
    lines.extend(applications.iter().map(|one| {
        format!(
            "  {}: the agent holds {}, this hub knows {}",
            one["application"].as_str().unwrap_or_default(),
            side(&one["holds"], "nothing"),
            side(&one["known"], "nothing of it"),
        )
    }));
    let more = usize::try_from(count).unwrap_or_default().saturating_sub(applications.len());
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

/// Why the hub tells the cluster's agent nothing, if a lost store is the reason.
pub(super) fn held(cluster: &Value) -> Option<&str> {
    let conditions = cluster.pointer("/status/conditions")?.as_array()?;
    let held =
        conditions.iter().find(|condition| condition["type"] == "Held" && condition["status"] == "True")?;
    held["reason"].as_str().filter(|reason| ["HubBehindAgent", "HubRestored"].contains(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_cluster_says_what_an_adoption_would_take_over() {
        let cluster = json!({
            "metadata": {"name": "eu-1"},
            "status": {
                "conditions": [{"type": "Held", "status": "True", "reason": "HubBehindAgent"}],
                "behind": {"count": 3, "applications": [
                    {"application": "argocd/web", "holds": {"position": "1.7", "release": "abc"}, "known": {"position": "1.5", "release": "def"}},
                    {"application": "argocd/old", "holds": {"position": "1.4", "release": null}, "known": null},
                ]},
            },
        });
        assert_eq!(
            describe(&cluster),
            [
                "eu-1: held (HubBehindAgent), 3 applications ahead of this hub",
                "  argocd/web: the agent holds abc at 1.7, this hub knows def at 1.5",
                "  argocd/old: the agent holds removed at 1.4, this hub knows nothing of it",
                "  and 1 more",
            ]
        );
        assert!(describe(&json!({"metadata": {"name": "eu-1"}})).is_empty());
    }
}
