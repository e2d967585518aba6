//! What the store holds, in memory, as far as deciding needs it: kept up to date by one watch.

mod able;
mod object;
mod owned;

pub(crate) use able::Able;
pub(crate) use object::{Object, REFRESH};
pub(crate) use owned::{FOREGROUND, Owned, OwnerRef};

use crate::{argocd, credentials, sources::rendered_by};
use hub_records::{Adoption, Restored, Stored, history::Seen, keys};
use hub_store::{Change, ChangeKind, Entry, Revision};
use parking_lot::RwLock;
use serde_json::Value;
use shared_model::{
    AppKey, Application, Cluster, ClusterName, FleetRollout, Kind, Observation, Owner, OwnerKind, RolloutName,
};
use shared_project::settings;
use shared_rollout::{Assigned, Head, MemberRecord, Order, Seat};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A namespace and a name.
pub(crate) type Name = (String, String);

/// The mirror as its readers share it. Who decides holds on to the mirror of one moment; only the loop writes, and
/// never while it decides, so that it is not copied.
pub(crate) type Shared = Arc<RwLock<Arc<Index>>>;

/// The mirror of the store.
#[derive(Debug, Default, Clone)]
pub(crate) struct Index {
    pub(crate) objects: BTreeMap<Kind, BTreeMap<Name, Arc<Object>>>,
    pub(crate) clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    pub(crate) applications: BTreeMap<AppKey, Arc<Application>>,
    pub(crate) rollouts: BTreeMap<(String, RolloutName), Arc<FleetRollout>>,
    pub(crate) heads: BTreeMap<(String, RolloutName), (Head, Revision)>,
    pub(crate) records: BTreeMap<(String, RolloutName), BTreeMap<AppKey, (MemberRecord, Revision)>>,
    pub(crate) assigned: BTreeMap<Seat, (Assigned, Revision)>,
    pub(crate) observed: BTreeMap<Seat, Observation>,
    /// What agents hold and the hub is to take as truth, or took.
    pub(crate) adoptions: BTreeMap<ClusterName, (Adoption, Revision)>,
    /// What each revision that somebody follows was last, by its key.
    pub(crate) seen: BTreeMap<String, Seen>,
    /// The Applications that each set made, by the set's uid.
    made: BTreeMap<String, BTreeSet<Name>>,
    /// The rollouts of each line, oldest first.
    lines: BTreeMap<Owner, BTreeSet<(u64, Name)>>,
    /// The clusters of each address; there should be one.
    servers: BTreeMap<String, BTreeSet<ClusterName>>,
    /// Where each application is assigned to run, or to go.
    seats: BTreeMap<AppKey, BTreeSet<ClusterName>>,
    /// How many seats run each rollout.
    running: BTreeMap<RolloutName, usize>,
    /// The Applications for which somebody asks for a sync.
    asked: BTreeSet<Name>,
    /// What belongs to others.
    pub(crate) owned: Owned,
    /// What clusters can do.
    pub(crate) able: Able,
    /// Another number, whenever something changed that members of frozen rollouts depend on.
    pub(crate) surroundings: u64,
    /// Another number, whenever something changed that rendering depends on beside inputs and clusters: Secrets, settings.
    pub(crate) rendering: u64,
    /// Present when the store is an older copy of itself.
    pub(crate) restored: Option<Restored>,
    incarnation: Option<u64>,
    /// Everything up to here is in.
    pub(crate) revision: Revision,
}

/// What a change may mean for the owners.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// These are to be expanded again.
    pub(crate) owners: BTreeSet<Owner>,
    /// All of them are: the clusters changed, as generators and waves see them.
    pub(crate) all: bool,
    /// These clusters can do something else now.
    pub(crate) able: BTreeSet<ClusterName>,
    /// The garbage collector may have something to do.
    pub(crate) collects: bool,
    /// What repositories are read with changed.
    pub(crate) access: bool,
    /// What the fleet is built from.
    pub(crate) parts: Vec<Part>,
    /// Objects that are there no more.
    pub(crate) gone: Vec<(Kind, Name)>,
}

