//! `flotilla freeze`: times at which nothing goes out, in the hub's settings.

mod entries;

use crate::{
    args::{Connection, FreezeArgs, FreezeCommand, FreezeOptions},
    cli::{client::Hub, cluster::parse_labels, output},
};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use shared_model::{Kind, duration};
use shared_project::settings;
use std::process::ExitCode;

/// How often a change is made again when somebody else changed the settings meanwhile.
const ATTEMPTS: usize = 5;

pub(crate) async fn run(connection: Connection, args: FreezeArgs) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    let now = shared_runtime::now();
    match args.command {
        Some(FreezeCommand::List) => list(&hub, now).await?,
        Some(FreezeCommand::Lift { name }) => {
            change(&hub, |freezes| entries::lift(freezes, &name), now).await?;
            output::line(&format!("freeze {name} is lifted"));
        }
        None => {
            let options = args.options.context("`flotilla freeze` needs --reason TEXT")?;
            let freeze = made(&options, now)?;
            let mut name = String::new();
            let add = |freezes: Vec<Value>| {
                let (freezes, given) = entries::add(freezes, freeze.clone())?;
                name = given;
                Ok(freezes)
            };
            change(&hub, add, now).await?;
            output::line(&format!("freeze {name}: {}", scope(&options, &freeze)));
            output::note(&format!("`flotilla freeze lift {name}` ends it; what is under way is not stopped"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn scope(options: &FreezeOptions, freeze: &Value) -> String {
    let whom = match &options.selector {
        Some(selector) => format!("on clusters with {selector}"),
        None => "on any cluster".to_owned(),
    };
    let when = match (&options.schedule, options.length, options.duration) {
        (Some(schedule), _, Some(length)) => {
            format!("at `{schedule}` ({}) for {}", options.zone.as_deref().unwrap_or("UTC"), duration(length))
        }
        (_, Some(_), _) => format!("until {}", freeze["until"].as_str().unwrap_or_default()),
        _ => "until it is lifted".to_owned(),
    };
    format!("nothing new goes out {whom} {when}")
}

/// The window that was asked for.
fn made(options: &FreezeOptions, now: Timestamp) -> anyhow::Result<Value> {
    let mut window = Map::new();
    window.insert("kind".to_owned(), json!("deny"));
    if let Some(name) = &options.name {
        window.insert("name".to_owned(), json!(name));
    }
    window.insert("description".to_owned(), json!(options.reason.trim()));
    match (&options.schedule, options.duration) {
        (Some(schedule), Some(length)) => {
            window.insert("schedule".to_owned(), json!(schedule));
            window.insert("duration".to_owned(), json!(entries::go(length)));
            if let Some(zone) = &options.zone {
                window.insert("timeZone".to_owned(), json!(zone));
            }
        }
        _ => {
            let from = Timestamp::from_second(now.as_second())?;
            window.insert("from".to_owned(), json!(from.to_string()));
            if let Some(length) = options.length {
                let until = from.checked_add(length).context("--for: it ends after the calendar does")?;
                window.insert("until".to_owned(), json!(until.to_string()));
            }
        }
    }
    if let Some(selector) = &options.selector {
        let labels = parse_labels("--selector", selector)?;
        if labels.is_empty() {
            bail!("--selector: name labels, e.g. env=prod, or leave it out for every cluster");
        }
        window.insert("clusterSelector".to_owned(), json!({"matchLabels": labels}));
    }
    if options.manual_sync {
        window.insert("manualSync".to_owned(), json!(true));
    }
    let window = Value::Object(window);
    entries::check(&window)?;
    Ok(window)
}

async fn list(hub: &Hub, now: Timestamp) -> anyhow::Result<()> {
    let freezes = read(hub).await?.map(|(_, freezes)| freezes).unwrap_or_default();
    if freezes.is_empty() {
        output::note("No freezes. `flotilla freeze --for 48h --reason TEXT` makes one.");
        return Ok(());
    }
    output::table(&["NAME", "STATE", "WHEN", "CLUSTERS", "REASON"], &entries::rows(&freezes, now));
    Ok(())
}

/// Changes the freezes, however often others do so at the same time. Those that are over go.
async fn change(
    hub: &Hub,
    mut change: impl FnMut(Vec<Value>) -> anyhow::Result<Vec<Value>>,
    now: Timestamp,
) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let before = read(hub).await?;
        let freezes = before.as_ref().map(|(_, freezes)| freezes.clone()).unwrap_or_default();
        let freezes = entries::without_those_over(change(freezes)?, now);
        let written = match before {
            None => hub.create(Kind::ConfigMap, settings::NAMESPACE, &settings::config_map(&freezes)).await,
            Some((version, _)) => {
                let patch = json!({
                    "metadata": {"resourceVersion": version},
                    "data": {settings::WINDOWS: settings::written(&freezes)},
                });
                hub.merge(Kind::ConfigMap, settings::NAMESPACE, settings::NAME, &patch).await
            }
        };
        match written {
            Ok(_) => return Ok(()),
            Err(error) if is_conflict(&error.to_string()) => {}
            Err(error) => return Err(error),
        }
    }
    bail!("the settings changed {ATTEMPTS} times meanwhile; try again")
}

fn is_conflict(said: &str) -> bool {
    said.contains("has been modified") || said.contains("already exists")
}

/// The version of the settings and the freezes in them; none where there are no settings yet.
async fn read(hub: &Hub) -> anyhow::Result<Option<(String, Vec<Value>)>> {
    let maps = hub.list(Kind::ConfigMap, settings::NAMESPACE, None).await?;
    let Some(map) = maps.iter().find(|map| map["metadata"]["name"] == settings::NAME) else {
        return Ok(None);
    };
    let version = map["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let text = map["data"][settings::WINDOWS].as_str().unwrap_or_default();
    let freezes = settings::freezes(text).map_err(|problem| {
        anyhow::anyhow!(
            "{} of ConfigMap {}/{} cannot be read: {problem}; mend it with `kubectl edit` first",
            settings::WINDOWS,
            settings::NAMESPACE,
            settings::NAME
        )
    })?;
    Ok(Some((version, freezes)))
}

#[cfg(test)]
mod tests;
