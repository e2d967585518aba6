//! The files of repositories: of folders as they are on disk, else of Git; charts of Helm repositories and OCI registries.
//!
//! A mirror lives as long as the command. A folder that is a repository is also asked for revisions of its own, so that
//! two of them compare without any network.

use super::{places::Places, progress};
use crate::cli::{client::Hub, output};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{
    Chart, Folder, Tree,
    tree::{Entry, Memory, Mode},
};
use hub_source::{
    Config, ReadLimit, Repositories,
    charts::{self, Address, Charts},
};
use shared_model::{CommitId, RepoUrl};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, OnceCell};

/// How long one operation of Git may take.
const WITHIN: Duration = Duration::from_secs(120);
/// The most that is read of one commit at once, in bytes.
const MOST: u64 = 256 << 20;

/// What of a repository is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// Its folder as it is on disk; where it has none, this revision.
    Disk(String),
    /// This revision, of the folder's repository where it has one.
    Revision(String),
}

impl At {
    fn revision(&self) -> &str {
        match self {
            Self::Disk(revision) | Self::Revision(revision) if revision.is_empty() => "HEAD",
            Self::Disk(revision) | Self::Revision(revision) => revision,
        }
    }
}

/// Files, and which they are.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) tree: Arc<dyn Tree>,
    /// The commit; of a folder as it is on disk, `local`.
    pub(crate) revision: String,
    /// For people: `main (abc1234)`.
    pub(crate) shown: String,
}

/// What was found, by what was asked for: it is asked for once.
type Cells<K, T> = Mutex<BTreeMap<K, Arc<OnceCell<Result<T, String>>>>>;

/// A chart, fetched.
#[derive(Debug, Clone)]
struct Packed {
    commit: CommitId,
    chart: Chart,
}

/// All repositories that one command reads.
#[derive(Debug)]
pub(crate) struct Trees {
    places: Places,
    git: Repositories,
    charts: Charts,
    packed: Cells<(String, String), Packed>,
    known: Cells<(String, At), Found>,
    /// Who answers generators for repositories that have no folder.
    hub: Option<Hub>,
}

impl Trees {
    /// Trees of these folders; mirrors are kept in `scratch`.
    pub(crate) fn new(places: Places, scratch: &Path) -> anyhow::Result<Self> {
        let config = Config { allow_file: true, timeout: WITHIN, ..Config::new(scratch.join("mirrors")) };
        let archives = charts::Config { timeout: WITHIN, ..charts::Config::new(scratch.join("charts")) };
        Ok(Self {
            places,
            git: Repositories::build(config)?,
            charts: Charts::build(archives)?,
            packed: Mutex::default(),
            known: Mutex::default(),
            hub: None,
        })
    }

    /// The same, with a hub that answers generators for repositories that have no folder.
    pub(crate) fn with_hub(self, hub: Hub) -> Self {
        Self { hub: Some(hub), ..self }
    }

    /// The hub to ask what a repository says to generators; `None` where that is read here.
    pub(crate) fn hub_for(&self, url: &RepoUrl) -> Option<&Hub> {
        self.hub.as_ref().filter(|_| !self.has_folder(url))
    }

    /// Whether a folder stands for a repository.
    pub(crate) fn has_folder(&self, url: &RepoUrl) -> bool {
        self.places.of(url).is_some()
    }

    /// The files of a repository. Two calls give the same.
    ///
    /// # Errors
    /// Why they cannot be read, for people.
    pub(crate) async fn get(&self, url: &RepoUrl, at: &At) -> Result<Found, String> {
        let cell = {
            let mut known = self.known.lock().await;
            Arc::clone(known.entry((url.normalized(), at.clone())).or_default())
        };
        cell.get_or_init(|| self.find(url, at)).await.clone()
    }

    /// A packed chart, or a file. Two calls give the same.
    ///
    /// # Errors
    /// Why it cannot be fetched, for people.
    pub(crate) async fn packed(&self, address: &Address, version: &str) -> Result<Chart, String> {
        self.pack(address, version).await.map(|packed| packed.chart)
    }

    /// The files of a chart.
    ///
    /// # Errors
    /// Why they cannot be read, for people.
    pub(crate) async fn chart(&self, address: &Address, version: &str) -> Result<Found, String> {
        let Packed { commit, chart } = self.pack(address, version).await?;
        let files = self.charts.files(&address.to_url(), &commit, version, None).await;
        let files = files.map_err(|error| chain(&error))?;
        let named = format!("{} {}", address.name(), chart.version);
        Ok(Found {
            tree: Arc::new(Memory::new(named, files)),
            revision: chart.version.clone(),
            shown: chart.version,
        })
    }

