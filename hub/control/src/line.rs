//! One owner, evaluated: what its set expands to, what its Applications release, whether a new
//! rollout is due, and who the members of its live rollouts are.

mod frozen;
mod policy;
mod settled;
mod timings;
mod unsure;
mod writes;

use policy::{held, plan};
use settled::Settled;
use unsure::unsure;

use crate::{
    conditions,
    expand::{Expanded, Memories, expand_again},
    git::{Git, chain},
    index::{Index, Object, Shared},
    pins::{Names, Pins, Reference, pinned},
    releases::{COMPARISON_ERROR, Release, Releases, Unrendered},
    rollouts,
    sources::{Made, Said, Seen, Wanted},
    turns::in_turn,
};
use futures::future::join_all;
use hub_records::Records;
use hub_render::{Capabilities, Warning};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use shared_generate::{Changes, ClusterInput, Frozen};
use shared_model::{
    AppKey, Application, Cluster, ClusterName, CommitId, FleetRollout, Kind, Owner, OwnerKind, ReleaseId,
    RolloutName,
    fleet_rollout::{PlanSpec, Took},
    unsupported,
};
use shared_project::windows;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How many Applications of one owner are written or released at once.
const AT_ONCE: usize = 64;

/// A member as inputs and clusters give it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberInput {
    pub(crate) cluster: ClusterName,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) release: ReleaseId,
    pub(crate) automated: bool,
    pub(crate) revisions: Vec<String>,
}

/// The members of a rollout.
pub(crate) type Members = BTreeMap<AppKey, MemberInput>;

/// What evaluating an owner came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evaluation {
    /// The members of every live rollout.
    pub(crate) rollouts: BTreeMap<RolloutName, Members>,
    /// What the inputs give now.
    pub(crate) head: Members,
    /// Conditions of Applications, by Argo CD's types.
    pub(crate) applications: BTreeMap<AppKey, Vec<Value>>,
    /// Conditions of the set.
    pub(crate) set: Vec<Value>,
    /// What it follows.
    pub(crate) references: BTreeSet<Reference>,
    /// The clusters that it looked at for what they can do, also in vain.
    pub(crate) able: BTreeSet<ClusterName>,
    /// How many of its Applications, and of itself as a set, have nothing to ship because what Git says now cannot be
    /// read or rendered.
    pub(crate) unrendered: usize,
    /// Something did not work that may work later though nothing is changed.
    pub(crate) retry: bool,
    /// After which time its generators want their repositories asked again.
    pub(crate) requeue: Option<Duration>,
}

/// The clusters as generators see them.
#[derive(Debug, Default)]
struct Surroundings {
    /// The number of the surroundings that they are part of.
    of: Option<u64>,
    inputs: Arc<Vec<Arc<ClusterInput>>>,
    /// Each with what it was made from.
    each: BTreeMap<ClusterName, (Arc<Cluster>, Arc<ClusterInput>)>,
}

/// Evaluates owners. Clones share memory.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) index: Shared,
    pub(crate) git: Git,
    pub(crate) releases: Releases,
    pub(crate) records: Records,
    /// Frozen rollouts expanded before: their members depend on clusters and projects only, and those that came to
    /// nothing on what else rendering depends on.
    expanded: Arc<Mutex<BTreeMap<RolloutKey, (Around, Resolved)>>>,
    settled: Settled,
    memories: Memories,
    clusters: Arc<Mutex<Surroundings>>,
}

type RolloutKey = (String, RolloutName);

/// The numbers of what surrounds an owner, and of what else rendering depends on ([`Index::surroundings`],
/// [`Index::rendering`], [`Able::number`](crate::index::Able)).
type Around = (u64, [u64; 2]);

