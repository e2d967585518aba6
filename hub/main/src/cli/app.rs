//! `flotilla app`.

mod diff;
mod get;
mod history;
pub(super) mod offline;
mod pause;
mod render;
mod wait;

pub(crate) use offline::places::Repo;

use crate::{
    args::{AppCommand, Connection},
    cli::{
        client::Hub,
        confirm::confirm,
        listing::{self, Shown},
        output,
        printing::When,
    },
};
use anyhow::bail;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{Kind, RESOURCES_FINALIZER};
use std::process::ExitCode;

/// What a list shows.
const LISTED: Shown = Shown {
    kind: Kind::Application,
    columns: &[
        ("NAMESPACE", When::AllNamespaces),
        ("NAME", When::Always),
        ("PROJECT", When::Wide),
        ("CLUSTER", When::Always),
        ("SYNC", When::Always),
        ("HEALTH", When::Always),
        ("REVISION", When::Wide),
        ("ROLLOUT", When::Always),
        ("OF", When::Wide),
        ("WAITS FOR", When::Always),
    ],
    row,
    first: "`kubectl apply -f` an Application or an ApplicationSet.",
};

pub(crate) async fn run(connection: Connection, command: AppCommand) -> anyhow::Result<ExitCode> {
    if let AppCommand::Render(options) = command {
        return Box::pin(render::run(*options)).await;
    }
    if let AppCommand::Diff(options) = command {
        return Ok(Box::pin(diff::run(connection, *options)).await);
    }
    let hub = Hub::connect(connection)?;
    match command {
        // Above.
        AppCommand::Render(_) | AppCommand::Diff(_) => {}
        AppCommand::List(listing) => listing::list(&hub, &listing, LISTED).await?,
        AppCommand::Get { name, namespace, printing } => {
            get::show(&hub, &namespace.namespace, &name, printing).await?;
        }
        AppCommand::History { name, namespace, printing } => {
            history::show(&hub, &namespace.namespace, &name, printing).await?;
        }
        AppCommand::Wait(options) => return Box::pin(wait::run(&hub, &options)).await,
        AppCommand::Sync { name, namespace } => {
            let patch = json!({"operation": {"initiatedBy": {"username": "flotilla"}, "sync": {}}});
            hub.merge(Kind::Application, &namespace.namespace, &name, &patch).await?;
            output::line(&format!("application {name} will apply its release"));
            output::note(&format!(
                "`flotilla app wait {name} -n {}` waits until it is synced and healthy.",
                namespace.namespace
            ));
        }
        AppCommand::Forget { name, namespace, yes } => {
            forget(&hub, &name, &namespace.namespace, yes).await?;
        }
        AppCommand::Pause { applications, duration, reason } => {
            pause::pause(&hub, &applications, duration, &reason).await?;
        }
        AppCommand::Resume { applications } => pause::resume(&hub, &applications).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the work comes to; `None` when Ctrl-C came first.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // Files are read before it waits for anything: until then an interrupt ends the process by itself, even in the middle of a read.
        biased;
        done = work => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    }
}

/// Says that it was interrupted.
pub(super) fn interrupted() -> ExitCode {
    offline::progress("");
    output::note("interrupted");
    ExitCode::from(130)
}

/// Deletes an Application whose cluster is away, and lets it go without that.
async fn forget(hub: &Hub, name: &str, namespace: &str, yes: bool) -> anyhow::Result<()> {
    let app = hub.read(Kind::Application, namespace, name).await?;
    let cluster = app.pointer("/status/cluster").and_then(Value::as_str).unwrap_or_default();
    let found = match cluster {
        "" => None,
        cluster => hub.find(Kind::Cluster, "", cluster).await?,
    };
    let set = match owner(&app) {
        Some(set) => hub.find(Kind::ApplicationSet, namespace, set).await?,
        None => None,
    };
    if let Some(why) = refusal(&app, found.as_ref(), set.as_ref()) {
        bail!("{why}");
    }
    let place = if cluster.is_empty() { "its cluster" } else { cluster };
    let question = format!(
        "Application {namespace}/{name} goes without a word from {place}; what it put there stays until somebody removes it."
    );
    confirm(&question, name, yes)?;
    hub.delete(Kind::Application, namespace, name).await?;
    if let Some(marked) = hub.find(Kind::Application, namespace, name).await? {
        let patch = json!({"metadata": {"finalizers": others(&marked)}});
        hub.merge(Kind::Application, namespace, name, &patch).await?;
    }
    output::line(&format!("application {name} is forgotten"));
    output::note(&format!(
        "When {place} returns, its agent is told to give the application up without its objects; an Application of this name made until then takes them over."
    ));
    Ok(())
}

