//! `flotilla app`.

use crate::{
    args::{AppCommand, Connection},
    cli::{client::Hub, output},
};
use serde_json::{Value, json};
use shared_model::Kind;
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, command: AppCommand) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    match command {
        AppCommand::List { namespace } => {
            let apps = hub.list(Kind::Application, &namespace.namespace, None).await?;
            let rows: Vec<Vec<String>> = apps.iter().map(row).collect();
            if rows.is_empty() {
                output::note("No Applications yet. `kubectl apply -f` an Application or an ApplicationSet.");
            } else {
                output::table(&["NAME", "CLUSTER", "SYNC", "HEALTH", "ROLLOUT", "WAITS FOR"], &rows);
            }
        }
        AppCommand::Sync { name, namespace } => {
            let patch = json!({"operation": {"initiatedBy": {"username": "flotilla"}, "sync": {}}});
            hub.merge(Kind::Application, &namespace.namespace, &name, &patch).await?;
            output::line(&format!("application {name} will apply its release"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(app: &Value) -> Vec<String> {
    let text = |pointer: &str| app.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let conditions = app.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
    // What a person chose in the cluster explains everything else.
    let pin = conditions.iter().find(|condition| condition["type"] == "PinnedInCluster");
    let problem = pin.or(conditions.first()).and_then(|condition| condition["message"].as_str());
    let waits = match text("/status/rollout/message") {
        waits if waits.is_empty() => problem.unwrap_or_default().to_owned(),
        waits => waits,
    };
    vec![
        text("/metadata/name"),
        text("/status/cluster"),
        text("/status/sync/status"),
        text("/status/health/status"),
        text("/status/rollout/state"),
        waits,
    ]
}
