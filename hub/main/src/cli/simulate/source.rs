//! Where the fleet and the plan come from: a hub, files, or both.

use super::{
    fleet::{self, Placed},
    windows::{Gates, Named},
};
use crate::{
    args::{Connection, SimulateOptions},
    cli::client::Hub,
};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::{
    AppKey, ApplicationSet, Cluster, Kind, Owner, OwnerKind, POLICY_ANNOTATION, RolloutPolicy,
    cluster::default_server, fleet_rollout::PlanSpec, gvk,
};
use shared_project::settings;
use shared_simulate::{Scenario, Subject};
use std::{collections::BTreeMap, fs, path::Path};

/// What is simulated, and what to say of it.
pub(super) struct Source {
    pub(super) scenario: Scenario,
    pub(super) title: String,
    pub(super) notes: Vec<String>,
}

pub(super) async fn read(
    connection: Connection,
    options: &SimulateOptions,
    now: Timestamp,
) -> anyhow::Result<Source> {
    let file = options.file.as_deref().map(policy_of_file).transpose()?;
    match (&options.clusters, file) {
        (Some(clusters), Some(policy)) => offline(clusters, policy, options, now),
        (_, file) => live(&Hub::connect(connection)?, file, options, now).await,
    }
}

/// One Application on each Cluster of a file.
fn offline(
    path: &Path,
    (policy, named): (RolloutPolicy, String),
    options: &SimulateOptions,
    now: Timestamp,
) -> anyhow::Result<Source> {
    let mut clusters = BTreeMap::new();
    for object in documents(path)? {
        check(path, Kind::Cluster, &object)?;
        let (name, state) = fleet::declared(&object, now).with_context(|| path.display().to_string())?;
        if clusters.insert(name.clone(), state).is_some() {
            bail!("{}: Cluster {name} is there twice", path.display());
        }
    }
    if clusters.is_empty() {
        bail!("{}: there is no Cluster in it", path.display());
    }
    let name = options.name.clone().unwrap_or_else(|| "app".to_owned());
    let namespace = options.namespace.namespace.clone();
    let mut gates = Gates::new(&policy.spec.windows);
    let mut members = BTreeMap::new();
    for (cluster, state) in &clusters {
        let application = format!("{name}-{cluster}");
        let named = Named {
            application: &application,
            namespace: "",
            project: "",
            cluster: cluster.as_str(),
            server: &default_server(cluster),
            labels: &state.labels,
        };
        let subject = Subject { windows: gates.of(named), ..Subject::new(cluster.clone()) };
        members.insert(AppKey::new(&namespace, application), subject);
    }
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: namespace.clone(), name: name.clone() };
    let title = format!("{name} with {named}, on the {} clusters of {}", clusters.len(), path.display());
    let mut notes = Vec::new();
    let plan = without_dependencies(PlanSpec::Policy(policy.spec), &mut notes);
    let scenario = Scenario { owner, plan, clusters, members, windows: gates.kept, max_per_cluster: None };
    Ok(Source { scenario, title, notes })
}

/// The fleet of a hub as it is.
async fn live(
    hub: &Hub,
    file: Option<(RolloutPolicy, String)>,
    options: &SimulateOptions,
    now: Timestamp,
) -> anyhow::Result<Source> {
    let namespace = &options.namespace.namespace;
    let name = options.name.as_deref().unwrap_or_default();
    let applications = hub.list(Kind::Application, namespace, None).await?;
    let sets = hub.list(Kind::ApplicationSet, namespace, None).await?;
    let (owner, object) = owner(namespace, name, &sets, &applications)?;
    let mut notes = Vec::new();
    let (plan, named) = match file {
        Some((policy, named)) => (PlanSpec::Policy(policy.spec), named),
        None => plan(hub, object, owner.kind, options).await?,
    };
    let plan = without_dependencies(plan, &mut notes);
    let mut gates = gates(hub, &plan, namespace).await?;
    let mut clusters = BTreeMap::new();
    let mut servers = BTreeMap::new();
    for object in hub.list(Kind::Cluster, "", None).await? {
        let (name, state) = fleet::live(&object, now)?;
        servers.insert(name.clone(), Cluster::from_value(&object)?.server());
        clusters.insert(name, state);
    }
    let mut members = BTreeMap::new();
    let mut nowhere = Vec::new();
    for application in applications.iter().filter(|application| is_of(application, &owner, object)) {
        match fleet::member(application)? {
            Some(Placed { key, mut subject, project, namespace }) => {
                if let (Some(state), Some(server)) =
                    (clusters.get(&subject.cluster), servers.get(&subject.cluster))
                {
                    subject.windows = gates.of(Named {
                        application: &key.name,
                        namespace: &namespace,
                        project: &project,
                        cluster: subject.cluster.as_str(),
                        server,
                        labels: &state.labels,
                    });
                }
                members.insert(key, subject);
            }
            None => nowhere.push(application["metadata"]["name"].as_str().unwrap_or_default()),
        }
    }
    if members.is_empty() {
        bail!("{name} has no Application with a known cluster yet: there is nothing to roll out");
    }
    if !nowhere.is_empty() {
        notes.push(format!("left out, because the hub knows no cluster for them: {}", nowhere.join(", ")));
    }
    notes.extend(under_way(hub, &owner).await?);
    let title = format!("{name} with {named}, {} applications", members.len());
    let (windows, max_per_cluster) = (gates.kept, gates.max_per_cluster);
    let scenario = Scenario { owner, plan, clusters, members, windows, max_per_cluster };
    Ok(Source { scenario, title, notes })
}

