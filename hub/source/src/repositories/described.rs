//! What a commit says of itself.

use super::{Repositories, work::gix_id};
use crate::{CommitId, Error, RepoUrl, tree};

/// The longest first line of a message that is kept, in characters.
const LONGEST: usize = 200;

/// A commit, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Who wrote it, by name.
    pub author: String,
    /// The first line of its message.
    pub message: String,
    /// When it was committed, in seconds since 1970.
    pub committed: i64,
}

impl Repositories {
    /// Who wrote a commit, when, and the first line of its message. A commit that is not there is fetched, as in
    /// [`Repositories::list`].
    ///
    /// # Errors
    /// Why the commit could not be read or fetched.
    pub async fn describe(&self, url: &RepoUrl, commit: &CommitId) -> Result<Described, Error> {
        self.reading(url, commit, 0, |generation, commit, _| {
            Ok(tree::described(&generation.objects(), &gix_id(commit))?)
        })
        .await
    }
}

/// What the bytes of a commit object say.
pub(crate) fn read(commit: &gix::objs::CommitRef<'_>) -> Described {
    let author = commit.author().map(|author| author.name.to_string()).unwrap_or_default();
    let committed = commit.committer().map(|who| who.seconds()).unwrap_or_default();
    let message = commit.message.to_string();
    let first = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Described {
        author: author.trim().chars().take(LONGEST).collect(),
        message: first.chars().take(LONGEST).collect(),
        committed,
    }
}
