//! What the calls do, on blocking threads.

use super::Inner;
use crate::{
    CommitId, Credentials, Entry, Error, Mode, ReadLimit, RepoUrl, Tree, TreeId,
    address::{Address, Place},
    mirror::{Generation, Holding, Mirror},
    remote::{Deadline, Fetched, Said, Share, Target},
    tree::{self, Unreadable},
};
use bytes::Bytes;
use std::{path::Path, sync::Arc, time::Instant};

impl Inner {
    pub(super) fn target<'a>(
        &'a self,
        address: &'a Address,
        credentials: Option<&'a Credentials>,
        deadline: &'a Deadline,
    ) -> Target<'a> {
        let secrets = &self.config.folder;
        Target {
            address,
            credentials,
            trust: &self.trust,
            deadline,
            secrets,
            said: Said::default(),
            listed: &self.listed,
        }
    }

    pub(super) fn tree(
        &self,
        generation: &Generation,
        commit: &CommitId,
        deadline: &Deadline,
    ) -> Result<Arc<Tree>, Stopped> {
        let objects = generation.objects();
        let root = tree::root(&objects, &gix_id(commit))?;
        let id = TreeId::of(&root);
        if let Some(tree) = self.trees.lock().get(&id) {
            return Ok(tree);
        }
        let sizes = generation.holding() == Holding::All;
        let tree = Arc::new(tree::walk(&objects, &root, sizes, deadline)?);
        self.trees.lock().put(id, Arc::clone(&tree));
        Ok(tree)
    }
}

