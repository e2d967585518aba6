//! `flotilla appset`.

mod diff;
mod generate;
mod given;
mod lint;
mod staging;

use crate::{
    args::{AppsetCommand, Connection},
    cli::{client::Hub, output},
};
use anyhow::bail;
use serde_json::{Value, json};
use shared_model::{APPROVE_DELETIONS_ANNOTATION, Kind};
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, command: AppsetCommand) -> anyhow::Result<ExitCode> {
    match command {
        AppsetCommand::Generate(options) => Box::pin(generate::run(*options)).await,
        AppsetCommand::Diff(options) => Ok(Box::pin(diff::run(connection, *options)).await),
        AppsetCommand::Lint(options) => Ok(Box::pin(lint::run(*options)).await),
        AppsetCommand::List { namespace } => list(&Hub::connect(connection)?, &namespace.namespace).await,
        AppsetCommand::Approve { name, namespace } => {
            approve(&Hub::connect(connection)?, &name, &namespace.namespace).await
        }
    }
}

async fn list(hub: &Hub, namespace: &str) -> anyhow::Result<ExitCode> {
    let sets = hub.list(Kind::ApplicationSet, namespace, None).await?;
    let rows: Vec<Vec<String>> = sets.iter().map(row).collect();
    if rows.is_empty() {
        output::note("No ApplicationSets yet. `kubectl apply -f` one.");
    } else {
        output::table(&["NAME", "APPLICATIONS", "ROLLOUT", "HOLDS"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

async fn approve(hub: &Hub, name: &str, namespace: &str) -> anyhow::Result<ExitCode> {
    let sets = hub.list(Kind::ApplicationSet, namespace, None).await?;
    let Some(set) = sets.iter().find(|set| set["metadata"]["name"] == name) else {
        bail!("there is no ApplicationSet `{name}` in namespace {namespace}");
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
    hub.merge(Kind::ApplicationSet, namespace, name, &patch).await?;
    output::line(&format!("approved: {message}"));
    Ok(ExitCode::SUCCESS)
}

/// A set with what it holds back, or what its own deletion waits for.
fn row(set: &Value) -> Vec<String> {
    let text = |pointer: &str| set.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let conditions = set.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |kind: &str| {
        let held = |condition: &&Value| condition["type"] == kind && condition["status"] == "True";
        let condition = conditions.into_iter().flatten().find(held)?;
        Some(condition["message"].as_str().unwrap_or_default().to_owned())
    };
    vec![
        text("/metadata/name"),
        set.pointer("/status/resourcesCount").and_then(Value::as_u64).unwrap_or_default().to_string(),
        text("/status/rollout/name"),
        holds("DeletionHeld").or_else(|| holds("DeletionsHeld")).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_shows_the_deletions_that_it_holds() {
        let set = json!({
            "metadata": {"name": "fleet"},
            "status": {
                "resourcesCount": 12, "rollout": {"name": "fleet-3"},
                "conditions": [{"type": "DeletionsHeld", "status": "True", "message": "3 of 12 Applications would be deleted"}],
            },
        });
        assert_eq!(row(&set), ["fleet", "12", "fleet-3", "3 of 12 Applications would be deleted"]);
        assert_eq!(row(&json!({"metadata": {"name": "new"}})), ["new", "0", "", ""]);
    }
}