    async fn pack(&self, address: &Address, version: &str) -> Result<Packed, String> {
        let url = address.to_url();
        let cell = {
            let mut packed = self.packed.lock().await;
            Arc::clone(packed.entry((url.to_string(), version.to_owned())).or_default())
        };
        let pack = || async {
            progress(&format!("asking for {} {version}", address.name()));
            let done = self.pack_once(&url, address, version).await;
            progress("");
            done.map_err(|error| format!("{}; no credentials are used here", chain(&error)))
        };
        cell.get_or_init(pack).await.clone()
    }

    async fn pack_once(
        &self,
        url: &RepoUrl,
        address: &Address,
        version: &str,
    ) -> Result<Packed, hub_source::Error> {
        let commit = self.charts.resolve(url, version, None).await?;
        let archive = self.charts.fetch(url, &commit, version, None).await?;
        let exact = self.charts.describe(&commit).map_or_else(|| version.to_owned(), |label| label.version);
        progress("");
        output::note(&format!("fetched {} {exact}", address.name()));
        Ok(Packed { commit, chart: Chart::new(exact, archive) })
    }

    async fn find(&self, url: &RepoUrl, at: &At) -> Result<Found, String> {
        let folder = self.places.of(url).map(Path::to_owned);
        match (folder, at) {
            (Some(folder), At::Disk(_)) => local(folder).await,
            (Some(folder), At::Revision(revision)) => {
                let own = repository(&folder).ok_or_else(|| {
                    format!(
                        "{} is no Git repository, so it has no revision `{revision}`: leave the revision out, or leave out its --repo to have {url} fetched",
                        folder.display()
                    )
                })?;
                self.commit(&own, at.revision()).await
            }
            (None, _) => self.commit(url, at.revision()).await,
        }
    }

    async fn commit(&self, url: &RepoUrl, revision: &str) -> Result<Found, String> {
        progress(&format!("asking {url} for {revision}"));
        let found = self.commit_of(url, revision).await;
        progress("");
        found
    }

    async fn commit_of(&self, url: &RepoUrl, revision: &str) -> Result<Found, String> {
        let failed = |error: hub_source::Error| {
            let said = chain(&error);
            let is_there = matches!(error, hub_source::Error::RevisionNotFound { .. });
            if is_there || url.as_str().starts_with("file://") {
                return said;
            }
            format!("{said}; --repo {url}=DIR reads a folder in its place (no credentials are used here)")
        };
        let commit = self.git.resolve(url, revision, None).await.map_err(failed)?;
        progress(&format!("fetching {url} at {revision} ({})", commit.short()));
        self.git.fetch(url, &commit, revision, None).await.map_err(|error| chain(&error))?;
        let tree = self.git.list(url, &commit).await.map_err(|error| chain(&error))?;
        let shown = if revision == commit.as_str() {
            commit.short().to_owned()
        } else {
            format!("{revision} ({})", commit.short())
        };
        progress("");
        if !url.as_str().starts_with("file://") {
            output::note(&format!("fetched {url} at {shown}"));
        }
        let tree = Commit { git: self.git.clone(), url: url.clone(), commit: commit.clone(), tree };
        Ok(Found { tree: Arc::new(tree), revision: commit.to_string(), shown })
    }
}

async fn local(folder: PathBuf) -> Result<Found, String> {
    let open = move || Folder::open(&folder).map_err(|error| chain(&error));
    let folder =
        tokio::task::spawn_blocking(open).await.map_err(|_| "reading was interrupted".to_owned())??;
    Ok(Found { tree: Arc::new(folder), revision: "local".to_owned(), shown: "the local files".to_owned() })
}

/// A folder's own repository.
fn repository(folder: &Path) -> Option<RepoUrl> {
    let folder = fs::canonicalize(folder).ok()?;
    let is_bare = folder.join("HEAD").is_file() && folder.join("objects").is_dir();
    (folder.join(".git").exists() || is_bare).then(|| RepoUrl::new(format!("file://{}", folder.display())))
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// A commit of a mirror.
#[derive(Debug)]
struct Commit {
    git: Repositories,
    url: RepoUrl,
    commit: CommitId,
    tree: Arc<hub_source::Tree>,
}

fn entry(entry: &hub_source::Entry) -> Entry {
    let mode = match entry.mode {
        hub_source::Mode::File | hub_source::Mode::Executable => Mode::File,
        hub_source::Mode::Symlink => Mode::Symlink,
        hub_source::Mode::Submodule => Mode::Submodule,
    };
    Entry { path: entry.path.clone(), mode, id: entry.id.to_string() }
}

#[async_trait]
impl Tree for Commit {
    fn name(&self) -> String {
        format!("{} at {}", self.url, self.commit.short())
    }

    fn get(&self, path: &str) -> Option<Entry> {
        self.tree.get(path).map(entry)
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        self.tree.under(folder).map(entry).collect()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        let limit = ReadLimit { per_file: MOST, total: MOST };
        let read = self.git.read(&self.url, &self.commit, &paths, limit).await;
        Ok(read.map_err(|error| chain(&error))?.into_iter().map(|(_, bytes)| bytes).collect())
    }
}
