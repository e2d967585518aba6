//! What people set for the whole fleet: the ConfigMap `argocd/flotilla-cm`.
//!
//! Decides, from that object, when nothing goes out anywhere (freezes), how much may be unproven on one cluster at once, whether webhooks
//! have to prove themselves, and where people look at traces.
//!
//! Invariants:
//! - what cannot be read is as careful as it could have been: a list of freezes that cannot be read closes everything, a limit that cannot be read is 1, webhooks need secrets;
//! - whatever is wrong is named, with its key and how to mend it.
//!
//! Refuses to know: who may change the settings, and whether they are in force.

use crate::windows::{Scope, from_values};
use serde_json::{Value, json};
use shared_manifest::yaml;
use shared_model::{DEFAULT_NAMESPACE, Kind, SyncWindow, parse_duration};
use std::time::Duration;

/// The ConfigMap's name.
pub const NAME: &str = "flotilla-cm";
/// Its namespace.
pub const NAMESPACE: &str = DEFAULT_NAMESPACE;
/// The key of the freezes: a YAML list of windows.
pub const WINDOWS: &str = "windows.yaml";
/// The key of how many applications of one cluster may be released and not proven at once, across all rollouts.
pub const MAX_PER_CLUSTER: &str = "rollout.maxUnprovenPerCluster";
/// The key that has webhooks believed whose forge no secret was agreed on with.
pub const ALLOW_UNSIGNED: &str = "webhook.allowUnsigned";
/// The key of whom the hub tells what happens: YAML that `shared/notify` reads.
pub const NOTIFICATIONS: &str = "notifications.yaml";
/// The key that has submodules of Git repositories followed.
pub const SUBMODULES: &str = "git.submodules";

/// The key that lets Kustomize overlays name bases and resources in other repositories and on the web.
pub const REMOTE_BASES: &str = "kustomize.remoteBases";
/// The key of how often Git repositories are polled whose webhooks come.
pub const WEBHOOK_POLL: &str = "webhook.pollInterval";
/// The key of where a trace is shown: a URL with `{traceID}` in it.
pub const TRACES_URL: &str = "traces.url";
/// What stands for the id in it, as in Argo CD's and Grafana's links.
const TRACE_ID: &str = "{traceID}";

const KEYS: [&str; 8] = [
    WINDOWS,
    MAX_PER_CLUSTER,
    ALLOW_UNSIGNED,
    WEBHOOK_POLL,
    SUBMODULES,
    REMOTE_BASES,
    NOTIFICATIONS,
    TRACES_URL,
];

/// The settings, as far as they can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The freezes; [`crate::Windows::applies`] says whom they concern.
    pub windows: Vec<SyncWindow>,
    /// How many applications of one cluster may be released and not proven at once.
    pub max_per_cluster: Option<usize>,
    /// Whether webhooks are believed whose forge no secret was agreed on with.
    pub allow_unsigned: bool,
    /// Whether submodules of Git repositories are followed.
    pub submodules: bool,
    /// Whether Kustomize overlays may name bases and resources in other repositories and on the web.
    pub remote_bases: bool,
    /// Where a trace is shown; [`trace_url`] fills it in.
    pub traces_url: Option<String>,
    /// How often Git repositories are polled whose webhooks come, where that is less often than others.
    pub webhook_poll: Option<Duration>,
    /// What cannot be read, each with its path and remedy.
    pub problems: Vec<String>,
}

impl Settings {
    /// Whether an object is the one that holds the settings.
    pub fn are_in(kind: Kind, namespace: &str, name: &str) -> bool {
        kind == Kind::ConfigMap && namespace == NAMESPACE && name == NAME
    }