/// Applications with their releases, or why they have none.
#[derive(Debug, Clone, Default)]
struct Resolved {
    members: Members,
    conditions: BTreeMap<AppKey, Vec<Value>>,
    commits: BTreeMap<Reference, CommitId>,
    references: BTreeSet<Reference>,
    unrendered: usize,
    retry: bool,
    /// The generators that fail alone.
    standing: BTreeSet<String>,
    /// Why it could not be expanded.
    problem: Option<String>,
    /// Applications that cannot be rendered now, and why.
    lost: BTreeMap<AppKey, String>,
    /// Something was said of what cannot be read any more.
    troubled: bool,
    /// How long it took, at the head.
    generate: Option<Took>,
    render: Option<Took>,
    /// What the clusters of members could do that are rendered for it, or were to be.
    able: BTreeMap<ClusterName, Arc<Capabilities>>,
    /// What Secrets said of charts.
    names: Names,
    origins: Arc<Origins>,
}

/// What members are made from; large, and never changed.
#[derive(Debug, Default)]
struct Origins {
    /// The sources of each member.
    sources: BTreeMap<AppKey, Vec<Said>>,
    /// What each came to.
    made: BTreeMap<Said, (Wanted, Made)>,
}

/// The cluster and the release of members that were planned once.
type Recorded = BTreeMap<AppKey, (ClusterName, ReleaseId)>;

/// A member, and what it was rendered from.
type Admitted = (MemberInput, Release);

/// One Application with its release, or why it has none.
struct One {
    key: AppKey,
    conditions: Vec<Value>,
    member: Result<Admitted, Lost>,
}

/// Why an Application has no release, and what its cluster can do for which it was to be rendered.
type Lost = (Unrendered, Option<(ClusterName, Arc<Capabilities>)>);

/// Rollouts whose members are not all known now: those that are, and why.
type Doubts = BTreeMap<RolloutName, (Members, String)>;

/// What of the index one evaluation needs, read at one moment.
struct Snapshot {
    object: Arc<Object>,
    clusters: Arc<Vec<Arc<ClusterInput>>>,
    existing: Vec<Arc<Object>>,
    line: Vec<Arc<FleetRollout>>,
    live: Vec<Arc<FleetRollout>>,
    plan: Result<PlanSpec, String>,
    /// Changes with everything outside frozen inputs that members depend on.
    surroundings: u64,
    /// Changes with what else rendering depends on, beside the clusters.
    rendering: u64,
    /// Changes with what any cluster can do.
    able: u64,
}

impl Lines {
    pub(crate) fn new(index: Shared, git: Git, releases: Releases, records: Records) -> Self {
        Self {
            index,
            git,
            releases,
            records,
            expanded: Arc::default(),
            settled: Settled::default(),
            memories: Memories::default(),
            clusters: Arc::default(),
        }
    }

    /// Evaluates an owner and writes what follows at once: Applications and a new FleetRollout.
    pub(crate) async fn evaluate(&self, owner: &Owner, now: Timestamp) -> Evaluation {
        let Some(snapshot) = self.snapshot(owner) else { return Evaluation::default() };
        {
            let index = self.index.read();
            self.expanded.lock().retain(|key, _| index.rollouts.contains_key(key));
            let sets = index.all(Kind::ApplicationSet).map(|(_, set)| set.uid());
            let sets: BTreeSet<&str> = sets.collect();
            self.settled.retain(|uid| sets.contains(uid));
            self.memories.retain(|uid| sets.contains(uid));
        }
        let mut evaluation = Evaluation::default();
        let head = match owner.kind {
            OwnerKind::ApplicationSet => self.set(&snapshot, &mut evaluation, now).await,
            OwnerKind::Application => {
                let object = snapshot.object.value();
                Some(self.timed(std::slice::from_ref(&*object), &Pins::head()).await)
            }
        };
        let mut doubts = BTreeMap::new();
        for rollout in &snapshot.live {
            let name = RolloutName::new(rollout.metadata.name.clone());
            let resolved = self.frozen(rollout, &snapshot).await;
            evaluation.retry |= resolved.retry;
            evaluation.able.extend(resolved.able.keys().cloned());
            match unsure(&self.index.read(), rollout, &resolved) {
                None => drop(evaluation.rollouts.insert(name, resolved.members)),
                Some(why) => drop(doubts.insert(name, (resolved.members, why))),
            }
        }
        if let Some(head) = head {
            self.head(owner, &snapshot, (head, &doubts), &mut evaluation, now).await;
        }
        if let Some((_, why)) = doubts.values().next_back() {
            doubted(owner, &mut evaluation, why);
        }
        evaluation
    }

