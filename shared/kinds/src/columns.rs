//! What `kubectl get` prints of each kind.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use shared_model::{Cluster, Kind, duration};
use shared_objects::table::{Cell, Column, JsonPath};

/// The columns of a kind. Argo CD's kinds have its own first and in its order (`manifests/crds`); what Flotilla adds
/// stands behind them, with `-o wide` only.
pub fn columns(kind: Kind) -> Vec<Column> {
    let own = match kind {
        Kind::Application => {
            return vec![
                Column::name(),
                text("Sync Status", ".status.sync.status"),
                text("Health Status", ".status.health.status"),
                Column { priority: 10, ..text("Revision", ".status.sync.revision") },
                Column { priority: 10, ..text("Project", ".spec.project") },
                wide("Cluster", ".status.cluster"),
                Column { priority: 1, ..made("Paused", paused_application) },
                Column { priority: 1, ..made("Rollout", rollout_of) },
                // Argo CD shows none.
                Column { priority: 1, ..Column::age() },
            ];
        }
        Kind::ApplicationSet => {
            return vec![
                Column::name(),
                Column::age(),
                Column { priority: 1, ..number("Applications", ".status.resourcesCount") },
                Column { priority: 1, ..made("Rollout", rollout_phase) },
                wide("Waits For", ".status.rollout.message"),
            ];
        }
        Kind::AppProject => {
            return vec![Column::name(), Column::age(), wide("Description", ".spec.description")];
        }
        Kind::Cluster => vec![
            made("State", |cluster, _| match cluster.pointer("/status/identity/revoked") {
                Some(_) => "Revoked".into(),
                None => or(cluster.pointer("/status/connection/state"), "Never"),
            }),
            made("Paused", paused),
            text("Kubernetes", ".status.facts.kubernetesVersion"),
            wide("Clock", ".status.connection.clockSkew"),
            wide("Certificate Ends", ".status.identity.expiresAt"),
            Column { priority: 1, ..made("Labels", labels) },
        ],
        Kind::FleetRollout => vec![
            made("Phase", phase),
            made("Wave", wave),
            made("Proven", progress),
            text("Waits For", ".status.waitsFor"),
        ],
        Kind::RolloutPolicy => vec![
            made("Waves", waves),
            made("On Failure", |policy, _| or(policy.pointer("/spec/onFailure"), "Halt")),
        ],
        Kind::EnrollmentToken => vec![
            text("Cluster", ".spec.cluster"),
            made("Expires", expires),
            made("Used", |token, _| {
                if token.pointer("/status/phase").is_some_and(|phase| phase == "Used") { "yes" } else { "no" }
                    .into()
            }),
        ],
        Kind::Namespace => vec![text("Status", ".status.phase")],
        Kind::Secret => vec![
            made("Type", |secret, _| or(secret.get("type"), "Opaque")),
            Column { kind: "integer", ..made("Data", |secret, _| count(secret, &["data"])) },
        ],
        Kind::ConfigMap => {
            vec![Column { kind: "integer", ..made("Data", |map, _| count(map, &["data", "binaryData"])) }]
        }
        Kind::Event => return events(),
    };
    [Column::name()].into_iter().chain(own).chain([Column::age()]).collect()
}

fn path(path: &str) -> Cell {
    Cell::Path(JsonPath::parse(path).expect("the paths of this file are right"))
}

fn text(name: &'static str, at: &str) -> Column {
    Column::text(name, path(at))
}

fn wide(name: &'static str, at: &str) -> Column {
    Column { priority: 1, ..text(name, at) }
}

fn number(name: &'static str, at: &str) -> Column {
    Column { kind: "integer", ..text(name, at) }
}

fn made(name: &'static str, make: fn(&Value, Timestamp) -> Value) -> Column {
    Column::text(name, Cell::With(make))
}

fn or(found: Option<&Value>, otherwise: &str) -> Value {
    found.and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or(otherwise).into()
}

fn string<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn count(object: &Value, fields: &[&str]) -> Value {
    let of = |field: &&str| object.get(*field).and_then(Value::as_object).map_or(0, serde_json::Map::len);
    fields.iter().map(of).sum::<usize>().into()
}

/// As in `web-3 (canary: Released)`.
fn rollout_of(application: &Value, _: Timestamp) -> Value {
    let rollout = &application["status"]["rollout"];
    let (name, wave, state) = (string(rollout, "/name"), string(rollout, "/wave"), string(rollout, "/state"));
    match (name, wave) {
        ("", _) => Value::Null,
        (name, "") => format!("{name} ({state})").into(),
        (name, wave) => format!("{name} ({wave}: {state})").into(),
    }
}

/// As in `web-3 (Progressing)`.
fn rollout_phase(set: &Value, _: Timestamp) -> Value {
    let rollout = &set["status"]["rollout"];
    match (string(rollout, "/name"), string(rollout, "/phase")) {
        ("", _) => Value::Null,
        (name, "") => name.into(),
        (name, phase) => format!("{name} ({phase})").into(),
    }
}

