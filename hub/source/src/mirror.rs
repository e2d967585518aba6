//! The folder of one repository's mirror: generations of bare repositories, each with whole commits.
//!
//! ```text
//! <sha256 of the repository's address>/
//!   url                     the address, for people
//!   gen-00000001/           a bare repository, readable by git too
//!     refs/flotilla/<id>    one per commit that is completely there: the commit point of a fetch
//!     flotilla-folders      when it is there, files come when they are read, and not with their commit
//!   tmp-…                   a generation in the making
//! ```
//!
//! # Guarantees
//! - A commit is found only after its pack, its index and then its reference are on the disk.
//! - What a crash leaves (`tmp-…`, lock files, temporary packs, more generations than are ever
//!   kept) is removed when the mirror is opened.
//! - A generation's folder is removed when its last reader is done with it.
//!
//! # Assumptions
//! One process at a time, and one fetch per mirror at a time; the caller holds [`Mirror::fetching`].

use crate::{
    CommitId, Credentials, Error,
    address::{self, Address},
};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// After this many fetches a mirror is made anew, since gix cannot repack.
pub const PACKS_PER_GENERATION: usize = 20;
/// The same of one that files are fetched into when they are read.
const PACKS_OF_FOLDERS: usize = 200;
/// A generation being replaced is kept for readers of older commits.
const GENERATIONS_KEPT: usize = 2;
/// The same where older ones hold commits that are pinned.
const GENERATIONS_PINNED: usize = 8;

/// One bare repository.
pub(crate) struct Generation {
    number: u64,
    path: PathBuf,
    objects: Arc<gix::odb::Store>,
    holding: Holding,
    obsolete: AtomicBool,
}

/// What of its commits a generation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    /// Everything.
    All,
    /// The folders, and the files that were read.
    Folders,
}

const FOLDERS: &str = "flotilla-folders";

impl Generation {
    fn open(number: u64, path: PathBuf) -> io::Result<Self> {
        let objects = store(&path)?;
        let holding = if path.join(FOLDERS).exists() { Holding::Folders } else { Holding::All };
        Ok(Self { number, path, objects, holding, obsolete: AtomicBool::new(false) })
    }

    /// A handle for one thread.
    pub(crate) fn objects(&self) -> gix::odb::HandleArc {
        handle(&self.objects)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn holding(&self) -> Holding {
        self.holding
    }

    fn holds(&self, commit: &CommitId) -> bool {
        marker(&self.path, commit).exists()
    }

    /// Packs that its fetches left.
    fn packs(&self) -> usize {
        let names = fs::read_dir(self.path.join("objects/pack")).into_iter().flatten().flatten();
        names.filter(|entry| entry.path().extension().is_some_and(|e| e == "pack")).count()
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if *self.obsolete.get_mut()
            && let Err(err) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), error = %err, "an old mirror could not be removed");
        }
    }
}

/// What the last failed fetch was, for those who waited for it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) sequence: u64,
    pub(crate) commit: CommitId,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) error: Error,
}

/// What a fetch was last asked with, to make a broken mirror anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered {
    pub(crate) revision: String,
    pub(crate) credentials: Option<Credentials>,
}

/// The mirror of one repository.
#[derive(Debug)]
pub(crate) struct Mirror {
    folder: PathBuf,
    /// Held by the one fetch that runs.
    pub(crate) fetching: Arc<tokio::sync::Mutex<()>>,
    /// Fetches ended so far, and the last failure.
    pub(crate) ended: Mutex<(u64, Option<Failure>)>,
    pub(crate) remembered: Mutex<Remembered>,
    /// Oldest first; empty before the first fetch. `None` until the folder was looked at.
    generations: RwLock<Option<Vec<Arc<Generation>>>>,
    /// Commits to keep whatever is fetched after them.
    pinned: Mutex<BTreeSet<CommitId>>,
    used: Mutex<Instant>,
    /// Never reused, so that a reader of a removed generation cannot meet its successor.
    next: Mutex<u64>,
}