/// A part of the fleet that is to be looked at again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// What an agent reported.
    Observed(Seat),
    /// What an agent was told.
    Assigned(Seat),
    /// A member's record.
    Member(String, RolloutName, AppKey),
    /// A rollout's head.
    Head(String, RolloutName),
    /// A line: which rollouts it has, or who their members are.
    Line(Owner),
    /// An Application, for lines other than its own that have it as a member.
    Application(AppKey),
    /// How a cluster stands.
    Cluster(ClusterName),
    /// Everything.
    Whole,
}

impl Index {
    /// Takes one change.
    pub(crate) fn apply(&mut self, change: &Change, touched: &mut Touched) {
        self.revision = self.revision.max(change.revision);
        let entry = match &change.kind {
            ChangeKind::Put(entry) => Some(entry),
            ChangeKind::Delete => None,
        };
        self.put(&change.key, entry, change.revision, touched);
    }

    /// Takes an entry of the first listing.
    pub(crate) fn load(&mut self, entry: &Entry) {
        self.put(&entry.key, Some(entry), entry.mod_revision, &mut Touched::default());
    }

    fn put(&mut self, key: &str, entry: Option<&Entry>, revision: Revision, touched: &mut Touched) {
        if key.starts_with(keys::OBJECTS) {
            self.put_object(key, entry, touched);
        } else if let Some((ns, rollout)) = keys::parse_head(key) {
            touched.parts.push(Part::Head(ns.to_owned(), rollout.clone()));
            set(&mut self.heads, (ns.to_owned(), rollout), entry, revision);
        } else if let Some((ns, rollout, app)) = keys::parse_member(key) {
            touched.parts.push(Part::Member(ns.to_owned(), rollout.clone(), app.clone()));
            let key = (ns.to_owned(), rollout);
            let members = self.records.entry(key.clone()).or_default();
            set(members, app, entry, revision);
            if members.is_empty() {
                self.records.remove(&key);
            }
        } else if key.starts_with(keys::ASSIGNMENTS) {
            if let Some(seat) = keys::parse_on_cluster(key) {
                let seat = self.known(seat);
                touched.parts.push(Part::Assigned(seat.clone()));
                self.put_assigned(seat, entry, revision);
            }
        } else if let Some(cluster) = key.strip_prefix(keys::ADOPTIONS) {
            touched.parts.push(Part::Cluster(ClusterName::new(cluster)));
            set(&mut self.adoptions, ClusterName::new(cluster), entry, revision);
        } else if key.starts_with(keys::SEEN) {
            match entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
                Some(seen) => drop(self.seen.insert(key.to_owned(), seen)),
                None => drop(self.seen.remove(key)),
            }
        } else if key.starts_with(keys::STATUSES) {
            if let Some((Kind::Cluster, _, name)) = keys::parse_object(key) {
                let cluster = ClusterName::new(name);
                if self.able.put(cluster.clone(), entry.map(|entry| &entry.value[..])) {
                    touched.able.insert(cluster);
                }
            }
        } else if key == keys::RESTORED {
            touched.parts.push(Part::Whole);
            self.restored = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        } else if key == keys::INCARNATION {
            touched.parts.push(Part::Whole);
            self.incarnation = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        } else if key.starts_with(keys::OBSERVATIONS) {
            let Some(seat) = keys::parse_on_cluster(key) else { return };
            let seat = self.known(seat);
            touched.parts.push(Part::Observed(seat.clone()));
            match entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
                Some(observation) => drop(self.observed.insert(seat, observation)),
                None => drop(self.observed.remove(&seat)),
            }
        }
    }

    fn put_assigned(&mut self, seat: Seat, entry: Option<&Entry>, revision: Revision) {
        let runs = |assigned: &BTreeMap<Seat, (Assigned, Revision)>| match assigned
            .get(&seat)
            .map(|(told, _)| &told.order)
        {
            Some(Order::Run { rollout, .. }) => Some(rollout.clone()),
            Some(Order::Remove { .. }) | None => None,
        };
        let before = runs(&self.assigned);
        set(&mut self.assigned, seat.clone(), entry, revision);
        let after = runs(&self.assigned);
        if before != after {
            if let Some(before) = before
                && let Some(count) = self.running.get_mut(&before)
            {
                *count -= 1;
                if *count == 0 {
                    self.running.remove(&before);
                }
            }
            if let Some(after) = after {
                *self.running.entry(after).or_default() += 1;
            }
        }
        let (cluster, app) = seat;
        if self.assigned.contains_key(&(cluster.clone(), app.clone())) {
            self.seats.entry(app).or_default().insert(cluster);
        } else if let Some(clusters) = self.seats.get_mut(&app) {
            clusters.remove(&cluster);
            if clusters.is_empty() {
                self.seats.remove(&app);
            }
        }
    }

    /// The seat with the letters of the names that are there already.
    fn known(&self, (cluster, app): Seat) -> Seat {
        let cluster = self.clusters.get_key_value(&cluster).map_or(cluster, |(known, _)| known.clone());
        let app = self.applications.get_key_value(&app).map_or(app, |(known, _)| known.clone());
        (cluster, app)
    }

    fn put_object(&mut self, key: &str, entry: Option<&Entry>, touched: &mut Touched) {
        let Some((kind, ns, name)) = keys::parse_object(key) else { return };
        let name = (ns.to_owned(), name.to_owned());
        let objects = self.objects.entry(kind).or_default();
        let read = entry.and_then(|entry| Object::from_entry(kind, entry));
        let (new, stored) = read.map(|(object, stored)| (Arc::new(object), stored)).unzip();
        let old = match &new {
            Some(new) => objects.insert(name.clone(), Arc::clone(new)),
            None => objects.remove(&name),
        };
        if kind == Kind::Application {
            if new.as_deref().is_some_and(|new| new.asks_sync) {
                self.asked.insert(name.clone());
            } else {
                self.asked.remove(&name);
            }
            for (object, is_new) in [(old.as_deref(), false), (new.as_deref(), true)] {
                if let Some((_, uid)) = object.and_then(Object::set) {
                    let made = self.made.entry(uid.to_owned()).or_default();
                    if is_new {
                        made.insert(name.clone());
                    } else {
                        made.remove(&name);
                    }
                    if made.is_empty() {
                        self.made.remove(uid);
                    }
                }
            }
        }
        let (before, after) = (old.as_deref(), new.as_deref());
        self.owned.put(kind, &name, after);
        touched.collects |= self.owned.concerns(kind, before, after);
        let surrounds = kind == Kind::AppProject
            || (kind == Kind::Cluster && seen_by_generators(before) != seen_by_generators(after));
        self.surroundings += u64::from(surrounds);
        self.rendering += u64::from(shows(kind, &name, before, after));
        if kind == Kind::FleetRollout {
            self.listed(&name, touched, |line, entry| _ = line.remove(&entry));
        }
        self.view(kind, &name, stored.as_ref());
        if kind == Kind::FleetRollout {
            self.listed(&name, touched, |line, entry| _ = line.insert(entry));
        }
        touched.note(kind, &name, old.as_deref(), new.as_deref());
    }

    fn listed(
        &mut self,
        name: &Name,
        touched: &mut Touched,
        change: impl FnOnce(&mut BTreeSet<(u64, Name)>, (u64, Name)),
    ) {
        let key = (name.0.clone(), RolloutName::new(name.1.clone()));
        let Some(rollout) = self.rollouts.get(&key) else { return };
        let owner = rollout.spec.owner.clone();
        let line = self.lines.entry(owner.clone()).or_default();
        change(line, (rollout.spec.sequence, name.clone()));
        if line.is_empty() {
            self.lines.remove(&owner);
        }
        touched.parts.push(Part::Line(owner));
    }

    /// Keeps the typed view of an object beside it.
    fn view(&mut self, kind: Kind, name: &Name, new: Option<&Stored>) {
        match kind {
            Kind::Cluster => {
                let key = ClusterName::new(name.1.clone());
                if let Some(old) = self.clusters.get(&key)
                    && let Some(same) = self.servers.get_mut(&old.server())
                {
                    same.remove(&key);
                    if same.is_empty() {
                        self.servers.remove(&old.server());
                    }
                }
                let cluster = new.and_then(|new| Cluster::from_value(&new.value).ok());
                if let Some(cluster) = &cluster {
                    self.servers.entry(cluster.server()).or_default().insert(key.clone());
                }
                replace(&mut self.clusters, key, cluster);
            }
            Kind::Application => {
                let key = AppKey::new(name.0.clone(), name.1.clone());
                replace(
                    &mut self.applications,
                    key,
                    new.and_then(|new| Application::from_value(&new.value).ok()),
                );
            }
            Kind::FleetRollout => {
                let key = (name.0.clone(), RolloutName::new(name.1.clone()));
                replace(
                    &mut self.rollouts,
                    key,
                    new.and_then(|new| FleetRollout::from_value(&new.value).ok()),
                );
            }
            Kind::ApplicationSet
            | Kind::AppProject
            | Kind::RolloutPolicy
            | Kind::EnrollmentToken
            | Kind::Namespace
            | Kind::Secret
            | Kind::ConfigMap
            | Kind::Event => {}
        }
    }

    /// The incarnation of new positions.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation.unwrap_or(1)
    }

    /// Whether the store is an older copy and nobody has adopted what the cluster's agent holds.
    pub(crate) fn awaits_adoption(&self, cluster: &Cluster) -> bool {
        let adopted = self.adoptions.get(&cluster.name()).and_then(|(adoption, _)| adoption.done());
        let created = cluster.metadata.creation_timestamp;
        self.restored.as_ref().is_some_and(|restored| restored.holds(created, adopted))
    }

    /// One object.
    pub(crate) fn object(&self, kind: Kind, ns: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(&kind)?.get(&(ns.to_owned(), name.to_owned()))
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = (&Name, &Arc<Object>)> {
        self.objects.get(&kind).into_iter().flatten()
    }

    /// The object that an owner is.
    pub(crate) fn owner(&self, owner: &Owner) -> Option<&Arc<Object>> {
        self.object(kind_of(owner.kind), &owner.namespace, &owner.name)
    }

    /// The AppProject of an owner as it is written, of a set as its template has it; `None` when the owner is not there.
    pub(crate) fn project_of(&self, owner: &Owner) -> Option<String> {
        let object = self.owner(owner)?;
        let project = match owner.kind {
            OwnerKind::ApplicationSet => object
                .value()
                .pointer("/spec/template/spec/project")
                .and_then(Value::as_str)
                .map(str::to_owned),
            OwnerKind::Application => {
                let key = AppKey::new(owner.namespace.clone(), owner.name.clone());
                self.applications.get(&key).map(|application| application.spec.project.clone())
            }
        };
        Some(project.unwrap_or_default())
    }

    /// Every owner of a line: the sets, and the Applications that no set made.
    pub(crate) fn owners(&self) -> BTreeSet<Owner> {
        let sets = self.all(Kind::ApplicationSet).map(|(name, _)| owner(OwnerKind::ApplicationSet, name));
        let alone = self
            .all(Kind::Application)
            .filter(|(_, object)| object.set().is_none())
            .map(|(name, _)| owner(OwnerKind::Application, name));
        sets.chain(alone).collect()
    }

    /// The owner of the line that an Application belongs to.
    pub(crate) fn line_of(&self, app: &AppKey) -> Option<Owner> {
        let stored = self.object(Kind::Application, &app.namespace, &app.name)?;
        let name = (stored.namespace().to_owned(), stored.name().to_owned());
        Some(match stored.set() {
            Some((set, _)) => owner(OwnerKind::ApplicationSet, &(name.0, set.to_owned())),
            None => owner(OwnerKind::Application, &name),
        })
    }

    /// Whether the Application belongs to the owner's line.
    pub(crate) fn belongs(&self, app: &AppKey, owner: &Owner) -> bool {
        let Some(stored) = self.object(Kind::Application, &app.namespace, &app.name) else { return false };
        let of_set = stored.set().map(|(set, _)| set);
        let named = match owner.kind {
            OwnerKind::ApplicationSet => of_set,
            OwnerKind::Application => of_set.is_none().then_some(&*app.name),
        };
        app.namespace == owner.namespace && named == Some(owner.name.as_str())
    }

    /// The Applications that a set made.
    pub(crate) fn made_by(&self, set: &Object) -> Vec<Arc<Object>> {
        let names = self.made.get(set.uid()).into_iter().flatten();
        let names = names.filter(|(namespace, _)| namespace == set.namespace());
        names
            .filter_map(|(namespace, name)| self.object(Kind::Application, namespace, name))
            .cloned()
            .collect()
    }

    /// The Applications for which somebody asks for a sync.
    pub(crate) fn asked(&self) -> impl Iterator<Item = AppKey> {
        self.asked.iter().map(|(namespace, name)| AppKey::new(namespace.as_str(), name.as_str()))
    }

    /// The clusters that were told something of an application.
    pub(crate) fn seats(&self, app: &AppKey) -> impl Iterator<Item = &ClusterName> {
        self.seats.get(app).into_iter().flatten()
    }

    /// Whether some cluster is to run what the rollout ships.
    pub(crate) fn is_run(&self, rollout: &RolloutName) -> bool {
        self.running.contains_key(rollout)
    }

    /// The rollouts of a line, oldest first.
    pub(crate) fn line(&self, owner: &Owner) -> Vec<Arc<FleetRollout>> {
        let names = self.lines.get(owner).into_iter().flatten();
        let rollouts = names.filter_map(|(_, (namespace, name))| {
            self.rollouts.get(&(namespace.clone(), RolloutName::new(name.as_str())))
        });
        rollouts.cloned().collect()
    }

    /// The cluster that a destination names.
    pub(crate) fn destination(&self, destination: &shared_model::Destination) -> Result<ClusterName, String> {
        let by_name = |name: &str| {
            let name = ClusterName::new(name);
            self.clusters.contains_key(&name).then_some(name)
        };
        match (destination.name.as_str(), destination.server.as_str()) {
            ("", "") => Err("spec.destination: name or server is required".to_owned()),
            (_, server) if !destination.name.is_empty() && !server.is_empty() => {
                Err(format!("spec.destination: can't have both name and server defined: {} {server}", destination.name))
            }
            (name, "") => by_name(name).ok_or_else(|| match name {
                shared_model::IN_CLUSTER_NAME => no_in_cluster_agent(),
                _ => format!("spec.destination.name: there is no Cluster named `{name}`; `flotilla cluster list` shows them"),
            }),
            (_, server) => {
                let found = self.servers.get(server).and_then(BTreeSet::first).cloned();
                if server == shared_model::IN_CLUSTER_SERVER {
                    found.or_else(|| by_name(shared_model::IN_CLUSTER_NAME)).ok_or_else(no_in_cluster_agent)
                } else {
                    found.ok_or_else(|| {
                        format!("spec.destination.server: no Cluster has the address `{server}`; `flotilla cluster list` shows them")
                    })
                }
            }
        }
    }
}

