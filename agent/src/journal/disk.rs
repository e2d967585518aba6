//! Files that are replaced in one step and tell when they are damaged.

use super::Error;
use shared_model::Digest;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const TEMPORARY: &str = ".new";

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// How many more steps work: a crash at each of them is tested.
    #[cfg(test)]
    pub(super) steps: parking_lot::Mutex<Option<u32>>,
}

impl Disk {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            #[cfg(test)]
            steps: parking_lot::Mutex::new(None),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The names in a folder.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let path = self.path(folder);
        let entries = fs::read_dir(&path).map_err(failed(&path, "cannot be read"))?;
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        Ok(names.filter(|name| !name.ends_with(TEMPORARY)).collect())
    }

    /// Replaces a file with `content` below its digest; durable when this returns.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let mut bytes = format!("{}\n", Digest::of(content)).into_bytes();
        bytes.extend_from_slice(content);
        self.write_plain(name, &bytes)
    }

    /// Replaces a file whose name says its digest.
    pub(super) fn write_plain(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let folder = path.parent().expect("a file is in a folder").to_owned();
        if !folder.exists() {
            self.step(&folder)?;
            fs::create_dir_all(&folder).map_err(failed(&folder, "cannot be made"))?;
            sync_folder(folder.parent().expect("a folder of ours is in the data folder"))?;
        }
        let temporary = self.path(&format!("{name}{TEMPORARY}"));
        self.step(&temporary)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(failed(&temporary, "cannot be made"))?;
        file.write_all(bytes).map_err(failed(&temporary, "cannot be written"))?;
        self.step(&temporary)?;
        file.sync_all().map_err(failed(&temporary, "cannot be synced"))?;
        self.step(&path)?;
        fs::rename(&temporary, &path).map_err(failed(&path, "cannot be put in place"))?;
        self.step(&path)?;
        sync_folder(&folder)
    }

    /// The content of a file; `None` when there is none.
    pub(super) fn read(&self, name: &str, remedy: &'static str) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.read_plain(name)? else { return Ok(None) };
        let damaged =
            |problem: &str| Error::Damaged { path: self.path(name), problem: problem.to_owned(), remedy };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it was cut short"))?;
        let content = &bytes[end + 1..];
        if bytes[..end] != *Digest::of(content).to_string().as_bytes() {
            return Err(damaged("its content does not match its digest"));
        }
        Ok(Some(content.to_vec()))
    }

    pub(super) fn read_plain(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "cannot be read")(error)),
        }
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        self.step(&path)?;
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().expect("a file is in a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&path, "cannot be removed")(error)),
        }
    }

    /// Removes what a crash left half-written.
    pub(super) fn clean(&self) {
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
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

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests stop here")]
    fn step(&self, _path: &Path) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self, path: &Path) -> Result<(), Error> {
        let mut steps = self.steps.lock();
        match steps.as_mut() {
            Some(0) => Err(failed(path, "the test ends it here")(io::Error::other("crash"))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "cannot be synced"))
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, what, source }
}
