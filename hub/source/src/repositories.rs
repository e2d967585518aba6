//! The mirrors of all repositories behind one async handle.

use crate::{
    CommitId, Config, Credentials, Entry, Error, Mode, ReadLimit, RepoUrl, Tree, TreeId,
    address::{Address, Place},
    cache::Trees,
    mirror::{Failure, Generation, Mirror, Remembered},
    pools::Pools,
    refs::{self, Revision},
    remote::{Deadline, Target, Trust},
    tree::{self, Unreadable},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{collections::HashMap, path::Path, sync::Arc, time::Instant};

/// Trees kept in memory, in bytes.
const TREES: usize = 64 << 20;

/// All repositories that the hub reads. Clones share everything.
#[derive(Debug, Clone)]
pub struct Repositories(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    trust: Trust,
    pools: Pools,
    mirrors: Mutex<HashMap<String, Arc<Mirror>>>,
    trees: Mutex<Trees>,
}

impl Repositories {
    /// Makes the folder and reads the certificates. Mirrors in the folder are used again.
    ///
    /// # Errors
    /// [`Error::Setup`] when the folder cannot be made or a certificate cannot be read.
    pub fn build(config: Config) -> Result<Self, Error> {
        std::fs::create_dir_all(&config.folder).map_err(|err| {
            Error::disk(format!("cannot make the folder {}", config.folder.display()), &err)
        })?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been first: then its provider serves.
            rustls::crypto::ring::default_provider().install_default().ok();
        }
        Ok(Self(Arc::new(Inner {
            trust: Trust::new(&config.ca_certificates)?,
            pools: Pools::new(config.parallelism, config.timeout),
            mirrors: Mutex::default(),
            trees: Mutex::new(Trees::new(TREES)),
            config,
        })))
    }

    /// The commit that `revision` is now: `HEAD` (or empty), a branch, a tag (an annotated one is what it
    /// points to), a full reference (`refs/…`). A commit id with all its digits is returned as it is,
    /// without asking. Nothing is fetched.
    ///
    /// # Errors
    /// [`Error::RevisionNotFound`] names what is there; else why the server could not be asked.
    #[tracing::instrument(level = "debug", skip(self, credentials), fields(%url), err(level = "debug"))]
    pub async fn resolve(
        &self,
        url: &RepoUrl,
        revision: &str,
        credentials: Option<&Credentials>,
    ) -> Result<CommitId, Error> {
        let address = self.address(url)?;
        let names = match Revision::parse(revision) {
            Revision::Commit(commit) => return Ok(commit),
            Revision::Names(names) => names,
            // No name of a reference: the listing is for the error.
            Revision::Invalid => Vec::new(),
        };
        let (trust, credentials) = (self.0.trust.clone(), credentials.cloned());
        let (url, revision) = (url.clone(), revision.to_owned());
        let asked = address.clone();
        let ask = move |deadline: &Deadline, (): &()| {
            repository(&asked)?;
            let target =
                Target { address: &asked, credentials: credentials.as_ref(), trust: &trust, deadline };
            let enough = |listed: &[refs::Reference]| refs::choose(&names, listed).is_some();
            let listed = match names.is_empty() {
                true => target.list(&["refs/heads/".to_owned(), "refs/tags/".to_owned()], |_| true, &[])?,
                false => target.list(&names, enough, &["refs/heads/", "refs/tags/"])?,
            };
            refs::choose(&names, &listed).ok_or_else(|| refs::not_found(&url, &revision, &listed))
        };
        self.0.pools.talk(&address, std::future::ready(()), ask).await
    }

    /// Makes `commit` readable: fetches it when it is not there. `revision` is what it was resolved from,
    /// for the error text. Calls for one repository take turns, and those for the same commit with the
    /// same credentials share one fetch and its outcome.
    ///
    /// # Errors
    /// [`Error::CommitNotFound`] when the server does not have it (any more); else why it could not be
    /// fetched.
    #[tracing::instrument(level = "debug", skip(self, credentials), fields(%url, %commit), err(level = "debug"))]
    pub async fn fetch(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        revision: &str,
        credentials: Option<&Credentials>,
    ) -> Result<(), Error> {
        let address = self.address(url)?;
        let mirror = self.mirror(&address);
        let remembered = Remembered { revision: revision.to_owned(), credentials: credentials.cloned() };
        *mirror.remembered.lock() = remembered.clone();
        let (there, asked) = (Arc::clone(&mirror), commit.clone());
        if self.0.pools.read(url, move |_| readable(&there, &asked)).await? {
            return Ok(());
        }
        self.fetch_missing(&address, mirror, commit, remembered).await
    }

    async fn fetch_missing(
        &self,
        address: &Address,
        mirror: Arc<Mirror>,
        commit: &CommitId,
        with: Remembered,
    ) -> Result<(), Error> {
        let since = mirror.ended.lock().0;
        let turn = Arc::clone(&mirror.fetching).lock_owned();
        let (trust, commit, asked) = (self.0.trust.clone(), commit.clone(), address.clone());
        let fetch = move |deadline: &Deadline, _: &tokio::sync::OwnedMutexGuard<()>| {
            if readable(&mirror, &commit)? {
                return Ok(());
            }
            if let Some(failure) = mirror.ended.lock().1.clone()
                && failure.sequence > since
                && (&failure.commit, &failure.credentials) == (&commit, &with.credentials)
            {
                return Err(failure.error);
            }
            let target =
                Target { address: &asked, credentials: with.credentials.as_ref(), trust: &trust, deadline };
            let fetched = fetch_now(&target, &mirror, &commit, &with.revision);
            let mut ended = mirror.ended.lock();
            ended.0 += 1;
            ended.1 = fetched.as_ref().err().map(|error| Failure {
                sequence: ended.0,
                commit: commit.clone(),
                credentials: with.credentials.clone(),
                error: error.clone(),
            });
            fetched
        };
        self.0.pools.talk(address, turn, fetch).await
    }

    /// Every file of the commit. A commit that is not there is fetched with what the last
    /// [`Repositories::fetch`] of this repository was called with.
    ///
    /// # Errors
    /// [`Error::TreeTooLarge`]; else why the commit could not be read or fetched.
    pub async fn list(&self, url: &RepoUrl, commit: &CommitId) -> Result<Arc<Tree>, Error> {
        let inner = Arc::clone(&self.0);
        self.reading(url, commit, move |generation, commit, _| inner.tree(generation, commit)).await
    }

    /// The contents of files, in the order of `paths`. Of a symbolic link it is the link's target.
    /// A commit that is not there is fetched, as in [`Repositories::list`].
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] for a path that is no file, [`Error::TooLarge`] before anything over the
    /// limit is brought into memory; both name the path.
    pub async fn read(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        paths: &[String],
        limit: ReadLimit,
    ) -> Result<Vec<(String, Bytes)>, Error> {
        let (inner, paths, at) = (Arc::clone(&self.0), paths.to_vec(), url.clone());
        self.reading(url, commit, move |generation, commit, deadline| {
            let tree = inner.tree(generation, commit)?;
            let entries = wanted(&at, commit, &tree, &paths)?;
            read(&at, generation, &entries, limit, deadline)
        })
        .await
    }

    /// The id of the folder at `path` (the root for an empty path or `.`): what it holds, by one id.
    /// `None` when there is no folder of that name. A commit that is not there is fetched, as in
    /// [`Repositories::list`].
    ///
    /// # Errors
    /// [`Error::PathOutside`] for a path with `..`; else why the commit could not be read or fetched.
    pub async fn tree_id(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        path: &str,
    ) -> Result<Option<TreeId>, Error> {
        if path.split('/').any(|part| part == "..") {
            return Err(Error::PathOutside { path: path.to_owned() });
        }
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        self.reading(url, commit, move |generation, commit, _| {
            let objects = generation.objects();
            let root = tree::root(&objects, &gix_id(commit))?;
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            Ok(tree::at(&objects, &root, &parts)?)
        })
        .await
    }

    /// Runs `work` on a mirror that has the commit. A mirror that turns out to be broken is made anew,
    /// once.
    async fn reading<T: Send + 'static>(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        work: impl Fn(&Generation, &CommitId, &Deadline) -> Result<T, Stopped> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let address = self.address(url)?;
        let mirror = self.mirror(&address);
        let work = Arc::new(work);
        let mut broken = None;
        for _ in 0..2 {
            let (there, asked, work, at) =
                (Arc::clone(&mirror), commit.clone(), Arc::clone(&work), url.clone());
            let once = move |deadline: &Deadline| match there.find(&asked)? {
                None => Ok(Attempt::Absent),
                Some(generation) => attempt(&there, &generation, &at, &asked, |g, c| work(g, c, deadline)),
            };
            match self.0.pools.read(url, once).await? {
                Attempt::Done(value) => return Ok(value),
                Attempt::Absent => {}
                Attempt::Broken(cause) => broken = Some(cause),
            }
            let remembered = mirror.remembered.lock().clone();
            self.fetch_missing(&address, Arc::clone(&mirror), commit, remembered).await?;
        }
        // The second round may have been the first to find the mirror broken.
        let (there, asked, at) = (mirror, commit.clone(), url.clone());
        let last = move |deadline: &Deadline| match there.find(&asked)? {
            Some(generation) => attempt(&there, &generation, &at, &asked, |g, c| work(g, c, deadline)),
            None => Ok(Attempt::Absent),
        };
        match self.0.pools.read(url, last).await? {
            Attempt::Done(value) => Ok(value),
            Attempt::Absent => Err(Error::Broken {
                url: url.clone(),
                cause: broken.unwrap_or_else(|| "the mirror was replaced while it was read".to_owned()),
            }),
            Attempt::Broken(cause) => Err(Error::Broken { url: url.clone(), cause }),
        }
    }

    fn address(&self, url: &RepoUrl) -> Result<Address, Error> {
        Address::parse(url, self.0.config.allow_file)
    }

    fn mirror(&self, address: &Address) -> Arc<Mirror> {
        let name = address.folder();
        let folder = self.0.config.folder.join(&name);
        let mut mirrors = self.0.mirrors.lock();
        Arc::clone(mirrors.entry(name).or_insert_with(|| Arc::new(Mirror::new(folder))))
    }
}

