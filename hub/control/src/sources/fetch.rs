//! What a source names that its own repository does not hold.
//!
//! # Invariants
//! - Nothing is asked that the Application's AppProject does not permit as a source.
//! - Everything that is fetched is pinned: a frozen rollout gets what it got first.

use super::{Wanted, whole};
use crate::{
    expand::{Pins, Reference, revision_or_head},
    git::{Git, chain},
    modules::Permit,
    turns::outside,
};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{Chart, Fetch, Tree, Unfetched};
use hub_source::charts::Address;
use parking_lot::Mutex;
use shared_model::{CommitId, RepoUrl};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Fetches for one rendering.
#[derive(Debug)]
pub(super) struct Fetcher<'a> {
    git: &'a Git,
    permit: Permit,
    pins: &'a Pins,
    /// Whether a repository's login goes along to other hosts that its index names.
    passes: bool,
    fetched: Mutex<BTreeMap<Reference, CommitId>>,
    /// All that was asked for, there or not.
    asked: Mutex<BTreeSet<Reference>>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(git: &'a Git, wanted: &Wanted, pins: &'a Pins) -> Self {
        let permit = Permit::of(git, &wanted.namespace, &wanted.project);
        let passes = wanted.source.helm.as_ref().is_some_and(|helm| helm.pass_credentials);
        Self { git, permit, pins, passes, fetched: Mutex::default(), asked: Mutex::default() }
    }

    /// What was fetched, and which it was; and all that was asked for, there or not.
    pub(super) fn fetched(self) -> (BTreeMap<Reference, CommitId>, BTreeSet<Reference>) {
        (self.fetched.into_inner(), self.asked.into_inner())
    }

    /// Which one it is, if the project permits what people call so.
    async fn pinned(&self, asked: &RepoUrl, reference: &Reference) -> Result<CommitId, Unfetched> {
        self.permit.check(asked).map_err(Unfetched::Never)?;
        self.asked.lock().insert(reference.clone());
        let commit = self.pins.commit(self.git, reference).await?;
        self.fetched.lock().insert(reference.clone(), commit.clone());
        Ok(commit)
    }

    async fn bytes(&self, (url, version): &Reference, commit: &CommitId) -> Result<Bytes, Unfetched> {
        let credentials = self.git.credentials(url);
        let credentials = credentials.map(|known| if self.passes { known.passed_on() } else { known });
        let fetched = outside(self.git.charts.fetch(url, commit, version, credentials.as_ref())).await;
        fetched.map_err(|error| Unfetched::Now(chain(&error)))
    }
}

#[async_trait]
impl Fetch for Fetcher<'_> {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        let url = self.pins.chart(self.git, repository, name).map_err(Unfetched::Never)?;
        // A name stands for the address that its Secret has.
        let asked = if repository.contains("://") { RepoUrl::new(repository) } else { url.clone() };
        let reference = (url, revision_or_head(version));
        let commit = self.pinned(&asked, &reference).await?;
        let archive = self.bytes(&reference, &commit).await?;
        Ok(Chart::new(self.git.called(&reference.0, &commit), archive))
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let reference = (RepoUrl::new(url), revision_or_head(revision));
        let commit = self.pinned(&reference.0, &reference).await?;
        whole(self.git, &reference, commit).await.map_err(Unfetched::Now)
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        let address = Address::file(url).map_err(|error| Unfetched::Never(chain(&error)))?;
        let reference = (address.to_url(), revision_or_head(""));
        let commit = self.pinned(&RepoUrl::new(url), &reference).await?;
        self.bytes(&reference, &commit).await
    }
}
