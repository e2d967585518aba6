//! `flotilla appset`.

mod diff;
mod generate;
mod given;
mod lint;
mod staging;

use crate::{
    args::{AppsetCommand, Connection},
    cli::{
        client::Hub,
        listing::{self, Shown},
        output,
        printing::When,
    },
};
use anyhow::bail;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{APPROVE_DELETIONS_ANNOTATION, Kind};
use std::process::ExitCode;

/// What a list shows.
const LISTED: Shown = Shown {
    kind: Kind::ApplicationSet,
    columns: &[
        ("NAMESPACE", When::AllNamespaces),
        ("NAME", When::Always),
        ("APPLICATIONS", When::Always),
        ("ROLLOUT", When::Always),
        ("PHASE", When::Wide),
        ("HOLDS", When::Always),
    ],
    row,
    first: "`kubectl apply -f` one.",
};

pub(crate) async fn run(connection: Connection, command: AppsetCommand) -> anyhow::Result<ExitCode> {
    match command {
        AppsetCommand::Generate(options) => Box::pin(generate::run(*options)).await,
        AppsetCommand::Diff(options) => Ok(Box::pin(diff::run(connection, *options)).await),
        AppsetCommand::Lint(options) => Ok(Box::pin(lint::run(*options)).await),
        AppsetCommand::List(listing) => {
            listing::list(&Hub::connect(connection)?, &listing, LISTED).await?;
            Ok(ExitCode::SUCCESS)
        }
        AppsetCommand::Approve { name, namespace } => {
            approve(&Hub::connect(connection)?, &name, &namespace.namespace).await
        }
    }
}

async fn approve(hub: &Hub, name: &str, namespace: &str) -> anyhow::Result<ExitCode> {
    let set = hub.read(Kind::ApplicationSet, namespace, name).await?;
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
fn row(set: &Value, _: Timestamp) -> Vec<String> {
    let text = |pointer: &str| set.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let conditions = set.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |kind: &str| {
        let held = |condition: &&Value| condition["type"] == kind && condition["status"] == "True";
        let condition = conditions.into_iter().flatten().find(held)?;
        Some(condition["message"].as_str().unwrap_or_default().to_owned())
    };
    vec![
        text("/metadata/namespace"),
        text("/metadata/name"),
        set.pointer("/status/resourcesCount").and_then(Value::as_u64).unwrap_or_default().to_string(),
        text("/status/rollout/name"),
        text("/status/rollout/phase"),
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
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(
            row(&set, now),
            ["", "fleet", "12", "fleet-3", "", "3 of 12 Applications would be deleted"]
        );
        assert_eq!(row(&json!({"metadata": {"name": "new"}}), now), ["", "new", "0", "", "", ""]);
    }
}
