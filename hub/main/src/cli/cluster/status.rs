//! `flotilla cluster get` and `flotilla cluster events`.

use super::{paused, unacknowledged};
use crate::{
    args::Printing,
    cli::{client::Hub, output, printing},
};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{Kind, gvk};

/// Where Applications live whose pins are shown.
const ALL: &str = "";

pub(super) async fn show(hub: &Hub, name: &str, printing: Printing) -> anyhow::Result<()> {
    let cluster = hub.read(Kind::Cluster, "", name).await?;
    if let Some(lines) = printing::one(printing.output, Kind::Cluster, &cluster) {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    let kind = gvk(Kind::Application);
    let all = hub.get(&format!("/apis/{}/{}/{}", kind.group, kind.version, kind.plural)).await?;
    let applications = all["items"].as_array().cloned().unwrap_or_default();
    let now = shared_runtime::now();
    for (title, text) in lines(&cluster, &applications, now) {
        output::line(&format!("{title:<14}{text}"));
    }
    if let Some(hint) = unacknowledged(&cluster, now) {
        output::note(&hint);
    }
    Ok(())
}

/// A time to the second, as people read it.
pub(super) fn time(text: &str) -> String {
    let seconds = text.parse::<Timestamp>().and_then(|at| at.round(jiff::Unit::Second));
    seconds.map_or_else(|_| text.to_owned(), |at| at.to_string())
}

/// What there is to say of a cluster: titles and texts.
fn lines(cluster: &Value, applications: &[Value], now: Timestamp) -> Vec<(&'static str, String)> {
    let text =
        |pointer: &str| cluster.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("/metadata/name");
    let state = match (text("/status/connection/state"), text("/status/connection/since")) {
        _ if cluster.pointer("/status/identity/revoked").is_some() => {
            let (by, at) = (text("/status/identity/revoked/by"), text("/status/identity/revoked/at"));
            let reason = text("/status/identity/revoked/reason");
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!(
                "Revoked by {by} at {}{reason}; `flotilla cluster token --name {name} --reenrol` lets it come back",
                time(&at)
            )
        }
        (state, _) if state.is_empty() => "Never".to_owned(),
        (state, since) => format!("{state} since {}", time(&since)),
    };
    let nodes = cluster.pointer("/status/facts/nodes").and_then(Value::as_u64);
    let mut lines = vec![
        ("NAME", name.clone()),
        ("STATE", state),
        ("MODE", if text("/spec/mode").is_empty() { "Enforce".to_owned() } else { text("/spec/mode") }),
        ("PAUSED", paused(cluster, now)),
        (
            "KUBERNETES",
            format!(
                "{} {}{}",
                text("/status/facts/kubernetesVersion"),
                text("/status/facts/platform"),
                nodes.map(|nodes| format!(", {nodes} nodes")).unwrap_or_default()
            ),
        ),
        ("AGENT", text("/status/connection/agentVersion")),
    ];
    let skew = text("/status/connection/clockSkew");
    if let Some(length) = skew.strip_prefix('-') {
        lines.push(("CLOCK", format!("{length} behind the hub's")));
    } else if !["", "0s"].contains(&&*skew) {
        lines.push(("CLOCK", format!("{skew} ahead of the hub's")));
    }
    let conditions = cluster.pointer("/status/conditions").and_then(Value::as_array);
    let held = conditions.into_iter().flatten().filter(|condition| condition["status"] == "True");
    lines.extend(held.map(|condition| {
        let part = |field: &str| condition[field].as_str().unwrap_or_default();
        ("CONDITION", format!("{} ({}): {}", part("type"), part("reason"), part("message")))
    }));
    if !text("/spec/adopt/request").is_empty()
        && text("/status/adopted/request") != text("/spec/adopt/request")
    {
        let (by, at) = (text("/spec/adopt/by"), text("/spec/adopt/at"));
        lines.push((
            "ADOPT",
            format!("asked for by {by} at {}; waits for the agent, if anything is held", time(&at)),
        ));
    }
    if !text("/status/adopted/at").is_empty() {
        let count =
            cluster.pointer("/status/adopted/applications").and_then(Value::as_u64).unwrap_or_default();
        let (by, at) = (text("/status/adopted/by"), text("/status/adopted/at"));
        lines.push(("ADOPTED", format!("{count} applications at {}, asked for by {by}", time(&at))));
    }
    let here =
        applications.iter().filter(|app| app.pointer("/status/cluster").is_some_and(|at| *at == *name));
    for app in here {
        let conditions = app.pointer("/status/conditions").and_then(Value::as_array);
        let of = app.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(ALL);
        for condition in conditions.into_iter().flatten() {
            let title = match condition["type"].as_str() {
                Some("PinnedInCluster") => "PINNED",
                Some("Paused") => "APP PAUSED",
                Some(_) | None => continue,
            };
            lines.push((title, format!("{of}: {}", condition["message"].as_str().unwrap_or_default())));
        }
    }
    lines
}

pub(super) async fn events(hub: &Hub, name: &str) -> anyhow::Result<()> {
    let told = hub.get(&format!("/apis/flotilla.dev/v1alpha1/clusters/{name}/events")).await?;
    let events = told["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        output::note(&format!("The agent of {name} has told nothing yet."));
    }
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| ["at", "application", "reason", "message"].map(|field| text(event, field)).into())
        .collect();
    if !rows.is_empty() {
        output::table(&["AT", "APPLICATION", "REASON", "MESSAGE"], &rows);
    }
    if let Some(dropped) = told["dropped"].as_u64().filter(|dropped| *dropped > 0) {
        output::note(&format!("The agent lost {dropped} older events while it was away from the hub."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cluster_shows_what_holds_it_and_what_is_pinned_there() {
        let cluster = json!({
            "metadata": {"name": "eu-1"},
            "spec": {"adopt": {"request": "r2", "by": "ada", "at": "2026-01-01T10:00:00Z"}},
            "status": {
                "connection": {"state": "Connected", "since": "2026-01-01T09:00:00Z", "agentVersion": "0.1.0"},
                "facts": {"kubernetesVersion": "v1.34.3", "platform": "linux/amd64", "nodes": 3},
                "conditions": [{"type": "Held", "status": "True", "reason": "HubRestored", "message": "a copy"}],
            },
        });
        let pin = json!({"type": "PinnedInCluster", "message": "pinned in eu-1 itself by ben"});
        let pause = json!({"type": "Paused", "message": "paused by ann: INC-7"});
        let other_kind = json!({"type": "ComparisonError", "message": "not of this place"});
        let conditions = json!([pause, other_kind, pin]);
        let app =
            json!({"metadata": {"name": "web"}, "status": {"cluster": "eu-1", "conditions": conditions}});
        let other = json!({"metadata": {"name": "api"}, "status": {"cluster": "eu-2", "conditions": [pin]}});
        let shown: Vec<String> = lines(&cluster, &[app, other], Timestamp::UNIX_EPOCH)
            .into_iter()
            .map(|(title, text)| format!("{title}: {text}"))
            .collect();
        assert_eq!(
            shown,
            [
                "NAME: eu-1",
                "STATE: Connected since 2026-01-01T09:00:00Z",
                "MODE: Enforce",
                "PAUSED: no",
                "KUBERNETES: v1.34.3 linux/amd64, 3 nodes",
                "AGENT: 0.1.0",
                "CONDITION: Held (HubRestored): a copy",
                "ADOPT: asked for by ada at 2026-01-01T10:00:00Z; waits for the agent, if anything is held",
                "APP PAUSED: web: paused by ann: INC-7",
                "PINNED: web: pinned in eu-1 itself by ben",
            ]
        );
    }
}
