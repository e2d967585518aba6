//! `flotilla cluster`.

use crate::{
    args::{ClusterCommand, Connection, Printing},
    cli::{
        client::Hub,
        output,
        printing::{self, Column, Layout, When},
    },
};
use anyhow::Context as _;
use jiff::Timestamp;
use rand::RngCore as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::{Cluster, JoinToken, Kind, SKIP_RECONCILE_ANNOTATION, duration};
use std::{
    collections::BTreeMap,
    process::ExitCode,
    time::{Duration, Instant},
};

mod observe;
mod retire;
mod status;

/// How long after its end a certificate can be renewed (design §6).
const RENEWABLE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a pause waits to be acknowledged before the person is told what else to do.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

pub(crate) async fn run(connection: Connection, command: ClusterCommand) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    match command {
        ClusterCommand::Token { name, labels, expires, reenrol } => {
            let labels = parse_labels("--labels", &labels)?;
            token(&hub, &name, &labels, expires, reenrol).await?;
        }
        ClusterCommand::Get { name, printing } => status::show(&hub, &name, printing).await?,
        ClusterCommand::Observe { name, off, yes } => observe::observe(&hub, &name, off, yes).await?,
        ClusterCommand::Events { name } => status::events(&hub, &name).await?,
        ClusterCommand::List { selector, printing } => list(&hub, selector.as_deref(), printing).await?,
        ClusterCommand::Pause { name, duration, reason } => pause(&hub, &name, duration, &reason).await?,
        ClusterCommand::Resume { name } => resume(&hub, &name).await?,
        ClusterCommand::Retire { name, drain, yes } => retire::retire(&hub, &name, drain, yes).await?,
        ClusterCommand::Revoke { name, reason } => revoke(&hub, &name, &reason).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Labels as a flag has them: `env=prod,region=eu`.
pub(crate) fn parse_labels(flag: &str, text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair
                .split_once('=')
                .with_context(|| format!("{flag}: `{pair}` is not KEY=VALUE, e.g. env=prod,region=eu"))?;
            let problems =
                [shared_objects::names::qualified_name(key), shared_objects::names::label_value(value)]
                    .concat();
            match problems.first() {
                Some(problem) => anyhow::bail!("{flag}: `{pair}`: {problem}"),
                None => Ok((key.to_owned(), value.to_owned())),
            }
        })
        .collect()
}

async fn token(
    hub: &Hub,
    name: &str,
    labels: &BTreeMap<String, String>,
    expires: Duration,
    reenrol: bool,
) -> anyhow::Result<()> {
    if let Some(problem) = shared_objects::names::dns1123_subdomain(name).first() {
        anyhow::bail!("--name `{name}`: {problem}");
    }
    if !reenrol && has_joined(hub, name).await? {
        anyhow::bail!(
            "{name} has joined before, and no hub takes a second enrolment by mistake: `flotilla cluster token --name {name} --reenrol` makes a token that replaces its identity"
        );
    }
    let mut random = [0_u8; 36];
    rand::rng().fill_bytes(&mut random);
    let (id, secret) = random.split_at(4);
    let (id, secret) = (format!("{name}-{}", hex::encode(id)), hex::encode(secret));
    let info = hub.get("/flotilla/v1/info").await?;
    let text = |field: &str| info[field].as_str().unwrap_or_default().to_owned();
    let until = jiff_after(expires)?;
    let authority = fingerprint(&text("caPem"))?;
    // The hub gets the secret's hash only: nobody who reads its store can join.
    let object = json!({
        "apiVersion": "flotilla.dev/v1alpha1",
        "kind": "EnrollmentToken",
        "metadata": {"name": id},
        "spec": {
            "cluster": name,
            "labels": labels,
            "secretHash": hex::encode(Sha256::digest(secret.as_bytes())),
            "expires": until,
            "reenrol": reenrol,
            "authority": authority,
        },
    });
    hub.create(Kind::EnrollmentToken, "", &object).await?;
    let token = JoinToken { id, secret, authority };
    output::note(&format!(
        "Run this where {name} can be reached; the token works once, for {}:",
        duration(expires)
    ));
    output::line(&format!(
        "flotilla-agent --kubeconfig KUBECONFIG-OF-{} --hub {} --token {token}",
        name.to_uppercase(),
        text("agentAddress"),
    ));
    Ok(())
}

/// Whether a cluster of this name has an identity, a revoked one included.
async fn has_joined(hub: &Hub, name: &str) -> anyhow::Result<bool> {
    let clusters = hub.list(Kind::Cluster, "", None).await?;
    let named = clusters.iter().find(|cluster| cluster["metadata"]["name"] == *name);
    Ok(named.is_some_and(|cluster| cluster.pointer("/status/identity").is_some()))
}

fn jiff_after(wait: Duration) -> anyhow::Result<Timestamp> {
    shared_runtime::now().checked_add(wait).context("--expires is too long")
}