/// As in `yes (INC-7, 1h50m left)`, or `requested, not acknowledged since 10:03:11`.
fn paused(cluster: &Value, now: Timestamp) -> Value {
    let local = cluster.pointer("/status/pause/local");
    let wanted = Cluster::from_value(cluster).ok().and_then(|cluster| cluster.pause(now));
    let Some(wanted) = wanted else {
        return match local {
            Some(local) => {
                let until = string(local, "/until").parse::<Timestamp>().ok();
                let left = until.map(|until| std::time::Duration::try_from(until.duration_since(now)));
                let reason = or_else(string(local, "/reason"), "no reason given");
                match left {
                    None => format!("in the cluster ({reason})").into(),
                    Some(Ok(left)) => format!("in the cluster ({reason}, {} left)", duration(left)).into(),
                    Some(Err(_)) => "no".into(),
                }
            }
            None => "no".into(),
        };
    };
    if string(cluster, "/status/pause/acknowledgedAt").is_empty() {
        return match wanted.at {
            Some(at) => format!(
                "requested, not acknowledged since {}",
                at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S")
            ),
            None => "requested, not acknowledged".to_owned(),
        }
        .into();
    }
    let left = wanted.ends().and_then(|end| std::time::Duration::try_from(end.duration_since(now)).ok());
    let left = left.map(|left| format!("{} left", duration(left)));
    let said: Vec<String> =
        [(!wanted.reason.is_empty()).then_some(wanted.reason), left].into_iter().flatten().collect();
    if said.is_empty() { "yes".into() } else { format!("yes ({})", said.join(", ")).into() }
}

/// As [`paused`], of one Application.
fn paused_application(application: &Value, now: Timestamp) -> Value {
    let pause = &application["status"]["pause"];
    let until = string(pause, "/until").parse::<Timestamp>().ok();
    if pause.is_null() || until.is_some_and(|until| until <= now) {
        return "no".into();
    }
    let reason = Some(string(pause, "/reason")).filter(|reason| !reason.is_empty()).map(str::to_owned);
    let left = until.and_then(|until| std::time::Duration::try_from(until.duration_since(now)).ok());
    let left = left.map(|left| format!("{} left", duration(left)));
    let unheard = (pause["acknowledged"] != true).then(|| "not acknowledged".to_owned());
    let said: Vec<String> = [reason, left, unheard].into_iter().flatten().collect();
    if said.is_empty() { "yes".into() } else { format!("yes ({})", said.join(", ")).into() }
}

fn or_else<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

fn labels(object: &Value, _: Timestamp) -> Value {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let shown: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if shown.is_empty() { "<none>".into() } else { shown.join(",").into() }
}

/// As in `Progressing (paused)`.
fn phase(rollout: &Value, now: Timestamp) -> Value {
    let phase = string(rollout, "/status/phase");
    let until = string(rollout, "/status/paused/until").parse::<Timestamp>();
    let paused = rollout.pointer("/status/paused").is_some() && until.is_ok_and(|until| now < until)
        || rollout.pointer("/status/paused").is_some_and(|paused| paused["until"].is_null());
    match phase {
        "" => Value::Null,
        phase if paused => format!("{phase} (paused)").into(),
        phase => phase.into(),
    }
}

/// As in `2/3 (rest)`: the wave that a rollout is in.
fn wave(rollout: &Value, _: Timestamp) -> Value {
    let waves =
        rollout.pointer("/status/waves").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let passed = |wave: &Value| wave["passed"].is_string();
    let Some(at) = waves.iter().position(|wave| !passed(wave)).or(waves.len().checked_sub(1)) else {
        return Value::Null;
    };
    match string(&waves[at], "/name") {
        "" => format!("{}/{}", at + 1, waves.len()).into(),
        name => format!("{}/{} ({name})", at + 1, waves.len()).into(),
    }
}

/// As in `4/12, 1 failed`.
fn progress(rollout: &Value, _: Timestamp) -> Value {
    let status = &rollout["status"];
    let number = |name: &str| status.get(name).and_then(Value::as_u64);
    let Some(members) = number("members") else { return Value::Null };
    let proven = number("proven").unwrap_or(0);
    match number("failed").unwrap_or(0) {
        0 => format!("{proven}/{members}").into(),
        failed => format!("{proven}/{members}, {failed} failed").into(),
    }
}

fn waves(policy: &Value, _: Timestamp) -> Value {
    let waves = policy.pointer("/spec/waves").and_then(Value::as_array);
    waves.into_iter().flatten().map(|wave| string(wave, "/name")).collect::<Vec<_>>().join(",").into()
}

/// How long a token still works.
fn expires(token: &Value, now: Timestamp) -> Value {
    let Ok(at) = string(token, "/spec/expires").parse::<Timestamp>() else { return "never".into() };
    match std::time::Duration::try_from(at.duration_since(now)) {
        Ok(left) if !left.is_zero() => format!("in {}", duration(left)).into(),
        Ok(_) | Err(_) => "expired".into(),
    }
}

fn events() -> Vec<Column> {
    let last = Column { kind: "date", ..text("Last Seen", ".lastTimestamp") };
    let object = made("Object", |event, _| {
        let about = &event["involvedObject"];
        format!("{}/{}", string(about, "/kind").to_lowercase(), string(about, "/name")).into()
    });
    vec![
        last,
        text("Type", ".type"),
        text("Reason", ".reason"),
        object,
        text("Message", ".message"),
        Column { priority: 1, ..Column::name() },
    ]
}

#[cfg(test)]
mod tests;
