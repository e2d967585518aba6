//! In which wave each Application of a set would be.

use crate::cli::app::offline::documents::Document;
use anyhow::Context as _;
use serde_json::Value;
use shared_generate::lint::{Placed, Staging};
use shared_model::{
    AppKey, Application, ApplicationSet, Cluster, ClusterName, POLICY_ANNOTATION, RolloutPolicy,
    fleet_rollout::PlanSpec,
};
use shared_rollout::Places;
use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// How a set's releases reach its Applications.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    Known(PlanSpec),
    /// By a policy that is in none of the files.
    Unknown(String),
}

/// The plan in force for a set, as a hub with these policies chooses it.
///
/// # Errors
/// A set or policy that is not one.
pub(super) fn plan(set: &Document, policies: &[Value]) -> anyhow::Result<Plan> {
    let object = &set.object;
    if let Some(name) = object["metadata"]["annotations"][POLICY_ANNOTATION].as_str() {
        let named = |policy: &&Value| {
            let namespace = policy["metadata"]["namespace"].as_str();
            policy["metadata"]["name"] == *name && namespace.is_none_or(|own| own == set.namespace())
        };
        let Some(policy) = policies.iter().find(named) else { return Ok(Plan::Unknown(name.to_owned())) };
        let policy = RolloutPolicy::from_value(policy).with_context(|| format!("RolloutPolicy {name}"))?;
        return Ok(Plan::Known(PlanSpec::Policy(policy.spec)));
    }
    let at = || format!("{}: ApplicationSet {}", set.place, set.name());
    let strategy = ApplicationSet::from_value(object).with_context(at)?.spec.strategy;
    let rolling = strategy.filter(|strategy| strategy.kind == "RollingSync").and_then(|one| one.rolling_sync);
    Ok(Plan::Known(match rolling.filter(|rolling| !rolling.steps.is_empty()) {
        Some(rolling) => PlanSpec::RollingSync(rolling),
        None => PlanSpec::Immediate,
    }))
}

/// Clusters by name and by address.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    labels: BTreeMap<ClusterName, Labels>,
    by_server: BTreeMap<String, ClusterName>,
}

impl Fleet {
    pub(super) fn new(clusters: &[Value]) -> anyhow::Result<Self> {
        let mut fleet = Self::default();
        for cluster in clusters {
            let cluster = Cluster::from_value(cluster)?;
            fleet.by_server.insert(cluster.server(), cluster.name());
            fleet.labels.insert(cluster.name(), cluster.metadata.labels.clone());
        }
        Ok(fleet)
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The cluster of an Application: by name, else by address, else that address.
    pub(super) fn of(&self, application: &Value) -> ClusterName {
        let destination = &application["spec"]["destination"];
        let text = |field: &str| destination[field].as_str().unwrap_or_default();
        match (text("name"), text("server")) {
            ("", shared_model::IN_CLUSTER_SERVER) => self
                .by_server
                .get(shared_model::IN_CLUSTER_SERVER)
                .cloned()
                .unwrap_or_else(|| ClusterName::new(shared_model::IN_CLUSTER_NAME)),
            ("", server) => self.by_server.get(server).cloned().unwrap_or_else(|| ClusterName::new(server)),
            (name, _) => ClusterName::new(name),
        }
    }

    /// Who would be in which wave.
    pub(super) fn places<'a>(
        &self,
        plan: &PlanSpec,
        applications: impl Iterator<Item = &'a Value>,
    ) -> anyhow::Result<Places> {
        let mut members = BTreeMap::new();
        for object in applications {
            let application = Application::from_value(object)?;
            members.insert(key(object), (self.of(object), application.metadata.labels));
        }
        Ok(shared_rollout::places(plan, &self.labels, &members))
    }
}

/// An Application's key.
pub(super) fn key(application: &Value) -> AppKey {
    let text = |field: &str| application["metadata"][field].as_str().unwrap_or_default();
    AppKey::new(text("namespace"), text("name"))
}

/// The same for the linter. Without the fleet, waves of clusters are not known.
pub(super) fn staging<'a>(
    plan: &Plan,
    set: &Document,
    fleet: Option<&Fleet>,
    applications: Option<impl Iterator<Item = &'a Value>>,
) -> anyhow::Result<Staging> {
    let policy = || set.object["metadata"]["annotations"][POLICY_ANNOTATION].as_str().unwrap_or_default();
    let placed = |plan: &PlanSpec| -> anyhow::Result<Option<Placed>> {
        let nobody = Fleet::default();
        let Some(applications) = applications else { return Ok(None) };
        let places = fleet.unwrap_or(&nobody).places(plan, applications)?;
        // Clusters that nobody knows may be in any wave.
        if !places.unknown.is_empty() {
            return Ok(None);
        }
        Ok(Some(Placed {
            waves: places.waves.into_iter().map(|wave| (wave.name, wave.members.len())).collect(),
            nowhere: places.nowhere.into_iter().map(|key| key.name.to_string()).collect(),
        }))
    };
    Ok(match plan {
        Plan::Unknown(policy) => Staging::Unknown { policy: policy.clone() },
        Plan::Known(PlanSpec::Immediate) => Staging::Immediate,
        Plan::Known(plan @ PlanSpec::RollingSync(_)) => Staging::Steps(placed(plan)?),
        Plan::Known(plan @ PlanSpec::Policy(_)) => {
            Staging::Policy { policy: policy().to_owned(), placed: placed(plan)? }
        }
    })
}
