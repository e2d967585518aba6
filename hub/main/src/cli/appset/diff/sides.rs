//! What is compared: sets expanded from files, or what a hub has.

use super::super::{
    given::{self, Bench, Sets},
    staging::{self, Fleet, Plan},
};
use crate::{
    args::{Connection, SetDiffOptions},
    cli::{
        app::offline::{
            documents::{Document, Lines},
            expand::{self, Expanded},
        },
        client::Hub,
        output,
    },
};
use anyhow::{Context as _, bail};
use serde_json::Value;
use shared_generate::Expansion;
use shared_model::{Cluster, Kind, POLICY_ANNOTATION};
use std::collections::BTreeMap;

/// A set on one side.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) object: Value,
    pub(super) plan: Plan,
    /// Its Applications: those that a hub has, or that it comes to.
    pub(super) applications: Vec<Value>,
    /// What it comes to; not of what a hub has.
    pub(super) expansion: Option<Expansion>,
    pub(super) notes: Vec<String>,
}

/// All sets of a side, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) sets: BTreeMap<String, Set>,
    pub(super) fleet: Fleet,
    /// What people call it.
    pub(super) label: String,
    /// Whether a set that is on the other side alone goes, or comes: not where only some sets were looked at.
    pub(super) whole: bool,
}

/// Two sides of files, with no hub.
pub(super) async fn of_files(options: &SetDiffOptions) -> anyhow::Result<(Side, Side)> {
    let bench = Bench::new(&options.inputs)?;
    let range = options.revisions.as_ref();
    let new = given::sets(&options.files, true)?;
    let new_clusters = given::clusters(options.inputs.clusters.as_deref())?;
    let old = if options.against.is_empty() {
        Sets { sets: new.sets.clone(), policies: new.policies.clone() }
    } else {
        let mut old = given::sets(&options.against, true)?;
        // A policy that the old files do not have is taken not to have changed.
        old.policies.extend(new.policies.iter().cloned());
        old
    };
    let old_clusters = match options.against_clusters.as_deref() {
        Some(file) => given::clusters(Some(file))?,
        None => new_clusters.clone(),
    };
    let label = |revision: Option<&str>, side: &str| revision.unwrap_or(side).to_owned();
    let from = range.map(|range| range.from.as_str());
    let to = range.and_then(|range| range.to.as_deref());
    let (old_label, new_label) = match range {
        Some(_) => (label(from, "before"), label(to, "local files")),
        None => ("before".to_owned(), "after".to_owned()),
    };
    let before = side(old, &old_clusters, &bench, from, old_label).await;
    let before =
        before.with_context(|| from.map_or_else(|| "as it was".to_owned(), |from| format!("at {from}")))?;
    let after = side(new, &new_clusters, &bench, to, new_label).await?;
    Ok((before, after))
}

async fn side(
    sets: Sets,
    clusters: &[Value],
    bench: &Bench,
    revision: Option<&str>,
    label: String,
) -> anyhow::Result<Side> {
    let inputs = given::inputs(clusters)?;
    let expanded = given::expanded(&sets.sets, &inputs, &bench.trees, revision).await?;
    let mut side = Side { fleet: Fleet::new(clusters)?, label, whole: true, ..Side::default() };
    for (document, expanded) in sets.sets.into_iter().zip(expanded) {
        let plan = staging::plan(&document, &sets.policies)?;
        side.sets.insert(key(&document), of_expansion(document, expanded, plan));
    }
    Ok(side)
}

fn key(set: &Document) -> String {
    format!("{}/{}", set.namespace(), set.name())
}

fn of_expansion(document: Document, expanded: Expanded, plan: Plan) -> Set {
    let notes = expand::remarks(&document, &expanded);
    let expansion = expanded.expansion;
    // As the hub would write them: with their owner.
    let applications = shared_generate::reconcile(&document.object, &[], &expansion).create;
    Set { object: document.object, plan, applications, expansion: Some(expansion), notes }
}

