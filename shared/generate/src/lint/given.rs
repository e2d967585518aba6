//! What each generator gives: as far as its form tells, and as far as it ran.

use super::Known;
use crate::engine::Engine;
use crate::generators::{self, Kind, Level, clusters};
use crate::memo::{self, Changes, Sets};
use crate::params::Params;
use crate::run::{Globbing, Run};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The keys from the parameters down; in flat mode one, with its dots.
pub(super) type Key = Vec<String>;

/// What generators run with.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) engine: &'a Engine,
    pub(super) globbing: Globbing,
}

impl By<'_> {
    /// Runs something once, with nothing remembered.
    fn run<T>(self, known: &Known<'_>, what: impl FnOnce(&mut Run<'_>) -> T) -> T {
        let (clusters, changes) = (clusters::by_name(&known.inputs.clusters), Changes::default());
        let mut run = Run::new(self.engine, self.globbing, &clusters, &known.inputs.git, &changes);
        run.keeps = false;
        what(&mut run)
    }
}

/// A generator of the set.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Such as `spec.generators[0].matrix.generators[1].list`.
    pub(super) path: String,
    /// The path of the entry that names it.
    pub(super) entry_path: String,
    pub(super) entry: &'a Value,
    pub(super) kind: Kind,
    pub(super) config: &'a Value,
    /// The matrix or merge that holds it, by its place among the nodes, and its own place there.
    pub(super) parent: Option<(usize, usize)>,
    pub(super) level: Level,
    /// The keys that its form tells.
    pub(super) shape: Shape,
    /// What it gave; `None` where that is not known.
    pub(super) sets: Option<Vec<Params>>,
}

impl Node<'_> {
    /// Whether it is rendered with another generator's parameters before it runs.
    pub(super) fn is_rendered(&self, nodes: &[Self]) -> bool {
        let mut at = self;
        while let Some((parent, place)) = at.parent {
            if nodes[parent].kind == Kind::Matrix && place == 1 {
                return true;
            }
            at = &nodes[parent];
        }
        false
    }

    /// The keys that are there when it is rendered.
    pub(super) fn outer(&self, nodes: &[Self]) -> Shape {
        let mut shape = Shape::default();
        let mut at = self;
        while let Some((parent, place)) = at.parent {
            if nodes[parent].kind == Kind::Matrix && place == 1 {
                let first = nodes.iter().find(|node| node.parent == Some((parent, 0)));
                shape.add(first.map_or_else(Shape::anything, |first| first.shape.clone()));
            }
            at = &nodes[parent];
        }
        shape
    }
}

/// Keys that may be given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Leaves.
    pub(super) known: BTreeSet<Key>,
    /// Whatever begins with these may be there.
    open: BTreeSet<Key>,
}

impl Shape {
    fn anything() -> Self {
        Self { open: BTreeSet::from([Vec::new()]), ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.known.extend(other.known);
        self.open.extend(other.open);
    }

    /// Whether the key, or something below it, may be there.
    pub(super) fn may_have(&self, key: &Key) -> bool {
        let under = |open: &Key| match (open.as_slice(), key.as_slice()) {
            // Flat: `metadata.labels.` and `path[` open names.
            ([open], [name]) if open.ends_with(['.', '[']) => name.starts_with(open.as_str()),
            (open, key) => key.starts_with(open),
        };
        self.open.iter().any(under) || self.known.iter().any(|known| known.starts_with(key))
    }
}

/// Every generator of the set, nested ones after those that hold them.
pub(super) fn nodes<'a>(by: By<'_>, spec: &'a Map<String, Value>, known: &Known<'_>) -> Vec<Node<'a>> {
    let mut nodes = Vec::new();
    let entries = spec.get("generators").and_then(Value::as_array).into_iter().flatten();
    for (index, entry) in entries.enumerate() {
        let path = format!("spec.generators[{index}]");
        let from = nodes.len();
        add(by, &path, entry, None, Level::Top, &mut nodes);
        let mut ran = ran(by, &path, entry, known).into_iter();
        for node in nodes[from..].iter_mut().filter(|node| node.parent.is_none()) {
            node.sets = ran.next().flatten();
        }
    }
    for at in 0..nodes.len() {
        if nodes[at].parent.is_some() && !nodes[at].is_rendered(&nodes) {
            let node = &nodes[at];
            nodes[at].sets = child(by, &node.entry_path, node.entry, node.level, known);
        }
    }
    nodes
}

fn add<'a>(
    by: By<'_>,
    entry_path: &str,
    entry: &'a Value,
    parent: Option<(usize, usize)>,
    level: Level,
    nodes: &mut Vec<Node<'a>>,
) -> Shape {
    let mut shape = Shape::default();
    let set = Kind::ALL.into_iter().filter_map(|kind| Some((kind, entry.get(kind.key())?)));
    for (kind, config) in set.filter(|(_, config)| config.is_object()) {
        let path = format!("{entry_path}.{}", kind.key());
        let at = nodes.len();
        nodes.push(Node {
            path: path.clone(),
            entry_path: entry_path.to_owned(),
            entry,
            kind,
            config,
            parent,
            level,
            shape: Shape::default(),
            sets: None,
        });
        let own = match (kind, level.below()) {
            (Kind::Matrix | Kind::Merge, Some(below)) => {
                let mut all = Shape::default();
                let children = config.get("generators").and_then(Value::as_array).into_iter().flatten();
                for (place, child) in children.enumerate() {
                    let child_path = format!("{path}.generators[{place}]");
                    all.add(add(by, &child_path, child, Some((at, place)), below, nodes));
                }
                all
            }
            _ => form(by, kind, config),
        };
        nodes[at].shape = own.clone();
        shape.add(own);
    }
    shape
}