fn no_in_cluster_agent() -> String {
    "NoInClusterAgent: no agent serves the cluster that the hub runs in; start one with `flotilla cluster token --name in-cluster`".to_owned()
}

fn set<K: Ord, T: serde::de::DeserializeOwned>(
    map: &mut BTreeMap<K, (T, Revision)>,
    key: K,
    entry: Option<&Entry>,
    revision: Revision,
) {
    match entry.map(|entry| serde_json::from_slice(&entry.value)) {
        Some(Ok(value)) => drop(map.insert(key, (value, revision))),
        Some(Err(error)) => tracing::error!(%error, "a record cannot be read and is passed over"),
        None => drop(map.remove(&key)),
    }
}

fn replace<K: Ord, T>(map: &mut BTreeMap<K, Arc<T>>, key: K, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(key, Arc::new(value))),
        None => drop(map.remove(&key)),
    }
}

/// The kind of object that an owner is.
pub(crate) const fn kind_of(kind: OwnerKind) -> Kind {
    match kind {
        OwnerKind::ApplicationSet => Kind::ApplicationSet,
        OwnerKind::Application => Kind::Application,
    }
}

fn owner(kind: OwnerKind, name: &Name) -> Owner {
    Owner { kind, namespace: name.0.clone(), name: name.1.clone() }
}

