//! `flotilla rollout`.

use crate::{
    args::{Connection, RolloutCommand},
    cli::{client::Hub, output},
};
use serde_json::Value;
use shared_model::Kind;
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, command: RolloutCommand) -> anyhow::Result<ExitCode> {
    let RolloutCommand::List { namespace } = command;
    let hub = Hub::connect(connection)?;
    let rollouts = hub.list(Kind::FleetRollout, &namespace.namespace, None).await?;
    let rows: Vec<Vec<String>> = rollouts.iter().map(row).collect();
    if rows.is_empty() {
        output::note("No rollouts yet: the first follows the first Application.");
    } else {
        output::table(&["NAME", "PHASE", "PROVEN", "WAITS FOR"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(rollout: &Value) -> Vec<String> {
    let text =
        |pointer: &str| rollout.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let waves = rollout.pointer("/status/waves").and_then(Value::as_array);
    let sum = |field: &str| waves.into_iter().flatten().filter_map(|wave| wave[field].as_u64()).sum::<u64>();
    let progress = format!("{}/{}", sum("proven"), sum("total"));
    vec![text("/metadata/name"), text("/status/phase"), progress, text("/status/waitsFor")]
}
