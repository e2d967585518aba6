//! `flotilla cluster retire`.

use crate::cli::{client::Hub, confirm::confirm, output};
use serde_json::{Value, json};
use shared_model::Kind;
use std::time::{Duration, Instant};

/// How often it is looked how far a drain is.
const LOOK: Duration = Duration::from_millis(500);
/// How long a drain that waits is watched before the person is told what else to do.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn retire(hub: &Hub, name: &str, drain: bool, yes: bool) -> anyhow::Result<()> {
    let cluster = hub.read(Kind::Cluster, "", name).await?;
    confirm(&question(&cluster, name, drain), name, yes)?;
    let patch = json!({"spec": {"retire": {"drain": drain, "by": null, "at": null}}});
    hub.merge(Kind::Cluster, "", name, &patch).await?;
    let mut said = String::new();
    let mut waits: Option<Instant> = None;
    loop {
        let Some(cluster) = hub.find(Kind::Cluster, "", name).await? else {
            output::line(&format!("cluster {name} has left the fleet"));
            if !drain {
                output::note("What runs there stays; its agent has no identity any more and may be removed.");
            }
            return Ok(());
        };
        let (message, stuck) = progress(&cluster);
        if !message.is_empty() && message != said {
            output::line(&format!("{name}: {message}"));
            said = message;
        }
        waits = if stuck { waits.or_else(|| Some(Instant::now())) } else { None };
        if waits.is_some_and(|since| since.elapsed() >= PATIENCE) {
            output::note("The hub goes on by itself; `flotilla cluster list` shows how far it is.");
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn question(cluster: &Value, name: &str, drain: bool) -> String {
    let drained = cluster.pointer("/spec/retire/drain") == Some(&Value::Bool(true));
    match (drain, drained) {
        (true, _) => format!(
            "Everything that the hub put on {name} is removed there, then its identity ends and its Applications go."
        ),
        (false, true) => format!(
            "The drain of {name} is given up: what is there now stays, its identity ends and its Applications go."
        ),
        (false, false) => {
            format!("The identity of {name} ends and its Applications go; what runs there stays.")
        }
    }
}

/// What the hub says of a cluster on its way out, and whether that waits for somebody.
fn progress(cluster: &Value) -> (String, bool) {
    let conditions = cluster.pointer("/status/conditions").and_then(Value::as_array);
    let retiring = conditions.into_iter().flatten().find(|condition| condition["type"] == "Retiring");
    let text =
        |field: &str| retiring.and_then(|condition| condition[field].as_str()).unwrap_or_default().to_owned();
    (text("message"), text("reason") == "Waits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_says_what_stays() {
        let check = |cluster: &Value, drain, part: &str| {
            let asked = question(cluster, "eu-1", drain);
            assert!(asked.contains(part), "{asked}");
        };
        check(&json!({}), false, "what runs there stays");
        check(&json!({}), true, "Everything that the hub put on eu-1 is removed there");
        let drained = json!({"spec": {"retire": {"drain": true}}});
        check(&drained, false, "The drain of eu-1 is given up: what is there now stays");
    }

    #[test]
    fn progress_is_the_hubs_own_sentence() {
        let cluster = json!({"status": {"conditions": [
            {"type": "Held", "status": "False", "message": "no"},
            {"type": "Retiring", "status": "True", "reason": "Waits", "message": "drained for ann: 2 left"},
        ]}});
        assert_eq!(progress(&cluster), ("drained for ann: 2 left".to_owned(), true));
        assert_eq!(progress(&json!({})), (String::new(), false));
    }
}
