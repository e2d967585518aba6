//! What is in `deploy/`: the dashboard, the alerts, and the list of metrics.

use serde_json::Value;
use shared_manifest::yaml;
use std::{collections::BTreeMap, fs, path::Path};

/// An expression, where it stands, and which labels the text beside it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// As in `alert ClusterLost` or `panel Waves`.
    pub place: String,
    /// PromQL.
    pub expression: String,
    /// As in `{{ $labels.cluster }}` or `{{cluster}}`.
    pub labels: Vec<String>,
}

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rule groups of `alerts/flotilla.yaml`.
pub fn alerts() -> Vec<Value> {
    let file = yaml::parse(&text("alerts/flotilla.yaml")).expect("YAML");
    let groups = file["groups"].as_array().expect("groups:");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules:").clone()).collect()
}

/// The panels of `dashboards/flotilla.json`, those inside rows included.
pub fn panels() -> Vec<Value> {
    let file: Value = serde_json::from_str(&text("dashboards/flotilla.json")).expect("JSON");
    let top = file["panels"].as_array().expect("panels").clone();
    let inside = |panel: &Value| panel["panels"].as_array().cloned().unwrap_or_default();
    top.iter().flat_map(|panel| [vec![panel.clone()], inside(panel)].concat()).collect()
}

/// The dashboard's own fields.
pub fn dashboard() -> Value {
    serde_json::from_str(&text("dashboards/flotilla.json")).expect("JSON")
}

/// Every expression of both.
pub fn asked() -> Vec<Asked> {
    let of_alert = |rule: &Value| {
        let annotations = rule["annotations"].to_string();
        Asked {
            place: format!("alert {}", rule["alert"].as_str().unwrap_or_default()),
            expression: rule["expr"].as_str().unwrap_or_default().to_owned(),
            labels: named(&annotations, "{{ $labels.", " }}"),
        }
    };
    let of_panel = |panel: &Value| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        targets
            .into_iter()
            .map(|target| Asked {
                place: format!("panel {title}"),
                // What Grafana puts in.
                expression: target["expr"].as_str().unwrap_or_default().replace("$__rate_interval", "5m"),
                labels: named(target["legendFormat"].as_str().unwrap_or_default(), "{{", "}}"),
            })
            .collect::<Vec<_>>()
    };
    let variables = dashboard()["templating"]["list"].as_array().cloned().unwrap_or_default();
    let queries = variables.iter().filter_map(|variable| {
        let query = variable["query"]["query"].as_str()?;
        let inside = query.strip_prefix("label_values(")?.strip_suffix(')')?;
        let (metric, label) = inside.rsplit_once(", ")?;
        let place = format!("variable {}", variable["name"]);
        Some(Asked { place, expression: metric.to_owned(), labels: vec![label.to_owned()] })
    });
    alerts().iter().map(of_alert).chain(panels().iter().flat_map(of_panel)).chain(queries).collect()
}

/// What stands between two marks.
fn named(text: &str, start: &str, end: &str) -> Vec<String> {
    let found = text.split(start).skip(1).filter_map(|rest| rest.split_once(end));
    found.map(|(name, _)| name.trim().to_owned()).collect()
}

/// The rows of `metrics.md` under a heading: the metric, and the rest of the row.
pub fn listed(heading: &str) -> BTreeMap<String, String> {
    let text = text("metrics.md");
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("metrics.md has no part `{heading}`"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests;
