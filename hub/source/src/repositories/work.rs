//! What the calls do, on blocking threads.

use super::Inner;
use crate::{
    CommitId, Credentials, Entry, Error, Mode, ReadLimit, RepoUrl, Tree, TreeId,
    address::{Address, Place},
    mirror::{Generation, Mirror},
    remote::{Deadline, Said, Target},
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
        Target { address, credentials, trust: &self.trust, deadline, secrets, said: Said::default() }
    }

    pub(super) fn tree(&self, generation: &Generation, commit: &CommitId) -> Result<Arc<Tree>, Stopped> {
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
pub(super) enum Stopped {
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

pub(super) enum Attempt<T> {
    Done(T),
    Absent,
    Broken(String),
}

/// Works on one generation, and takes it out of use when it is broken.
pub(super) fn attempt<T>(
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
/// packs, and when the current one does not take what the server sends.
pub(super) fn fetch_now(
    target: &Target<'_>,
    mirror: &Mirror,
    commit: &CommitId,
    revision: &str,
) -> Result<(), Error> {
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
