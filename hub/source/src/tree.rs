//! What is in a commit: a flat, sorted list of files.
//!
//! Trees come from servers, so they are bounded: [`MAX_ENTRIES`] and [`MAX_DEPTH`] keep a small pack
//! whose trees share their branches from unfolding into more than memory holds, or into more folders than
//! anyone can visit: an empty folder counts as a file does, and a walk ends with its deadline.

use crate::remote::Deadline;
use gix::{
    hash::oid,
    objs::{Find, Kind, TreeRefIter, tree::EntryKind},
};
use std::fmt;

/// Files, submodules and folders in one commit.
pub(crate) const MAX_ENTRIES: usize = 1_000_000;
/// Bytes of all paths in one commit.
const MAX_PATHS: usize = 256 << 20;
/// Folders inside one another.
const MAX_DEPTH: usize = 256;

/// The id of a Git object, in hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    pub(crate) fn of(id: &oid) -> Self {
        Self(id.to_hex().to_string())
    }

    #[cfg(test)]
    pub(crate) fn from_hex_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_gix(&self) -> gix::ObjectId {
        gix::ObjectId::from_hex(self.0.as_bytes()).expect("made from an object id")
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a folder: equal ids are equal contents, names and modes included.
pub type TreeId = ObjectId;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link: its contents are its target.
    Symlink,
    /// A commit of another repository. It has no contents here.
    Submodule,
}

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the repository's root, without a leading `/`. Bytes that are no UTF-8 are replaced.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// The id of its contents; of a submodule, the other repository's commit.
    pub id: ObjectId,
    /// Bytes, where that is known without reading it.
    pub size: Option<u64>,
}

/// The files of a commit, sorted by path.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    root: TreeId,
    entries: Vec<Entry>,
    weight: usize,
}

impl Tree {
    pub(crate) fn new(root: TreeId, mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let weight = entries.iter().map(|e| size_of::<Entry>() + e.path.len() + e.id.as_str().len()).sum();
        Self { root, entries, weight }
    }

    /// The id of the whole tree.
    pub fn root(&self) -> &TreeId {
        &self.root
    }

    /// Every file, symbolic link and submodule, sorted by path (by bytes).
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at exactly `path`.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|e| e.path.as_str().cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// The entries in the folder `path` and below it; all of them for an empty path.
    pub fn under<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Entry> {
        let folder = path.trim_matches('/');
        let inside = move |e: &&Entry| {
            folder.is_empty() || e.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let from = self.entries.partition_point(|e| e.path.as_str() < folder);
        self.entries[from..].iter().take_while(move |e| e.path.starts_with(folder)).filter(inside)
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}

/// Why objects could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The mirror is not what it should be.
    Corrupt(String),
    /// A bound was passed.
    TooLarge(String),
    /// The deadline passed.
    Late,
}

impl From<gix::Error> for Unreadable {
    fn from(err: gix::Error) -> Self {
        Self::Corrupt(err.probable_cause().to_string())
    }
}

fn object<'a>(
    objects: &impl Find,
    id: &oid,
    kind: Kind,
    buffer: &'a mut Vec<u8>,
) -> Result<gix::objs::Data<'a>, Unreadable> {
    match objects.try_find(id, buffer)? {
        Some(data) if data.kind == kind => Ok(data),
        Some(data) => {
            Err(Unreadable::Corrupt(format!("object {id} is a {} and should be a {kind}", data.kind)))
        }
        None => Err(Unreadable::Corrupt(format!("object {id} is missing"))),
    }
}

/// What a commit says of itself, or the commit that a tag object points to.
pub(crate) fn described(
    objects: &impl Find,
    commit: &oid,
) -> Result<crate::repositories::Described, Unreadable> {
    of_commit(objects, commit, |data| {
        let commit = gix::objs::CommitRef::from_bytes(data.data, data.object_hash)?;
        Ok(crate::repositories::describe(&commit))
    })
}

/// The root tree of a commit, or of the commit that a tag object points to.
pub(crate) fn root(objects: &impl Find, commit: &oid) -> Result<gix::ObjectId, Unreadable> {
    of_commit(objects, commit, |data| {
        Ok(gix::objs::CommitRefIter::from_bytes(data.data, data.object_hash).tree_id()?)
    })
}

