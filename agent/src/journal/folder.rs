//! Records as files: temporary file, fsync, rename, fsync of the folder. `lock` is held for as long as an agent runs.

use super::{
    Error,
    store::{Change, Changed, Store, Take},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

const TEMPORARY: &str = ".new";
/// How often, and how long after each other, a lock is tried that another process has.
const LOCK_TRIES: usize = 5;
const LOCK_AGAIN: Duration = Duration::from_millis(20);
/// How often the records below `local/` are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Folder {
    folder: PathBuf,
    _lock: Option<File>,
}

impl Folder {
    /// Opens or makes the folder and locks it.
    pub(super) fn hold(folder: &Path) -> Result<Self, Error> {
        for folder in [folder.to_owned(), folder.join("apps"), folder.join("bundles"), folder.join("local")] {
            fs::create_dir_all(&folder).map_err(failed(&folder, "cannot be made"))?;
        }
        let lock = File::create(folder.join("lock")).map_err(failed(folder, "its lock cannot be made"))?;
        let mut tries = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // A command that looks whether an agent runs holds it for a moment.
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                    tries += 1;
                    std::thread::sleep(LOCK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked(format!("the data folder {}", folder.display())));
                }
                Err(TryLockError::Error(source)) => return Err(failed(folder, "cannot be locked")(source)),
            }
        }
        let this = Self { _lock: Some(lock), ..Self::look(folder) };
        this.clean();
        Ok(this)
    }

    /// The folder of an agent that may run.
    pub(super) fn look(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _lock: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes what a crash left half-written.
    fn clean(&self) {
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            // Whoever writes there need not hold the folder, and may be at it now.
            if folder.ends_with("local") {
                continue;
            }
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                    // One that stays is overwritten by the next write of that file.
                    let _stays = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// The files of a folder, and its folders' files.
    fn files(&self, folder: &str) -> Result<Vec<String>, Error> {
        let path = self.path(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&path, "cannot be read")(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed(&path, "cannot be read"))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                files.extend(self.files(&name)?);
            } else if !name.ends_with(TEMPORARY) {
                files.push(name);
            }
        }
        Ok(files)
    }
}

impl Store for Folder {
    fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "cannot be read")(error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let folder = path.parent().expect("a file is in a folder").to_owned();
        if !folder.exists() {
            step(&folder)?;
            fs::create_dir_all(&folder).map_err(failed(&folder, "cannot be made"))?;
            sync_folder(folder.parent().expect("a folder of ours is in the data folder"))?;
        }
        let temporary = self.path(&format!("{name}{TEMPORARY}"));
        step(&temporary)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(failed(&temporary, "cannot be made"))?;
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(half).map_err(failed(&temporary, "cannot be written"))?;
        step(&temporary)?;
        file.write_all(rest).map_err(failed(&temporary, "cannot be written"))?;
        step(&temporary)?;
        file.sync_all().map_err(failed(&temporary, "cannot be synced"))?;
        step(&path)?;
        fs::rename(&temporary, &path).map_err(failed(&path, "cannot be put in place"))?;
        step(&path)?;
        sync_folder(&folder)
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error> {
        match change(self.read(name)?)? {
            Some(bytes) => self.write(name, &bytes),
            None => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        step(&path)?;
        match fs::remove_file(&path) {
            Ok(()) => {
                step(&path)?;
                sync_folder(path.parent().expect("a file is in a folder"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&path, "cannot be removed")(error)),
        }
    }

    fn each(&self, folder: &str, take: &mut Take<'_>) -> Result<(), Error> {
        for name in self.files(folder)? {
            // One that was removed meanwhile is not there.
            if let Some(read) = self.read(&name).transpose() {
                take(&name, read);
            }
        }
        Ok(())
    }

    fn bundles(&self) -> Result<Vec<(String, u64)>, Error> {
        let length = |name: &String| fs::metadata(self.path(name)).map_or(0, |metadata| metadata.len());
        Ok(self.files("bundles")?.into_iter().map(|name| (name.clone(), length(&name))).collect())
    }

    fn is_held(&self) -> Option<bool> {
        let lock = File::open(self.path("lock")).ok()?;
        match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }

    fn changed(&self) -> Changed<'_> {
        Box::pin(tokio::time::sleep(LOOK_EVERY))
    }
}

#[cfg(not(test))]
#[allow(clippy::unnecessary_wraps, reason = "tests stop here")]
const fn step(_path: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
fn step(path: &Path) -> Result<(), Error> {
    super::tests::crash::step().map_err(failed(path, "the test ends it here"))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "cannot be synced"))
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Error {
    let at = path.display().to_string();
    move |source| Error::Io { at, what, source }
}