impl Touched {
    fn note(&mut self, kind: Kind, name: &Name, old: Option<&Object>, new: Option<&Object>) {
        if new.is_none() {
            self.gone.push((kind, name.clone()));
        }
        match kind {
            Kind::ApplicationSet => drop(self.owners.insert(owner(OwnerKind::ApplicationSet, name))),
            Kind::Application => {
                for stored in old.into_iter().chain(new) {
                    let owner = match stored.set() {
                        Some((set, _)) => owner(OwnerKind::ApplicationSet, &(name.0.clone(), set.to_owned())),
                        None => owner(OwnerKind::Application, name),
                    };
                    self.parts.push(Part::Line(owner.clone()));
                    self.owners.insert(owner);
                }
                self.parts.push(Part::Application(AppKey::new(&*name.0, &*name.1)));
            }
            Kind::Cluster => {
                let other = seen_by_generators(old) != seen_by_generators(new);
                self.all |= other;
                let cluster = ClusterName::new(&*name.1);
                self.parts.push(if other { Part::Whole } else { Part::Cluster(cluster) });
            }
            Kind::AppProject | Kind::RolloutPolicy => self.all = true,
            Kind::Secret => {
                self.all = true;
                self.access = true;
            }
            Kind::ConfigMap if credentials::is_about_servers(name) => {
                self.all = true;
                self.access = true;
            }
            Kind::ConfigMap => self.all |= shows(kind, name, old, new),
            Kind::FleetRollout | Kind::EnrollmentToken | Kind::Namespace | Kind::Event => {}
        }
    }
}

