//! The folder of one run on disk: the files that its tool sees, and its empty home.
//!
//! It takes one where the tool has no root of its own, or the view is large.
//! It is removed when it is dropped.

use super::{Printed, Stopped};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// What the names of rooms begin with.
const PREFIX: &str = "room-";
/// Where the tool sees its files when it has a root of its own. No other text reads like it.
pub(super) const SHOWN_AT: &str = "/flotilla-view";

/// The folder of one run.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    folders: BTreeSet<PathBuf>,
}

impl Room {
    pub(super) fn new(scratch: &Path, files: &BTreeMap<String, Bytes>) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        DirBuilder::new().recursive(true).mode(0o700).create(scratch)?;
        // A tool has another folder as its own: a relative path would lead elsewhere.
        let scratch = scratch.canonicalize()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = scratch.join(format!("{PREFIX}{}-{count}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        let mut room = Self { path, folders: BTreeSet::new() };
        room.fill(files)?;
        Ok(room)
    }

    fn fill(&mut self, files: &BTreeMap<String, Bytes>) -> io::Result<()> {
        for folder in [self.home(), self.view()] {
            DirBuilder::new().mode(0o700).create(folder)?;
        }
        for (path, contents) in files {
            if let Some((folder, _)) = path.rsplit_once('/') {
                self.make(folder)?;
            }
            let named = |error: io::Error| io::Error::new(error.kind(), format!("write `{path}`: {error}"));
            let new =
                OpenOptions::new().write(true).create_new(true).mode(0o400).open(self.view().join(path));
            new.and_then(|mut file| file.write_all(contents)).map_err(named)?;
        }
        let closed = || Permissions::from_mode(0o500);
        for folder in self.folders.iter().chain([&self.view(), &self.home()]) {
            fs::set_permissions(folder, closed())?;
        }
        Ok(())
    }

    /// Makes a folder of the view and those above it.
    fn make(&mut self, folder: &str) -> io::Result<()> {
        let path = self.view().join(folder);
        if self.folders.contains(&path) {
            return Ok(());
        }
        if let Some((above, _)) = folder.rsplit_once('/') {
            self.make(above)?;
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        self.folders.insert(path);
        Ok(())
    }

    /// What the tool sees.
    pub(super) fn view(&self) -> PathBuf {
        self.path.join("view")
    }

    /// Its home when it has no root of its own.
    pub(super) fn home(&self) -> PathBuf {
        self.path.join("home")
    }
}

/// The paths of a view are below its folder.
pub(super) fn check<'a>(paths: impl IntoIterator<Item = &'a String>) -> io::Result<()> {
    let wrong = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    match paths.into_iter().find(|path| path.split('/').any(wrong)) {
        Some(path) => {
            let said = format!("`{path}` is no path below a folder");
            Err(io::Error::new(io::ErrorKind::InvalidInput, said))
        }
        None => Ok(()),
    }
}

/// Takes the view's folder out of what the tool said: paths are as people know them, and the same in each run.
pub(super) fn nameless(printed: Result<Printed, Stopped>, view: &Path) -> Result<Printed, Stopped> {
    let name = view.to_string_lossy();
    let clean = |said: String| said.replace(&format!("{name}/"), "").replace(&*name, ".");
    match printed {
        Ok(printed) => Ok(Printed { stderr: clean(printed.stderr), ..printed }),
        Err(Stopped::Failed { code, stderr }) => Err(Stopped::Failed { code, stderr: clean(stderr) }),
        Err(Stopped::Killed { signal, stderr }) => Err(Stopped::Killed { signal, stderr: clean(stderr) }),
        Err(stopped) => Err(stopped),
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes the rooms of runs that are over.
pub(super) fn clear(scratch: &Path) {
    let rooms = fs::read_dir(scratch).into_iter().flatten().flatten();
    for room in rooms.filter(|room| room.file_name().to_string_lossy().starts_with(PREFIX)) {
        remove(&room.path());
    }
}

/// Removes a folder whose folders may not be written.
fn remove(path: &Path) {
    let removed = open(path).and_then(|()| fs::remove_dir_all(path));
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "the folder of a rendering was not removed");
    }
}

fn open(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open(&entry.path())?;
        }
    }
    Ok(())
}
