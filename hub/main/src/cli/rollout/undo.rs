//! `flotilla rollout undo|expedite`: the decisions that move members at once, so who they move is shown first.

use super::{
    decide,
    members::{self, Member},
    name, text,
};
use crate::{
    args::{Expedite, Undo},
    cli::{client::Hub, output},
};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};

/// How many members are listed before a person is asked.
const LISTED: usize = 50;

pub(super) async fn undo(hub: &Hub, asked: &Undo) -> anyhow::Result<()> {
    let rollout = name::find(hub, &asked.which).await?;
    let (ns, name) = (text(&rollout, "/metadata/namespace"), text(&rollout, "/metadata/name"));
    let members = members::with_before(hub, &ns, &name).await?;
    for line in who_goes_back(&members) {
        output::line(&line);
    }
    if asked.no_pin {
        output::line("A newer commit follows as soon as everybody was told.");
    } else {
        output::line(&format!("Newer commits wait until `flotilla rollout resume {name}`."));
    }
    confirm(asked.yes, &format!("Take {name} back?"))?;
    let body = json!({"decision": "undo", "pin": !asked.no_pin, "reason": asked.why.reason});
    decide::post(hub, &rollout, &body).await
}

pub(super) async fn expedite(hub: &Hub, asked: &Expedite) -> anyhow::Result<()> {
    let rollout = name::find(hub, &asked.which).await?;
    let (ns, name) = (text(&rollout, "/metadata/namespace"), text(&rollout, "/metadata/name"));
    let members = members::all(hub, &ns, &name).await?;
    let chosen: Vec<&Member> =
        members.iter().filter(|member| asked.clusters.contains(&member.cluster)).collect();
    if !chosen.is_empty() {
        let row = |member: &&Member| {
            vec![
                member.application.clone(),
                member.cluster.clone(),
                member.wave.clone(),
                member.state.clone(),
            ]
        };
        let rows: Vec<_> = chosen.iter().take(LISTED).map(row).collect();
        output::table(&["APPLICATION", "CLUSTER", "WAVE", "STATE"], &rows);
    }
    output::line("They go ahead of waves, gates, approvals and windows, and count as unproven.");
    confirm(asked.yes, &format!("Release {} of {name} now?", asked.clusters.join(", ")))?;
    let body = json!({"decision": "expedite", "clusters": asked.clusters, "reason": asked.why.reason});
    decide::post(hub, &rollout, &body).await
}

/// Who goes back to what, and who does not.
pub(super) fn who_goes_back(members: &[Member]) -> Vec<String> {
    let told = |member: &&Member| !["Waiting", "Returning", "Returned"].contains(&member.state.as_str());
    let (back, stays): (Vec<&Member>, Vec<&Member>) =
        members.iter().filter(told).partition(|member| member.before.is_some());
    let row = |member: &&Member| {
        let to = member.before.as_ref().map_or_else(String::new, |before| match before.revision.as_str() {
            "" => format!("release {}", before.release),
            revision => format!("commit {} (release {})", hub_show::short(revision), before.release),
        });
        vec![
            member.application.clone(),
            member.cluster.clone(),
            member.wave.clone(),
            member.state.clone(),
            to,
        ]
    };
    let mut lines = Vec::new();
    if back.is_empty() {
        lines.push("No member goes back: none runs this rollout with anything proven before it.".to_owned());
    } else {
        let rows: Vec<_> = back.iter().take(LISTED).map(row).collect();
        lines.extend(output::columns(&["APPLICATION", "CLUSTER", "WAVE", "STATE", "GOES BACK TO"], &rows));
        if back.len() > LISTED {
            lines.push(format!("and {} more members go back", back.len() - LISTED));
        }
    }
    lines.extend(stays.iter().take(LISTED).map(|member| {
        format!("{} stays on {}: nothing was proven there before", member.application, member.cluster)
    }));
    if stays.len() > LISTED {
        lines.push(format!("and {} more stay", stays.len() - LISTED));
    }
    lines
}

/// Asks on a terminal; elsewhere `--yes` has to say it.
fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here: add --yes");
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).context("the terminal")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        bail!("nothing was done");
    }
    Ok(())
}