    /// Reads the ConfigMap; without one nothing is set.
    pub fn read(config_map: &Value) -> Self {
        let mut settings = Self::default();
        for (key, value) in config_map["data"].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            match key.as_str() {
                WINDOWS => settings.read_windows(text),
                MAX_PER_CLUSTER => settings.read_limit(text),
                ALLOW_UNSIGNED => settings.read_unsigned(text),
                WEBHOOK_POLL => settings.read_webhook_poll(text),
                // Its own reader says what is wrong with it.
                NOTIFICATIONS => {}
                SUBMODULES => settings.read_submodules(text),
                REMOTE_BASES => settings.read_remote_bases(text),
                TRACES_URL => settings.read_traces_url(text),
                other => settings
                    .problems
                    .push(format!("data[{other}]: there is no such setting; there are {}", KEYS.join(", "))),
            }
        }
        settings
    }

    fn read_windows(&mut self, text: &str) {
        let path = format!("data[{WINDOWS}]");
        match freezes(text) {
            Ok(entries) => {
                let (windows, problems) = from_values(&entries, Scope::Fleet, &path);
                self.windows = windows;
                self.problems.extend(problems);
            }
            Err(problem) => {
                self.problems.push(format!("{path}: {problem}"));
                // Whatever it froze stays frozen.
                let description = format!("{WINDOWS} of the hub's settings is not a list of windows");
                self.windows = vec![SyncWindow { description, ..SyncWindow::default() }];
            }
        }
    }

    fn read_unsigned(&mut self, text: &str) {
        match text.trim() {
            "true" => self.allow_unsigned = true,
            "false" | "" => {}
            other => self.problems.push(format!(
                "data[{ALLOW_UNSIGNED}]: `{other}` is neither \"true\" nor \"false\"; webhooks need their secret until it is"
            )),
        }
    }

    fn read_submodules(&mut self, text: &str) {
        match text.trim() {
            "true" => self.submodules = true,
            "false" | "" => {}
            other => self.problems.push(format!(
                "data[{SUBMODULES}]: `{other}` is neither \"true\" nor \"false\"; submodules are not followed until it is"
            )),
        }
    }

    fn read_remote_bases(&mut self, text: &str) {
        match text.trim() {
            "true" => self.remote_bases = true,
            "false" | "" => {}
            other => self.problems.push(format!(
                "data[{REMOTE_BASES}]: `{other}` is neither \"true\" nor \"false\"; remote bases are refused until it is"
            )),
        }
    }

    fn read_webhook_poll(&mut self, text: &str) {
        match parse_duration(text.trim()) {
            Ok(time) => self.webhook_poll = Some(time),
            Err(_) => self.problems.push(format!(
                "data[{WEBHOOK_POLL}]: `{text}` is not a time; write one such as 30m; all repositories are polled alike until it is"
            )),
        }
    }

    fn read_traces_url(&mut self, text: &str) {
        match trace_url(text, "") {
            Ok(_) => self.traces_url = Some(text.trim().to_owned()),
            Err(problem) => self.problems.push(format!("data[{TRACES_URL}]: {problem}")),
        }
    }

    fn read_limit(&mut self, text: &str) {
        let limit = text.trim().parse().ok().filter(|limit| *limit > 0);
        if limit.is_none() {
            self.problems.push(format!(
                "data[{MAX_PER_CLUSTER}]: `{text}` is not a count; write \"1\" or more, or take the key away for no limit"
            ));
        }
        self.max_per_cluster = Some(limit.unwrap_or(1));
    }
}

/// The URL that shows a trace.
///
/// # Errors
/// When the template has no place for its id, or is no URL.
pub fn trace_url(template: &str, trace_id: &str) -> Result<String, String> {
    let template = template.trim();
    let is_url = template.starts_with("https://") || template.starts_with("http://");
    if !is_url || !template.contains(TRACE_ID) {
        return Err(format!(
            "`{template}` is no URL with {TRACE_ID} in it; write e.g. https://jaeger.example.com/trace/{TRACE_ID}"
        ));
    }
    Ok(template.replace(TRACE_ID, trace_id))
}

/// The entries of a list of windows.
///
/// # Errors
/// Why it is none.
pub fn freezes(text: &str) -> Result<Vec<Value>, String> {
    match yaml::parse(text).map_err(|error| error.to_string())? {
        Value::Null => Ok(Vec::new()),
        Value::Array(entries) => Ok(entries),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err("write a list of windows: - kind: deny".to_owned())
        }
    }
}

/// The ConfigMap as one that has only these freezes.
pub fn config_map(freezes: &[Value]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {WINDOWS: written(freezes)},
    })
}

/// A list of windows as text that [`freezes`] reads.
pub fn written(freezes: &[Value]) -> String {
    yaml::to_string(&Value::Array(freezes.to_vec()))
}

#[cfg(test)]
mod tests;