/// Whether a change shows in what is rendered, wherever it is.
fn shows(kind: Kind, name: &Name, old: Option<&Object>, new: Option<&Object>) -> bool {
    match kind {
        Kind::Secret => true,
        Kind::ConfigMap if credentials::is_about_servers(name) => true,
        Kind::ConfigMap => is_settings(name) && rendered_by(old) != rendered_by(new),
        Kind::Cluster
        | Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::RolloutPolicy
        | Kind::FleetRollout
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Event => false,
    }
}

/// Whether the ConfigMap of that namespace and name is one of the two that people set things in.
fn is_settings(name: &Name) -> bool {
    name.0 == settings::NAMESPACE && [settings::NAME, argocd::NAME].contains(&name.1.as_str())
}

/// The part of a Cluster that generators, waves and destinations depend on.
fn seen_by_generators(cluster: Option<&Object>) -> Option<[Value; 7]> {
    let value = &cluster?.value();
    let metadata = &value["metadata"];
    let parts = [
        &metadata["labels"],
        &metadata["annotations"],
        &metadata["uid"],
        &value["spec"]["server"],
        &value["spec"]["project"],
        // One that leaves is not seen any more.
        &value["spec"]["retire"],
        &metadata["deletionTimestamp"],
    ];
    Some(parts.map(Value::clone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared_model::{Digest, ReleaseId};

    #[test]
    fn what_is_gone_leaves_nothing_behind() {
        let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() };
        let reference = json!({"kind": "ApplicationSet", "name": "web", "uid": "u-1"});
        let metadata =
            |name: &str| json!({"name": name, "namespace": "argocd", "ownerReferences": [reference]});
        let spec = json!({"owner": owner, "sequence": 1, "object": {}, "plan": "immediate", "commits": []});
        let record = json!({"cluster": "eu-1", "release": ReleaseId(Digest::of(b"a")), "state": "Waiting"});
        let app = AppKey::new("argocd", "web-eu-1");
        let all = [
            (
                keys::object(Kind::Application, "argocd", "web-eu-1"),
                json!({"metadata": metadata("web-eu-1")}),
            ),
            (
                keys::object(Kind::FleetRollout, "argocd", "web-1"),
                json!({"metadata": metadata("web-1"), "spec": spec}),
            ),
            (keys::member("argocd", &RolloutName::new("web-1"), &app), record),
        ];
        let mut index = Index::default();
        let apply = |index: &mut Index, number: u64, key: &str, value: Option<&Value>| {
            let revision = Revision(number);
            let entry = |value: &Value| Entry {
                key: key.to_owned(),
                value: value.to_string().into(),
                create_revision: revision,
                mod_revision: revision,
            };
            let kind = value.map_or(ChangeKind::Delete, |value| ChangeKind::Put(entry(value)));
            index.apply(
                &Change { key: key.to_owned(), revision, kind, previous: None },
                &mut Touched::default(),
            );
        };
        for (number, (key, value)) in (1..).zip(&all) {
            apply(&mut index, number, key, Some(value));
        }
        assert_eq!([index.records.len(), index.lines.len(), index.made.len()], [1, 1, 1]);
        for (number, (key, _)) in (10..).zip(&all) {
            apply(&mut index, number, key, None);
        }
        assert_eq!([index.records.len(), index.lines.len(), index.made.len()], [0, 0, 0]);
    }
}
