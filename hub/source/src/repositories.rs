//! The mirrors of all repositories behind one async handle.

mod described;
mod work;

use crate::{
    CommitId, Config, Credentials, Error, ReadLimit, RepoUrl, Tree, TreeId,
    address::Address,
    cache::Trees,
    mirror::{Failure, Generation, Mirror, Remembered},
    pools::Pools,
    refs::{self, Revision},
    remote::{self, Apps, Deadline, Fetched, Listed, Trust},
    tree,
};
use bytes::Bytes;
pub use described::Described;
pub(crate) use described::read as describe;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use work::{Attempt, Stopped, attempt, fetch_now, gix_id, read, readable, repository, still_lacking, wanted};

/// Trees kept in memory, in bytes.
const TREES: usize = 64 << 20;
/// How often a mirror is mended for one read: its commit fetched, made anew, its files fetched.
const ROUNDS: usize = 3;

/// All repositories that the hub reads. Clones share everything.
#[derive(Debug, Clone)]
pub struct Repositories(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    trust: Trust,
    apps: Apps,
    listed: Listed,
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
        remote::clean(&config.folder).map_err(|err| {
            Error::disk(format!("cannot tidy the folder {}", config.folder.display()), &err)
        })?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been first: then its provider serves.
            rustls::crypto::ring::default_provider().install_default().ok();
        }
        Ok(Self(Arc::new(Inner {
            trust: Trust::new(&config.ca_certificates)?,
            apps: Apps::default(),
            listed: Listed::default(),
            pools: Pools::new(config.parallelism, config.timeout),
            mirrors: Mutex::default(),
            trees: Mutex::new(Trees::new(TREES)),
            config,
        })))
    }

    /// The commit that `revision` is now: `HEAD` (or empty), a branch, a tag (an annotated one is what it
    /// points to), a full reference (`refs/…`), a range of versions (`1.*`: the newest tag in it). A commit id with all its digits is returned as it is,
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
        let wanted = match Revision::parse(revision) {
            Revision::Commit(commit) => return Ok(commit),
            wanted @ (Revision::Names(_) | Revision::Newest(..) | Revision::Invalid) => wanted,
        };
        let (inner, credentials) = (Arc::clone(&self.0), credentials.cloned());
        let (url, revision) = (url.clone(), revision.to_owned());
        let asked = address.clone();
        let ask = move |deadline: &Deadline, (): &()| {
            repository(&asked)?;
            let target = inner.target(&asked, credentials.as_ref(), deadline);
            let everything = ["refs/heads/", "refs/tags/"];
            let prefixes = wanted.prefixes();
            let listed = inner.apps.with(&target, Timestamp::now, |target| match prefixes.is_empty() {
                // No name of a reference: the listing is for the error.
                true => target.list(&everything.map(str::to_owned), |_| true, &[]),
                false => target.list(&prefixes, |listed| wanted.choose(listed).is_some(), &everything),
            })?;
            wanted.choose(&listed).ok_or_else(|| refs::not_found(&url, &revision, &listed))
        };
        let asked = self.0.pools.talk(&address.url, address.host(), std::future::ready(()), ask);
        self.0.config.metrics.time("resolve", address.host(), asked).await
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
        let (inner, commit, asked) = (Arc::clone(&self.0), commit.clone(), address.clone());
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
            let target = inner.target(&asked, with.credentials.as_ref(), deadline);
            let whole = inner.config.whole;
            let fetched = inner.apps.with(&target, Timestamp::now, |target| {
                fetch_now(target, &mirror, &commit, &with.revision, whole)
            });
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
        let fetched = self.0.pools.talk(&address.url, address.host(), turn, fetch);
        self.0.config.metrics.time("fetch", address.host(), fetched).await
    }

    /// Every file of the commit. A commit that is not there is fetched with what the last
    /// [`Repositories::fetch`] of this repository was called with.
    ///
    /// # Errors
    /// [`Error::TreeTooLarge`]; else why the commit could not be read or fetched.
    pub async fn list(&self, url: &RepoUrl, commit: &CommitId) -> Result<Arc<Tree>, Error> {
        let inner = Arc::clone(&self.0);
        self.reading(url, commit, 0, move |generation, commit, deadline| {
            inner.tree(generation, commit, deadline)
        })
        .await
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
        self.reading(url, commit, limit.total, move |generation, commit, deadline| {
            let tree = inner.tree(generation, commit, deadline)?;
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
        self.reading(url, commit, 0, move |generation, commit, _| {
            let objects = generation.objects();
            let root = tree::root(&objects, &gix_id(commit))?;
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            Ok(tree::at(&objects, &root, &parts)?)
        })
        .await
    }

    /// Keeps the mirrors of `needed` repositories, in them the commits named, whatever is fetched after
    /// them. Removes the mirrors of all others that nobody has used for `grace`, also those that an earlier
    /// process left; one that is being fetched into stays for now. Gives back how many were removed.
    ///
    /// # Errors
    /// [`Error::Setup`] when the disk does not let them go.
    pub async fn retain(
        &self,
        needed: BTreeMap<RepoUrl, BTreeSet<CommitId>>,
        grace: Duration,
    ) -> Result<usize, Error> {
        let mut kept: HashMap<String, BTreeSet<CommitId>> = HashMap::new();
        for (url, commits) in needed {
            kept.entry(Address::folder_of(&url)).or_default().extend(commits);
        }
        let this = self.clone();
        let remove = move || {
            let folder = &this.0.config.folder;
            let failed = |err: &std::io::Error| Error::disk(format!("cannot list {}", folder.display()), err);
            let mut removed = 0;
            for entry in std::fs::read_dir(folder).map_err(|err| failed(&err))? {
                let name = entry.map_err(|err| failed(&err))?.file_name().to_string_lossy().into_owned();
                if !Address::is_folder(&name) {
                    continue;
                }
                let pinned = kept.remove(&name);
                let mirror = this.mirror_in(name);
                match pinned {
                    Some(commits) => mirror.pin(commits),
                    None if mirror.idle() < grace => {}
                    None => {
                        if let Ok(_turn) = Arc::clone(&mirror.fetching).try_lock_owned() {
                            mirror.clear()?;
                            removed += 1;
                        }
                    }
                }
            }
            Ok(removed)
        };
        let stopped = |_| Error::Setup {
            what: "mirrors are not removed".to_owned(),
            cause: "the hub is stopping".to_owned(),
        };
        tokio::task::spawn_blocking(remove).await.map_err(stopped)?
    }

    /// Runs `work` on a mirror that has the commit. What it lacks is fetched, files no more than `most`
    /// bytes; a mirror that turns out to be broken is made anew.
    async fn reading<T: Send + 'static>(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        most: u64,
        work: impl Fn(&Generation, &CommitId, &Deadline) -> Result<T, Stopped> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let address = self.address(url)?;
        let mirror = self.mirror(&address);
        let work = Arc::new(work);
        let mut broken = None;
        for round in 0..=ROUNDS {
            let (there, asked, work, at) =
                (Arc::clone(&mirror), commit.clone(), Arc::clone(&work), url.clone());
            let once = move |deadline: &Deadline| match there.find(&asked)? {
                None => Ok(Attempt::Absent),
                Some(generation) => attempt(&there, &generation, &at, &asked, deadline, &*work),
            };
            let attempt = self.0.pools.read(url, once).await?;
            if let Attempt::Broken(cause) = &attempt {
                broken = Some(cause.clone());
            }
            match attempt {
                Attempt::Done(value) => return Ok(value),
                Attempt::Absent | Attempt::Broken(_) | Attempt::Lacks(..) if round == ROUNDS => {}
                Attempt::Lacks(generation, files) => {
                    self.fetch_files(&address, Arc::clone(&mirror), generation, files, most).await?;
                }
                Attempt::Absent | Attempt::Broken(_) => {
                    let remembered = mirror.remembered.lock().clone();
                    self.fetch_missing(&address, Arc::clone(&mirror), commit, remembered).await?;
                }
            }
        }
        let cause = broken.unwrap_or_else(|| "the mirror was replaced while it was read".to_owned());
        Err(Error::Broken { url: url.clone(), cause })
    }

    /// Fetches files that a generation lacks, no more than `most` bytes of them.
    async fn fetch_files(
        &self,
        address: &Address,
        mirror: Arc<Mirror>,
        generation: Arc<Generation>,
        files: Vec<gix::ObjectId>,
        most: u64,
    ) -> Result<(), Error> {
        let turn = Arc::clone(&mirror.fetching).lock_owned();
        let (inner, asked) = (Arc::clone(&self.0), address.clone());
        let fetch = move |deadline: &Deadline, _: &tokio::sync::OwnedMutexGuard<()>| {
            // Who had the turn before may have brought some.
            let files = still_lacking(&generation, files);
            if files.is_empty() {
                return Ok(());
            }
            let with = mirror.remembered.lock().clone();
            let target = inner.target(&asked, with.credentials.as_ref(), deadline);
            let count = files.len();
            let fetched = inner.apps.with(&target, Timestamp::now, |target| {
                target.fetch_files(files.clone(), generation.path(), most)
            })?;
            match fetched {
                Fetched::Done => Ok(()),
                Fetched::TooMuch => Err(Error::TooLarge {
                    url: asked.url.clone(),
                    path: format!("{count} files"),
                    size: most,
                    of: "and more, packed",
                    limit: most,
                }),
            }
        };
        self.0.pools.talk(&address.url, address.host(), turn, fetch).await
    }

    fn address(&self, url: &RepoUrl) -> Result<Address, Error> {
        Address::parse(url, self.0.config.allow_file)
    }

    fn mirror(&self, address: &Address) -> Arc<Mirror> {
        let mirror = self.mirror_in(Address::folder_of(&address.url));
        mirror.touch();
        mirror
    }

    fn mirror_in(&self, name: String) -> Arc<Mirror> {
        let folder = self.0.config.folder.join(&name);
        let mut mirrors = self.0.mirrors.lock();
        Arc::clone(mirrors.entry(name).or_insert_with(|| Arc::new(Mirror::new(folder))))
    }
}
