//! What each generator gives: as far as its form tells, and as far as it ran.

use super::Known;
use crate::engine::Engine;
use crate::generators::{self, Kind, Level, clusters};
use crate::memo::{self, Changes, Sets};
use crate::params::Params;
use crate::run::{Globbing, Run};
use serde_json::{Map, Value};
use shared_template::Step;
use std::collections::{BTreeMap, BTreeSet};

/// The steps from the parameters down; in flat mode one key, with its dots.
pub(super) type Key = Vec<Step>;

/// A key of these names.
pub(super) fn key<'a>(names: impl IntoIterator<Item = &'a str>) -> Key {
    names.into_iter().map(|name| Step::Key(name.to_owned())).collect()
}

/// Whether `long` is `short`, or below it. An item may be under any key.
pub(super) fn begins(long: &[Step], short: &[Step]) -> bool {
    let meet = |(one, other): (&Step, &Step)| one == other || *one == Step::Item || *other == Step::Item;
    long.len() >= short.len() && long.iter().zip(short).all(meet)
}

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

    /// Adds the leaves of a value that is known.
    fn leaf(&mut self, at: Key, value: &Value) {
        let below = |step: Step| at.iter().cloned().chain([step]).collect::<Key>();
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(name, value)| self.leaf(below(Step::Key(name.clone())), value));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().for_each(|item| self.leaf(below(Step::Item), item));
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => drop(self.known.insert(at)),
        }
    }

    /// Whether the key, or something below it, may be there.
    pub(super) fn may_have(&self, key: &Key) -> bool {
        let under = |open: &Key| match (open.as_slice(), key.as_slice()) {
            // Flat: `metadata.labels.` and `path[` open names.
            ([Step::Key(open)], [Step::Key(name)]) if open.ends_with(['.', '[']) => {
                name.starts_with(open.as_str())
            }
            (open, key) => begins(key, open),
        };
        // What a leaf is made of, if it has items, its form does not tell.
        let within = |known: &Key| key.get(known.len()) == Some(&Step::Item) && begins(key, known);
        self.open.iter().any(under) || self.known.iter().any(|known| begins(known, key) || within(known))
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
        if self.go { key(dotted.split('.')) } else { key([dotted]) }
    }

    fn has(&mut self, dotted: &str) {
        let key = self.key(dotted);
        self.shape.known.insert(key);
    }

    fn opens(&mut self, dotted: &str) {
        let open = if self.go { self.key(dotted) } else { key([format!("{dotted}.").as_str()]) };
        self.shape.open.insert(open);
    }

    fn values(&mut self, config: &Value) {
        for name in
            config.get("values").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name)
        {
            self.shape.known.insert(value(self.go, name));
        }
    }

    fn list(&mut self, config: &Value) {
        for element in config.get("elements").and_then(Value::as_array).into_iter().flatten() {
            let Some(fields) = element.as_object() else { continue };
            if self.go {
                fields.iter().for_each(|(name, value)| self.shape.leaf(key([name.as_str()]), value));
            } else {
                let names = fields.iter().filter(|(name, _)| *name != "values").map(|(name, _)| name);
                self.shape.known.extend(names.map(|name| key([name.as_str()])));
                self.values(element);
            }
        }
        let yaml = config.get("elementsYaml").and_then(Value::as_str).unwrap_or_default();
        let is_template = |step: &Step| matches!(step, Step::Key(name) if name.contains("{{"));
        if !yaml.is_empty() || self.shape.known.iter().flatten().any(is_template) {
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
            self.shape.open.insert(key([format!("{path}[").as_str()]));
        }
        self.values(config);
    }
}

/// What a template reads a value by.
pub(super) fn value(go_template: bool, name: &str) -> Key {
    if go_template { key(["values", name]) } else { key([format!("values.{name}").as_str()]) }
}
