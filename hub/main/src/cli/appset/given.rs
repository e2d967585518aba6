//! What the commands are given: sets, policies and clusters of files, repositories of folders.

use crate::{
    args::SetInputs,
    cli::{
        app::offline::{
            clusters,
            documents::{self, Document},
            expand::{self, Expanded, seen},
            places::Places,
            trees::Trees,
        },
        client::Hub,
        output,
    },
};
use anyhow::{Context as _, bail};
use serde_json::Value;
use shared_generate::ClusterInput;
use shared_model::{Cluster, Kind, RepoUrl, gvk};
use std::collections::{BTreeMap, BTreeSet};

/// Where files of repositories come from.
pub(super) struct Bench {
    /// For mirrors; goes with this.
    _scratch: tempfile::TempDir,
    pub(super) trees: Trees,
    places: Places,
}

impl Bench {
    pub(super) fn new(inputs: &SetInputs) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("flotilla-")
            .tempdir()
            .context("no temporary folder can be made")?;
        let places = Places::new(&inputs.repos)?;
        let trees = Trees::new(places.clone(), scratch.path())?;
        Ok(Self { _scratch: scratch, trees, places })
    }

    /// The same, with a hub that answers for repositories that have no folder.
    pub(super) fn with_hub(self, hub: Hub) -> Self {
        Self { trees: self.trees.with_hub(hub), ..self }
    }

    /// Says when one folder stands for several revisions of a repository.
    pub(super) fn note_revisions(&self, sets: &[Document]) {
        let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for repository in sets.iter().flat_map(|set| shared_generate::repositories(&set.object)) {
            if self.places.of(&RepoUrl::new(&repository.repo_url)).is_some() {
                asked.entry(repository.repo_url).or_default().insert(repository.revision);
            }
        }
        for (url, revisions) in asked.into_iter().filter(|(_, revisions)| revisions.len() > 1) {
            let revisions = revisions.into_iter().collect::<Vec<_>>().join(" and ");
            output::note(&format!(
                "note: {url}: {revisions} are all read from the one folder that stands for it, as it is on disk"
            ));
        }
    }
}

/// That the standard input is named once, of all files that are read.
pub(super) fn once<'a>(files: impl IntoIterator<Item = &'a String>) -> anyhow::Result<()> {
    if files.into_iter().filter(|file| *file == "-").count() > 1 {
        bail!("the standard input can be read once: name a file for all but one `-`");
    }
    Ok(())
}

/// Sets of files, and the policies beside them.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub(super) sets: Vec<Document>,
    pub(super) policies: Vec<Value>,
}

/// The sets of files, checked; what is of another kind is named and passed over.
///
/// # Errors
/// Files that cannot be read, all that is wrong in them, sets that are there twice, and files without any.
pub(super) fn sets(files: &[String], with_policies: bool) -> anyhow::Result<Sets> {
    let wanted = if with_policies {
        &[Kind::ApplicationSet, Kind::RolloutPolicy][..]
    } else {
        &[Kind::ApplicationSet][..]
    };
    let read = documents::read(files, wanted)?;
    note_passed(&read.passed);
    let (sets, policies): (Vec<_>, Vec<_>) =
        read.checked()?.into_iter().partition(|document| document.kind == Kind::ApplicationSet);
    if sets.is_empty() {
        bail!("{}: there is no {} in it", documents::listed(files), gvk(Kind::ApplicationSet).kind);
    }
    let twice = twice(&sets);
    if !twice.is_empty() {
        let said = twice.iter().map(|(set, first)| {
            format!(
                "{}: ApplicationSet {} is there already ({}): one of them would replace the other",
                set.place,
                set.name(),
                first.place
            )
        });
        bail!("{}", said.collect::<Vec<_>>().join("\n       "));
    }
    Ok(Sets { sets, policies: policies.into_iter().map(|policy| policy.object).collect() })
}

pub(super) fn note_passed(passed: &[String]) {
    for what in passed {
        output::note(&format!("note: {what} is passed over"));
    }
}

