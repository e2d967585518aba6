//! Which commit a reference is: what it is now, asked for once for one look at an owner, or what it was when a rollout
//! froze it.

use crate::{git::Git, unmade::Unmade};
use hub_source::charts::Address;
use parking_lot::Mutex;
use shared_model::{CommitId, PinnedCommit, RepoUrl};
use std::{collections::BTreeMap, sync::Arc};

/// A repository and a revision as a set or an Application names them.
pub(crate) type Reference = (RepoUrl, String);

/// Which commit a reference is.
#[derive(Debug, Clone)]
pub(crate) enum Pins {
    /// What it is now; what was asked for once stays what it was then.
    Head(Now),
    /// What it was when a rollout froze it.
    Frozen(Known),
}

/// What references are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    commits: BTreeMap<Reference, CommitId>,
    /// Where charts are, by what somebody wrote.
    names: Names,
}

/// The addresses of charts by what somebody wrote (see [`PinnedCommit::names`]).
pub(crate) type Names = BTreeMap<String, RepoUrl>;

/// What references were when they were asked for first. Whatever follows from one look at an owner follows from the same
/// commits, however long it takes: a rollout names one commit for each reference, and ships that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Now(Arc<Mutex<Known>>);

impl Now {
    async fn once<E>(
        &self,
        reference: &Reference,
        ask: impl Future<Output = Result<CommitId, E>>,
    ) -> Result<CommitId, E> {
        if let Some(known) = self.0.lock().commits.get(reference) {
            return Ok(known.clone());
        }
        let commit = ask.await?;
        // Who asked at the same time may have heard something older: the first answer counts for all.
        Ok(self.0.lock().commits.entry(reference.clone()).or_insert(commit).clone())
    }
}

impl Pins {
    /// What everything is now, for one look at an owner.
    pub(crate) fn head() -> Self {
        Self::Head(Now::default())
    }

    pub(crate) fn frozen(commits: &[PinnedCommit]) -> Self {
        let mut known = Known::default();
        for PinnedCommit { repo_url, revision, commit, names } in commits {
            known.commits.insert((repo_url.clone(), revision.clone()), commit.clone());
            known.names.extend(names.iter().map(|name| (name.clone(), repo_url.clone())));
        }
        Self::Frozen(known)
    }

    /// Where a chart is whose repository is written so: what a Secret says of it counts once.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn chart(&self, git: &Git, repository: &str, name: &str) -> Result<RepoUrl, String> {
        let written = format!("{repository} {name}");
        let plain = || plain(repository, name);
        match self {
            Self::Head(Now(known)) => {
                if let Some(url) = known.lock().names.get(&written) {
                    return Ok(url.clone());
                }
                let url = git.chart(repository, name)?;
                Ok(known.lock().names.entry(written).or_insert(url).clone())
            }
            Self::Frozen(known) => {
                let is_frozen = |plain: &RepoUrl| known.commits.keys().any(|(url, _)| url == plain);
                let then = known.names.get(&written).cloned().or_else(|| plain().filter(is_frozen));
                then.map_or_else(|| git.chart(repository, name), Ok)
            }
        }
    }

    /// What Secrets said of charts that were asked for.
    pub(crate) fn names(&self) -> Names {
        let mut names = match self {
            Self::Head(Now(known)) => known.lock().names.clone(),
            Self::Frozen(known) => known.names.clone(),
        };
        let is_plain = |written: &str, url: &RepoUrl| {
            written.rsplit_once(' ').and_then(|(repository, name)| plain(repository, name)).as_ref()
                == Some(url)
        };
        names.retain(|written, url| !is_plain(written, url));
        names
    }

    /// The commit of a reference.
    pub(crate) async fn commit(&self, git: &Git, reference: &Reference) -> Result<CommitId, Unmade> {
        let (url, revision) = reference;
        let found = match self {
            Self::Head(now) => now.once(reference, git.resolve(url, revision)).await,
            Self::Frozen(known) => {
                let frozen = known.commits.get(reference).cloned();
                frozen.ok_or_else(|| {
                    format!("the rollout did not freeze {revision} of {}", Address::shown(url))
                })
            }
        };
        found.map_err(|message| Unmade::until_changed(message).asked([reference.clone()]))
    }
}

/// Where a chart is by what is written alone, whatever Secrets say.
fn plain(repository: &str, name: &str) -> Option<RepoUrl> {
    Address::of_source(repository, name, false).ok().map(|address| address.to_url())
}

/// What a rollout freezes of these.
pub(crate) fn pinned(commits: &BTreeMap<Reference, CommitId>, names: &Names) -> Vec<PinnedCommit> {
    let pin = |((repo_url, revision), commit): (&Reference, &CommitId)| {
        let names = names.iter().filter(|(_, url)| *url == repo_url).map(|(name, _)| name.clone()).collect();
        let (repo_url, revision) = (repo_url.clone(), revision.clone());
        PinnedCommit { repo_url, revision, commit: commit.clone(), names }
    };
    commits.iter().map(pin).collect()
}

/// The revision that an empty one means.
pub(crate) fn revision_or_head(revision: &str) -> String {
    if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_branch_that_moves_is_one_commit_for_one_look() {
        let now = Now::default();
        let main = (RepoUrl::new("https://git.example.com/fleet"), "main".to_owned());
        let at =
            |digit: &str| -> Result<CommitId, String> { Ok(digit.repeat(40).parse().expect("a commit id")) };
        assert_eq!(now.once(&main, async { Err("away".to_owned()) }).await, Err("away".to_owned()));
        assert_eq!(now.once(&main, async { at("1") }).await, at("1"));
        // A push came while the others were rendered.
        assert_eq!(now.clone().once(&main, async { at("2") }).await, at("1"));
        let next = (main.0.clone(), "next".to_owned());
        assert_eq!(now.once(&next, async { at("2") }).await, at("2"));
        assert_eq!(Now::default().once(&main, async { at("2") }).await, at("2"));
    }
}
