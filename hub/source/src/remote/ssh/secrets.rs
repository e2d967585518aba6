//! The files that `ssh` reads: the key and the known hosts, in a folder that only we can look into.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

const PREFIX: &str = "ssh-";

/// A folder that is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Secrets(PathBuf);

impl Secrets {
    pub(super) fn write(within: &Path, key: Option<&str>, known: &str) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = within.join(name);
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let secrets = Self(folder);
        for (name, text) in [("key", key.unwrap_or_default()), ("known_hosts", known)] {
            let path = secrets.0.join(name);
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
        }
        Ok(secrets)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %err, "the files that ssh read cannot be removed");
        }
    }
}

/// Removes what a process before this one left.
pub(crate) fn clean(within: &Path) -> io::Result<()> {
    for entry in fs::read_dir(within)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