/// The windows in force: of the policy, of the projects, of the hub's settings.
async fn gates(hub: &Hub, plan: &PlanSpec, namespace: &str) -> anyhow::Result<Gates> {
    let mut gates = match plan {
        PlanSpec::Policy(policy) => Gates::new(&policy.windows),
        PlanSpec::RollingSync(_) | PlanSpec::Immediate => Gates::default(),
    };
    for project in hub.list(Kind::AppProject, namespace, None).await? {
        gates.project(&project);
    }
    for settings in hub.list(Kind::ConfigMap, settings::NAMESPACE, None).await? {
        gates.settings(&settings);
    }
    Ok(gates)
}

/// The object that is rolled out.
fn owner<'a>(
    namespace: &str,
    name: &str,
    sets: &'a [Value],
    applications: &'a [Value],
) -> anyhow::Result<(Owner, &'a Value)> {
    let named = |object: &&Value| object["metadata"]["name"] == *name;
    let owner = |kind| Owner { kind, namespace: namespace.to_owned(), name: name.to_owned() };
    if let Some(set) = sets.iter().find(named) {
        return Ok((owner(OwnerKind::ApplicationSet), set));
    }
    let Some(application) = applications.iter().find(named) else {
        let known: Vec<_> = sets.iter().filter_map(|set| set["metadata"]["name"].as_str()).take(10).collect();
        let known = if known.is_empty() {
            String::new()
        } else {
            format!("; there are the sets {}", known.join(", "))
        };
        bail!("there is no ApplicationSet or Application `{name}` in namespace {namespace}{known}");
    };
    if let Some((set, _)) = set_of(application) {
        bail!("Application {name} is rolled out with its ApplicationSet: `flotilla rollout simulate {set}`");
    }
    Ok((owner(OwnerKind::Application), application))
}

/// The set that an Application's owner reference names: its name and uid.
fn set_of(application: &Value) -> Option<(&str, &str)> {
    let references = application.pointer("/metadata/ownerReferences")?.as_array()?;
    let reference = references.iter().find(|reference| reference["kind"] == "ApplicationSet")?;
    Some((reference["name"].as_str()?, reference["uid"].as_str()?))
}

fn is_of(application: &Value, owner: &Owner, object: &Value) -> bool {
    match owner.kind {
        OwnerKind::ApplicationSet => {
            set_of(application).is_some_and(|(_, uid)| object["metadata"]["uid"] == *uid)
        }
        OwnerKind::Application => application["metadata"]["name"] == *owner.name,
    }
}

/// What is said when the simulated rollout would have to wait for another.
async fn under_way(hub: &Hub, owner: &Owner) -> anyhow::Result<Vec<String>> {
    let rollouts = hub.list(Kind::FleetRollout, &owner.namespace, None).await?;
    let of_owner = rollouts.iter().filter(|rollout| rollout["spec"]["owner"] == serde_json::json!(owner));
    let busy = of_owner.filter(|rollout| {
        let phase = rollout.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
        matches!(phase, "Queued" | "Progressing" | "RollingBack")
    });
    let said = busy.map(|rollout| {
        let name = rollout["metadata"]["name"].as_str().unwrap_or_default();
        format!(
            "{name} is under way: a commit now would wait for it or replace it; simulated as if it were over"
        )
    });
    Ok(said.collect())
}

