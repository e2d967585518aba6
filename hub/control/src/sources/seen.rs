//! What one look at an owner found out already: its Applications mostly share their repositories, charts and settings.
//!
//! # Invariants
//! - What is asked twice during one look gets the same answer, a failure too: nothing that hangs is waited for once for
//!   each of a thousand members.
//! - A commit's tree, an archive and its digest are held once, however many sources are of it.

use super::{Made, Said, Wanted, settings};
use crate::{
    git::{Git, chain},
    modules::{self, Mount, Permit, Place},
    pins::{Pins, Reference},
    trees::GitTree,
    turns::outside,
    unmade::Unmade,
};
use bytes::Bytes;
use hub_render::{Chart, Settings, Tree};
use hub_source::Standing;
use parking_lot::Mutex;
use shared_model::{CommitId, RepoUrl, Source};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use tokio::sync::OnceCell;

/// Sources that were looked at a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    opened: Known<Said, Result<Arc<super::Opened>, Unmade>>,
    trees: Known<Placed, Result<Arc<dyn Tree>, Unmade>>,
    folders: Known<(RepoUrl, CommitId, String), Result<Option<hub_source::TreeId>, String>>,
    ready: Known<(RepoUrl, CommitId), Result<(), String>>,
    unpacked: Known<CommitId, Result<Arc<dyn Tree>, String>>,
    fetched: Known<(RepoUrl, CommitId, bool), Result<Chart, String>>,
    standing: Known<String, Standing>,
    made: Mutex<BTreeMap<Said, (Wanted, Once<Made>)>>,
    addresses: Mutex<BTreeMap<(String, String), Result<Address, String>>>,
    permits: Mutex<BTreeMap<(String, String), Permit>>,
    settings: OnceLock<Settings>,
}

/// Where something is, and all that people may call that.
pub(super) type Address = (RepoUrl, Vec<RepoUrl>);

/// What a tree is of: a commit, as somebody calls it, and the folder whose submodules are followed by whose permit.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    reference: Reference,
    commit: CommitId,
    followed: Option<(String, String)>,
}

type Once<T> = Arc<OnceCell<T>>;

/// What is asked once, by whoever comes first.
#[derive(Debug)]
struct Known<K, T>(Mutex<BTreeMap<K, Once<T>>>);

impl<K, T> Default for Known<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, T: Clone> Known<K, T> {
    async fn once<F: Future<Output = T>>(&self, key: K, ask: impl FnOnce() -> F) -> T {
        let cell = Arc::clone(self.0.lock().entry(key).or_default());
        // Apart from who waits, who would else be as large as all that is asked within.
        cell.get_or_init(|| Box::pin(ask())).await.clone()
    }
}

impl Seen {
    pub(super) async fn opened<F: Future<Output = Result<super::Opened, Unmade>>>(
        &self,
        said: Said,
        open: impl FnOnce() -> F,
    ) -> Result<Arc<super::Opened>, Unmade> {
        self.opened.once(said, || async { open().await.map(Arc::new) }).await
    }

    pub(super) fn made_of(&self, said: Said, wanted: &Wanted) -> Once<Made> {
        let mut made = self.made.lock();
        Arc::clone(&made.entry(said).or_insert_with(|| (wanted.clone(), Arc::default())).1)
    }

    /// What each source came to; those that came to nothing are left out.
    pub(crate) fn made(self) -> BTreeMap<Said, (Wanted, Made)> {
        let made = self.made.into_inner().into_iter();
        made.filter_map(|(said, (wanted, cell))| Some((said, (wanted, cell.get()?.clone())))).collect()
    }

    /// Where a chart is.
    pub(super) fn chart(
        &self,
        (git, pins): (&Git, &Pins),
        repository: &str,
        name: &str,
    ) -> Result<Address, String> {
        let find = || {
            let url = pins.chart(git, repository, name)?;
            let called = git.names((repository, name), &url);
            Ok((url, called))
        };
        let key = (repository.to_owned(), name.to_owned());
        self.addresses.lock().entry(key).or_insert_with(find).clone()
    }

    pub(super) fn permit(&self, git: &Git, namespace: &str, project: &str) -> Permit {
        let key = (namespace.to_owned(), project.to_owned());
        self.permits.lock().entry(key).or_insert_with(|| Permit::of(git, namespace, project)).clone()
    }

    /// What people set about rendering.
    pub(super) fn settings(&self, git: &Git) -> &Settings {
        self.settings.get_or_init(|| settings(&git.index()))
    }

