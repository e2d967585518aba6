//! `flotilla notify`.

use crate::{
    args::{Connection, NotifyCommand},
    cli::{client::Hub, output},
};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) async fn run(connection: Connection, command: NotifyCommand) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    match command {
        NotifyCommand::List => {
            let list = hub.get("/flotilla/v1/notifications").await?;
            let rows: Vec<Vec<String>> = list["items"].as_array().into_iter().flatten().map(row).collect();
            if rows.is_empty() {
                output::note(
                    "nobody is told: the ConfigMap flotilla-cm has no sinks under notifications.yaml",
                );
            } else {
                output::table(&["NAME", "TYPE", "ON", "LAST SENT", "PROBLEM"], &rows);
            }
        }
        NotifyCommand::Test { sink, event, send } => {
            let encoded: String = sink.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let path = format!("/flotilla/v1/notifications/{encoded}/test");
            let answer = hub.post(&path, &json!({"event": event, "send": send})).await?;
            output::line(&serde_json::to_string_pretty(&answer["body"])?);
            let status = &answer["status"];
            match answer["sent"].as_bool() {
                Some(true) => output::note(&format!("sent: {sink} answered {status}")),
                Some(false) | None => output::note("not sent; --send sends it"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(sink: &Value) -> Vec<String> {
    let text = |field: &str| sink[field].as_str().unwrap_or_default().to_owned();
    let on: Vec<&str> = sink["on"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let problem = match (text("problem"), text("failingSince")) {
        (problem, since) if !since.is_empty() => format!("since {since}: {problem}"),
        (problem, _) => problem,
    };
    let last = Some(text("lastSent")).filter(|last| !last.is_empty());
    vec![text("name"), text("type"), on.join(","), last.unwrap_or_else(|| "-".to_owned()), problem]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_wrong_and_since_when() {
        let well = json!({"name": "a", "type": "slack", "on": ["halted", "done"], "lastSent": "2026-01-01T00:00:00Z"});
        assert_eq!(row(&well), ["a", "slack", "halted,done", "2026-01-01T00:00:00Z", ""]);
        let ill = json!({"name": "b", "type": "generic", "on": ["done"], "failingSince": "T", "problem": "it answers 500"});
        assert_eq!(row(&ill), ["b", "generic", "done", "-", "since T: it answers 500"]);
    }
}
