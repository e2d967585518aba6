//! Archives on the disk, by the SHA-256 of their bytes, and what each is called.
//!
//! # Invariants
//! - What is handed out has the digest that it is named by: a file that a crash left half written, or that somebody
//!   changed, counts as not there.
//! - No more than so many bytes are kept, the least recently used go first; what is pinned stays.

use crate::{CommitId, Error};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared_template::semver::Range;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

const ARCHIVE: &str = "archive";
const LABEL: &str = "label";
const PART: &str = "part";
/// Names longer than these are no chart's.
const LONGEST_LABEL: usize = 1 << 10;
/// What something is called is kept for as long, although it is neither pinned nor there.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What an archive is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The chart's, artefact's or file's name.
    pub name: String,
    /// Its exact version; empty for a file.
    pub version: String,
    /// Whether it is a chart, all of whose files are in one folder.
    pub chart: bool,
}

impl Label {
    /// How much it tells: that it is a chart, and a version rather than a tag.
    fn tells(&self) -> (bool, bool) {
        (self.chart, Range::around(&self.version).is_some())
    }
}

#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    most: u64,
    parts: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    uses: u64,
    archives: HashMap<CommitId, Archive>,
    by_use: BTreeMap<u64, CommitId>,
    labels: HashMap<CommitId, (Label, SystemTime)>,
    pinned: BTreeSet<CommitId>,
}

#[derive(Debug, Clone, Copy)]
struct Archive {
    size: u64,
    used: u64,
}

impl Held {
    fn touch(&mut self, commit: &CommitId) {
        let Some(archive) = self.archives.get_mut(commit) else { return };
        self.uses += 1;
        self.by_use.remove(&archive.used);
        archive.used = self.uses;
        self.by_use.insert(self.uses, commit.clone());
    }

    fn insert(&mut self, commit: CommitId, size: u64) {
        self.remove(&commit);
        self.uses += 1;
        self.bytes += size;
        self.by_use.insert(self.uses, commit.clone());
        self.archives.insert(commit, Archive { size, used: self.uses });
    }

    fn remove(&mut self, commit: &CommitId) {
        if let Some(archive) = self.archives.remove(commit) {
            self.by_use.remove(&archive.used);
            self.bytes -= archive.size;
        }
    }

    /// What has to go so that no more than `most` bytes are held; not `kept`.
    fn crowded_out(&mut self, most: u64, kept: Option<&CommitId>) -> Vec<CommitId> {
        let mut gone = Vec::new();
        let mut bytes = self.bytes;
        for commit in self.by_use.values() {
            if bytes <= most {
                break;
            }
            if Some(commit) != kept && !self.pinned.contains(commit) {
                bytes -= self.archives[commit].size;
                gone.push(commit.clone());
            }
        }
        for commit in &gone {
            self.remove(commit);
        }
        gone
    }
}

impl Store {
    /// Makes the folder; what is in it is used again, what a crash left half written is removed.
    pub(super) fn open(folder: &Path, most: u64) -> Result<Self, Error> {
        let failed =
            |err: &io::Error| Error::disk(format!("cannot use the folder {}", folder.display()), err);
        fs::create_dir_all(folder).map_err(|err| failed(&err))?;
        let mut held = Held::default();
        let mut archives = Vec::new();
        for entry in fs::read_dir(folder).map_err(|err| failed(&err))? {
            let entry = entry.map_err(|err| failed(&err))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((stem, kind)) = name.rsplit_once('.') else { continue };
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match (kind, stem.parse::<CommitId>()) {
                (PART, _) => drop(fs::remove_file(entry.path())),
                (ARCHIVE, Ok(commit)) => archives.push((modified, commit, metadata.len())),
                (LABEL, Ok(commit)) => {
                    let label = fs::read(entry.path()).ok();
                    match label.and_then(|text| serde_json::from_slice(&text).ok()) {
                        Some(label) => drop(held.labels.insert(commit, (label, modified))),
                        None => drop(fs::remove_file(entry.path())),
                    }
                }
                (_, _) => {}
            }
        }
        archives.sort();
        for (_, commit, size) in archives {
            held.insert(commit, size);
        }
        Ok(Self { folder: folder.to_owned(), most, parts: AtomicU64::new(0), held: Mutex::new(held) })
    }

