//! One expansion on its way: what it reads, and what it has found out beside parameters.

use crate::engine::Engine;
use crate::{GitAnswer, GitRequest, Inputs, Problem, Reason, Unsupported};
use serde_json::{Map, Value};
use shared_model::nearest;
use std::collections::BTreeSet;

/// The state that generators share.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) engine: Engine,
    pub(crate) inputs: &'a Inputs,
    pub(crate) needs: BTreeSet<GitRequest>,
    pub(crate) unsupported: BTreeSet<Unsupported>,
}

/// Why a generator gives no parameters.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It waits for answers; the questions stand in [`Run::needs`].
    Needs,
    /// It failed.
    Failed(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(engine: Engine, inputs: &'a Inputs) -> Self {
        Self { engine, inputs, needs: BTreeSet::new(), unsupported: BTreeSet::new() }
    }

    /// The answer to `request`, or a note that it is wanted.
    pub(crate) fn ask(&mut self, path: &str, request: &GitRequest) -> Result<&'a GitAnswer, Stop> {
        match self.inputs.git.get(request) {
            Some(GitAnswer::Failed(why)) => Err(Stop::Failed(cannot_read(path, request, why))),
            Some(answer) => Ok(answer),
            None => {
                self.needs.insert(request.clone());
                Err(Stop::Needs)
            }
        }
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
