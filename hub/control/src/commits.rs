//! Tells of each commit that somebody follows, once: who wrote it, and what the message says.
//!
//! What a revision was last is kept in the store, and changes in the transaction that tells of the new commit: no restart
//! and no second hub tells one twice.

use crate::{
    chronicle::said,
    git::{Git, chain},
    index::Index,
    line::Evaluation,
    pins::Reference,
};
use hub_records::{
    Records,
    history::{Seen, seen_key},
};
use hub_source::poll::Key;
use jiff::Timestamp;
use parking_lot::Mutex;
use shared_history::{Commit, Entry, What};
use shared_model::{CommitId, Owner};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Which commits are being told at the moment.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    under_way: Arc<Mutex<BTreeSet<(Reference, CommitId)>>>,
}

impl Commits {
    /// Tells of what these references are, where that is news.
    pub(crate) fn look(
        &self,
        git: &Git,
        records: &Records,
        index: &Index,
        evaluations: &BTreeMap<Owner, Evaluation>,
        references: &BTreeSet<Reference>,
    ) {
        let now = shared_runtime::now();
        for reference in references {
            let (url, revision) = reference;
            let Some(commit) = git.known(&Key::new(url.clone(), revision.clone())) else { continue };
            let known = index.seen.get(&seen_key(url, revision)).map(|seen| seen.commit.commit.clone());
            let news = (reference.clone(), commit.clone());
            if known.as_ref() == Some(&commit) || !self.under_way.lock().insert(news.clone()) {
                continue;
            }
            let follow = evaluations.iter().filter(|(_, known)| known.references.contains(reference));
            let owners: Vec<Owner> = follow.map(|(owner, _)| owner.clone()).collect();
            // When the server said so: what it led to is told after it.
            let at = git.seen(url, revision).map_or(now, |(_, answered)| answered);
            let (git, records, under_way) = (git.clone(), records.clone(), Arc::clone(&self.under_way));
            shared_runtime::spawn("commit", async move {
                tell(&git, &records, &news, known.as_ref(), (owners, at)).await;
                under_way.lock().remove(&news);
            });
        }
    }
}

async fn tell(
    git: &Git,
    records: &Records,
    ((url, revision), commit): &(Reference, CommitId),
    before: Option<&CommitId>,
    (owners, at): (Vec<Owner>, Timestamp),
) {
    let described = async {
        git.fetch(url, commit, revision).await?;
        git.describe(url, commit).await
    };
    // Without a name it is told all the same.
    let described = described.await.unwrap_or_else(|error| {
        tracing::warn!(repository = %url, %commit, error, "who wrote a commit cannot be read");
        hub_source::Described::default()
    });
    let seen = Commit {
        repo_url: url.clone(),
        revision: revision.clone(),
        commit: commit.clone(),
        author: described.author,
        message: described.message,
        committed: Timestamp::from_second(described.committed).ok().filter(|at| at.as_second() > 0),
    };
    let was = before.map(|before| format!(" (was {})", before.short())).unwrap_or_default();
    let text = format!("{revision} of {url} is {}{was}", said(&seen));
    let entry = Entry { owners, commits: vec![seen.clone()], ..Entry::new(What::CommitSeen, at, text) };
    match records.see(&Seen { commit: seen, at }, before, entry).await {
        Ok(_) => {}
        Err(error) => tracing::warn!(error = chain(&error), "a commit could not be kept in the history"),
    }
}