    fn path(&self, commit: &CommitId, kind: &str) -> PathBuf {
        self.folder.join(format!("{commit}.{kind}"))
    }

    /// A name for a file that is still being written.
    pub(super) fn part(&self) -> PathBuf {
        self.folder.join(format!("{}.{PART}", self.parts.fetch_add(1, Ordering::Relaxed)))
    }

    /// The archive, if it is there and whole.
    pub(super) fn get(&self, commit: &CommitId) -> Result<Option<Bytes>, Error> {
        if !self.held.lock().archives.contains_key(commit) {
            return Ok(None);
        }
        let path = self.path(commit, ARCHIVE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => return Err(Error::disk(format!("cannot read {}", path.display()), &err)),
        };
        let bytes = bytes.filter(|bytes| digest(bytes) == *commit);
        let mut held = self.held.lock();
        match bytes {
            Some(bytes) => {
                held.touch(commit);
                Ok(Some(bytes.into()))
            }
            None => {
                held.remove(commit);
                fs::remove_file(&path).ok();
                Ok(None)
            }
        }
    }

    /// Keeps an archive. Gives back its digest.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<CommitId, Error> {
        let commit = digest(bytes);
        self.write(&self.path(&commit, ARCHIVE), bytes)?;
        let mut held = self.held.lock();
        held.insert(commit.clone(), bytes.len() as u64);
        for gone in held.crowded_out(self.most, Some(&commit)) {
            fs::remove_file(self.path(&gone, ARCHIVE)).ok();
        }
        Ok(commit)
    }

    /// What something is called.
    pub(super) fn label(&self, commit: &CommitId) -> Option<Label> {
        self.held.lock().labels.get(commit).map(|(label, _)| label.clone())
    }

    /// Remembers what something is called: what it was called first, unless another name tells more.
    pub(super) fn name(&self, commit: &CommitId, label: &Label) -> Result<(), Error> {
        let long = label.name.len().max(label.version.len()) > LONGEST_LABEL;
        let known = |(known, _): &(Label, SystemTime)| known.tells() >= label.tells();
        if long || self.held.lock().labels.get(commit).is_some_and(known) {
            return Ok(());
        }
        let text = serde_json::to_vec(label).expect("names are text");
        self.write(&self.path(commit, LABEL), &text)?;
        self.held.lock().labels.insert(commit.clone(), (label.clone(), SystemTime::now()));
        Ok(())
    }

    /// Keeps what is pinned from now on, and no more than may be of the rest.
    pub(super) fn retain(&self, pinned: BTreeSet<CommitId>) {
        let mut held = self.held.lock();
        held.pinned = pinned;
        for gone in held.crowded_out(self.most, None) {
            fs::remove_file(self.path(&gone, ARCHIVE)).ok();
        }
        let now = SystemTime::now();
        let Held { labels, pinned, archives, .. } = &mut *held;
        labels.retain(|commit, (_, since)| {
            let young = now.duration_since(*since).is_ok_and(|age| age < REMEMBERED);
            let kept = young || pinned.contains(commit) || archives.contains_key(commit);
            if !kept {
                fs::remove_file(self.path(commit, LABEL)).ok();
            }
            kept
        });
    }

    /// Writes a file; durable when this returns, since a rollout that pins it may be written next.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let part = self.part();
        let write = || {
            let mut file = fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, path)?;
            path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
        };
        let written = write();
        written.map_err(|err| {
            fs::remove_file(&part).ok();
            Error::disk(format!("cannot write {}", path.display()), &err)
        })
    }
}

/// What bytes are pinned by.
pub(super) fn digest(bytes: &[u8]) -> CommitId {
    hex::encode(Sha256::digest(bytes)).parse().expect("a SHA-256 has 64 hex digits")
}

#[cfg(test)]
mod tests;
