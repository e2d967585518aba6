//! `flotilla rollout approve|pause|resume|abort|retry`: a decision, and what it came to.

use super::{name, text};
use crate::{
    args::{Approve, Pause, Plain, Which},
    cli::{
        client::{Hub, collection},
        output,
    },
};
use serde_json::{Value, json};
use shared_model::Kind;

pub(super) async fn approve(hub: &Hub, asked: &Approve) -> anyhow::Result<()> {
    let mut body = json!({"decision": "approve", "reason": asked.why.reason});
    if let Some(wave) = &asked.wave {
        body["wave"] = json!(wave);
    }
    decide(hub, &asked.which, &body).await
}

pub(super) async fn pause(hub: &Hub, asked: &Pause) -> anyhow::Result<()> {
    let mut body = json!({"decision": "pause", "reason": asked.why.reason});
    if let Some(length) = asked.duration {
        // Exact: what people read is rounded.
        body["for"] = json!(format!("{}s", length.as_secs().max(1)));
    }
    decide(hub, &asked.which, &body).await
}

pub(super) async fn plain(hub: &Hub, asked: &Plain, decision: &str) -> anyhow::Result<()> {
    decide(hub, &asked.which, &json!({"decision": decision, "reason": asked.why.reason})).await
}

async fn decide(hub: &Hub, which: &Which, body: &Value) -> anyhow::Result<()> {
    let rollout = name::find(hub, which).await?;
    post(hub, &rollout, body).await
}

/// Takes a decision about a rollout and says what it came to.
pub(super) async fn post(hub: &Hub, rollout: &Value, body: &Value) -> anyhow::Result<()> {
    let (ns, name) = (text(rollout, "/metadata/namespace"), text(rollout, "/metadata/name"));
    let path = format!("{}/{name}/decisions", collection(Kind::FleetRollout, &ns));
    let after = hub.post(&path, body).await?;
    output::line(&said(&name, &after, body["decision"].as_str().unwrap_or_default()));
    output::note(&format!("`flotilla rollout watch {name}` shows what follows."));
    Ok(())
}

/// What a decision came to, as in `shop-2: wave canary is approved (After)`.
pub(super) fn said(name: &str, after: &Value, decision: &str) -> String {
    let phase = text(after, "/status/phase");
    let what = match decision {
        "approve" => {
            let given = after.pointer("/status/approvals").and_then(Value::as_array);
            let given = given.and_then(|given| given.last()).cloned().unwrap_or_default();
            let wave = given["wave"].as_u64().and_then(|wave| usize::try_from(wave).ok()).unwrap_or_default();
            let side = if given["side"] == "Before" { "to begin" } else { "to pass" };
            format!("wave {} is approved {side}", wave_name(after, wave))
        }
        "pause" => match text(after, "/status/paused/until") {
            until if until.is_empty() => "paused until somebody resumes it".to_owned(),
            until => format!("paused until {}", super::status::time(&until)),
        },
        "resume" => format!("resumed; it is {phase}"),
        "abort" => format!("stopped; it is {phase}, and members keep what they run"),
        "retry" => format!("tries again; it is {phase}"),
        "undo" => format!("goes back; it is {phase}"),
        "expedite" => "the clusters go ahead of their wave".to_owned(),
        _ => format!("it is {phase}"),
    };
    format!("{name}: {what}")
}

/// The name of a wave, from 0.
pub(super) fn wave_name(rollout: &Value, wave: usize) -> String {
    let plan =
        serde_json::from_value::<shared_model::fleet_rollout::PlanSpec>(rollout["spec"]["plan"].clone());
    plan.map(|plan| plan.wave_name(wave)).unwrap_or_else(|_| (wave + 1).to_string())
}