impl Inner {
    fn tree(&self, generation: &Generation, commit: &CommitId) -> Result<Arc<Tree>, Stopped> {
        let objects = generation.objects();
        let root = tree::root(&objects, &gix_id(commit))?;
        let id = TreeId::of(&root);
        if let Some(tree) = self.trees.lock().get(&id) {
            return Ok(tree);
        }
        let tree = Arc::new(tree::walk(&objects, &root)?);
        self.trees.lock().put(id, Arc::clone(&tree));
        Ok(tree)
    }
}

/// Why work on a mirror stopped.
enum Stopped {
    Unreadable(Unreadable),
    For(Error),
}

impl From<Unreadable> for Stopped {
    fn from(err: Unreadable) -> Self {
        Self::Unreadable(err)
    }
}

impl From<Error> for Stopped {
    fn from(err: Error) -> Self {
        Self::For(err)
    }
}

enum Attempt<T> {
    Done(T),
    Absent,
    Broken(String),
}

/// Works on one generation, and takes it out of use when it is broken.
fn attempt<T>(
    mirror: &Mirror,
    generation: &Generation,
    url: &RepoUrl,
    commit: &CommitId,
    work: impl Fn(&Generation, &CommitId) -> Result<T, Stopped>,
) -> Result<Attempt<T>, Error> {
    match work(generation, commit) {
        Ok(value) => Ok(Attempt::Done(value)),
        Err(Stopped::For(err)) => Err(err),
        Err(Stopped::Unreadable(Unreadable::TooLarge(cause))) => {
            Err(Error::TreeTooLarge { url: url.clone(), commit: commit.clone(), cause })
        }
        Err(Stopped::Unreadable(Unreadable::Corrupt(cause))) => {
            tracing::warn!(%url, %commit, cause, "the mirror is broken and is made anew");
            mirror.discard(generation);
            Ok(Attempt::Broken(cause))
        }
    }
}

