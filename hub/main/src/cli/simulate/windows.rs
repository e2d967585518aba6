//! Which sync windows concern whom: those of the project, of the policy, and of the hub's settings.

use serde_json::Value;
use shared_model::{Kind, SyncWindow};
use shared_project::{DEFAULT_PROJECT, Settings, Windows, windows};
use std::collections::BTreeMap;

/// All windows that there are, and those that concern some Application together.
#[derive(Debug, Default)]
pub(super) struct Gates {
    projects: BTreeMap<String, Vec<SyncWindow>>,
    policy: Vec<SyncWindow>,
    fleet: Vec<SyncWindow>,
    /// How many applications of a cluster may be under way.
    pub(super) max_per_cluster: Option<usize>,
    /// What [`Gates::of`] counts by.
    pub(super) kept: Vec<Windows>,
}

/// One Application, as windows name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) application: &'a str,
    pub(super) namespace: &'a str,
    pub(super) project: &'a str,
    pub(super) cluster: &'a str,
    pub(super) server: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
}

impl Gates {
    pub(super) fn new(policy: &[SyncWindow]) -> Self {
        Self { policy: policy.to_vec(), ..Self::default() }
    }

    /// Those of an AppProject.
    pub(super) fn project(&mut self, project: &Value) {
        let name = project["metadata"]["name"].as_str().unwrap_or(DEFAULT_PROJECT);
        self.projects.insert(name.to_owned(), windows::of_project(project).0);
    }

    /// Those of the hub's settings, if the ConfigMap is the one that holds them.
    pub(super) fn settings(&mut self, config_map: &Value) {
        let text = |field: &str| config_map["metadata"][field].as_str().unwrap_or_default();
        if Settings::are_in(Kind::ConfigMap, text("namespace"), text("name")) {
            let settings = Settings::read(config_map);
            self.fleet = settings.windows;
            self.max_per_cluster = settings.max_per_cluster;
        }
    }

    /// Those that concern an Application.
    pub(super) fn of(&mut self, named: Named<'_>) -> Option<usize> {
        let Named { application, namespace, cluster, server, labels, .. } = named;
        let concerns =
            |window: &&SyncWindow| Windows::applies(window, application, namespace, cluster, server, labels);
        let none = Vec::new();
        let project = self.projects.get(named.project).unwrap_or(&none);
        let places = [project, &self.policy, &self.fleet];
        let windows = Windows::join(places.map(|place| Windows::new(place.iter().filter(concerns))));
        if windows.is_empty() {
            return None;
        }
        let known = self.kept.iter().position(|kept| *kept == windows);
        Some(known.unwrap_or_else(|| {
            self.kept.push(windows);
            self.kept.len() - 1
        }))
    }
}