/// What generators of an entry at the top gave, in their order.
fn ran(by: By<'_>, path: &str, entry: &Value, known: &Known<'_>) -> Vec<Option<Vec<Params>>> {
    if !known.fleet && reads_clusters(entry) {
        return Vec::new();
    }
    let run = |run: &mut Run<'_>| {
        let results = generators::top(run, &mut BTreeMap::new(), path, entry);
        results.into_iter().map(|(_, result)| result.ok().map(|produced| copied(&produced.params))).collect()
    };
    by.run(known, run)
}

/// What an entry within matrix or merge gives by itself.
pub(super) fn child(
    by: By<'_>,
    path: &str,
    entry: &Value,
    level: Level,
    known: &Known<'_>,
) -> Option<Vec<Params>> {
    if !known.fleet && reads_clusters(entry) {
        return None;
    }
    by.run(known, |run| generators::child(run, &mut memo::Node::default(), path, entry, level))
        .ok()
        .map(|sets| copied(&sets))
}

fn copied(sets: &Sets) -> Vec<Params> {
    sets.iter().map(|set| Params::clone(set)).collect()
}

/// Whether what an entry gives depends on the clusters.
fn reads_clusters(entry: &Value) -> bool {
    let children = |kind: &str| entry.pointer(&format!("/{kind}/generators")).and_then(Value::as_array);
    entry.get("clusters").is_some()
        || ["matrix", "merge"].iter().filter_map(|kind| children(kind)).flatten().any(reads_clusters)
}

/// The keys that the form of a plain generator tells.
fn form(by: By<'_>, kind: Kind, config: &Value) -> Shape {
    let mut form = Form { go: by.engine.go_template, shape: Shape::default() };
    match kind {
        Kind::List => form.list(config),
        Kind::Clusters => form.clusters(config),
        Kind::Git => form.git(config),
        Kind::ScmProvider
        | Kind::ClusterDecisionResource
        | Kind::PullRequest
        | Kind::Plugin
        | Kind::Matrix
        | Kind::Merge => form.shape = Shape::anything(),
    }
    form.shape
}

struct Form {
    go: bool,
    shape: Shape,
}

impl Form {
    fn key(&self, dotted: &str) -> Key {
        if self.go { dotted.split('.').map(str::to_owned).collect() } else { vec![dotted.to_owned()] }
    }

    fn has(&mut self, dotted: &str) {
        let key = self.key(dotted);
        self.shape.known.insert(key);
    }

    fn opens(&mut self, dotted: &str) {
        let key = if self.go { self.key(dotted) } else { vec![format!("{dotted}.")] };
        self.shape.open.insert(key);
    }

    fn values(&mut self, config: &Value) {
        for name in
            config.get("values").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name)
        {
            let key = if self.go {
                vec!["values".to_owned(), name.clone()]
            } else {
                vec![format!("values.{name}")]
            };
            self.shape.known.insert(key);
        }
    }

    fn list(&mut self, config: &Value) {
        for element in config.get("elements").and_then(Value::as_array).into_iter().flatten() {
            let Some(fields) = element.as_object() else { continue };
            if self.go {
                leaves(&mut Vec::new(), fields, &mut self.shape.known);
            } else {
                let names = fields.iter().filter(|(name, _)| *name != "values").map(|(name, _)| name);
                self.shape.known.extend(names.map(|name| vec![name.clone()]));
                self.values(element);
            }
        }
        let yaml = config.get("elementsYaml").and_then(Value::as_str).unwrap_or_default();
        if !yaml.is_empty() || self.shape.known.iter().flatten().any(|name| name.contains("{{")) {
            self.shape.open.insert(Vec::new());
        }
    }

    fn clusters(&mut self, config: &Value) {
        if config.get("flatList").and_then(Value::as_bool) == Some(true) {
            self.has("clusters");
            self.opens("clusters");
            return;
        }
        for name in ["name", "nameNormalized", "server", "project"] {
            self.has(name);
        }
        self.opens("metadata.labels");
        self.opens("metadata.annotations");
        self.values(config);
    }

    fn git(&mut self, config: &Value) {
        let prefix = config.get("pathParamPrefix").and_then(Value::as_str).unwrap_or_default();
        let path = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
        let is_set =
            |key: &str| config.get(key).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
        let mut names = vec!["basename", "basenameNormalized"];
        if !is_set("directories") {
            names.extend(["filename", "filenameNormalized"]);
            self.shape.open.insert(Vec::new());
        }
        for name in names {
            self.has(&format!("{path}.{name}"));
        }
        if self.go {
            self.has(&format!("{path}.path"));
            self.has(&format!("{path}.segments"));
        } else {
            self.has(&path);
            self.shape.open.insert(vec![format!("{path}[")]);
        }
        self.values(config);
    }
}

fn leaves(at: &mut Key, fields: &Map<String, Value>, found: &mut BTreeSet<Key>) {
    for (name, value) in fields {
        at.push(name.clone());
        match value.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => leaves(at, fields, found),
            None => drop(found.insert(at.clone())),
        }
        at.pop();
    }
}
