//! The list of freezes, edited as it is written: what this command does not know of stays.

use anyhow::bail;
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::{Value, json};
use shared_model::{SyncWindow, duration, parse_duration};
use shared_project::{Gate, Scope, Windows, windows::from_values};
use std::time::Duration;

/// Refuses a window that the hub could not read, in the words of the command line.
pub(super) fn check(window: &Value) -> anyhow::Result<()> {
    let (_, problems) = from_values(std::slice::from_ref(window), Scope::Fleet, "");
    match problems.first() {
        None => Ok(()),
        Some(problem) => bail!("{}", problem.trim_start_matches("[0].")),
    }
}

/// With one more, and its name.
pub(super) fn add(mut freezes: Vec<Value>, mut freeze: Value) -> anyhow::Result<(Vec<Value>, String)> {
    let taken = |name: &str| freezes.iter().any(|freeze| freeze["name"] == name);
    let name = match freeze["name"].as_str() {
        Some(name) if name.is_empty() || name.starts_with('#') => {
            bail!("--name: `{name}` is not a name; write e.g. black-friday")
        }
        Some(name) if taken(name) => {
            bail!(
                "there is a freeze {name} already; lift it first (`flotilla freeze lift {name}`) or take another --name"
            )
        }
        Some(name) => name.to_owned(),
        None => {
            let free = |number: &usize| !taken(&format!("freeze-{number}"));
            let number = (1..=freezes.len() + 1).find(free).unwrap_or(freezes.len() + 1);
            format!("freeze-{number}")
        }
    };
    freeze["name"] = json!(name);
    freezes.push(freeze);
    Ok((freezes, name))
}

/// Without the one of that name, or of that place in the list.
pub(super) fn lift(mut freezes: Vec<Value>, name: &str) -> anyhow::Result<Vec<Value>> {
    let found = (0..freezes.len()).find(|index| called(*index, &freezes[*index]) == name);
    let Some(index) = found else {
        let known: Vec<_> = freezes.iter().enumerate().map(|(index, freeze)| called(index, freeze)).collect();
        match known.is_empty() {
            true => bail!("there is no freeze {name}; there are none"),
            false => bail!("there is no freeze {name}; there are {}", known.join(", ")),
        }
    };
    freezes.remove(index);
    Ok(freezes)
}

/// Without those that open never again.
pub(super) fn without_those_over(mut freezes: Vec<Value>, now: Timestamp) -> Vec<Value> {
    freezes.retain(|freeze| !is_over(freeze, now));
    freezes
}

/// A row of the list for each.
pub(super) fn rows(freezes: &[Value], now: Timestamp) -> Vec<Vec<String>> {
    freezes.iter().enumerate().map(|(index, freeze)| row(index, freeze, now)).collect()
}

/// A length as the hub reads it.
pub(super) fn go(length: Duration) -> String {
    format!("{}s", length.as_secs())
}

fn called(index: usize, freeze: &Value) -> String {
    freeze["name"]
        .as_str()
        .filter(|name| !name.is_empty())
        .map_or_else(|| format!("#{}", index + 1), str::to_owned)
}

fn is_over(freeze: &Value, now: Timestamp) -> bool {
    let until = freeze["until"].as_str().and_then(|until| until.parse::<Timestamp>().ok());
    until.is_some_and(|until| until <= now)
}

fn row(index: usize, freeze: &Value, now: Timestamp) -> Vec<String> {
    let Ok(window) = SyncWindow::deserialize(freeze) else {
        return vec![called(index, freeze), "cannot be read: closes everything".to_owned()];
    };
    let state = match Windows::new([&window]).gate(now) {
        Gate::Closed { until: Some(until), .. } => format!("closed until {until}"),
        Gate::Closed { until: None, .. } => "closed".to_owned(),
        Gate::Open { .. } if is_over(freeze, now) => "over".to_owned(),
        Gate::Open { until: Some(until) } => format!("open until {until}"),
        Gate::Open { until: None } => "open".to_owned(),
    };
    let when = match (window.from.as_str(), window.until.as_str()) {
        ("", "") => {
            let zone = if window.time_zone.is_empty() { "UTC" } else { &window.time_zone };
            let length = parse_duration(&window.duration).map_or_else(|_| window.duration.clone(), duration);
            format!("{} for {length} ({zone})", window.schedule)
        }
        (from, "") => format!("from {from}"),
        ("", until) => format!("until {until}"),
        (from, until) => format!("{from} to {until}"),
    };
    vec![called(index, freeze), state, when, clusters(&window), window.description]
}

fn clusters(window: &SyncWindow) -> String {
    let selector = window.cluster_selector.as_ref();
    let labels = selector.into_iter().flat_map(|selector| &selector.match_labels);
    let mut named: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    named.extend(selector.filter(|selector| !selector.match_expressions.is_empty()).map(|_| "…".to_owned()));
    named.extend(window.clusters.iter().cloned());
    let others = [("applications", &window.applications), ("namespaces", &window.namespaces)];
    let others = others.iter().filter(|(_, patterns)| !patterns.is_empty());
    named.extend(others.map(|(what, patterns)| format!("{what} {}", patterns.join(","))));
    if named.is_empty() { "all".to_owned() } else { named.join(", ") }
}

#[cfg(test)]
mod tests;
