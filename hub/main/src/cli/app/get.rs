//! `flotilla app get`: where an Application comes from and goes, what it runs, and what it waits for.

use super::{revisions, text, waits_for};
use crate::{
    args::{Form, Printing},
    cli::{client::Hub, output, printing},
};
use serde_json::Value;
use shared_model::Kind;

/// How many resources are listed, unless `-o wide` asks for all.
const LISTED: usize = 20;

pub(super) async fn show(hub: &Hub, ns: &str, name: &str, printing: Printing) -> anyhow::Result<()> {
    let app = hub.read(Kind::Application, ns, name).await?;
    let lines = printing::one(printing.output, Kind::Application, &app);
    let lines = lines.unwrap_or_else(|| lines_of(&app, printing.output == Form::Wide));
    lines.iter().for_each(|line| output::line(line));
    Ok(())
}

/// What there is to say of an Application; with all of its resources, or those that a person may have to look at.
fn lines_of(app: &Value, all: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        head(app).into_iter().map(|(title, text)| format!("{title:<13}{text}")).collect();
    let mut section = |title: &str, content: Vec<String>| {
        if !content.is_empty() {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(content.into_iter().map(|line| format!("  {line}")));
        }
    };
    section("Conditions:", conditions(app));
    let title = if all { "Resources:" } else { "Resources that are not in order:" };
    section(title, resources(app, all));
    section("Drift:", drift(app));
    lines
}

fn head(app: &Value) -> Vec<(&'static str, String)> {
    let get = |pointer: &str| text(app, pointer).to_owned();
    let mut lines = vec![
        ("NAME", format!("{}/{}", get("/metadata/namespace"), get("/metadata/name"))),
        ("PROJECT", project(app)),
    ];
    if let Some(set) = super::owner(app) {
        lines.push(("SET", set.to_owned()));
    }
    lines.extend(sources(app).into_iter().map(|source| ("SOURCE", source)));
    lines.push(("DESTINATION", destination(app)));
    let shipped: Vec<String> =
        revisions(&app["status"]["sync"]).iter().map(|one| hub_show::short(one)).collect();
    let release = match (text(app, "/status/target/release"), shipped.join(", ")) {
        ("", _) => "none yet".to_owned(),
        (release, of) if of.is_empty() => hub_show::short(release),
        (release, of) => format!("{} of {of}", hub_show::short(release)),
    };
    lines.push(("RELEASE", release));
    lines.push(("SYNC", with(text(app, "/status/sync/status"), &operation(app))));
    lines.push(("HEALTH", with(text(app, "/status/health/status"), text(app, "/status/health/message"))));
    if !text(app, "/status/rollout/name").is_empty() {
        let wave = match text(app, "/status/rollout/wave") {
            "" => String::new(),
            wave => format!(", wave {wave}"),
        };
        lines.push((
            "ROLLOUT",
            format!("{}{wave}: {}", get("/status/rollout/name"), get("/status/rollout/state")),
        ));
    }
    let told = [("WAITS FOR", waits_for(app)), ("REPORTED", get("/status/reconciledAt"))];
    lines.extend(told.into_iter().filter(|(_, text)| !text.is_empty()));
    lines
}

/// As Argo CD reads it.
fn project(app: &Value) -> String {
    let project = text(app, "/spec/project");
    if project.is_empty() { "default".to_owned() } else { project.to_owned() }
}

/// A word with what there is to say of it.
fn with(word: &str, said: &str) -> String {
    if said.is_empty() { word.to_owned() } else { format!("{word}: {said}") }
}

/// What the last apply came to, unless all is well.
fn operation(app: &Value) -> String {
    match (text(app, "/status/operationState/phase"), text(app, "/status/operationState/message")) {
        ("" | "Succeeded", message) => message.to_owned(),
        (phase, "") => phase.to_owned(),
        (phase, message) => format!("{phase}, {message}"),
    }
}

