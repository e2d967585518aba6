//! A chart of an overlay, rendered as kustomize would have it rendered (`HelmChartInflationGenerator` and
//! `HelmChart.AsHelmArgs` of kustomize 5.8), but by the hub and before the overlay is built.
//!
//! # The view
//! `chart/` is a chart of a repository, `chart.tgz` a packed one; `values/` are the value files in their order.
//!
//! # Invariants
//! - As for charts that are sources: what no template can see is neither shown nor told.
//! - Nothing is fetched here. A chart that misses another one fails, as with kustomize.

use super::{
    LONGEST_ARGUMENT, RELEASE_NAMES, UNSEEN,
    chart::{Chart, Facts, Memo},
    is_release,
    mentions::{Apis, Mentions},
    no_version, numbers,
};
use crate::{
    job::{Job, Tool, Work},
    request::{Capabilities, Chart as Fetched, Failure},
    tree::{Entry, Tree},
    view::View,
};
use bytes::Bytes;
use std::sync::Arc;

/// Where a packed chart is in the view.
const PACKED: &str = "chart.tgz";
/// What helm calls a release that nobody named.
const NAMELESS: &str = "release-name";

/// Where a chart is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In a folder of a tree.
    Folder(Arc<dyn Tree>, String),
    /// Fetched.
    Packed(Fetched),
}

/// A file of values.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// In a tree.
    Of(Arc<dyn Tree>, Entry),
    /// Made, or from within a packed chart.
    Text(Bytes),
}

/// What a kustomization says of one rendering of a chart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) release_name: String,
    pub(crate) name_template: String,
    pub(crate) namespace: String,
    /// As written: the tool's own default when empty.
    pub(crate) kube_version: String,
    pub(crate) api_versions: Vec<String>,
    pub(crate) include_crds: bool,
    pub(crate) skip_tests: bool,
    pub(crate) skip_hooks: bool,
    /// Of the cluster.
    pub(crate) capabilities: Capabilities,
    /// Whether the Kubernetes version, and the API versions, are those of the cluster.
    pub(crate) of_cluster: (bool, bool),
}

/// How a chart is rendered. `values` are its value files, the last wins; `beside` is shown and named by nothing: encrypted
/// files whose values are in other ones. `own` is who it is for if it may come out differently each time.
///
/// # Errors
/// What is wrong with what it is told; what could not be read.
pub(crate) async fn prepare(
    place: &Place,
    told: &Told,
    values: &[Values],
    beside: &[Bytes],
    own: String,
    (tool, memo): (&Tool, &Memo),
) -> Result<Job, Failure> {
    let mut view = View::new();
    let (facts, local) = match place {
        Place::Packed(packed) => {
            view.make_known(PACKED, &packed.id, packed.archive.clone());
            (memo.archive(packed), None)
        }
        Place::Folder(tree, folder) => {
            let chart = Chart::read(tree, folder, memo).await?;
            (Arc::clone(&chart.facts), Some((tree, chart)))
        }
    };
    let mentions = mentioned(&facts, local.as_ref(), values, memo).await?;
    if let Some((tree, chart)) = &local {
        let other = if mentions.files { chart.other(tree).await? } else { Vec::new() };
        for (path, entry) in chart.needed.iter().cloned().chain(other) {
            view.show(format!("chart/{path}"), tree, entry);
        }
    }
    let mut words = vec!["template".to_owned()];
    let varies = name(told, &mentions, &mut words)?;
    words.push(if local.is_some() { "chart" } else { PACKED }.to_owned());
    for (at, values) in values.iter().enumerate() {
        let path = format!("values/{at}.yaml");
        words.push(format!("--values={path}"));
        match values {
            Values::Of(tree, entry) => view.show(path, tree, entry.clone()),
            Values::Text(text) => view.make(path, text.clone()),
        }
    }
    for (at, text) in beside.iter().enumerate() {
        view.make(format!("beside/{at}.yaml"), text.clone());
    }
    surroundings(told, &mentions, &mut words)?;
    let sees_version = mentions.kube_version && told.of_cluster.0;
    let sees_apis = mentions.apis != Apis::default() && told.of_cluster.1;
    let old = told.capabilities.suffice(sees_version, sees_apis)?;
    let varies = mentions.varies || varies;
    Ok(Job {
        work: Work::Run { tool: tool.clone(), arguments: words, folder: String::new() },
        view,
        may_vary: varies,
        own: if varies { own } else { String::new() },
        fetched: Vec::new(),
        warnings: old.into_iter().collect(),
        charts: Vec::new(),
    })
}

