//! Which sync windows hold which Applications: those of their AppProject and those of the hub's settings.
//!
//! Decides, from AppProjects, the settings and one Application on one cluster, which entry of [`Fleet::windows`] is its own. The windows of a
//! RolloutPolicy are not here: they are frozen in the plan of each rollout.
//!
//! Invariants:
//! - Applications that the same windows concern share one entry, so that the planner asks few entries, however many members there are;
//! - an entry keeps its number until [`Calendar::generation`] changes, which it does whenever a project or the settings do.
//!
//! Refuses to know: what time it is, and what waits.
//!
//! [`Fleet::windows`]: shared_rollout::Fleet::windows

use crate::index::{Index, Name, Object};
use shared_model::{AppKey, Application, Cluster, DEFAULT_NAMESPACE, Kind, SyncWindow};
use shared_project::{Settings, Windows, settings, windows::of_project};
use std::{collections::BTreeMap, sync::Arc};

/// The windows that there are.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    read: Read,
    projects: BTreeMap<Name, Vec<SyncWindow>>,
    settings: Settings,
    sets: Vec<Windows>,
    numbers: BTreeMap<Concerned, usize>,
    generation: u64,
    /// Whether there is no window at all, so that members cost nothing.
    silent: bool,
}

/// The objects that were read; where none is another, nothing is read again.
#[derive(Debug, Default)]
struct Read {
    projects: BTreeMap<Name, Arc<Object>>,
    settings: Option<Arc<Object>>,
}

/// Windows by where they stand: the project, which of its windows, and which of the settings'.
type Concerned = (Option<Name>, Vec<usize>, Vec<usize>);

impl Calendar {
    /// Reads what the index has, unless nothing changed since the last time.
    pub(crate) fn refresh(&mut self, index: &Index) {
        let settings = index.object(Kind::ConfigMap, settings::NAMESPACE, settings::NAME);
        let projects = || index.all(Kind::AppProject);
        let same = |new: Option<&Arc<Object>>, old: Option<&Arc<Object>>| match (new, old) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (new, old) => new.is_none() && old.is_none(),
        };
        let unchanged = same(settings, self.read.settings.as_ref())
            && projects().count() == self.read.projects.len()
            && projects().all(|(name, new)| same(Some(new), self.read.projects.get(name)));
        if unchanged {
            return;
        }
        self.read = Read {
            projects: projects().map(|(name, stored)| (name.clone(), Arc::clone(stored))).collect(),
            settings: settings.cloned(),
        };
        self.projects =
            projects().map(|(name, stored)| (name.clone(), of_project(&stored.value()).0)).collect();
        self.settings = settings.map(|stored| Settings::read(&stored.value())).unwrap_or_default();
        self.silent = self.settings.windows.is_empty() && self.projects.values().all(Vec::is_empty);
        self.sets = Vec::new();
        self.numbers = BTreeMap::new();
        self.generation += 1;
    }

    /// Another number, whenever what [`Calendar::of`] said before means nothing any more.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The settings.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The entries that members were given.
    pub(crate) fn sets(&self) -> Vec<Windows> {
        self.sets.clone()
    }

    /// The entry of an Application on a cluster; `None` when no window concerns it. One that cannot be read has no project here, and is
    /// held by the settings alone.
    pub(crate) fn of(
        &mut self,
        key: &AppKey,
        application: Option<&Application>,
        cluster: &Cluster,
    ) -> Option<usize> {
        if self.silent {
            return None;
        }
        let spec = application.map(|application| &application.spec);
        let namespace = spec.map(|spec| spec.destination.namespace.as_str()).unwrap_or_default();
        let (name, server) = (cluster.metadata.name.as_str(), cluster.server());
        let applies = |window: &SyncWindow| {
            Windows::applies(window, &key.name, namespace, name, &server, &cluster.metadata.labels)
        };
        let which = |windows: &[SyncWindow]| -> Vec<usize> {
            windows.iter().enumerate().filter(|(_, window)| applies(window)).map(|(index, _)| index).collect()
        };
        let project = spec.and_then(|spec| self.project(&key.namespace, &spec.project));
        let own = project.map(|(_, windows)| which(windows)).unwrap_or_default();
        let project = project.filter(|_| !own.is_empty());
        let fleet = which(&self.settings.windows);
        if own.is_empty() && fleet.is_empty() {
            return None;
        }
        let concerned = (project.map(|(name, _)| name.clone()), own, fleet);
        if let Some(number) = self.numbers.get(&concerned) {
            return Some(*number);
        }
        let all = project.map(|(_, windows)| windows.as_slice()).unwrap_or_default();
        let read = |which: &[usize], windows: &[SyncWindow]| {
            Windows::new(which.iter().map(|index| &windows[*index]))
        };
        let set = Windows::join([read(&concerned.1, all), read(&concerned.2, &self.settings.windows)]);
        let number = self.sets.len();
        self.sets.push(set);
        self.numbers.insert(concerned, number);
        Some(number)
    }

    /// Projects live beside the Application or, as in Argo CD, in the control namespace.
    fn project(&self, namespace: &str, project: &str) -> Option<(&Name, &Vec<SyncWindow>)> {
        let at = |namespace: &str| self.projects.get_key_value(&(namespace.to_owned(), project.to_owned()));
        at(namespace).or_else(|| at(DEFAULT_NAMESPACE))
    }
}
