//! The mirrors against real repositories and real servers: git's own, over files, HTTP and TLS.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/git_server.rs"]
mod git_server;
#[path = "support/github.rs"]
mod github;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/git.rs"]
mod repository;
#[path = "support/sshd.rs"]
mod sshd;

#[path = "git/access.rs"]
mod access;
#[path = "git/app.rs"]
mod app;
#[path = "git/contents.rs"]
mod contents;
#[path = "git/large.rs"]
mod large;
#[path = "git/mirrors.rs"]
mod mirrors;
#[path = "git/resolve.rs"]
mod resolve;
#[path = "git/ssh.rs"]
mod ssh;
#[path = "git/tls.rs"]
mod tls;

use git_server::{GitServer, Options};
use hub_source::{CommitId, Config, Error, ReadLimit, RepoUrl, Repositories};
use repository::Repository;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const ROOMY: ReadLimit = ReadLimit { per_file: 1 << 20, total: 10 << 20 };

/// A folder with a repository `app`, a server for it, and mirrors of it; gone after the test.
struct Fixture {
    folder: TempDir,
    app: Repository,
    server: GitServer,
    repositories: Repositories,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(adjust: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = Repository::init(folder.path().join("served/app"));
        let mut options = Options { root: folder.path().join("served"), ..Options::default() };
        adjust(&mut options);
        let server = GitServer::start(options).unwrap();
        let repositories = Repositories::build(config(&folder)).unwrap();
        Self { folder, app, server, repositories }
    }

    fn url(&self) -> RepoUrl {
        RepoUrl::new(self.server.url("app"))
    }

    fn file_url(&self) -> RepoUrl {
        RepoUrl::new(format!("file://{}", self.app.folder().display()))
    }

    /// The hub as it is after a restart.
    fn restart(&mut self) {
        self.repositories = Repositories::build(config(&self.folder)).unwrap();
    }

    /// The one mirror.
    fn mirror(&self) -> PathBuf {
        let mirrors = folders(&self.folder.path().join("mirrors"), "");
        assert_eq!(mirrors.len(), 1, "{mirrors:?}");
        mirrors[0].clone()
    }

    async fn fetch(&self, commit: &str) -> Result<(), Error> {
        self.repositories.fetch(&self.url(), &id(commit), "main", None).await
    }

    async fn read(&self, commit: &str, path: &str) -> Result<String, Error> {
        let files = self.repositories.read(&self.url(), &id(commit), &[path.to_owned()], ROOMY).await?;
        Ok(String::from_utf8_lossy(&files[0].1).into_owned())
    }
}

fn config(folder: &TempDir) -> Config {
    Config { allow_file: true, ..Config::new(folder.path().join("mirrors")) }
}

fn id(commit: &str) -> CommitId {
    commit.parse().unwrap()
}

/// The entries of a folder that begin with a prefix, sorted.
fn folders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix));
    found.sort();
    found
}

/// The packs of all generations of a mirror.
fn packs(mirror: &Path) -> Vec<PathBuf> {
    let of = |generation: &PathBuf| folders(&generation.join("objects/pack"), "pack-");
    let mut packs: Vec<_> = folders(mirror, "gen-").iter().flat_map(of).collect();
    packs.retain(|path| path.extension().is_some_and(|e| e == "pack"));
    packs
}