    /// Makes a commit of Git readable.
    pub(super) async fn ready(
        &self,
        git: &Git,
        (url, revision): &Reference,
        commit: &CommitId,
    ) -> Result<(), String> {
        self.ready.once((url.clone(), commit.clone()), || git.fetch(url, commit, revision)).await
    }

    /// Names what is in a folder, if there is one.
    pub(super) async fn folder(
        &self,
        git: &Git,
        place: &Place,
    ) -> Result<Option<hub_source::TreeId>, String> {
        let Place { url, commit, path } = place;
        let ask = async || git.repositories.tree_id(url, commit, path).await.map_err(|error| chain(&error));
        self.folders.once((url.clone(), commit.clone(), path.clone()), ask).await
    }

    /// A commit from its root, fetched; submodules below the folder are in it where the permit follows them.
    pub(super) async fn tree(
        &self,
        git: &Git,
        revision: &str,
        place: Place,
        permit: Option<&Permit>,
    ) -> Result<Arc<dyn Tree>, Unmade> {
        let reference = (place.url.clone(), revision.to_owned());
        let followed = permit.and_then(Permit::shape).map(|shape| (place.path.clone(), shape.to_string()));
        let key = Placed { reference: reference.clone(), commit: place.commit.clone(), followed };
        let ask = async || {
            self.ready(git, &reference, &place.commit).await?;
            let mounts = match permit.filter(|permit| permit.shape().is_some()) {
                Some(permit) => modules::mounts(git, place, permit).await?,
                None => vec![root(git, place).await?],
            };
            Ok::<_, Unmade>(
                Arc::new(GitTree::new(git.repositories.clone(), revision, mounts)) as Arc<dyn Tree>
            )
        };
        self.trees.once(key, ask).await
    }

    /// The tree of another repository; its submodules are not followed.
    pub(super) async fn other(
        &self,
        git: &Git,
        (url, revision): &Reference,
        commit: CommitId,
    ) -> Result<Arc<dyn Tree>, Unmade> {
        self.tree(git, revision, Place { url: url.clone(), commit, path: String::new() }, None).await
    }

    /// The commit and the tree of a source that others refer to.
    pub(super) async fn referred(
        &self,
        git: &Git,
        reference: &Reference,
        pins: &Pins,
    ) -> Result<(CommitId, Arc<dyn Tree>), Unmade> {
        let commit = pins.commit(git, reference).await?;
        Ok((commit.clone(), self.other(git, reference, commit).await?))
    }

    /// What is in a chart.
    pub(super) async fn unpacked<F: Future<Output = Result<Arc<dyn Tree>, String>>>(
        &self,
        commit: &CommitId,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<dyn Tree>, String> {
        self.unpacked.once(commit.clone(), ask).await
    }

    /// An archive or a file, whose digest is its id. `passes`: whether a repository's login goes along to other hosts.
    pub(super) async fn archive(
        &self,
        git: &Git,
        (url, version): &Reference,
        commit: &CommitId,
        passes: bool,
    ) -> Result<Chart, String> {
        let ask = async || {
            let credentials =
                git.credentials(url).map(|known| if passes { known.passed_on() } else { known });
            let fetched = outside(git.charts.fetch(url, commit, version, credentials.as_ref())).await;
            let archive: Bytes = fetched.map_err(|error| chain(&error))?;
            let version = git.called(url, commit);
            Ok(Chart { version, archive, id: format!("sha256:{commit}") })
        };
        self.fetched.once((url.clone(), commit.clone(), passes), ask).await
    }

    /// Where a host stands.
    pub(super) async fn standing(&self, host: &str) -> Standing {
        self.standing.once(host.to_owned(), || outside(Standing::of(host))).await
    }

    /// Where a source is.
    ///
    /// # Errors
    /// When it has no address that can be read.
    pub(super) fn address(&self, git: &Git, pins: &Pins, source: &Source) -> Result<Address, String> {
        let Source { repo_url, chart, .. } = source;
        if crate::credentials::alias(repo_url).is_some() {
            return Err(format!(
                "spec.source.repoURL: `{repo_url}` is a name, by which only dependencies in a Chart.yaml are found: write the repository's address"
            ));
        }
        match !chart.is_empty() || repo_url.starts_with("oci://") {
            true => self.chart((git, pins), repo_url, chart),
            false => Ok((RepoUrl::new(repo_url), vec![RepoUrl::new(repo_url)])),
        }
    }
}

async fn root(git: &Git, place: Place) -> Result<Mount, String> {
    let tree = git.repositories.list(&place.url, &place.commit).await.map_err(|error| chain(&error))?;
    Ok(Mount { at: String::new(), place, tree })
}