/// Why work on a mirror stopped.
pub(super) enum Stopped {
    Unreadable(Unreadable),
    /// These files have to be fetched first.
    Lacks(Vec<gix::ObjectId>),
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

pub(super) enum Attempt<T> {
    Done(T),
    Absent,
    /// The generation has the commit, and not yet these files.
    Lacks(Arc<Generation>, Vec<gix::ObjectId>),
    Broken(String),
}

/// Works on one generation, and takes it out of use when it is broken.
pub(super) fn attempt<T>(
    mirror: &Mirror,
    generation: &Arc<Generation>,
    url: &RepoUrl,
    commit: &CommitId,
    deadline: &Deadline,
    work: impl Fn(&Generation, &CommitId, &Deadline) -> Result<T, Stopped>,
) -> Result<Attempt<T>, Error> {
    match work(generation, commit, deadline) {
        Ok(value) => Ok(Attempt::Done(value)),
        Err(Stopped::For(err)) => Err(err),
        Err(Stopped::Lacks(files)) => Ok(Attempt::Lacks(Arc::clone(generation), files)),
        Err(Stopped::Unreadable(Unreadable::TooLarge(cause))) => {
            Err(Error::TreeTooLarge { url: url.clone(), commit: commit.clone(), cause })
        }
        Err(Stopped::Unreadable(Unreadable::Late)) => Err(late(url, deadline)),
        Err(Stopped::Unreadable(Unreadable::Corrupt(cause))) => {
            tracing::warn!(%url, %commit, cause, "the mirror is broken and is made anew");
            mirror.discard(generation);
            Ok(Attempt::Broken(cause))
        }
    }
}

fn late(url: &RepoUrl, deadline: &Deadline) -> Error {
    Error::TimedOut { url: url.clone(), stage: "reading files", after: deadline.given() }
}

/// Whether the commit is there; a mirror that only says so is taken out of use.
pub(super) fn readable(mirror: &Mirror, commit: &CommitId) -> Result<bool, Error> {
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
/// packs, when it is to hold less of its commits, and when it does not take what the server sends.
pub(super) fn fetch_now(
    target: &Target<'_>,
    mirror: &Mirror,
    commit: &CommitId,
    revision: &str,
    whole: u64,
) -> Result<(), Error> {
    repository(target.address)?;
    let started = Instant::now();
    let url = &target.address.url;
    let mut holding = mirror.holding()?;
    let share = |holding| match holding {
        Holding::All => Share::Whole { most: whole },
        Holding::Folders => Share::Folders,
    };
    if let Some(current) = mirror.current()? {
        match target.fetch(commit, revision, current.path(), share(holding)) {
            Err(Error::Broken { cause, .. }) if !target.deadline.passed() => {
                tracing::warn!(%url, cause, "a mirror did not take a fetch and is made anew");
            }
            Ok(Fetched::TooMuch) => holding = Holding::Folders,
            done => {
                let milliseconds = started.elapsed().as_millis();
                tracing::debug!(%url, %commit, milliseconds, ok = done.is_ok(), "fetched");
                return done.map(drop);
            }
        }
    }
    let mut fresh = mirror.prepare(target.address, holding)?;
    if target.fetch(commit, revision, fresh.path(), share(holding))? == Fetched::TooMuch {
        tracing::info!(%url, whole, "a large repository: its files are fetched when they are read");
        holding = Holding::Folders;
        fresh = mirror.prepare(target.address, holding)?;
        target.fetch(commit, revision, fresh.path(), share(holding))?;
    }
    mirror.publish(&fresh)?;
    let milliseconds = started.elapsed().as_millis();
    tracing::debug!(%url, %commit, ?holding, milliseconds, "fetched into a new mirror");
    Ok(())
}

/// A local repository has to be one; of others the server says it.
pub(super) fn repository(address: &Address) -> Result<(), Error> {
    match &address.place {
        Place::File { path } if !is_repository(path) => Err(Error::NoRepository { url: address.url.clone() }),
        Place::File { .. } | Place::Http { .. } | Place::Ssh { .. } => Ok(()),
    }
}

fn is_repository(path: &Path) -> bool {
    [path.to_owned(), path.join(".git")].iter().any(|p| p.join("objects").is_dir() || p.is_file())
}

pub(super) fn gix_id(commit: &CommitId) -> gix::ObjectId {
    // Commits with longer ids are refused by the fetch, so no mirror has them.
    gix::ObjectId::from_hex(commit.as_str().as_bytes()).unwrap_or(gix::ObjectId::null(gix::hash::Kind::Sha1))
}

pub(super) fn wanted(
    url: &RepoUrl,
    commit: &CommitId,
    tree: &Tree,
    paths: &[String],
) -> Result<Vec<Entry>, Error> {
    let find = |path: &String| match tree.get(path) {
        Some(entry) if entry.mode != Mode::Submodule => Ok(entry.clone()),
        Some(_) | None => {
            Err(Error::NoSuchFile { url: url.clone(), commit: commit.clone(), path: path.clone() })
        }
    };
    paths.iter().map(find).collect()
}

pub(super) fn read(
    url: &RepoUrl,
    generation: &Generation,
    entries: &[Entry],
    limit: ReadLimit,
    deadline: &Deadline,
) -> Result<Vec<(String, Bytes)>, Stopped> {
    let objects = generation.objects();
    if generation.holding() == Holding::Folders {
        let lacking = lacking(generation, entries);
        if !lacking.is_empty() {
            return Err(Stopped::Lacks(lacking));
        }
    }
    let mut total = 0_u64;
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        if deadline.passed() {
            return Err(late(url, deadline).into());
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

/// The files that are not there yet.
fn lacking(generation: &Generation, entries: &[Entry]) -> Vec<gix::ObjectId> {
    let mut ids: Vec<_> = entries.iter().map(|entry| entry.id.to_gix()).collect();
    ids.sort_unstable();
    ids.dedup();
    still_lacking(generation, ids)
}

/// Those of the files that are not there yet.
pub(super) fn still_lacking(generation: &Generation, mut ids: Vec<gix::ObjectId>) -> Vec<gix::ObjectId> {
    use gix::objs::Exists as _;
    let mut objects = generation.objects();
    // The first that is absent has the disk looked at, the others need not.
    let Some(first) = ids.iter().position(|id| !objects.exists(id)) else { return Vec::new() };
    objects.refresh_never();
    ids.drain(..first);
    ids.retain(|id| !objects.exists(id));
    ids
}