/// The sets that another one before them has the name of.
pub(super) fn twice(sets: &[Document]) -> Vec<(&Document, &Document)> {
    let mut known: BTreeMap<(&str, &str), &Document> = BTreeMap::new();
    let mut found = Vec::new();
    for set in sets {
        match known.get(&(set.namespace(), set.name())) {
            Some(first) => found.push((set, *first)),
            None => drop(known.insert((set.namespace(), set.name()), set)),
        }
    }
    found
}

/// The clusters of a file, if one is given.
pub(super) fn clusters(file: Option<&str>) -> anyhow::Result<Vec<Value>> {
    file.map_or_else(|| Ok(Vec::new()), clusters::clusters)
}

/// Clusters as generators see them.
pub(super) fn inputs(clusters: &[Value]) -> anyhow::Result<Vec<ClusterInput>> {
    clusters.iter().map(|cluster| Ok(seen(&Cluster::from_value(cluster)?))).collect()
}

/// Says that sets expand over clusters of which none is given; of one that comes to nothing that is said elsewhere.
pub(super) fn note_clusters(sets: &[Document], expanded: &[Expanded]) {
    let reads = |(set, expanded): &(&Document, &Expanded)| {
        reads_clusters(&set.object) && !expanded.expansion.applications.is_empty()
    };
    let reading: Vec<&str> = sets.iter().zip(expanded).filter(reads).map(|(set, _)| set.name()).collect();
    if !reading.is_empty() {
        output::note(&format!(
            "note: no clusters are known, so that the clusters generator of {} gives in-cluster alone: give --clusters FILE",
            reading.join(", ")
        ));
    }
}

/// Whether a set has a clusters generator.
pub(super) fn reads_clusters(set: &Value) -> bool {
    set["spec"]["generators"].as_array().into_iter().flatten().any(is_of_clusters)
}

fn is_of_clusters(entry: &Value) -> bool {
    let nested = ["matrix", "merge"].iter().filter_map(|kind| entry[*kind]["generators"].as_array());
    entry["clusters"].is_object() || nested.flatten().any(is_of_clusters)
}

/// Sets, expanded, in their order.
///
/// # Errors
/// All that is wrong with any of them.
pub(super) async fn expanded(
    sets: &[Document],
    clusters: &[ClusterInput],
    trees: &Trees,
    revision: Option<&str>,
) -> anyhow::Result<Vec<Expanded>> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for set in sets {
        let expanded = expand::expanded(&set.object, clusters, trees, revision).await;
        let expanded = expanded.with_context(|| format!("{}: ApplicationSet {}", set.place, set.name()))?;
        wrong.extend(expand::problems(set, &expanded.expansion));
        all.push(expanded);
    }
    let collisions = collisions(sets, &all).into_iter();
    wrong.extend(collisions.map(|(set, said)| {
        format!("{}: ApplicationSet {}: {said}", set.lines.at("spec.template.metadata.name"), set.name())
    }));
    if wrong.is_empty() { Ok(all) } else { bail!("{}", wrong.join("\n       ")) }
}

/// Applications that two sets give, with the later set.
pub(super) fn collisions<'a>(sets: &'a [Document], expanded: &[Expanded]) -> Vec<(&'a Document, String)> {
    let mut known: BTreeMap<(&str, &str), &Document> = BTreeMap::new();
    let mut found: Vec<(&Document, &Document, Vec<&str>)> = Vec::new();
    for (set, expanded) in sets.iter().zip(expanded) {
        for made in &expanded.expansion.applications {
            let first = *known.entry((set.namespace(), &made.name)).or_insert(set);
            if std::ptr::eq(first, set) {
                continue;
            }
            match found
                .iter_mut()
                .find(|(one, other, _)| std::ptr::eq(*one, set) && std::ptr::eq(*other, first))
            {
                Some((_, _, names)) => names.push(&made.name),
                None => found.push((set, first, vec![&made.name])),
            }
        }
    }
    let said = |(set, first, names): (&'a Document, &Document, Vec<&str>)| {
        let more = names.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let said = format!(
            "ApplicationSet {} ({}) gives {names}{more} too: an Application has one owner, and the later set is refused it",
            first.name(),
            first.place
        );
        (set, said)
    };
    found.into_iter().map(said).collect()
}