impl Mirror {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            fetching: Arc::default(),
            ended: Mutex::default(),
            remembered: Mutex::default(),
            generations: RwLock::default(),
            pinned: Mutex::default(),
            used: Mutex::new(Instant::now()),
            next: Mutex::new(1),
        }
    }

    /// Somebody uses it.
    pub(crate) fn touch(&self) {
        *self.used.lock() = Instant::now();
    }

    /// How long nobody has used it, at most since this process began.
    pub(crate) fn idle(&self) -> Duration {
        self.used.lock().elapsed()
    }

    /// Keeps these commits, and others no more.
    pub(crate) fn pin(&self, commits: BTreeSet<CommitId>) {
        *self.pinned.lock() = commits;
        if let Some(generations) = &mut *self.generations.write() {
            self.drop_surplus(generations);
        }
    }

    /// Takes out of use what is older than the newest generations and holds nothing that is pinned.
    fn drop_surplus(&self, generations: &mut Vec<Arc<Generation>>) {
        let mut pinned = self.pinned.lock().clone();
        let mut kept = 0;
        let mut keep = Vec::with_capacity(generations.len());
        for generation in generations.drain(..).rev() {
            let before = pinned.len();
            pinned.retain(|commit| !generation.holds(commit));
            if kept < GENERATIONS_KEPT || (pinned.len() < before && kept < GENERATIONS_PINNED) {
                kept += 1;
                keep.insert(0, generation);
            } else {
                generation.obsolete.store(true, Ordering::Release);
            }
        }
        *generations = keep;
    }

    /// The newest generation that has the commit.
    pub(crate) fn find(&self, commit: &CommitId) -> Result<Option<Arc<Generation>>, Error> {
        self.opened()?;
        let generations = self.generations.read();
        Ok(generations.iter().flatten().rev().find(|g| g.holds(commit)).cloned())
    }

    /// The generation to fetch into, unless it is time for a new one.
    pub(crate) fn current(&self) -> Result<Option<Arc<Generation>>, Error> {
        self.opened()?;
        let current = self.generations.read().iter().flatten().next_back().cloned();
        let most = |holding| match holding {
            Holding::All => PACKS_PER_GENERATION,
            Holding::Folders => PACKS_OF_FOLDERS,
        };
        Ok(current.filter(|g| g.packs() < most(g.holding)))
    }

    /// What new generations are to hold: as the newest does.
    pub(crate) fn holding(&self) -> Result<Holding, Error> {
        self.opened()?;
        let generations = self.generations.read();
        Ok(generations.iter().flatten().next_back().map_or(Holding::All, |g| g.holding))
    }

    /// Takes a generation out of use. Its folder goes with its last reader.
    pub(crate) fn discard(&self, generation: &Generation) {
        if let Some(generations) = &mut *self.generations.write() {
            generations.retain(|g| g.number != generation.number);
        }
        generation.obsolete.store(true, Ordering::Release);
    }

    /// Removes everything, the folder too unless somebody still reads. The caller holds
    /// [`Mirror::fetching`].
    pub(crate) fn clear(&self) -> Result<(), Error> {
        self.opened()?;
        for generation in self.generations.write().iter_mut().flat_map(std::mem::take) {
            generation.obsolete.store(true, Ordering::Release);
        }
        let gone = || {
            match fs::remove_file(self.folder.join("url")) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                Ok(()) | Err(_) => {}
            }
            match fs::remove_dir(&self.folder) {
                Err(err) if err.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                done => done,
            }
        };
        gone().map_err(|err| Error::disk(format!("cannot remove {}", self.folder.display()), &err))
    }

    /// An empty bare repository, not in use until [`Mirror::publish`].
    pub(crate) fn prepare(&self, address: &Address, holding: Holding) -> Result<Unpublished, Error> {
        self.opened()?;
        let number = {
            let mut next = self.next.lock();
            *next += 1;
            *next - 1
        };
        let path = self.folder.join(format!("tmp-{number:08}"));
        let make = || {
            fs::create_dir_all(&self.folder)?;
            write(&self.folder.join("url"), &format!("{}\n", address::identity(&address.url)))?;
            lay_out(&path)?;
            match holding {
                Holding::All => Ok(()),
                Holding::Folders => write(&path.join(FOLDERS), ""),
            }
        };
        make().map_err(|err| Error::disk(format!("cannot make {}", path.display()), &err))?;
        Ok(Unpublished { number, path })
    }

    /// Puts a new generation into use: one rename.
    pub(crate) fn publish(&self, unpublished: &Unpublished) -> Result<(), Error> {
        let number = unpublished.number;
        let path = self.folder.join(format!("gen-{number:08}"));
        let publish = || {
            fs::rename(&unpublished.path, &path)?;
            sync_folder(&self.folder)?;
            Generation::open(number, path.clone())
        };
        let generation =
            publish().map_err(|err| Error::disk(format!("cannot make {}", path.display()), &err))?;
        let mut generations = self.generations.write();
        let generations = generations.get_or_insert_default();
        generations.push(Arc::new(generation));
        self.drop_surplus(generations);
        Ok(())
    }

    fn opened(&self) -> Result<(), Error> {
        if self.generations.read().is_some() {
            return Ok(());
        }
        let mut generations = self.generations.write();
        if generations.is_none() {
            let found = self.recover();
            let found =
                found.map_err(|err| Error::disk(format!("cannot open {}", self.folder.display()), &err))?;
            *self.next.lock() = found.last().map_or(1, |g| g.number + 1);
            *generations = Some(found);
        }
        Ok(())
    }

    /// The generations on disk, after removing what a crash left.
    fn recover(&self) -> io::Result<Vec<Arc<Generation>>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(err),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(number) = name.strip_prefix("gen-").and_then(|n| n.parse::<u64>().ok()) {
                numbers.push((number, entry.path()));
            } else if name.starts_with("tmp-") {
                fs::remove_dir_all(entry.path())?;
            }
        }
        numbers.sort();
        let mut generations = Vec::new();
        while let Some((number, path)) = numbers.pop() {
            let opened = match generations.len() {
                GENERATIONS_PINNED => Err(io::Error::other("it is older than those that are kept")),
                _ => tidy(&path).and_then(|()| Generation::open(number, path.clone())),
            };
            match opened {
                Ok(generation) => generations.insert(0, Arc::new(generation)),
                Err(err) => {
                    tracing::info!(path = %path.display(), reason = %err, "a mirror is removed");
                    fs::remove_dir_all(&path)?;
                }
            }
        }
        Ok(generations)
    }
}