/// What a hub has, and what sets come to.
pub(super) async fn of_hub(connection: Connection, options: &SetDiffOptions) -> anyhow::Result<(Side, Side)> {
    let hub = Hub::connect(connection)?;
    let bench = Bench::new(&options.inputs)?.with_hub(hub.clone());
    let given = if options.files.is_empty() {
        named(&hub, options).await?
    } else {
        given::sets(&options.files, true)?
    };
    let live_clusters = hub.list(Kind::Cluster, "", None).await?;
    let clusters = match options.inputs.clusters.as_deref() {
        Some(file) => given::clusters(Some(file))?,
        // Nothing new goes to clusters that are on their way out.
        None => live_clusters.iter().filter(|cluster| !is_leaving(cluster)).cloned().collect(),
    };
    let mut before = Side { fleet: Fleet::new(&live_clusters)?, label: "hub".to_owned(), ..Side::default() };
    let mut sets = Sets { policies: given.policies, ..Sets::default() };
    let mut namespaces: BTreeMap<String, Live> = BTreeMap::new();
    for mut document in given.sets {
        let namespace = document.namespace().to_owned();
        if !namespaces.contains_key(&namespace) {
            namespaces.insert(namespace.clone(), Live::of(&hub, &namespace).await?);
        }
        let live = &namespaces[&namespace];
        sets.policies.extend(live.policies.iter().cloned());
        let known = live.sets.iter().find(|set| set["metadata"]["name"] == *document.name());
        if let Some(known) = known {
            // The hub's own identity of the set, by which its Applications know it.
            document.object["metadata"]["uid"] = known["metadata"]["uid"].clone();
            let was = Document { object: known.clone(), ..document.clone() };
            let plan = staging::plan(&was, &live.policies)?;
            let applications = live.of_set(known);
            let set = Set { object: known.clone(), plan, applications, expansion: None, notes: Vec::new() };
            before.sets.insert(key(&document), set);
        }
        sets.sets.push(document);
    }
    let mut after = side(sets, &clusters, &bench, None, "after".to_owned()).await?;
    for (key, set) in &mut after.sets {
        let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
        let others = namespaces.get(namespace).map(|live| live.others(set)).unwrap_or_default();
        set.notes.extend(others);
    }
    Ok((before, after))
}

fn is_leaving(cluster: &Value) -> bool {
    Cluster::from_value(cluster).is_ok_and(|cluster| cluster.is_leaving())
}

/// What a namespace of a hub has.
struct Live {
    sets: Vec<Value>,
    applications: Vec<Value>,
    policies: Vec<Value>,
}

impl Live {
    async fn of(hub: &Hub, namespace: &str) -> anyhow::Result<Self> {
        Ok(Self {
            sets: hub.list(Kind::ApplicationSet, namespace, None).await?,
            applications: hub.list(Kind::Application, namespace, None).await?,
            policies: hub.list(Kind::RolloutPolicy, namespace, None).await?,
        })
    }

    fn of_set(&self, set: &Value) -> Vec<Value> {
        let owned = |application: &&Value| is_of(application, set);
        self.applications.iter().filter(owned).cloned().collect()
    }

    /// Says which Applications the hub has already, and of somebody else.
    fn others(&self, set: &Set) -> Vec<String> {
        let made = |name: &Value| set.applications.iter().any(|made| made["metadata"]["name"] == *name);
        let taken = self.applications.iter().filter(|one| !is_of(one, &set.object));
        let taken = taken.filter(|one| made(&one["metadata"]["name"]));
        taken
            .map(|one| {
                let name = one["metadata"]["name"].as_str().unwrap_or_default();
                format!("Application {name} is on the hub already and is not this set's: it would be refused")
            })
            .collect()
    }
}

fn is_of(application: &Value, set: &Value) -> bool {
    let owners = application.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let uid = &set["metadata"]["uid"];
    let is = |owner: &Value| owner["kind"] == "ApplicationSet" && owner["uid"] == *uid && !uid.is_null();
    owners.into_iter().flatten().any(is)
}

/// Sets of the hub as they are there.
async fn named(hub: &Hub, options: &SetDiffOptions) -> anyhow::Result<Sets> {
    if options.inputs.repos.is_empty() && options.inputs.clusters.is_none() {
        output::note("note: neither -f, --repo nor --clusters is given: this compares with what Git has now");
    }
    let namespace = &options.namespace.namespace;
    let mut sets = Sets::default();
    for name in &options.names {
        let object = hub.read(Kind::ApplicationSet, namespace, name).await?;
        let lines = Lines::of_hub();
        sets.sets.push(Document {
            place: "of the hub".to_owned(),
            kind: Kind::ApplicationSet,
            object,
            lines,
        });
    }
    if sets.sets.iter().any(|set| !set.object["metadata"]["deletionTimestamp"].is_null()) {
        bail!("it is being deleted: there is nothing that it would change");
    }
    Ok(sets)
}

/// The policy that a set names, for people.
pub(super) fn policy(set: &Value) -> &str {
    set["metadata"]["annotations"][POLICY_ANNOTATION].as_str().unwrap_or_default()
}
