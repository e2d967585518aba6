//! What an ApplicationSet of a file expands to: the hub's own generators, with Git's answers from folders or repositories.

use super::{
    documents::Document,
    progress,
    trees::{At, Trees},
};
use anyhow::{Context as _, bail};
use hub_render::{Tree, tree::Mode};
use serde_json::Value;
use shared_generate::{ClusterInput, Expansion, GitAnswer, GitRequest, Inputs, Outcome};
use shared_model::{Cluster, RepoUrl};
use std::{collections::BTreeSet, fmt::Display, sync::Arc};

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

/// A set, expanded.
#[derive(Debug)]
pub(crate) struct Expanded {
    /// What it was expanded from, with Git's answers.
    pub(crate) inputs: Inputs,
    pub(crate) expansion: Expansion,
}

/// Expands a set, with all that Git has to say to it. `revision` stands for the revision of repositories that have a folder.
///
/// # Errors
/// A set that asks without an end; what is wrong with it otherwise stands in the expansion.
pub(crate) async fn expanded(
    set: &Value,
    clusters: &[ClusterInput],
    trees: &Trees,
    revision: Option<&str>,
) -> anyhow::Result<Expanded> {
    let mut inputs =
        Inputs { clusters: clusters.iter().cloned().map(Arc::new).collect(), ..Inputs::default() };
    for _ in 0..ROUNDS {
        match shared_generate::generate(set, &inputs) {
            Outcome::Needs(questions) => {
                let mut of_hub = Vec::new();
                for question in questions {
                    if trees.hub_for(&RepoUrl::new(question.repo_url())).is_some() {
                        of_hub.push(question);
                        continue;
                    }
                    let answer = answer(trees, &question, revision).await.unwrap_or_else(GitAnswer::Failed);
                    inputs.git.insert(question, answer);
                }
                inputs.git.extend(answers_of_hub(trees, of_hub).await?);
            }
            Outcome::Done(expansion) => return Ok(Expanded { inputs, expansion }),
        }
    }
    bail!("its generators ask Git without an end")
}

/// What is wrong with a set's expansion, all of it, each with its place in the file.
pub(crate) fn problems(set: &Document, expansion: &Expansion) -> Vec<String> {
    let of = |path: &str, said: &dyn Display| said_of(set, path, said);
    let frozen = expansion.frozen.iter().flat_map(|frozen| &frozen.problems);
    let failed = expansion.problems.iter().chain(frozen).map(|problem| of(&problem.path, problem));
    let rejected = expansion.rejected.iter().map(|rejected| {
        let problem = &rejected.problem;
        of(&problem.path, &format!("{} of {}: {problem}", rejected.name, rejected.origin))
    });
    failed.chain(rejected).collect()
}

/// What a person may want to know of a set's expansion.
pub(crate) fn remarks(set: &Document, expanded: &Expanded) -> Vec<String> {
    let expansion = &expanded.expansion;
    let ignored = expansion.unsupported.iter();
    let mut notes: Vec<String> =
        ignored.map(|unsupported| said_of(set, &unsupported.path, unsupported)).collect();
    if expansion.applications.is_empty() {
        let unknown = expanded.inputs.clusters.is_empty();
        let hint = if unknown { " (no clusters are known: give --clusters FILE)" } else { "" };
        notes.push(said_of(set, "", &format!("it expands to no Application{hint}")));
    }
    notes
}

fn said_of(set: &Document, path: &str, said: &dyn Display) -> String {
    let said = said.to_string();
    let place = set.lines.place(set.line_of(path, &said));
    format!("{place}: ApplicationSet {}: {said}", set.name())
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
    let expanded = expanded(&set.object, clusters, trees, revision).await;
    let expanded = expanded.with_context(|| said_of(set, "", &"it cannot be expanded"))?;
    let wrong = problems(set, &expanded.expansion);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n       "));
    }
    let notes = remarks(set, &expanded);
    Ok((expanded.expansion.applications.iter().map(shared_generate::Generated::object).collect(), notes))
}

/// What a hub's Git says, with the hub's credentials.
async fn answers_of_hub(
    trees: &Trees,
    questions: Vec<GitRequest>,
) -> anyhow::Result<Vec<(GitRequest, GitAnswer)>> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let Some(hub) = trees.hub_for(&RepoUrl::new(first.repo_url())) else { return Ok(Vec::new()) };
    progress(&format!("the hub asks {}", first.repo_url()));
    let said = hub.post_patiently("/flotilla/v1/git", &hub_api::questions(&questions)).await;
    progress("");
    let said = said.context("the hub was asked what Git says")?;
    let answers = hub_api::answers(said, questions.len())
        .context("the hub's answer is none: it may be of another version")?;
    let told = |(question, answer): (GitRequest, GitAnswer)| {
        let answer = match answer {
            GitAnswer::Failed(why) => GitAnswer::Failed(format!(
                "{why}; the hub was asked, and --repo {}=DIR reads a folder in its place",
                question.repo_url()
            )),
            found @ (GitAnswer::Directories(_) | GitAnswer::Paths(_) | GitAnswer::File(_)) => found,
        };
        (question, answer)
    };
    Ok(questions.into_iter().zip(answers).map(told).collect())
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