/// A generation in the making; its folder goes when it is dropped unpublished.
#[derive(Debug)]
pub(crate) struct Unpublished {
    number: u64,
    path: PathBuf,
}

impl Unpublished {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        // Gone already when it was published.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Opens the objects of the bare repository at `path`.
pub(crate) fn store(path: &Path) -> io::Result<Arc<gix::odb::Store>> {
    let options = gix::odb::store::init::Options {
        slots: gix::odb::store::init::Slots::Given(u16::try_from(PACKS_OF_FOLDERS * 2).unwrap_or(u16::MAX)),
        use_multi_pack_index: false,
        ..Default::default()
    };
    let objects = path.join("objects");
    gix::odb::Store::at_opts(objects, gix::hash::Kind::Sha1, &mut std::iter::empty(), options).map(Arc::new)
}

pub(crate) fn handle(store: &Arc<gix::odb::Store>) -> gix::odb::HandleArc {
    store.to_cache_arc()
}

/// The commits that are completely in the bare repository at `path`.
pub(crate) fn commits(path: &Path) -> Vec<gix::ObjectId> {
    let names = fs::read_dir(path.join("refs/flotilla")).into_iter().flatten().flatten();
    names.filter_map(|entry| gix::ObjectId::from_hex(entry.file_name().as_encoded_bytes()).ok()).collect()
}

/// Records that a commit is completely there: what was written so far reaches the disk first.
pub(crate) fn commit(path: &Path, commit: &CommitId, written: &[PathBuf]) -> io::Result<()> {
    for file in written {
        fs::File::open(file)?.sync_all()?;
    }
    sync_folder(&path.join("objects/pack"))?;
    write(&marker(path, commit), &format!("{commit}\n"))
}

fn marker(path: &Path, commit: &CommitId) -> PathBuf {
    path.join("refs/flotilla").join(commit.as_str())
}

fn lay_out(path: &Path) -> io::Result<()> {
    for folder in ["objects/pack", "objects/info", "refs/flotilla", "refs/heads"] {
        fs::create_dir_all(path.join(folder))?;
    }
    write(&path.join("HEAD"), "ref: refs/heads/main\n")?;
    write(&path.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
}

/// Removes what an interrupted fetch leaves in a generation. Fails when it is none.
fn tidy(path: &Path) -> io::Result<()> {
    fs::read_dir(path.join("refs/flotilla"))?;
    match fs::remove_file(path.join("shallow.lock")) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        Ok(()) | Err(_) => {}
    }
    for entry in fs::read_dir(path.join("objects/pack"))? {
        let entry = entry?;
        if !["pack", "idx"].iter().any(|known| entry.path().extension().is_some_and(|e| e == *known)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file so that it is either not there or whole.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}