/// The set that made an Application.
fn owner(app: &Value) -> Option<&str> {
    let owners = app.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner["kind"] == "ApplicationSet")?["name"].as_str()
}

/// Why an Application is not forgotten: its cluster can be told, or its set would make it again.
fn refusal(app: &Value, cluster: Option<&Value>, set: Option<&Value>) -> Option<String> {
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (name, namespace) = (text(app, "/metadata/name"), text(app, "/metadata/namespace"));
    if let Some(cluster) = cluster.filter(|cluster| text(cluster, "/status/connection/state") == "Connected")
    {
        let cluster = text(cluster, "/metadata/name");
        return Some(format!(
            "{cluster} is connected, so its agent can be told: kubectl delete application {name} -n {namespace}"
        ));
    }
    let going = |object: &Value| object.pointer("/metadata/deletionTimestamp").is_some();
    let set = set.filter(|set| !going(set) && !going(app))?;
    Some(format!(
        "ApplicationSet {} would make {name} again: take its cluster out of the set, or out of the fleet with `flotilla cluster retire`",
        text(set, "/metadata/name")
    ))
}

/// The finalizers that are not about the cluster's objects.
fn others(app: &Value) -> Vec<&str> {
    let finalizers = app.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names = finalizers.into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| !name.starts_with(RESOURCES_FINALIZER)).collect()
}

fn row(app: &Value, _: Timestamp) -> Vec<String> {
    let text = |pointer: &str| text(app, pointer).to_owned();
    vec![
        text("/metadata/namespace"),
        text("/metadata/name"),
        text("/spec/project"),
        text("/status/cluster"),
        text("/status/sync/status"),
        text("/status/health/status"),
        revisions(&app["status"]["sync"])
            .iter()
            .map(|one| hub_show::short(one))
            .collect::<Vec<_>>()
            .join(","),
        text("/status/rollout/state"),
        text("/status/rollout/name"),
        waits_for(app),
    ]
}

/// A text in an object; empty when there is none.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `revision` or `revisions`, whichever there is.
fn revisions(of: &Value) -> Vec<&str> {
    match (of["revision"].as_str(), of["revisions"].as_array()) {
        (Some(one), _) => vec![one],
        (None, several) => several.into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// What an Application waits for, or what is wrong with it.
fn waits_for(app: &Value) -> String {
    let conditions = app.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
    // What a person chose explains everything else.
    let chosen = ["PinnedInCluster", "Paused"];
    let chosen =
        chosen.iter().find_map(|kind| conditions.iter().find(|condition| condition["type"] == *kind));
    let problem = chosen.or(conditions.first()).and_then(|condition| condition["message"].as_str());
    match text(app, "/status/rollout/message") {
        "" => problem.unwrap_or_default().to_owned(),
        waits => waits.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_can_be_told_of_and_nobody_makes_again_is_forgotten() {
        let app = |deleted: Option<&str>| {
            let mut app = json!({"metadata": {"name": "web", "namespace": "argocd"}});
            if let Some(at) = deleted {
                app["metadata"]["deletionTimestamp"] = json!(at);
            }
            app
        };
        let cluster =
            |state: &str| json!({"metadata": {"name": "eu-1"}, "status": {"connection": {"state": state}}});
        let set = json!({"metadata": {"name": "fleet"}});
        let going = json!({"metadata": {"name": "fleet", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let check = |app: Value, cluster: Option<Value>, set: Option<&Value>, expect: Option<&str>| {
            let said = refusal(&app, cluster.as_ref(), set);
            assert_eq!(said.is_some(), expect.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(expect.unwrap_or_default()), "{expect:?}");
        };
        check(app(None), Some(cluster("Connected")), None, Some("kubectl delete application web -n argocd"));
        check(app(None), Some(cluster("Disconnected")), None, None);
        check(app(None), None, None, None);
        check(
            app(None),
            Some(cluster("Disconnected")),
            Some(&set),
            Some("ApplicationSet fleet would make web again"),
        );
        check(app(Some("2026-01-01T00:00:00Z")), None, Some(&set), None);
        check(app(None), None, Some(&going), None);
    }

    #[test]
    fn finalizers_of_others_stay() {
        let app = json!({"metadata": {"finalizers": [
            "resources-finalizer.argocd.argoproj.io", "resources-finalizer.argocd.argoproj.io/background", "mine",
        ]}});
        assert_eq!(others(&app), ["mine"]);
    }
}
