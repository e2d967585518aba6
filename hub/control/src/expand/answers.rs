//! What Git says to a set's questions, and what it said before.
//!
//! At the same commit the answers are the same. At another one a file whose contents have the same id says the same:
//! only the others are read.

use crate::{
    git::{Git, chain},
    pins::{Pins, Reference},
    unmade::Unmade,
};
use hub_render::{is_lfs_pointer, pointed};
use hub_source::{Mode, ObjectId, ReadLimit};
use shared_generate::{GitAnswer, GitRequest};
use shared_model::CommitId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The largest file that a generator reads.
const LARGEST_FILE: u64 = 1024 * 1024;
/// The most that the files of one round of questions may have together.
const LARGEST_ROUND: u64 = 64 * 1024 * 1024;

/// What was said of each reference when it was asked last.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<Reference, Said>);

/// What one commit says.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) commit: CommitId,
    pub(super) answers: BTreeMap<GitRequest, GitAnswer>,
    /// The ids of the files among them.
    ids: BTreeMap<GitRequest, ObjectId>,
}

impl Answers {
    pub(super) fn of(&self, reference: &Reference) -> Option<&Said> {
        self.0.get(reference)
    }

    pub(super) fn keep(&mut self, reference: Reference, said: Said) {
        self.0.insert(reference, said);
    }

    /// Forgets what nobody asked for.
    pub(super) fn retain(&mut self, references: &BTreeSet<Reference>) {
        self.0.retain(|reference, _| references.contains(reference));
    }
}

/// Answers questions about one reference; what else its commit said before comes with that.
pub(super) async fn ask(
    git: &Git,
    reference: &Reference,
    requests: &[GitRequest],
    pins: &Pins,
    before: Option<&Said>,
) -> Result<Said, Unmade> {
    let (url, revision) = reference;
    let commit = pins.commit(git, reference).await?;
    let same = before.filter(|before| before.commit == commit);
    let is_known = |request| same.is_some_and(|same| same.answers.contains_key(request));
    if let Some(same) = same
        && requests.iter().all(is_known)
    {
        return Ok(same.clone());
    }
    git.fetch(url, &commit, revision).await?;
    let tree = git.repositories.list(url, &commit).await.map_err(|error| chain(&error))?;
    let files: Vec<&str> = tree
        .entries()
        .iter()
        .filter(|entry| entry.mode != Mode::Submodule)
        .map(|entry| entry.path.as_str())
        .collect();
    let fresh = || Said { commit: commit.clone(), answers: BTreeMap::new(), ids: BTreeMap::new() };
    let mut said = same.cloned().unwrap_or_else(fresh);
    let mut wanted = Vec::new();
    for request in requests.iter().filter(|request| !is_known(request)) {
        let answer = match request {
            GitRequest::Directories { .. } => GitAnswer::Directories(Arc::new(directories(&files))),
            GitRequest::Paths { .. } => {
                GitAnswer::Paths(Arc::new(files.iter().map(|path| (*path).to_owned()).collect()))
            }
            GitRequest::File { path, .. } => {
                let id = tree.get(path).map(|entry| entry.id.clone());
                let known = before.filter(|before| id.is_some() && before.ids.get(request) == id.as_ref());
                let known = known.and_then(|before| before.answers.get(request)).cloned();
                said.ids.extend(id.map(|id| (request.clone(), id)));
                let Some(known) = known else {
                    wanted.push((request, path.clone()));
                    continue;
                };
                known
            }
        };
        said.answers.insert(request.clone(), answer);
    }
    if !wanted.is_empty() {
        let paths: Vec<String> = wanted.iter().map(|(_, path)| path.clone()).collect();
        let limit = ReadLimit { per_file: LARGEST_FILE, total: LARGEST_ROUND };
        let read = git.repositories.read(url, &commit, &paths, limit).await.map_err(|error| chain(&error))?;
        for ((request, path), (_, bytes)) in wanted.into_iter().zip(read) {
            let answer = match std::str::from_utf8(&bytes) {
                _ if is_lfs_pointer(&bytes) => GitAnswer::Failed(pointed(&[&path])),
                Ok(text) => GitAnswer::File(text.into()),
                Err(_) => GitAnswer::Failed(format!("{path} is not UTF-8 text")),
            };
            said.answers.insert(request.clone(), answer);
        }
    }
    Ok(said)
}

/// Every folder that holds a file, at any depth.
fn directories(files: &[&str]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for path in files {
        let mut rest = *path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !found.insert(folder) {
                break;
            }
            rest = folder;
        }
    }
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
