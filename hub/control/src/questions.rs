//! Questions of generators that somebody asks before there is a set: what Git says now, with the hub's credentials. Nothing is followed.

use crate::{expand, git::Git, pins::Pins};
use shared_generate::{GitAnswer, GitRequest};

/// Answers what generators ask of Git. Clones share everything.
#[derive(Debug, Clone)]
pub struct Questions(Git);

impl Questions {
    pub(crate) const fn new(git: Git) -> Self {
        Self(git)
    }

    /// What Git says, in the order of the questions; all of a repository's revision of one commit.
    pub async fn answer(&self, asked: &[GitRequest]) -> Vec<GitAnswer> {
        let said = expand::answers(&self.0, asked.iter().cloned().collect(), &Pins::head()).await;
        let nothing = || GitAnswer::Failed("Git gave no answer".to_owned());
        asked.iter().map(|request| said.get(request).cloned().unwrap_or_else(nothing)).collect()
    }
}
