//! `flotilla appset`.

use crate::{
    args::{AppsetCommand, Connection},
    cli::{client::Hub, output},
};
use anyhow::bail;
use serde_json::{Value, json};
use shared_model::{APPROVE_DELETIONS_ANNOTATION, Kind};
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, command: AppsetCommand) -> anyhow::Result<ExitCode> {
    let AppsetCommand::Approve { name, namespace } = command;
    let hub = Hub::connect(connection)?;
    let sets = hub.list(Kind::ApplicationSet, &namespace.namespace, None).await?;
    let Some(set) = sets.iter().find(|set| set["metadata"]["name"] == name) else {
        bail!("there is no ApplicationSet `{name}` in namespace {}", namespace.namespace);
    };
    let conditions = set.pointer("/status/conditions").and_then(Value::as_array);
    let held = conditions.into_iter().flatten().find(|condition| condition["type"] == "DeletionsHeld");
    let Some(message) = held.and_then(|held| held["message"].as_str()) else {
        output::line(&format!("applicationset {name} holds no deletions"));
        return Ok(ExitCode::SUCCESS);
    };
    // The condition names the approval: exactly the deletions that it lists.
    let Some(approval) = message.split(&format!("{APPROVE_DELETIONS_ANNOTATION}=")).nth(1) else {
        bail!("the condition names no approval: {message}");
    };
    let approval: String = approval.chars().take_while(char::is_ascii_alphanumeric).collect();
    let patch = json!({"metadata": {"annotations": {APPROVE_DELETIONS_ANNOTATION: approval}}});
    hub.merge(Kind::ApplicationSet, &namespace.namespace, &name, &patch).await?;
    output::line(&format!("approved: {message}"));
    Ok(ExitCode::SUCCESS)
}
