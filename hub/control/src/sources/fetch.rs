//! What a source names that its own repository does not hold.
//!
//! # Invariants
//! - Nothing is asked that the Application's AppProject does not permit as a source.
//! - Everything that is fetched is pinned: a frozen rollout gets what it got first.

use super::{Wanted, whole};
use crate::{
    expand::{Pins, Reference, revision_or_head},
    git::Git,
    modules::Permit,
};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{Chart, Fetch, Tree, Unfetched};
use parking_lot::Mutex;
use shared_model::{CommitId, RepoUrl};
use std::{collections::BTreeMap, sync::Arc};

/// Fetches for one rendering.
#[derive(Debug)]
pub(super) struct Fetcher<'a> {
    git: &'a Git,
    permit: Permit,
    pins: &'a Pins,
    fetched: Mutex<BTreeMap<Reference, CommitId>>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(git: &'a Git, wanted: &Wanted, pins: &'a Pins) -> Self {
        let permit = Permit::of(git, &wanted.namespace, &wanted.project);
        Self { git, permit, pins, fetched: Mutex::default() }
    }

    /// What was fetched, and which it was.
    pub(super) fn fetched(self) -> BTreeMap<Reference, CommitId> {
        self.fetched.into_inner()
    }

    /// Which one it is, if the project permits it.
    async fn pinned(&self, reference: &Reference) -> Result<CommitId, Unfetched> {
        self.permit.check(&reference.0).map_err(Unfetched::Never)?;
        let commit = self.pins.commit(self.git, reference).await.map_err(Unfetched::Now)?;
        self.fetched.lock().insert(reference.clone(), commit.clone());
        Ok(commit)
    }
}

#[async_trait]
impl Fetch for Fetcher<'_> {
    async fn chart(&self, repository: &str, name: &str, _version: &str) -> Result<Chart, Unfetched> {
        Err(Unfetched::Never(format!("the chart {name} of {repository} is not fetched")))
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let reference = (RepoUrl::new(url), revision_or_head(revision));
        let commit = self.pinned(&reference).await?;
        whole(self.git, &reference, commit).await.map_err(Unfetched::Now)
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        Err(Unfetched::Never(format!("{url} is not fetched")))
    }
}
