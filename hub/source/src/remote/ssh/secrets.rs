//! The files that `ssh` reads: the key and the known hosts, in a folder that only we can look into.
//!
//! It is in memory (`/dev/shm`) where the system has that, else in the folder for temporary files; never among what the hub
//! keeps, where a crash or a backup would leave a key in plain text.

use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    io::Write as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

const MEMORY: &str = "/dev/shm";
/// What folders among the mirrors began with, of versions that had them there.
const BEFORE: &str = "ssh-";

/// A folder that is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Secrets(PathBuf);

impl Secrets {
    /// For the hub whose mirrors are in that folder.
    pub(super) fn write(mirrors: &Path, key: Option<&str>, known: &str) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{}-{count}", prefix(mirrors), std::process::id());
        let make = |place: &PathBuf| {
            let folder = place.join(&name);
            fs::DirBuilder::new().mode(0o700).create(&folder).map(|()| Self(folder))
        };
        let [memory, temporary] = places();
        let secrets = make(&memory).or_else(|_| make(&temporary))?;
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

/// Where the folders are: the first that can be written.
fn places() -> [PathBuf; 2] {
    [PathBuf::from(MEMORY), std::env::temp_dir()]
}

/// What the names of one hub's folders begin with: others may be on the same machine.
fn prefix(mirrors: &Path) -> String {
    let whole = mirrors.canonicalize().unwrap_or_else(|_| mirrors.to_owned());
    let digest = hex::encode(Sha256::digest(whole.as_os_str().as_bytes()));
    format!("flotilla-ssh-{}-", &digest[..16])
}

/// Removes what a process before this one left.
pub(crate) fn clean(mirrors: &Path) -> io::Result<()> {
    remove(mirrors, BEFORE)?;
    let ours = prefix(mirrors);
    for place in places() {
        // One that is not there holds nothing.
        remove(&place, &ours).or_else(|error| if place.is_dir() { Err(error) } else { Ok(()) })?;
    }
    Ok(())
}

fn remove(within: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(within)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_among_the_mirrors_and_gone_after_use_or_the_next_start() {
        let mirrors = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let kept = Secrets::write(other.path(), Some("pem"), "").unwrap();
        let left = Secrets::write(mirrors.path(), Some("pem"), "known").unwrap();
        let folder = left.folder().to_owned();
        assert_eq!(fs::read_to_string(folder.join("key")).unwrap(), "pem\n");
        assert!(
            !folder.starts_with(mirrors.path()) && fs::read_dir(mirrors.path()).unwrap().next().is_none()
        );
        drop(left);
        assert!(!folder.exists());

        // What a crash left, also of a version that had it among the mirrors.
        fs::create_dir(&folder).unwrap();
        fs::create_dir(mirrors.path().join("ssh-1-0")).unwrap();
        clean(mirrors.path()).unwrap();
        assert!(!folder.exists() && fs::read_dir(mirrors.path()).unwrap().next().is_none());
        assert!(kept.folder().exists(), "another hub's");
    }
}