/// Reads a commit, or the commit that a tag object points to.
fn of_commit<T>(
    objects: &impl Find,
    commit: &oid,
    read: impl FnOnce(&gix::objs::Data<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let mut buffer = Vec::new();
    let mut id = commit.to_owned();
    for _ in 0..8 {
        match objects.try_find(&id, &mut buffer)? {
            Some(data) if data.kind == Kind::Tag => {
                id = gix::objs::TagRefIter::from_bytes(data.data, data.object_hash).target_id()?;
            }
            Some(data) if data.kind == Kind::Commit => return read(&data),
            Some(data) => {
                return Err(Unreadable::Corrupt(format!(
                    "object {id} is a {} and should be a commit",
                    data.kind
                )));
            }
            None => return Err(Unreadable::Corrupt(format!("object {id} is missing"))),
        }
    }
    Err(Unreadable::Corrupt(format!("{commit} is a tag of tags, eight deep")))
}

/// Every file below `root`; with their `sizes` only if those are there to be looked up.
pub(crate) fn walk(
    objects: &(impl Find + gix::odb::Header),
    root: &oid,
    sizes: bool,
    deadline: &Deadline,
) -> Result<Tree, Unreadable> {
    let mut walk =
        Walk { objects, sizes, deadline, entries: Vec::new(), folders: 0, paths: 0, path: String::new() };
    walk.folder(root, 0)?;
    Ok(Tree::new(ObjectId::of(root), walk.entries))
}

struct Walk<'o, O> {
    objects: &'o O,
    sizes: bool,
    deadline: &'o Deadline,
    entries: Vec<Entry>,
    /// Folders so far.
    folders: usize,
    /// Bytes of all paths so far.
    paths: usize,
    /// The folder being read, with a trailing `/` unless it is the root.
    path: String,
}

impl<O: Find + gix::odb::Header> Walk<'_, O> {
    fn folder(&mut self, id: &oid, depth: usize) -> Result<(), Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable::TooLarge(format!(
                "folders inside one another more than {MAX_DEPTH} deep"
            )));
        }
        if self.deadline.passed() {
            return Err(Unreadable::Late);
        }
        self.folders += 1;
        self.check()?;
        let mut buffer = Vec::new();
        let data = object(self.objects, id, Kind::Tree, &mut buffer)?;
        for entry in TreeRefIter::from_bytes(data.data, data.object_hash) {
            let entry = entry?;
            let parent = self.path.len();
            self.path.push_str(&String::from_utf8_lossy(entry.filename));
            match entry.mode.kind() {
                EntryKind::Tree => {
                    self.path.push('/');
                    self.folder(entry.oid, depth + 1)?;
                }
                EntryKind::Blob => self.file(Mode::File, entry.oid)?,
                EntryKind::BlobExecutable => self.file(Mode::Executable, entry.oid)?,
                EntryKind::Link => self.file(Mode::Symlink, entry.oid)?,
                EntryKind::Commit => self.file(Mode::Submodule, entry.oid)?,
            }
            self.path.truncate(parent);
        }
        Ok(())
    }

    /// Whether one more file or folder may be there.
    fn check(&self) -> Result<(), Unreadable> {
        if self.entries.len() + self.folders > MAX_ENTRIES || self.paths > MAX_PATHS {
            return Err(Unreadable::TooLarge(format!(
                "more than {MAX_ENTRIES} files and folders, or paths of more than {} MiB",
                MAX_PATHS >> 20
            )));
        }
        Ok(())
    }

    fn file(&mut self, mode: Mode, id: &oid) -> Result<(), Unreadable> {
        self.paths += self.path.len();
        self.check()?;
        let size = match mode {
            Mode::Submodule => None,
            Mode::File | Mode::Executable | Mode::Symlink if !self.sizes => None,
            Mode::File | Mode::Executable | Mode::Symlink => self.objects.try_header(id)?.map(|h| h.size()),
        };
        self.entries.push(Entry { path: self.path.clone(), mode, id: ObjectId::of(id), size });
        Ok(())
    }
}

/// The tree at `path` below `root`; `None` when there is none or it is no folder.
pub(crate) fn at(objects: &impl Find, root: &oid, path: &[&str]) -> Result<Option<TreeId>, Unreadable> {
    let mut id = root.to_owned();
    let mut buffer = Vec::new();
    for name in path {
        let data = object(objects, &id, Kind::Tree, &mut buffer)?;
        let mut next = None;
        for entry in TreeRefIter::from_bytes(data.data, data.object_hash) {
            let entry = entry?;
            if entry.filename == name.as_bytes() {
                next = (entry.mode.kind() == EntryKind::Tree).then(|| entry.oid.to_owned());
                break;
            }
        }
        match next {
            Some(next) => id = next,
            None => return Ok(None),
        }
    }
    // A folder that is named but missing would be found only by the reader.
    object(objects, &id, Kind::Tree, &mut buffer)?;
    Ok(Some(ObjectId::of(&id)))
}

/// The size of a blob before it is read.
pub(crate) fn size(objects: &impl gix::odb::Header, id: &oid) -> Result<u64, Unreadable> {
    match objects.try_header(id)? {
        Some(header) => Ok(header.size()),
        None => Err(Unreadable::Corrupt(format!("object {id} is missing"))),
    }
}

/// The contents of a file.
pub(crate) fn blob(objects: &impl Find, id: &oid) -> Result<Vec<u8>, Unreadable> {
    let mut buffer = Vec::new();
    let length = object(objects, id, Kind::Blob, &mut buffer)?.data.len();
    buffer.truncate(length);
    Ok(buffer)
}
