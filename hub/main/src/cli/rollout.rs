//! `flotilla rollout`: what rollouts wait for, and what people decide about them.

mod decide;
mod members;
mod name;
mod status;
mod undo;
mod watch;
mod why;

use crate::{
    args::{Connection, RolloutCommand},
    cli::{
        client::Hub,
        listing::{self, Shown},
        printing::When,
    },
};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::Kind;
use shared_rollout::HeldUp;
use std::process::ExitCode;

pub(crate) use status::time;

/// What a list shows.
const LISTED: Shown = Shown {
    kind: Kind::FleetRollout,
    columns: &[
        ("NAMESPACE", When::AllNamespaces),
        ("NAME", When::Always),
        ("PHASE", When::Always),
        ("PROVEN", When::Always),
        ("OWNER", When::Wide),
        ("STARTED", When::Wide),
        ("COMMIT", When::Wide),
        ("WAITS FOR", When::Always),
    ],
    row,
    first: "The first follows the first Application.",
};

pub(crate) async fn run(connection: Connection, command: RolloutCommand) -> anyhow::Result<ExitCode> {
    if let RolloutCommand::Simulate(options) = command {
        return super::simulate::run(connection, *options).await;
    }
    let hub = Hub::connect(connection)?;
    match command {
        RolloutCommand::Simulate(_) => {}
        RolloutCommand::List(listing) => listing::list(&hub, &listing, LISTED).await?,
        RolloutCommand::Status(asked) => status::show(&hub, &asked).await?,
        RolloutCommand::Why(asked) => why::tell(&hub, &asked).await?,
        RolloutCommand::Watch(which) => return watch::run(&hub, &which).await,
        RolloutCommand::Approve(approve) => decide::approve(&hub, &approve).await?,
        RolloutCommand::Pause(pause) => decide::pause(&hub, &pause).await?,
        RolloutCommand::Resume(plain) => decide::plain(&hub, &plain, "resume").await?,
        RolloutCommand::Abort(plain) => decide::plain(&hub, &plain, "abort").await?,
        RolloutCommand::Retry(plain) => decide::plain(&hub, &plain, "retry").await?,
        RolloutCommand::Undo(undo) => undo::undo(&hub, &undo).await?,
        RolloutCommand::Expedite(expedite) => undo::expedite(&hub, &expedite).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn row(rollout: &Value, now: Timestamp) -> Vec<String> {
    let waves = rollout.pointer("/status/waves").and_then(Value::as_array);
    let sum = |field: &str| waves.into_iter().flatten().filter_map(|wave| wave[field].as_u64()).sum::<u64>();
    let progress = format!("{}/{}", sum("proven"), sum("total"));
    let mut phase = text(rollout, "/status/phase");
    let paused = serde_json::from_value::<HeldUp>(rollout["status"]["paused"].clone());
    if paused.is_ok_and(|paused| paused.is_active(now)) {
        phase.push_str(" (paused)");
    }
    let owner = format!("{}/{}", text(rollout, "/spec/owner/kind"), text(rollout, "/spec/owner/name"));
    vec![
        text(rollout, "/metadata/namespace"),
        text(rollout, "/metadata/name"),
        phase,
        progress,
        owner,
        time(&text(rollout, "/status/started")),
        hub_show::short(&text(rollout, "/spec/commits/0/commit")),
        text(rollout, "/status/waitsFor"),
    ]
}

/// A text in an object; empty when there is none.
fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