    fn snapshot(&self, owner: &Owner) -> Option<Snapshot> {
        let index = self.index.read();
        let object = Arc::clone(index.owner(owner)?);
        let clusters = self.clusters(&index);
        let existing = match owner.kind {
            OwnerKind::ApplicationSet => index.made_by(&object),
            OwnerKind::Application => Vec::new(),
        };
        let line = index.line(owner);
        let head = |rollout: &FleetRollout| {
            let key = (rollout.metadata.namespace.clone(), RolloutName::new(rollout.metadata.name.clone()));
            index.heads.get(&key).map(|(head, _)| head.clone()).unwrap_or_default()
        };
        let live = rollouts::retained(&line, head, |name| index.is_run(name));
        let plan = plan(&index, owner, &object.value());
        let (Index { surroundings, rendering, .. }, able) = (&**index, index.able.number);
        let (surroundings, rendering) = (*surroundings, *rendering);
        Some(Snapshot { object, clusters, existing, line, live, plan, surroundings, rendering, able })
    }

    /// The clusters as generators see them: one that has not changed is the same allocation again.
    fn clusters(&self, index: &Index) -> Arc<Vec<Arc<ClusterInput>>> {
        let mut known = self.clusters.lock();
        if known.of != Some(index.surroundings) {
            let before = std::mem::take(&mut known.each);
            let staying = index.clusters.iter().filter(|(_, cluster)| !cluster.is_leaving());
            let each = staying.map(|(name, cluster)| {
                let same = before.get(name).filter(|(was, _)| Arc::ptr_eq(was, cluster));
                let input = same.map_or_else(|| Arc::new(seen(cluster)), |(_, input)| Arc::clone(input));
                (name.clone(), (Arc::clone(cluster), input))
            });
            known.each = each.collect();
            known.inputs = Arc::new(known.each.values().map(|(_, input)| Arc::clone(input)).collect());
            known.of = Some(index.surroundings);
        }
        Arc::clone(&known.inputs)
    }

    /// Expands a set at the head and writes its Applications. `None` when nothing is to change.
    async fn set(
        &self,
        snapshot: &Snapshot,
        evaluation: &mut Evaluation,
        now: Timestamp,
    ) -> Option<Resolved> {
        let set = &*snapshot.object.value();
        if snapshot.object.is_deleted {
            return None;
        }
        let (from, pins) = (shared_runtime::now(), Pins::head());
        let able = |cluster: &ClusterName| self.index.read().able.of(cluster);
        if let Some((said, resolved)) = self.settled.again(snapshot, (&self.releases, &pins), able).await
            && resolved.commits.keys().all(|reference| self.trouble(reference).is_none())
        {
            evaluation.set = said;
            // Nothing was generated, and its sources were looked at just now.
            let render = Some(Took { from, to: shared_runtime::now() });
            return Some(Resolved { generate: None, render, ..resolved });
        }
        let mut memory = self.memories.take(snapshot.object.uid());
        let object = snapshot.object.shared();
        memory.set(snapshot.object.revision, &object);
        let (Expanded { expansion, commits, references, later }, memory) =
            expand_again(&self.git, &object, &snapshot.clusters, &pins, memory).await;
        let mut memory = memory.unwrap_or_default();
        let generate = Some(Took { from, to: shared_runtime::now() });
        let mut settles = references.is_empty();
        memory.asks(&references);
        evaluation.references.extend(references);
        evaluation.requeue = expansion.requeue_after;
        let changes = self.changes(snapshot, &expansion, &mut memory);
        self.memories.put(snapshot.object.uid(), memory, &expansion);
        let failure = self.write(snapshot, &changes, now).await.err();
        evaluation.set =
            shared_generate::conditions(set, &expansion, changes.held.as_ref(), failure.as_ref(), &[], now);
        if expansion.problems.is_empty() {
            let troubles: Vec<String> =
                commits.keys().filter_map(|reference| self.trouble(reference)).collect();
            conditions::unread(&mut evaluation.set, &troubles);
        }
        evaluation.retry |= failure.is_some() || later;
        let is_whole = expansion.frozen.is_empty();
        evaluation.unrendered = usize::from(!expansion.problems.is_empty() || !is_whole);
        // Of generators that fail alone it has to be known which Applications they gave: a rollout leaves those out.
        if !expansion.problems.is_empty() || !is_whole && !self.is_apart(snapshot, &expansion).await {
            return None;
        }
        settles &=
            !evaluation.retry && expansion.rejected.is_empty() && changes == Changes::default() && is_whole;
        let objects: Vec<Value> =
            expansion.applications.iter().map(shared_generate::Generated::object).collect();
        let mut resolved = self.timed(&objects, &pins).await;
        resolved.generate = generate;
        resolved.commits.extend(commits);
        resolved.unrendered += evaluation.unrendered;
        resolved.standing = expansion.frozen.iter().map(|frozen| frozen.origin.clone()).collect();
        resolved.conditions.extend(standing(&snapshot.object, &expansion.frozen));
        if settles && resolved.lost.is_empty() && !resolved.troubled {
            self.settled.keep(snapshot, &evaluation.set, &resolved);
        }
        Some(resolved)
    }

