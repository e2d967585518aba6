//! One entry of `spec.generators`, at the top or within matrix and merge.
//!
//! At the top an entry may set several kinds, which run in the order of Argo CD's struct; within matrix and merge it sets exactly one. A matrix
//! or merge may hold another one, and that holds plain generators only.

pub(crate) mod clusters;
mod git;
mod list;
mod matrix;
mod merge;
mod values;

use crate::fields;
use crate::memo::{Node, Sets};
use crate::params::Params;
use crate::run::{Run, Stop, failed};
use crate::selector::Selector;
use crate::{Problem, Repository};
use serde_json::{Map, Value};
use shared_model::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often generators that read Git run again unless the set says otherwise.
const GIT_REQUEUE: Duration = Duration::from_secs(180);

/// Keys of an entry that are no generator.
const SELECTOR: &str = "selector";

/// The generators, in the order in which one entry's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    List,
    Clusters,
    Git,
    ScmProvider,
    ClusterDecisionResource,
    PullRequest,
    Matrix,
    Merge,
    Plugin,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::List,
        Self::Clusters,
        Self::Git,
        Self::ScmProvider,
        Self::ClusterDecisionResource,
        Self::PullRequest,
        Self::Matrix,
        Self::Merge,
        Self::Plugin,
    ];

    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Clusters => "clusters",
            Self::Git => "git",
            Self::ScmProvider => "scmProvider",
            Self::ClusterDecisionResource => "clusterDecisionResource",
            Self::PullRequest => "pullRequest",
            Self::Matrix => "matrix",
            Self::Merge => "merge",
            Self::Plugin => "plugin",
        }
    }
}

/// Takes parameter sets one by one.
pub(crate) type Emit<'e> = dyn FnMut(Arc<Params>) + 'e;

/// The generators that an entry sets.
type Configured<'a> = Vec<(Kind, &'a Value)>;

/// What one generator of a top-level entry gives.
#[derive(Debug)]
pub(crate) struct Produced<'a> {
    pub(crate) params: Sets,
    /// The generator's own template, which goes before the set's.
    pub(crate) template: Option<&'a Value>,
}

/// How deep an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// In `spec.generators`.
    Top,
    /// In a matrix or merge of `spec.generators`.
    Child,
    /// In a matrix or merge within one.
    Grandchild,
}

impl Level {
    /// Where the entries of a matrix or merge at this level stand.
    pub(crate) fn below(self) -> Option<Self> {
        match self {
            Self::Top => Some(Self::Child),
            Self::Child => Some(Self::Grandchild),
            Self::Grandchild => None,
        }
    }
}

/// Runs every generator of a top-level entry, each with its own memory.
pub(crate) fn top<'a>(
    run: &mut Run<'_>,
    nodes: &mut BTreeMap<&'static str, Node>,
    path: &str,
    entry: &'a Value,
) -> Vec<(String, Result<Produced<'a>, Stop>)> {
    let (kinds, selector) = match opened(run, path, entry) {
        Ok(opened) => opened,
        Err(problem) => return vec![(path.to_owned(), Err(problem.into()))],
    };
    let produce = |(kind, config): (Kind, &'a Value)| {
        let origin = format!("{path}.{}", kind.key());
        let node = nodes.entry(kind.key()).or_default();
        let made = remembered(run, node, &origin, kind, config, Level::Top).map(|sets| Produced {
            params: node.filter(sets, &selector),
            template: config.get("template").filter(|template| !template.is_null()),
        });
        (origin, made.map_err(Stop::of_generation))
    };
    kinds.into_iter().map(produce).collect()
}

/// Runs the one generator of an entry within matrix or merge, with its selector.
pub(crate) fn child(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    entry: &Value,
    level: Level,
) -> Result<Sets, Stop> {
    let (kind, config, selector) = single(run, path, entry)?;
    let sets = remembered(run, node, &format!("{path}.{}", kind.key()), kind, config, level)?;
    Ok(node.filter(sets, &selector))
}

