//! One expansion on its way: what it reads, and what it has found out beside parameters.

use crate::engine::Engine;
use crate::memo::{Changes, Reads};
use crate::{ClusterInput, GitAnswer, GitRequest, Problem, Reason, Unsupported};
use serde_json::{Map, Value};
use shared_model::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state that generators share.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    /// Sorted by name, each name once.
    pub(crate) clusters: &'a [Arc<ClusterInput>],
    pub(crate) git: &'a BTreeMap<GitRequest, GitAnswer>,
    pub(crate) changes: &'a Changes,
    /// How the patterns of git files are read.
    pub(crate) globbing: Globbing,
    /// Whether there is a next run that would make use of what this one remembers.
    pub(crate) keeps: bool,
    pub(crate) needs: BTreeSet<GitRequest>,
    pub(crate) unsupported: BTreeSet<Unsupported>,
    pub(crate) reads: Reads,
    /// Listings of trees in the order of paths, by the address of the answer.
    listings: BTreeMap<usize, Arc<Vec<String>>>,
}

/// How the patterns of git files are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Globbing {
    /// As git's pathspecs.
    #[default]
    Pathspec,
    /// As Argo CD's `--enable-new-git-file-globbing`.
    Doublestar,
}

/// Why a generator gives no parameters.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// It waits for answers; the questions stand in [`Run::needs`].
    Needs,
    /// It failed.
    Failed(Problem),
}

impl Stop {
    /// Whatever fails in a generator, a template of its own too, is the generator's failure.
    pub(crate) fn of_generation(self) -> Self {
        match self {
            Self::Needs => Self::Needs,
            Self::Failed(problem) => {
                Self::Failed(Problem { reason: Reason::ApplicationGenerationFromParamsError, ..problem })
            }
        }
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        globbing: Globbing,
        clusters: &'a [Arc<ClusterInput>],
        git: &'a BTreeMap<GitRequest, GitAnswer>,
        changes: &'a Changes,
    ) -> Self {
        Self {
            engine,
            clusters,
            git,
            changes,
            globbing,
            keeps: true,
            needs: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            reads: Reads::default(),
            listings: BTreeMap::new(),
        }
    }

    /// The answer to `request`, or a note that it is wanted.
    pub(crate) fn ask(&mut self, path: &str, request: &GitRequest) -> Result<&'a GitAnswer, Stop> {
        self.read(request.repo_url(), request.revision());
        match self.git.get(request) {
            Some(GitAnswer::Failed(why)) => Err(Stop::Failed(cannot_read(path, request, why))),
            Some(answer) => Ok(answer),
            None => {
                self.needs.insert(request.clone());
                Err(Stop::Needs)
            }
        }
    }

    fn read(&mut self, repo_url: &str, revision: &str) {
        let known = self.reads.references.iter().any(|(url, at)| url == repo_url && at == revision);
        if !known {
            self.reads.references.insert((repo_url.to_owned(), revision.to_owned()));
        }
    }

    /// The paths of an answer in order, each once.
    pub(crate) fn in_order(&mut self, paths: &Arc<Vec<String>>) -> Arc<Vec<String>> {
        let sort = || {
            if paths.is_sorted_by(|a, b| a < b) {
                return Arc::clone(paths);
            }
            let mut sorted = paths.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            Arc::new(sorted)
        };
        Arc::clone(self.listings.entry(Arc::as_ptr(paths).addr()).or_insert_with(sort))
    }

    /// Notes the fields of `config` that nobody reads.
    pub(crate) fn note_unknown_fields(&mut self, path: &str, config: &Map<String, Value>, known: &[&str]) {
        for key in config.keys().filter(|key| !known.contains(&key.as_str())) {
            let remedy = match nearest(key, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("remove it; known are {}", known.join(", ")),
            };
            let message = format!("unknown field `{key}`");
            self.note(&format!("{path}.{key}"), message, remedy, false);
        }
    }

    pub(crate) fn note(&mut self, path: &str, message: String, remedy: String, hides_applications: bool) {
        self.unsupported.insert(Unsupported { path: path.to_owned(), message, remedy, hides_applications });
    }
}

/// A failure of Git's, for the field that names what to read.
pub(crate) fn cannot_read(path: &str, request: &GitRequest, why: &str) -> Problem {
    let what = match request {
        GitRequest::Directories { .. } => "the directories".to_owned(),
        GitRequest::Paths { .. } => "the files".to_owned(),
        GitRequest::File { path, .. } => format!("`{path}`"),
    };
    let message = format!("cannot read {what} of {} at `{}`: {why}", request.repo_url(), request.revision());
    failed(path, message, "")
}

/// A generator's failure.
pub(crate) fn failed(path: &str, message: impl Into<String>, remedy: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        message: message.into(),
        remedy: remedy.to_owned(),
        reason: Reason::ApplicationGenerationFromParamsError,
    }
}
