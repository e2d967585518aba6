//! What an ApplicationSet of a file expands to: the hub's own generators, with Git's answers from folders or repositories.

use super::{
    documents::Document,
    trees::{At, Trees},
};
use anyhow::bail;
use hub_render::{Tree, tree::Mode};
use serde_json::Value;
use shared_generate::{ClusterInput, GitAnswer, GitRequest, Inputs, Outcome};
use shared_model::{Cluster, RepoUrl};
use std::{collections::BTreeSet, sync::Arc};

/// Questions lead to questions (matrix); this many rounds are more than any set needs.
const ROUNDS: usize = 16;

/// A Cluster as generators see it.
pub(crate) fn seen(cluster: &Cluster) -> ClusterInput {
    ClusterInput {
        name: cluster.metadata.name.clone(),
        server: cluster.server(),
        project: cluster.spec.project.clone(),
        labels: cluster.metadata.labels.clone(),
        annotations: cluster.metadata.annotations.clone(),
    }
}

/// The Applications of a set, and remarks. `revision` stands for the revision of repositories that have a folder.
///
/// # Errors
/// What is wrong with the set, all of it.
pub(crate) async fn expand(
    set: &Document,
    clusters: &[ClusterInput],
    trees: &Trees,
    revision: Option<&str>,
) -> anyhow::Result<(Vec<Value>, Vec<String>)> {
    let of = |said: &dyn std::fmt::Display| format!("{}: ApplicationSet {}: {said}", set.place, set.name());
    let seen = clusters.iter().cloned().map(Arc::new).collect();
    let mut inputs = Inputs { clusters: seen, ..Inputs::default() };
    for _ in 0..ROUNDS {
        let expansion = match shared_generate::generate(&set.object, &inputs) {
            Outcome::Needs(questions) => {
                for question in questions {
                    let answer = answer(trees, &question, revision).await.unwrap_or_else(GitAnswer::Failed);
                    inputs.git.insert(question, answer);
                }
                continue;
            }
            Outcome::Done(expansion) => expansion,
        };
        let mut wrong: Vec<String> = expansion.problems.iter().map(|problem| of(problem)).collect();
        wrong.extend(
            expansion.rejected.iter().map(|rejected| {
                of(&format!("{} of {}: {}", rejected.name, rejected.origin, rejected.problem))
            }),
        );
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n       "));
        }
        let mut notes: Vec<String> =
            expansion.unsupported.iter().map(|unsupported| of(unsupported)).collect();
        if expansion.applications.is_empty() {
            let hint =
                if clusters.is_empty() { " (no clusters are known: give --clusters FILE)" } else { "" };
            notes.push(of(&format!("it expands to no Application{hint}")));
        }
        return Ok((expansion.applications.iter().map(shared_generate::Generated::object).collect(), notes));
    }
    bail!("{}", of(&"its generators ask Git without an end"))
}

async fn answer(trees: &Trees, question: &GitRequest, revision: Option<&str>) -> Result<GitAnswer, String> {
    let url = RepoUrl::new(question.repo_url());
    let at = match revision {
        Some(revision) if trees.has_folder(&url) => At::Revision(revision.to_owned()),
        Some(_) | None => At::Disk(question.revision().to_owned()),
    };
    let tree = trees.get(&url, &at).await?.tree;
    match question {
        GitRequest::Directories { .. } => Ok(GitAnswer::Directories(Arc::new(directories(&*tree)))),
        GitRequest::Paths { .. } => Ok(GitAnswer::Paths(Arc::new(files(&*tree).collect()))),
        GitRequest::File { path, .. } => {
            let entry = tree.get(path).ok_or_else(|| format!("{path} is not there"))?;
            let read = tree.read(std::slice::from_ref(&entry)).await?;
            let text = std::str::from_utf8(read.first().map(|bytes| &bytes[..]).unwrap_or_default());
            Ok(GitAnswer::File(text.map_err(|_| format!("{path} is not UTF-8 text"))?.into()))
        }
    }
}

fn files(tree: &dyn Tree) -> impl Iterator<Item = String> {
    tree.under("").into_iter().filter(|entry| entry.mode != Mode::Submodule).map(|entry| entry.path)
}

/// Every folder that holds a file, at any depth.
fn directories(tree: &dyn Tree) -> Vec<String> {
    let mut found = BTreeSet::new();
    for path in files(tree) {
        let mut rest = path.as_str();
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !found.insert(folder.to_owned()) {
                break;
            }
            rest = folder;
        }
    }
    found.into_iter().collect()
}