/// What a generator gave the last time, unless something that it read has changed.
pub(crate) fn again(run: &mut Run<'_>, node: &mut Node) -> Option<Sets> {
    let sets = Arc::clone(node.fresh(run.changes)?);
    let (reads, notes) = node.said();
    run.reads.add(reads);
    run.unsupported.extend(notes.iter().cloned());
    Some(sets)
}

/// Runs a generator whose configuration the memory was made with.
fn remembered(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    kind: Kind,
    config: &Value,
    level: Level,
) -> Result<Sets, Stop> {
    match again(run, node) {
        Some(sets) => Ok(sets),
        None => generate(run, node, path, kind, config, level),
    }
}

/// The one generator of an entry within matrix or merge.
pub(crate) fn single<'a>(
    run: &mut Run<'_>,
    path: &str,
    entry: &'a Value,
) -> Result<(Kind, &'a Value, Selector), Problem> {
    let (kinds, selector) = opened(run, path, entry)?;
    match kinds.as_slice() {
        [(kind, config)] => Ok((*kind, config, selector)),
        [] => Err(failed(
            path,
            "child generator generated no parameters",
            "name one generator here, e.g. `list`",
        )),
        several => {
            let names: Vec<_> = several.iter().map(|(kind, _)| kind.key()).collect();
            let message = format!("found more than one generator: {}", names.join(", "));
            Err(failed(path, message, "give each its own entry"))
        }
    }
}

/// Runs one generator. `config` has gone through the outer parameters already.
pub(crate) fn generate(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    kind: Kind,
    config: &Value,
    level: Level,
) -> Result<Sets, Stop> {
    let (reads, notes) = (std::mem::take(&mut run.reads), std::mem::take(&mut run.unsupported));
    node.begin(run.changes);
    let mut sets = Vec::new();
    let made = given(run, node, path, (kind, config, level), &mut |params| sets.push(params));
    let (own, said) =
        (std::mem::replace(&mut run.reads, reads), std::mem::replace(&mut run.unsupported, notes));
    run.reads.add(&own);
    run.unsupported.extend(said.iter().cloned());
    made.map(|()| node.keep(sets, own, said))
}

/// Runs every generator of a top-level entry, once, and keeps nothing: the parameter sets that are selected go to `emit` with the generator's place.
pub(crate) fn once<'a>(
    run: &mut Run<'_>,
    path: &str,
    entry: &'a Value,
    mut emit: impl FnMut(usize, &Origin<'a>, Arc<Params>),
) -> Vec<(Origin<'a>, Result<(), Stop>)> {
    let (kinds, selector) = match opened(run, path, entry) {
        Ok(opened) => opened,
        Err(problem) => return vec![(Origin { path: path.into(), template: None }, Err(problem.into()))],
    };
    let run_one = |(place, (kind, config)): (usize, (Kind, &'a Value))| {
        let origin = Origin {
            path: format!("{path}.{}", kind.key()).into(),
            template: config.get("template").filter(|template| !template.is_null()),
        };
        let mut selected = |params: Arc<Params>| {
            if selector.is_empty() || selector.matches(&params.flattened()) {
                emit(place, &origin, params);
            }
        };
        let made = given(run, &mut Node::default(), &origin.path, (kind, config, Level::Top), &mut selected);
        (origin, made.map_err(Stop::of_generation))
    };
    kinds.into_iter().enumerate().map(run_one).collect()
}

/// A generator at the top, and its own template.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) path: Arc<str>,
    pub(crate) template: Option<&'a Value>,
}

/// Whether an entry reads Git, nested or not.
pub(crate) fn reads_git(entry: &Value) -> bool {
    walk(entry).iter().any(|(kind, _)| *kind == Kind::Git)
}