/// Whether the commit is there; a mirror that only says so is taken out of use.
fn readable(mirror: &Mirror, commit: &CommitId) -> Result<bool, Error> {
    while let Some(generation) = mirror.find(commit)? {
        match tree::root(&generation.objects(), &gix_id(commit)) {
            Ok(_) => return Ok(true),
            Err(err) => {
                tracing::warn!(%commit, mirror = ?generation, cause = ?err, "the mirror is broken and is made anew");
                mirror.discard(&generation);
            }
        }
    }
    Ok(false)
}

/// Fetches into the current generation, or into a new one: when there is none, when it has its share of
/// packs, and when the current one does not take what the server sends.
fn fetch_now(target: &Target<'_>, mirror: &Mirror, commit: &CommitId, revision: &str) -> Result<(), Error> {
    repository(target.address)?;
    let started = Instant::now();
    let url = &target.address.url;
    if let Some(current) = mirror.current()? {
        match target.fetch(commit, revision, current.path()) {
            Err(Error::Broken { cause, .. }) if !target.deadline.passed() => {
                tracing::warn!(%url, cause, "a mirror did not take a fetch and is made anew");
            }
            done => {
                let milliseconds = started.elapsed().as_millis();
                tracing::debug!(%url, %commit, milliseconds, ok = done.is_ok(), "fetched");
                return done;
            }
        }
    }
    let fresh = mirror.prepare(target.address)?;
    target.fetch(commit, revision, fresh.path())?;
    mirror.publish(&fresh)?;
    tracing::debug!(%url, %commit, milliseconds = started.elapsed().as_millis(), "fetched into a new mirror");
    Ok(())
}

