//! What a source names that its own repository does not hold.
//!
//! # Invariants
//! - Nothing is asked that the Application's AppProject does not permit as a source.
//! - What files name is anybody's to write who may push: a server in a private network is asked only where somebody
//!   named it whose word counts, that is a rule of the project (not a bare `*`), a repository Secret or the Application
//!   itself; link-local addresses, where clouds give out what machines log in with, never. Public charts need no word.
//! - Everything that is fetched is pinned: a frozen rollout gets what it got first.
//! - What was asked for is followed also when it could not be had.

use super::{Seen, Wanted};
use crate::{
    credentials,
    git::{Git, chain},
    modules::Permit,
    pins::{Pins, Reference, revision_or_head},
    unmade::Unmade,
};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{Chart, Fetch, Settings, Tree, Unfetched};
use hub_source::{Standing, charts::Address};
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
    seen: &'a Seen,
    wanted: &'a Wanted,
    /// Whether a repository's login goes along to other hosts that its index names.
    passes: bool,
    fetched: Mutex<BTreeMap<Reference, Option<CommitId>>>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(git: &'a Git, wanted: &'a Wanted, pins: &'a Pins, seen: &'a Seen) -> Self {
        let permit = seen.permit(git, &wanted.namespace, &wanted.project);
        let passes = wanted.source.helm.as_ref().is_some_and(|helm| helm.pass_credentials);
        Self { git, permit, pins, seen, wanted, passes, fetched: Mutex::default() }
    }

    /// What was fetched, and which it was.
    pub(super) fn fetched(self) -> BTreeMap<Reference, CommitId> {
        let fetched = self.fetched.into_inner().into_iter();
        fetched.filter_map(|(reference, commit)| Some((reference, commit?))).collect()
    }

    /// What was asked for.
    pub(super) fn asked(self) -> BTreeSet<Reference> {
        self.fetched.into_inner().into_keys().collect()
    }

    /// What people set about rendering.
    pub(super) fn settings(&self) -> &'a Settings {
        self.seen.settings(self.git)
    }

    /// The commit and the tree of a source that this one refers to.
    pub(super) async fn referred(&self, reference: &Reference) -> Result<(CommitId, Arc<dyn Tree>), Unmade> {
        self.seen.referred(self.git, reference, self.pins).await
    }

    /// Which one it is, if the project permits what people call so and its server may be asked.
    async fn pinned(&self, called: &[RepoUrl], reference: &Reference) -> Result<CommitId, Unfetched> {
        self.permit.check(called).map_err(Unfetched::Never)?;
        self.reachable(called, &reference.0).await.map_err(Unfetched::Never)?;
        self.fetched.lock().entry(reference.clone()).or_default();
        let commit = self.pins.commit(self.git, reference).await?;
        self.fetched.lock().insert(reference.clone(), Some(commit.clone()));
        Ok(commit)
    }

    /// Whether its server may be asked for what a file names.
    async fn reachable(&self, called: &[RepoUrl], url: &RepoUrl) -> Result<(), String> {
        let host = host(url);
        if host.is_empty() {
            return Ok(());
        }
        let standing = self.seen.standing(&host).await;
        if let Standing::Forbidden(at) = standing {
            return Err(format!(
                "{host} is not asked for what a file names: {at} is a link-local address, at which no repository is"
            ));
        }
        let Standing::Private(at) = standing else { return Ok(()) };
        let named = self.permit.names(called)
            || credentials::is_host_named(&self.git.index(), &host)
            || self.wanted.hosts().contains(&host);
        if named {
            return Ok(());
        }
        Err(format!(
            "{host} is not asked for what a file names, since it is at a private address ({at}): name it in spec.sourceRepos of the project, other than by `*`, or create a repository Secret for it"
        ))
    }

    async fn archive(&self, reference: &Reference, commit: &CommitId) -> Result<Chart, Unfetched> {
        let archive = self.seen.archive(self.git, reference, commit, self.passes);
        archive.await.map_err(Unfetched::Now)
    }
}

/// The host of an address, without its port.
fn host(url: &RepoUrl) -> String {
    match Address::parse(url) {
        Ok(address) => address.host(),
        Err(_) => credentials::host(&url.normalized()).to_owned(),
    }
}

impl Wanted {
    /// The hosts that the Application itself names.
    fn hosts(&self) -> BTreeSet<String> {
        let sources = self.references.values().map(|(url, _)| host(url)).chain([host(&self.reference.0)]);
        let files = self.source.helm.iter().flat_map(|helm| &helm.value_files);
        let parts = self.source.kustomize.iter().flat_map(|kustomize| &kustomize.components);
        let others = files.chain(parts).filter(|text| text.contains("://"));
        let others = others.map(|text| credentials::host(&RepoUrl::new(text).normalized()).to_owned());
        sources.chain(others).filter(|host| !host.is_empty()).collect()
    }
}

#[async_trait]
impl Fetch for Fetcher<'_> {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        let (url, called) =
            self.seen.chart((self.git, self.pins), repository, name).map_err(Unfetched::Never)?;
        let reference = (url, revision_or_head(version));
        let commit = self.pinned(&called, &reference).await?;
        self.archive(&reference, &commit).await
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let reference = (RepoUrl::new(url), revision_or_head(revision));
        let commit = self.pinned(std::slice::from_ref(&reference.0), &reference).await?;
        Ok(self.seen.other(self.git, &reference, commit).await?)
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        let address = Address::file(url).map_err(|error| Unfetched::Never(chain(&error)))?;
        let reference = (address.to_url(), revision_or_head(""));
        let commit = self.pinned(&[RepoUrl::new(url)], &reference).await?;
        Ok(self.archive(&reference, &commit).await?.archive)
    }
}