fn given(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    (kind, config, level): (Kind, &Value, Level),
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    let fields = fields::object(path, Some(config))?;
    match kind {
        Kind::List => list::generate(run, node, path, fields, emit),
        Kind::Clusters => clusters::generate(run, node, path, fields, emit),
        Kind::Git => git::generate(run, node, path, fields, emit),
        Kind::Matrix | Kind::Merge => {
            let Some(below) = level.below() else {
                let message =
                    format!("`{}` is nested too deep: child generator generated no parameters", kind.key());
                return Err(failed(
                    path,
                    message,
                    "a matrix or merge may hold one more matrix or merge, not two",
                )
                .into());
            };
            if kind == Kind::Matrix {
                matrix::generate(run, node, path, fields, below, emit)
            } else {
                merge::generate(run, node, path, fields, below, emit)
            }
        }
        Kind::ScmProvider | Kind::ClusterDecisionResource | Kind::PullRequest | Kind::Plugin => {
            let message =
                format!("the `{}` generator is not acted on yet and gives no Applications", kind.key());
            run.note(path, message, "use list, clusters, git, matrix or merge".to_owned(), true);
            Ok(())
        }
    }
}

/// The generators that an entry sets, and its post-selector.
fn opened<'a>(
    run: &mut Run<'_>,
    path: &str,
    entry: &'a Value,
) -> Result<(Configured<'a>, Selector), Problem> {
    let map = fields::object(path, Some(entry))?;
    check_keys(path, map)?;
    let selector = Selector::parse(&format!("{path}.{SELECTOR}"), map.get(SELECTOR))?;
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        match map.get(kind.key()) {
            None => {}
            Some(Value::Null) => {
                let message = format!("the `{}` generator is null and generates nothing", kind.key());
                run.note(
                    &format!("{path}.{}", kind.key()),
                    message,
                    format!("write `{}: {{}}`", kind.key()),
                    true,
                );
            }
            Some(config) => kinds.push((kind, config)),
        }
    }
    if kinds.is_empty() && !Kind::ALL.iter().any(|kind| map.contains_key(kind.key())) {
        run.note(
            path,
            "names no generator and generates nothing".to_owned(),
            "name one, e.g. `list`, or remove it".to_owned(),
            true,
        );
    }
    Ok((kinds, selector))
}

fn check_keys(path: &str, map: &Map<String, Value>) -> Result<(), Problem> {
    let known = || Kind::ALL.into_iter().map(Kind::key).chain([SELECTOR]);
    let Some(unknown) = map.keys().find(|key| !known().any(|known| known == key.as_str())) else {
        return Ok(());
    };
    let message = match nearest(unknown, known()) {
        Some(meant) => format!("unknown generator `{unknown}`: did you mean `{meant}`?"),
        None => {
            format!("unknown generator `{unknown}`: known are {}", Kind::ALL.map(Kind::key).join(", "))
        }
    };
    Err(failed(&format!("{path}.{unknown}"), message, ""))
}

/// When the set must run again for this entry's sake.
pub(crate) fn requeue(entry: &Value) -> Option<Duration> {
    let git = walk(entry).into_iter().filter(|(kind, _)| *kind == Kind::Git);
    let after = |(_, config): (Kind, &Value)| {
        config.get("requeueAfterSeconds").and_then(Value::as_u64).map_or(GIT_REQUEUE, Duration::from_secs)
    };
    git.map(after).filter(|after| !after.is_zero()).min()
}

/// The repositories that this entry names without a template.
pub(crate) fn repositories(entry: &Value, found: &mut BTreeSet<Repository>) {
    for (kind, config) in walk(entry) {
        let text = |key| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let (repo_url, revision) = (text("repoURL"), text("revision"));
        if kind == Kind::Git && !repo_url.is_empty() && !repo_url.contains("{{") && !revision.contains("{{") {
            found.insert(Repository { repo_url: repo_url.to_owned(), revision: git::revision(revision) });
        }
    }
}

/// Every generator of an entry, nested ones too.
fn walk(entry: &Value) -> Vec<(Kind, &Value)> {
    let mut found = Vec::new();
    let mut open = vec![entry];
    while let Some(entry) = open.pop() {
        for kind in Kind::ALL {
            let Some(config) = entry.get(kind.key()) else { continue };
            found.push((kind, config));
            if matches!(kind, Kind::Matrix | Kind::Merge) {
                open.extend(config.get("generators").and_then(Value::as_array).into_iter().flatten());
            }
        }
    }
    found
}