/// A local repository has to be one; of others the server says it.
fn repository(address: &Address) -> Result<(), Error> {
    match &address.place {
        Place::File { path } if !is_repository(path) => Err(Error::NoRepository { url: address.url.clone() }),
        Place::File { .. } | Place::Http { .. } => Ok(()),
    }
}

fn is_repository(path: &Path) -> bool {
    [path.to_owned(), path.join(".git")].iter().any(|p| p.join("objects").is_dir() || p.is_file())
}

fn gix_id(commit: &CommitId) -> gix::ObjectId {
    // Commits with longer ids are refused by the fetch, so no mirror has them.
    gix::ObjectId::from_hex(commit.as_str().as_bytes()).unwrap_or(gix::ObjectId::null(gix::hash::Kind::Sha1))
}

fn wanted(url: &RepoUrl, commit: &CommitId, tree: &Tree, paths: &[String]) -> Result<Vec<Entry>, Error> {
    let find = |path: &String| match tree.get(path) {
        Some(entry) if entry.mode != Mode::Submodule => Ok(entry.clone()),
        Some(_) | None => {
            Err(Error::NoSuchFile { url: url.clone(), commit: commit.clone(), path: path.clone() })
        }
    };
    paths.iter().map(find).collect()
}

fn read(
    url: &RepoUrl,
    generation: &Generation,
    entries: &[Entry],
    limit: ReadLimit,
    deadline: &Deadline,
) -> Result<Vec<(String, Bytes)>, Stopped> {
    let objects = generation.objects();
    let mut total = 0_u64;
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        if deadline.passed() {
            return Err(Error::TimedOut {
                url: url.clone(),
                stage: "reading files",
                after: deadline.given(),
            }
            .into());
        }
        let id = entry.id.to_gix();
        let size = tree::size(&objects, &id)?;
        total = total.saturating_add(size);
        let over =
            |size, of, limit| Error::TooLarge { url: url.clone(), path: entry.path.clone(), size, of, limit };
        if size > limit.per_file {
            return Err(over(size, "in the file", limit.per_file).into());
        }
        if total > limit.total {
            return Err(over(total, "in the files up to it", limit.total).into());
        }
        files.push((entry.path.clone(), Bytes::from(tree::blob(&objects, &id)?)));
    }
    Ok(files)
}
