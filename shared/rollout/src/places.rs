//! Which wave each Application would be in, were a rollout of them all to start now: for people who ask before anything moves.
//!
//! The rule is that of the planner for members that have no place yet ([`crate::plan`]); it knows no rollout under way and no excuses.

use crate::terms::Terms;
use shared_model::{AppKey, ClusterName, fleet_rollout::PlanSpec};
use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

/// Waves with who is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// In order.
    pub waves: Vec<WavePlace>,
    /// Those that no wave takes: they never get a release.
    pub nowhere: BTreeSet<AppKey>,
    /// Those whose cluster is not known, where waves go by clusters.
    pub unknown: BTreeSet<AppKey>,
}

/// One wave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WavePlace {
    /// As the policy names it; of rollingSync the number of its step from 1.
    pub name: String,
    /// Its Applications.
    pub members: BTreeSet<AppKey>,
    /// Their clusters.
    pub clusters: BTreeSet<ClusterName>,
}

impl Places {
    /// The wave that an Application is in, from 0.
    pub fn wave_of(&self, application: &AppKey) -> Option<usize> {
        self.waves.iter().position(|wave| wave.members.contains(application))
    }
}

/// Places `members` (the cluster of each and its labels) in the waves of `plan`, by the labels of the clusters.
pub fn places(
    plan: &PlanSpec,
    clusters: &BTreeMap<ClusterName, Labels>,
    members: &BTreeMap<AppKey, (ClusterName, Labels)>,
) -> Places {
    let terms = Terms::of(plan);
    let waves = terms.waves.iter().map(|wave| WavePlace { name: wave.name.clone(), ..WavePlace::default() });
    let mut found = Places { waves: waves.collect(), ..Places::default() };
    let by_cluster = matches!(plan, PlanSpec::Policy(_));
    let mut of_cluster: BTreeMap<&ClusterName, usize> = BTreeMap::new();
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(app, (cluster, _))| (cluster, *app));
    for (app, (cluster, labels)) in sorted {
        let known = of_cluster.get(cluster).copied().filter(|_| by_cluster);
        let mut place = Ok(known);
        for (index, wave) in terms.waves.iter().enumerate() {
            if matches!(place, Ok(Some(_)) | Err(())) {
                break;
            }
            let full = wave.take.is_some_and(|take| found.waves[index].clusters.len() >= take);
            match wave.takes(labels, clusters.get(cluster)) {
                Some(true) if !full => place = Ok(Some(index)),
                Some(_) => {}
                None => place = Err(()),
            }
        }
        match place {
            Ok(Some(index)) => {
                of_cluster.insert(cluster, index);
                found.waves[index].members.insert(app.clone());
                found.waves[index].clusters.insert(cluster.clone());
            }
            Ok(None) => drop(found.nowhere.insert(app.clone())),
            Err(()) => drop(found.unknown.insert(app.clone())),
        }
    }
    found
}
