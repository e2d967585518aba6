//! A set becomes Applications: asks Git what generation needs, at the head or at frozen commits.
//!
//! At the head a set is expanded again and again, so what it came to before is kept ([`Memories`]), and only what follows
//! from what has changed is done again. What a rollout froze is expanded from scratch, once for what surrounds it.

mod answers;
mod memory;

pub(crate) use memory::{Memories, Memory};

use crate::{
    git::Git,
    pins::{Pins, Reference},
    unmade::Unmade,
};
use answers::{Answers, ask};
use serde_json::Value;
use shared_generate::{ClusterInput, Expansion, GitAnswer, GitRequest, Inputs, Outcome, Problem, Reason};
use shared_model::{CommitId, RepoUrl};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Questions lead to questions (matrix); this many rounds are more than any set needs.
const ROUNDS: usize = 16;

/// A set's Applications, and the commits that they follow from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expanded {
    pub(crate) expansion: Expansion,
    pub(crate) commits: BTreeMap<Reference, CommitId>,
    /// Everything that was asked for, resolved or not.
    pub(crate) references: BTreeSet<Reference>,
    /// Something did not work that may work later.
    pub(crate) later: bool,
}

/// Expands a set from scratch.
pub(crate) async fn expand(
    git: &Git,
    set: &Arc<Value>,
    clusters: &[Arc<ClusterInput>],
    pins: &Pins,
) -> Expanded {
    expand_with(git, set, clusters, pins, None).await.0
}

/// Expands a set that was expanded before. The memory is gone when that was interrupted.
pub(crate) async fn expand_again(
    git: &Git,
    set: &Arc<Value>,
    clusters: &[Arc<ClusterInput>],
    pins: &Pins,
    memory: Memory,
) -> (Expanded, Option<Memory>) {
    expand_with(git, set, clusters, pins, Some(memory)).await
}

async fn expand_with(
    git: &Git,
    set: &Arc<Value>,
    clusters: &[Arc<ClusterInput>],
    pins: &Pins,
    mut memory: Option<Memory>,
) -> (Expanded, Option<Memory>) {
    let mut inputs = Inputs { clusters: clusters.to_vec(), ..Inputs::default() };
    let mut expanded = Expanded::default();
    for _ in 0..ROUNDS {
        let round = Arc::clone(set);
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = match &mut memory {
                Some(memory) => memory.expand(&round, &inputs),
                None => shared_generate::generate(&round, &inputs),
            };
            (outcome, inputs, memory)
        })
        .await;
        let outcome = match outcome {
            Ok((outcome, returned, kept)) => {
                (inputs, memory) = (returned, kept);
                outcome
            }
            Err(error) => {
                tracing::error!(%error, "generation was interrupted");
                expanded.later = true;
                expanded.expansion.problems.push(unfinished("the set's expansion was interrupted"));
                return (expanded, None);
            }
        };
        match outcome {
            Outcome::Done(expansion) => {
                expanded.expansion = expansion;
                return (expanded, memory);
            }
            Outcome::Needs(requests) => {
                let before = memory.as_mut().map(|memory| &mut memory.answers);
                answer(git, requests, pins, &mut inputs, &mut expanded, before).await;
            }
        }
    }
    expanded.expansion.problems.push(unfinished("the set's generators ask Git without an end"));
    (expanded, memory)
}

/// The whole set stays as it is, and says why.
fn unfinished(message: &str) -> Problem {
    Problem {
        path: "spec.generators".to_owned(),
        message: message.to_owned(),
        remedy: String::new(),
        reason: Reason::ApplicationGenerationFromParamsError,
    }
}

/// What Git says to questions that follow from no set that is here.
pub(crate) async fn answers(
    git: &Git,
    requests: BTreeSet<GitRequest>,
    pins: &Pins,
) -> BTreeMap<GitRequest, GitAnswer> {
    let (mut inputs, mut expanded) = (Inputs::default(), Expanded::default());
    answer(git, requests, pins, &mut inputs, &mut expanded, None).await;
    inputs.git
}

async fn answer(
    git: &Git,
    requests: BTreeSet<GitRequest>,
    pins: &Pins,
    inputs: &mut Inputs,
    expanded: &mut Expanded,
    mut before: Option<&mut Answers>,
) {
    let mut by_reference: BTreeMap<Reference, Vec<GitRequest>> = BTreeMap::new();
    for request in requests {
        let reference = (RepoUrl::new(request.repo_url()), request.revision().to_owned());
        by_reference.entry(reference).or_default().push(request);
    }
    let known = before.as_deref();
    let asked = by_reference.into_iter().map(|(reference, requests)| async move {
        let known = known.and_then(|known| known.of(&reference));
        let answers = ask(git, &reference, &requests, pins, known).await;
        (reference, requests, answers)
    });
    for (reference, requests, answers) in futures::future::join_all(asked).await {
        expanded.references.insert(reference.clone());
        match answers {
            Ok(said) => {
                expanded.commits.insert(reference.clone(), said.commit.clone());
                inputs
                    .git
                    .extend(said.answers.iter().map(|(request, answer)| (request.clone(), answer.clone())));
                if let Some(before) = &mut before {
                    before.keep(reference, said);
                }
            }
            Err(Unmade { message, later, .. }) => {
                expanded.later |= later;
                let failed = |request| (request, GitAnswer::Failed(message.clone()));
                inputs.git.extend(requests.into_iter().map(failed));
            }
        }
    }
}