/// SHA-256 of the first certificate in a PEM text.
fn fingerprint(pem: &str) -> anyhow::Result<String> {
    use base64::Engine as _;
    let body: String = pem
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN CERTIFICATE"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    let der =
        base64::engine::general_purpose::STANDARD.decode(body).context("the hub's certificate authority")?;
    Ok(hex::encode(Sha256::digest(der)))
}

/// What a list shows.
const COLUMNS: &[Column] = &[
    ("NAME", When::Always),
    ("STATE", When::Always),
    ("PAUSED", When::Always),
    ("KUBERNETES", When::Always),
    ("AGENT", When::Wide),
    ("SINCE", When::Wide),
    ("CERTIFICATE ENDS", When::Wide),
    ("LABELS", When::Always),
];

async fn list(hub: &Hub, selector: Option<&str>, printing: Printing) -> anyhow::Result<()> {
    let clusters = hub.list(Kind::Cluster, "", selector).await?;
    if let Some(lines) = printing::several(printing.output, Kind::Cluster, &clusters) {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    if clusters.is_empty() {
        output::note(&match selector {
            None => {
                "No clusters yet. `flotilla cluster token --name eu-1` prints the command that joins one."
                    .to_owned()
            }
            Some(selector) => format!("No clusters with the labels {selector}; without -l all are listed."),
        });
        return Ok(());
    }
    let now = shared_runtime::now();
    let rows: Vec<Vec<String>> = clusters.iter().map(|cluster| row(cluster, now)).collect();
    let layout = Layout { printing, all_namespaces: false };
    layout.table(COLUMNS, &rows).iter().for_each(|line| output::line(line));
    for cluster in &clusters {
        if let Some(hint) = unacknowledged(cluster, now) {
            output::note(&hint);
        }
        warnings(cluster, now).iter().for_each(|warning| output::note(warning));
    }
    Ok(())
}

fn row(cluster: &Value, now: Timestamp) -> Vec<String> {
    let text =
        |pointer: &str| cluster.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let state = match text("/status/connection/state") {
        _ if cluster.pointer("/status/identity/revoked").is_some() => "Revoked".to_owned(),
        state if state.is_empty() => "Never".to_owned(),
        state => match super::restore::held(cluster) {
            Some(reason) => format!("{state}, held ({reason})"),
            None => state,
        },
    };
    let state = match cluster.pointer("/spec/retire/drain") {
        Some(Value::Bool(true)) => format!("{state}, drained"),
        _ if cluster.pointer("/spec/retire").is_some() => format!("{state}, retired"),
        _ => state,
    };
    let state = if text("/spec/mode") == "Observe" { format!("{state}, observes only") } else { state };
    let labels = cluster["metadata"]["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    vec![
        text("/metadata/name"),
        state,
        paused(cluster, now),
        text("/status/facts/kubernetesVersion"),
        text("/status/connection/agentVersion"),
        status::time(&text("/status/connection/since")),
        status::time(&text("/status/identity/expiresAt")),
        labels.join(","),
    ]
}

/// `INC-7, 1h50m left`, and whether the agent has acknowledged it.
fn paused(cluster: &Value, now: Timestamp) -> String {
    let local = cluster.pointer("/status/pause/local").filter(|local| {
        let until = local["until"].as_str().and_then(|until| until.parse::<Timestamp>().ok());
        until.is_none_or(|until| now < until)
    });
    let asked = Cluster::from_value(cluster).ok().and_then(|cluster| cluster.pause(now));
    let mut parts = Vec::new();
    if let Some(pause) = asked {
        let left = pause.ends().map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
        let left = left.map(|left| format!(", {} left", duration(left))).unwrap_or_default();
        let reason = if pause.reason.is_empty() { "no reason given" } else { &pause.reason };
        let known = cluster.pointer("/status/pause/acknowledgedAt").is_some();
        let since = pause.at.map(|at| at.strftime(" since %H:%M:%S UTC").to_string()).unwrap_or_default();
        let state =
            if known { "acknowledged".to_owned() } else { format!("requested, not acknowledged{since}") };
        parts.push(format!("{reason}{left} ({state})"));
    }
    if let Some(local) = local {
        let text = |field: &str| local[field].as_str().unwrap_or_default();
        let reason = if text("reason").is_empty() { "no reason given" } else { text("reason") };
        let by = if text("by").is_empty() { String::new() } else { format!(" by {}", text("by")) };
        let left = text("until").parse::<Timestamp>().ok().map(|until| until.duration_since(now));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        let left = left.map(|left| format!(", {} left", duration(left))).unwrap_or_default();
        parts.push(format!("in the cluster{by}: {reason}{left}"));
    }
    if parts.is_empty() { "no".to_owned() } else { parts.join("; ") }
}

/// What a person should know of a cluster's agent: conditions that hold, and an identity that ended or will.
fn warnings(cluster: &Value, now: Timestamp) -> Vec<String> {
    let text = |pointer: &str| cluster.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name");
    let conditions = cluster.pointer("/status/conditions").and_then(Value::as_array);
    let holds = conditions.into_iter().flatten().filter(|condition| condition["status"] == "True");
    let mut warnings: Vec<String> = holds
        .map(|condition| format!("{name}: {}", condition["message"].as_str().unwrap_or_default()))
        .collect();
    let again = format!("`flotilla cluster token --name {name} --reenrol`");
    if cluster.pointer("/status/identity/revoked").is_some() {
        let (by, at) = (text("/status/identity/revoked/by"), text("/status/identity/revoked/at"));
        let reason = text("/status/identity/revoked/reason");
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        warnings.push(format!(
            "{name}: {by} revoked its identity at {}{reason}; {again} lets it come back",
            status::time(at)
        ));
    } else if let Ok(at) = text("/status/identity/expiresAt").parse::<Timestamp>()
        && at < now
    {
        let renewable = at.checked_add(RENEWABLE).unwrap_or(Timestamp::MAX);
        warnings.push(if now <= renewable {
            format!("{name}: its certificate expired at {at}; its agent renews it when it returns before {renewable}")
        } else {
            format!("{name}: its certificate expired at {at} and cannot be renewed any more; {again} replaces it")
        });
    }
    warnings
}

/// What to run in a cluster whose agent has not answered to a pause.
fn unacknowledged(cluster: &Value, now: Timestamp) -> Option<String> {
    let asked = Cluster::from_value(cluster).ok()?.pause(now)?;
    if cluster.pointer("/status/pause/acknowledgedAt").is_some() {
        return None;
    }
    let name = cluster.pointer("/metadata/name").and_then(Value::as_str)?;
    let reason = match asked.reason.as_str() {
        "" => String::new(),
        reason if reason.contains(char::is_whitespace) => format!(" --reason '{reason}'"),
        reason => format!(" --reason {reason}"),
    };
    let length =
        cluster.pointer("/spec/pause/for").and_then(Value::as_str).filter(|_| asked.duration.is_some());
    let length = length.map(|length| format!(" --for {length}")).unwrap_or_default();
    let since = asked.at.map(|at| at.strftime(" since %Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    Some(format!(
        "Requested, not acknowledged{since}: {name} has not acknowledged its pause. The hub releases nothing to it; to stop its agent now, run there: flotilla-agent pause{length}{reason}"
    ))
}

async fn pause(hub: &Hub, name: &str, length: Option<Duration>, reason: &str) -> anyhow::Result<()> {
    // Exact: what people read is rounded.
    let length = length.map(|length| format!("{}s", length.as_secs()));
    let patch = json!({"spec": {"pause": {"reason": reason, "for": length, "at": null}}});
    let mut cluster = hub.merge(Kind::Cluster, "", name, &patch).await?;
    output::line(&format!("cluster {name} is paused: the hub releases nothing to it from now on"));
    // An agent that is there answers at once.
    let asked = Instant::now();
    while is_connected(&cluster)
        && unacknowledged(&cluster, shared_runtime::now()).is_some()
        && asked.elapsed() < ANSWERS_WITHIN
    {
        tokio::time::sleep(ANSWERS_WITHIN / 10).await;
        cluster = hub.read(Kind::Cluster, "", name).await?;
    }
    match unacknowledged(&cluster, shared_runtime::now()) {
        Some(hint) => output::note(&hint),
        None => output::line("its agent has acknowledged it: nothing is written there any more"),
    }
    Ok(())
}

fn is_connected(cluster: &Value) -> bool {
    cluster.pointer("/status/connection/state").is_some_and(|state| state == "Connected")
}

async fn revoke(hub: &Hub, name: &str, reason: &str) -> anyhow::Result<()> {
    hub.post(&format!("/flotilla/v1/clusters/{name}/revoke"), &json!({"reason": reason})).await?;
    output::line(&format!(
        "the identity of cluster {name} is revoked: its stream is cut and its certificates are refused"
    ));
    output::note(&format!(
        "What runs there stays. To let it come back with a new identity: flotilla cluster token --name {name} --reenrol"
    ));
    Ok(())
}

async fn resume(hub: &Hub, name: &str) -> anyhow::Result<()> {
    let cluster = hub.merge(Kind::Cluster, "", name, &json!({"spec": {"pause": null}})).await?;
    output::line(&format!("cluster {name} is resumed"));
    if !cluster["metadata"]["annotations"][SKIP_RECONCILE_ANNOTATION].is_null() {
        output::note(&format!(
            "Argo CD's annotation pauses it too; to lift that: kubectl annotate cluster {name} {SKIP_RECONCILE_ANNOTATION}-"
        ));
    }
    if cluster.pointer("/status/pause/local").is_some() {
        output::note(
            "It is paused in the cluster too, and only there can that be lifted: by `flotilla-agent resume`, or by removing the annotation",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