    /// Takes what the inputs give now; freezes it in a new rollout when it is anything new.
    async fn head(
        &self,
        owner: &Owner,
        snapshot: &Snapshot,
        (mut head, doubts): (Resolved, &Doubts),
        evaluation: &mut Evaluation,
        now: Timestamp,
    ) {
        evaluation.references.append(&mut head.references);
        evaluation.unrendered = head.unrendered;
        evaluation.retry |= head.retry;
        evaluation.able.extend(head.able.keys().cloned());
        evaluation.applications = std::mem::take(&mut head.conditions);
        let newest = snapshot.line.last().map(|rollout| RolloutName::new(rollout.metadata.name.clone()));
        let known = newest.as_ref().and_then(|name| {
            let doubted = || doubts.get(name).map(|(members, _)| members);
            evaluation.rollouts.get(name).or_else(doubted)
        });
        let object = &*snapshot.object.value();
        let froze = snapshot
            .line
            .last()
            .is_some_and(|newest| rollouts::froze(&newest.spec, object, &head.commits, &head.standing));
        // The same inputs may come to something else by another tool, or for a cluster that can do something else.
        let otherwise = known.is_some_and(|known| rollouts::differs(known, &head.members));
        let needed = (!froze || otherwise) && rollouts::is_needed(known, &head.members);
        match &snapshot.plan {
            Err(problem) => held(owner, evaluation, problem),
            Ok(plan) if needed => {
                let timings = self.timings(&head, &snapshot.line).await;
                let commits = pinned(&head.commits, &head.names);
                let frozen = (commits, head.standing.clone());
                let mut object = rollouts::next(owner, object, frozen, plan.clone(), &snapshot.line);
                rollouts::timed(&mut object, &timings);
                match self.records.create(Kind::FleetRollout, object, now).await {
                    Ok(stored) => {
                        let trace_id = stored.value.pointer("/spec/traceId").and_then(Value::as_str);
                        tracing::info!(rollout = stored.name(), %owner, members = head.members.len(), trace_id, "a rollout was frozen");
                        let name = RolloutName::new(stored.name());
                        evaluation.rollouts.insert(name, head.members.clone());
                    }
                    // The mirror is behind: the next evaluation sees it.
                    Err(hub_records::Error::AlreadyExists { .. }) => evaluation.retry = true,
                    Err(error) => {
                        tracing::error!(%owner, error = chain(&error), "a rollout could not be stored");
                        evaluation.retry = true;
                    }
                }
            }
            Ok(_) => {}
        }
        evaluation.head = head.members;
    }