/// Says the release's name; whether it may be another one each time.
fn name(told: &Told, mentions: &Mentions, words: &mut Vec<String>) -> Result<bool, Failure> {
    let Told { release_name, name_template, .. } = told;
    match (release_name.as_str(), name_template.as_str()) {
        (_, "") => {
            let name = if release_name.is_empty() { NAMELESS } else { release_name };
            if !is_release(name) {
                let message = format!("`{name}` cannot be the name of a release");
                return Err(Failure::inputs("releaseName", message, format!("set one of {RELEASE_NAMES}")));
            }
            words.push(if mentions.name { name } else { UNSEEN }.to_owned());
            Ok(false)
        }
        ("", template) => {
            words.push(format!("--name-template={template}"));
            Ok(Mentions::of(template.as_bytes()).varies)
        }
        (..) => {
            let message = "helm takes either a release's name or a template of it";
            Err(Failure::inputs("nameTemplate", message, "leave out `releaseName` or `nameTemplate`"))
        }
    }
}

/// Says what of its surroundings the chart can see, and what is to be left out.
fn surroundings(told: &Told, mentions: &Mentions, words: &mut Vec<String>) -> Result<(), Failure> {
    let Told { namespace, kube_version, .. } = told;
    if !kube_version.is_empty() && numbers(kube_version).is_none() {
        return Err(no_version(kube_version, "kubeVersion"));
    }
    if mentions.namespace && !namespace.is_empty() {
        words.push(format!("--namespace={namespace}"));
    }
    if mentions.kube_version && !kube_version.is_empty() {
        words.push(format!("--kube-version={kube_version}"));
    }
    for version in mentions.apis.of(&told.api_versions) {
        words.push(format!("--api-versions={version}"));
    }
    let flags = [
        (told.include_crds, "--include-crds"),
        (told.skip_tests, "--skip-tests"),
        (told.skip_hooks, "--no-hooks"),
    ];
    words.extend(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| (*flag).to_owned()));
    let wrong = |word: &&String| word.len() > LONGEST_ARGUMENT || word.contains('\0');
    if words.iter().any(|word| wrong(&word)) {
        return Err(Failure::inputs("", "a text for helm is longer than a program takes", "shorten it"));
    }
    Ok(())
}

/// What of its surroundings the chart can see, with all values.
async fn mentioned(
    facts: &Facts,
    local: Option<&(&Arc<dyn Tree>, Chart)>,
    values: &[Values],
    memo: &Memo,
) -> Result<Mentions, Failure> {
    let mut mentions = facts.mentions.clone();
    if mentions.templated_values {
        mentions.add(facts.dormant.clone());
        for values in values {
            mentions.add(match values {
                Values::Of(tree, entry) => memo.values(tree, entry).await?,
                Values::Text(text) => Mentions::of(text),
            });
        }
    }
    if mentions.templated_values && mentions.files {
        // Any file that a template reads may be a template itself.
        mentions.add(facts.beside.clone());
        if let Some((tree, chart)) = local {
            mentions.add(chart.beside(tree, memo).await?);
        }
    }
    Ok(mentions)
}

/// A file of a packed chart.
pub(crate) fn file(archive: &Bytes, path: &str) -> Option<Bytes> {
    let mut files = super::archive::read(archive, |within| within == path)?;
    files.remove(path).map(Bytes::from)
}
