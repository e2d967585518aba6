//! `flotilla rollout why`: one sentence per waiting member, nothing else.

use super::{
    members::{self, Member},
    name, text,
};
use crate::{
    args::{Form, Why},
    cli::{client::Hub, output, printing},
};
use anyhow::bail;
use serde_json::json;
use shared_model::Kind;

pub(super) async fn tell(hub: &Hub, asked: &Why) -> anyhow::Result<()> {
    let rollout = name::find(hub, &asked.which).await?;
    let (ns, name) = (text(&rollout, "/metadata/namespace"), text(&rollout, "/metadata/name"));
    let members = members::all(hub, &ns, &name).await?;
    let concerned: Vec<&Member> = members.iter().filter(|member| concerns(member, asked)).collect();
    if concerned.is_empty() && !members.is_empty() {
        let which = asked.cluster.as_ref().map(|cluster| format!("on cluster {cluster}"));
        let which = which.or(asked.app.clone()).unwrap_or_default();
        bail!("no member of {name} is {which}; `flotilla rollout why {name}` names those that wait");
    }
    let waiting = concerned.iter().filter(|member| !member.waits_for.is_empty()).copied();
    if let Some(lines) = formed(asked.printing.output, &waiting.collect::<Vec<_>>())? {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    let told = sentences(&concerned);
    told.iter().for_each(|sentence| output::line(sentence));
    if told.is_empty() {
        // Nobody is placed before the rollout starts.
        match text(&rollout, "/status/waitsFor") {
            waits if waits.is_empty() => output::note(&format!("Nothing waits in {name}.")),
            waits if members.is_empty() => output::line(&format!("{name}: {waits}")),
            waits => output::note(&format!("No member of those waits; {name}: {waits}")),
        }
    }
    Ok(())
}

fn concerns(member: &Member, asked: &Why) -> bool {
    let app = |wanted: &String| {
        member.application == *wanted || member.application.split('/').next_back() == Some(wanted.as_str())
    };
    asked.cluster.as_ref().is_none_or(|cluster| member.cluster == *cluster)
        && asked.app.as_ref().is_none_or(app)
}

/// The members that wait, in a form for programs; `None` in those for people.
fn formed(form: Form, waiting: &[&Member]) -> anyhow::Result<Option<Vec<String>>> {
    if form == Form::Name {
        let name = |member: &&Member| {
            let name = member.application.split('/').next_back().unwrap_or_default();
            printing::name(Kind::Application, &json!({"metadata": {"name": name}}))
        };
        return Ok(Some(waiting.iter().map(name).collect()));
    }
    let items = serde_json::to_value(waiting)?;
    Ok(printing::document(form, &json!({"apiVersion": "v1", "kind": "List", "items": items})))
}

/// A sentence per member that waits.
pub(super) fn sentences(members: &[&Member]) -> Vec<String> {
    let waits = members.iter().filter(|member| !member.waits_for.is_empty());
    waits
        .map(|member| format!("{} on {}: {}", member.application, member.cluster, member.waits_for))
        .collect()
}