    /// The releases of Applications. One that has none does not keep the others from theirs.
    async fn resolve(&self, objects: &[Value], (pins, recorded): (&Pins, &Recorded)) -> Resolved {
        let (mut resolved, seen, mut origins) = (Resolved::default(), Seen::default(), BTreeMap::new());
        for part in objects.chunks(AT_ONCE) {
            // Releases that are new together share the disk's next flush.
            let ones =
                join_all(part.iter().map(|object| in_turn(self.one(object, (pins, recorded), &seen)))).await;
            for One { key, mut conditions, member } in ones {
                match member {
                    Ok((member, Release { commits, sources, warnings, able, .. })) => {
                        if let Some(able) = able {
                            resolved.able.insert(member.cluster.clone(), able);
                        }
                        let said = |warning: &Warning| {
                            conditions::of_application(&warning.condition, &warning.message)
                        };
                        conditions.extend(warnings.iter().map(said));
                        if matches!(pins, Pins::Head(_)) {
                            let troubles = commits.keys().filter_map(|reference| self.trouble(reference));
                            let before = conditions.len();
                            conditions.extend(
                                troubles.map(|said| conditions::of_application("ComparisonError", &said)),
                            );
                            resolved.troubled |= conditions.len() > before;
                        }
                        resolved.references.extend(commits.keys().cloned());
                        resolved.commits.extend(commits);
                        origins.insert(key.clone(), sources);
                        resolved.members.insert(key.clone(), member);
                    }
                    Err((Unrendered { condition, message, references, later }, able)) => {
                        resolved.references.extend(references);
                        resolved.able.extend(able);
                        resolved.retry |= later;
                        if condition == COMPARISON_ERROR {
                            resolved.unrendered += 1;
                            resolved.lost.insert(key.clone(), message.clone());
                        }
                        conditions.push(conditions::of_application(condition, &message));
                    }
                }
                resolved.conditions.insert(key, conditions);
            }
        }
        resolved.origins = Arc::new(Origins { sources: origins, made: seen.made() });
        resolved.names = pins.names();
        resolved
    }

    /// What is to be said of a reference that cannot be read any more.
    fn trouble(&self, (url, revision): &Reference) -> Option<String> {
        self.git.trouble(url, revision).map(|trouble| trouble.0)
    }

    async fn one(&self, object: &Value, from: (&Pins, &Recorded), seen: &Seen) -> One {
        let metadata = &object["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let key = AppKey::new(text("namespace"), text("name"));
        let mut conditions: Vec<Value> = unsupported::application(object)
            .iter()
            .map(|field| format!("{} has no effect yet: {}", field.path, field.remedy))
            .map(|message| conditions::of_application("UnsupportedFields", &message))
            .collect();
        conditions.extend(self.not_enforced(object));
        let member = self.member(&key, object, from, seen).await;
        One { key, conditions, member }
    }

    async fn member(
        &self,
        key: &AppKey,
        object: &Value,
        (pins, recorded): (&Pins, &Recorded),
        seen: &Seen,
    ) -> Result<Admitted, Lost> {
        let invalid = |message: String| (Unrendered::invalid(message), None);
        let application = Application::from_value(object).map_err(|error| invalid(error.to_string()))?;
        let cluster = self.admit(&application).map_err(invalid)?;
        let known = recorded.get(key).filter(|(on, _)| *on == cluster);
        // What it was planned with is what it gets, whatever the same inputs would come to now.
        let known = match known {
            Some((_, release)) => self.releases.stored(release).await.map_err(|why| (why, None))?,
            None => None,
        };
        let release = match known {
            Some(release) => release,
            None => {
                let able = self.index.read().able.of(&cluster);
                let release = self.releases.release(key, &application, &able, pins, seen).await;
                release.map_err(|why| (why, Some((cluster.clone(), able))))?
            }
        };
        let member = MemberInput {
            cluster,
            labels: application.metadata.labels.clone(),
            release: release.id,
            automated: application
                .spec
                .sync_policy
                .as_ref()
                .is_some_and(shared_model::SyncPolicy::is_automated),
            revisions: release.spec.shown(),
        };
        Ok((member, release))
    }

    /// What its AppProject asks for and nobody enforces yet, as conditions.
    fn not_enforced(&self, application: &Value) -> Vec<Value> {
        const KINDS: [&str; 4] = [
            "clusterResourceWhitelist",
            "clusterResourceBlacklist",
            "namespaceResourceWhitelist",
            "namespaceResourceBlacklist",
        ];
        let index = self.index.read();
        let name = application.pointer("/spec/project").and_then(Value::as_str).unwrap_or_default();
        let namespace =
            application.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let Some(project) = project(&index, namespace, name) else { return Vec::new() };
        let fields = shared_project::unsupported(&project.value());
        let fields = fields.iter().map(|field| format!("{} has no effect yet: {}", field.path, field.remedy));
        let kinds = KINDS.iter().filter(|field| !project.value()["spec"][**field].is_null());
        let kinds = kinds.map(|field| {
            format!("spec.{field} is not enforced yet: limit the agent's own rights in the cluster instead")
        });
        let windows = windows::of_project(&project.value()).1;
        let windows = windows.iter().map(|problem| {
            let message =
                format!("AppProject {name}: {problem}; what it closes stays closed until it is mended");
            conditions::of_application("InvalidSyncWindow", &message)
        });
        fields
            .chain(kinds)
            .map(|message| format!("AppProject {name}: {message}"))
            .map(|message| conditions::of_application("UnsupportedFields", &message))
            .chain(windows)
            .collect()
    }

    /// Checks an Application against clusters and its AppProject.
    fn admit(&self, application: &Application) -> Result<ClusterName, String> {
        let index = self.index.read();
        let spec = &application.spec;
        if spec.project.is_empty() {
            return Err("spec.project: project is required, e.g. default".to_owned());
        }
        let cluster = index.destination(&spec.destination)?;
        let object = index.clusters.get(&cluster);
        if object.is_some_and(|object| object.is_leaving()) {
            return Err(format!(
                "spec.destination: Cluster {cluster} is being retired; send the Application elsewhere"
            ));
        }
        let server = object.map(|cluster| cluster.server()).unwrap_or_default();
        let project = project(&index, &application.metadata.namespace, &spec.project);
        let problems = match project {
            Some(project) => shared_project::allow(&project.value(), spec, cluster.as_str(), &server),
            None if spec.project == "default" => Vec::new(),
            None => {
                return Err(format!(
                    "spec.project: Application referencing project {} which does not exist; create the AppProject or use default",
                    spec.project
                ));
            }
        };
        match problems.first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(cluster),
        }
    }
}