/// The plan in force, or the policy asked for, as the hub chooses it.
async fn plan(
    hub: &Hub,
    object: &Value,
    kind: OwnerKind,
    options: &SimulateOptions,
) -> anyhow::Result<(PlanSpec, String)> {
    let annotated = object["metadata"]["annotations"][POLICY_ANNOTATION].as_str();
    if let Some(name) = options.policy.as_deref().or(annotated) {
        let namespace = &options.namespace.namespace;
        let policies = hub.list(Kind::RolloutPolicy, namespace, None).await?;
        let Some(found) = policies.iter().find(|policy| policy["metadata"]["name"] == *name) else {
            let known: Vec<_> =
                policies.iter().filter_map(|policy| policy["metadata"]["name"].as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("there is no RolloutPolicy `{name}` in namespace {namespace}; there is: {known}");
        };
        let policy = RolloutPolicy::from_value(found).with_context(|| format!("RolloutPolicy {name}"))?;
        let problems = policy.spec.problems();
        if !problems.is_empty() {
            bail!("RolloutPolicy {name}: {}", problems.join("; "));
        }
        return Ok((PlanSpec::Policy(policy.spec), format!("RolloutPolicy {name}")));
    }
    if kind == OwnerKind::ApplicationSet {
        let set = ApplicationSet::from_value(object)?;
        if let Some(strategy) = set.spec.strategy
            && strategy.kind == "RollingSync"
            && let Some(rolling) = strategy.rolling_sync
            && !rolling.steps.is_empty()
        {
            return Ok((PlanSpec::RollingSync(rolling), "its own rollingSync".to_owned()));
        }
    }
    Ok((PlanSpec::Immediate, "no policy: everywhere at once".to_owned()))
}

/// Other sets are not simulated.
fn without_dependencies(mut plan: PlanSpec, notes: &mut Vec<String>) -> PlanSpec {
    if let PlanSpec::Policy(policy) = &mut plan
        && !policy.depends_on.is_empty()
    {
        let sets = std::mem::take(&mut policy.depends_on).join(", ");
        notes.push(format!("{sets} go first on each cluster; they are taken to be proven everywhere"));
    }
    plan
}

/// The one RolloutPolicy of a file.
fn policy_of_file(path: &Path) -> anyhow::Result<(RolloutPolicy, String)> {
    let shown = path.display();
    let documents = documents(path)?;
    let kind = gvk(Kind::RolloutPolicy).kind;
    let mut policies = documents.iter().filter(|object| object["kind"] == *kind);
    let Some(object) = policies.next() else {
        bail!("{shown}: there is no {kind} in it (kind: {kind}, apiVersion: flotilla.dev/v1alpha1)");
    };
    if policies.next().is_some() {
        bail!("{shown}: there is more than one {kind} in it; leave the one to be tried");
    }
    check(path, Kind::RolloutPolicy, object)?;
    let policy = RolloutPolicy::from_value(object).with_context(|| shown.to_string())?;
    let problems = policy.spec.problems();
    if !problems.is_empty() {
        bail!("{shown}: {}", problems.join("; "));
    }
    let name = format!("{kind} {} of {shown}", policy.metadata.name);
    Ok((policy, name))
}

/// The objects of a YAML file, a `List` (as `kubectl get -o yaml` writes it) opened.
fn documents(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let documents = yaml::parse_all(&text).with_context(|| path.display().to_string())?;
    let values = documents.into_iter().map(|document| document.value).filter(|value| !value.is_null());
    let open = |value: Value| match value["items"].as_array() {
        Some(items) if value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => items.clone(),
        Some(_) | None => vec![value],
    };
    Ok(values.flat_map(open).collect())
}

/// What the hub would say against an object of a file.
fn check(path: &Path, kind: Kind, object: &Value) -> anyhow::Result<()> {
    let wanted = gvk(kind).kind;
    if object["kind"] != *wanted {
        let name = object["metadata"]["name"].as_str().unwrap_or("an object");
        bail!("{}: {name} is a {}, not a {wanted}", path.display(), object["kind"]);
    }
    match hub_api::refusal(kind, object) {
        Some(refusal) => bail!("{}: {refusal}", path.display()),
        None => Ok(()),
    }
}
