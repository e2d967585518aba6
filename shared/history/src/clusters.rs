//! What the step from one status of a Cluster to the next means to people.
//!
//! An agent that is away for a moment is no news: whoever keeps the status marks `connection.lost` when it has been
//! away for a while, and that is what is told.

use crate::{Entry, What};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{ClusterName, duration};

/// The entries between two statuses of a Cluster.
pub fn of_status(cluster: &ClusterName, before: &Value, after: &Value, now: Timestamp) -> Vec<Entry> {
    let entry = |what, at, text: String| Entry {
        cluster: Some(cluster.clone()),
        ..Entry::new(what, at, format!("{cluster} {text}"))
    };
    let mut entries = Vec::new();
    let joined = |status: &Value| text(status, "/identity/joinedAt");
    if !joined(after).is_empty() && joined(before) != joined(after) {
        let what =
            if joined(before).is_empty() { "joined the fleet" } else { "joined again, with a new identity" };
        entries.push(entry(What::ClusterJoined, now, what.to_owned()));
    }
    let revoked = |status: &Value| text(status, "/identity/revoked/at");
    if !revoked(after).is_empty() && revoked(before) != revoked(after) {
        let (by, reason) = (text(after, "/identity/revoked/by"), text(after, "/identity/revoked/reason"));
        let what = format!("has no identity any more: {by} revoked it{}", because(&reason));
        entries.push(entry(What::IdentityRevoked, now, what).by(&by, &reason));
    }
    entries.extend(connection(before, after, now, &entry));
    let local = |status: &Value| {
        let of = |field| text(status, &format!("/pause/local/{field}"));
        status.pointer("/pause/local").is_some_and(Value::is_object).then(|| (of("by"), of("reason")))
    };
    match (local(before), local(after)) {
        (before, Some((by, reason))) if before != Some((by.clone(), reason.clone())) => {
            let until = text(after, "/pause/local/until");
            let until = if until.is_empty() { String::new() } else { format!(" until {until}") };
            let who = if by.is_empty() { String::new() } else { format!(" by {by}") };
            let what = format!("was paused in the cluster itself{who}{until}{}", because(&reason));
            entries.push(entry(What::PausedInCluster, now, what).by(&by, &reason));
        }
        (Some((by, _)), None) => {
            let what = "is not paused in the cluster itself any more".to_owned();
            entries.push(entry(What::ResumedInCluster, now, what).by(&by, ""));
        }
        (None | Some(_), _) => {}
    }
    let held = |status: &Value| {
        let conditions = status.pointer("/conditions").and_then(Value::as_array)?;
        let held = conditions.iter().find(|one| one["type"] == "Held" && one["status"] == "True")?;
        Some((text(held, "/reason"), text(held, "/message")))
    };
    if let Some((reason, message)) = held(after)
        && held(before).is_none_or(|before| before.0 != reason)
    {
        entries.push(entry(What::ClusterHeld, now, format!("is told nothing ({reason}): {message}")));
    }
    entries
}

fn connection(
    before: &Value,
    after: &Value,
    now: Timestamp,
    entry: &impl Fn(What, Timestamp, String) -> Entry,
) -> Option<Entry> {
    let lost = |status: &Value| status.pointer("/connection/lost") == Some(&Value::Bool(true));
    let since = |status: &Value| text(status, "/connection/since").parse::<Timestamp>().unwrap_or(now);
    match (lost(before), lost(after)) {
        (false, true) => {
            let why = because(&text(after, "/connection/reason"));
            Some(entry(What::ClusterLost, since(after), format!("is lost{why}")))
        }
        (true, false) if text(after, "/connection/state") == "Connected" => {
            let away = now.duration_since(since(before)).as_secs().max(0).unsigned_abs();
            let away = duration(std::time::Duration::from_secs(away));
            Some(entry(What::ClusterBack, now, format!("is back after {away}")))
        }
        (_, _) => None,
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