/// Says that the line waits until all members of its rollouts are known again.
fn doubted(owner: &Owner, evaluation: &mut Evaluation, why: &str) {
    let message = format!("{why}; nothing is rolled out until all that was frozen can be read again");
    match owner.kind {
        OwnerKind::ApplicationSet => conditions::unread(&mut evaluation.set, &[message]),
        OwnerKind::Application => {
            let key = AppKey::new(owner.namespace.clone(), owner.name.clone());
            let known = evaluation.applications.entry(key).or_default();
            known.push(conditions::of_application("ComparisonError", &message));
        }
    }
}

/// Of the Applications of generators that fail alone, why nothing new comes to them.
fn standing<'a>(
    set: &'a Object,
    frozen: &'a [Frozen],
) -> impl Iterator<Item = (AppKey, Vec<Value>)> + use<'a> {
    frozen.iter().flat_map(move |frozen| {
        let why = frozen.problems.first().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "its ApplicationSet's generator fails, and it stays as it is until that is mended: {why}"
        );
        let said = conditions::of_application("GeneratorFailed", &message);
        let names = frozen.applications.iter().flatten();
        names.map(move |name| (AppKey::new(set.namespace(), name.clone()), vec![said.clone()]))
    })
}

/// Projects live beside the Application or, as in Argo CD, in the control namespace.
pub(crate) fn project<'a>(index: &'a Index, namespace: &str, name: &str) -> Option<&'a Arc<Object>> {
    index
        .object(Kind::AppProject, namespace, name)
        .or_else(|| index.object(Kind::AppProject, shared_model::DEFAULT_NAMESPACE, name))
}

/// A Cluster as the clusters generator sees it.
fn seen(cluster: &Cluster) -> ClusterInput {
    ClusterInput {
        name: cluster.metadata.name.clone(),
        server: cluster.server(),
        project: cluster.spec.project.clone(),
        labels: cluster.metadata.labels.clone(),
        annotations: cluster.metadata.annotations.clone(),
    }
}