/// A line for each source, as in `https://git.example.com/fleet.git apps/web at main`.
fn sources(app: &Value) -> Vec<String> {
    let spec = &app["spec"];
    let several = spec["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let all = if several.is_empty() { std::slice::from_ref(&spec["source"]) } else { several };
    let line = |source: &Value| {
        let what = match (text(source, "/chart"), text(source, "/path"), text(source, "/ref")) {
            ("", "", "") => String::new(),
            ("", "", name) => format!(" as ${name}"),
            ("", path, _) => format!(" {path}"),
            (chart, _, _) => format!(" chart {chart}"),
        };
        let revision = match text(source, "/targetRevision") {
            "" => "HEAD",
            revision => revision,
        };
        format!("{}{what} at {revision}", text(source, "/repoURL"))
    };
    all.iter().filter(|source| source.is_object()).map(line).collect()
}

/// As in `eu-1, namespace web`.
fn destination(app: &Value) -> String {
    let asked = match (text(app, "/spec/destination/name"), text(app, "/spec/destination/server")) {
        ("", server) => server,
        (name, _) => name,
    };
    let cluster = match text(app, "/status/cluster") {
        "" => format!("{asked} (no cluster of the fleet yet)"),
        cluster => cluster.to_owned(),
    };
    match text(app, "/spec/destination/namespace") {
        "" => cluster,
        namespace => format!("{cluster}, namespace {namespace}"),
    }
}

fn conditions(app: &Value) -> Vec<String> {
    let listed = app.pointer("/status/conditions").and_then(Value::as_array);
    let line = |condition: &Value| {
        let since = match text(condition, "/lastTransitionTime") {
            "" => String::new(),
            at => format!(" (since {at})"),
        };
        format!("{}{since}: {}", text(condition, "/type"), text(condition, "/message"))
    };
    listed.into_iter().flatten().map(line).collect()
}

fn resources(app: &Value, all: bool) -> Vec<String> {
    let listed = app.pointer("/status/resources").and_then(Value::as_array);
    let listed = listed.map(Vec::as_slice).unwrap_or_default();
    let in_order = |resource: &Value| {
        text(resource, "/status") == "Synced" && ["", "Healthy"].contains(&text(resource, "/health/status"))
    };
    let chosen: Vec<&Value> = listed.iter().filter(|resource| all || !in_order(resource)).collect();
    let row = |resource: &&Value| {
        let kind = match text(resource, "/group") {
            "" => text(resource, "/kind").to_owned(),
            group => format!("{}.{group}", text(resource, "/kind")),
        };
        vec![
            kind,
            text(resource, "/namespace").to_owned(),
            text(resource, "/name").to_owned(),
            text(resource, "/status").to_owned(),
            text(resource, "/health/status").to_owned(),
            text(resource, "/health/message").to_owned(),
        ]
    };
    if chosen.is_empty() {
        return Vec::new();
    }
    let most = if all { chosen.len() } else { LISTED.min(chosen.len()) };
    let rows: Vec<_> = chosen[..most].iter().map(row).collect();
    let mut lines = output::columns(&["KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH", "MESSAGE"], &rows);
    if chosen.len() > most {
        lines.push(format!("and {} more; -o wide lists all {}", chosen.len() - most, listed.len()));
    }
    lines
}

fn drift(app: &Value) -> Vec<String> {
    let listed = app.pointer("/status/drift").and_then(Value::as_array);
    let line = |one: &Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
    listed.into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(app: &Value, all: bool, expect: &Expect) {
        expect.assert_eq(&lines_of(app, all).join("\n"));
    }

    fn app() -> Value {
        json!({
            "metadata": {
                "name": "web-eu-1", "namespace": "argocd",
                "ownerReferences": [{"kind": "ApplicationSet", "name": "web"}],
            },
            "spec": {
                "project": "default", "destination": {"name": "eu-1", "namespace": "web"},
                "source": {"repoURL": "https://git.example.com/fleet.git", "path": "apps/web", "targetRevision": "main"},
            },
            "status": {
                "cluster": "eu-1", "target": {"release": "0a1b2c3d4e5f", "revisions": ["3f2a1bc".repeat(6)]},
                "sync": {"status": "OutOfSync", "revision": "3f2a1bc".repeat(6)},
                "health": {"status": "Progressing", "message": "1 of 2 updated"},
                "operationState": {"phase": "Running", "message": "waits for Deployment web"},
                "rollout": {"name": "web-3", "wave": "canary", "state": "Released", "message": "wave canary waits for eu-1"},
                "reconciledAt": "2026-01-01T00:00:00Z",
                "conditions": [
                    {"type": "Paused", "message": "paused by ann", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                ],
                "drift": ["Deployment web: spec.replicas live=5 desired=2"],
                "resources": [
                    {"kind": "Service", "namespace": "web", "name": "web", "status": "Synced"},
                    {
                        "kind": "Deployment", "group": "apps", "namespace": "web", "name": "web", "status": "OutOfSync",
                        "health": {"status": "Progressing", "message": "1 of 2 updated"},
                    },
                ],
            },
        })
    }

    #[test]
    fn an_application_is_shown_with_what_it_waits_for() {
        check(
            &app(),
            false,
            &expect![[r#"
                NAME         argocd/web-eu-1
                PROJECT      default
                SET          web
                SOURCE       https://git.example.com/fleet.git apps/web at main
                DESTINATION  eu-1, namespace web
                RELEASE      0a1b2c3 of 3f2a1bc
                SYNC         OutOfSync: Running, waits for Deployment web
                HEALTH       Progressing: 1 of 2 updated
                ROLLOUT      web-3, wave canary: Released
                WAITS FOR    wave canary waits for eu-1
                REPORTED     2026-01-01T00:00:00Z

                Conditions:
                  Paused (since 2026-01-01T00:00:00Z): paused by ann

                Resources that are not in order:
                  KIND              NAMESPACE   NAME   SYNC        HEALTH        MESSAGE
                  Deployment.apps   web         web    OutOfSync   Progressing   1 of 2 updated

                Drift:
                  Deployment web: spec.replicas live=5 desired=2"#]],
        );
    }

    #[test]
    fn one_that_nobody_looked_at_yet_is_shown_too() {
        let app = json!({
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {"destination": {"server": "https://10.0.0.1"}, "sources": [
                {"repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.2.3"},
                {"repoURL": "https://git.example.com/values.git", "ref": "values"},
            ]},
            "status": {"sync": {"status": "Unknown"}, "health": {"status": "Missing"}},
        });
        check(
            &app,
            true,
            &expect![[r#"
                NAME         argocd/web
                PROJECT      default
                SOURCE       https://charts.example.com chart web at 1.2.3
                SOURCE       https://git.example.com/values.git as $values at HEAD
                DESTINATION  https://10.0.0.1 (no cluster of the fleet yet)
                RELEASE      none yet
                SYNC         Unknown
                HEALTH       Missing"#]],
        );
    }
}
