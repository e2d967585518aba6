//! How a bundle is in its file: compressed, and sealed or not. The file's name tells which.

use super::BundleError;
use bytes::Bytes;
use shared_model::Digest;
use shared_seal::{Place, Ring};
use std::{
    borrow::Cow,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

const AREA: &str = "bundle";
const PLAIN: &str = "zst";
const SEALED: &str = "sealed";
/// So many bundles are sealed anew before their folder is synced and what they were is removed.
const STEP: usize = 100;

#[derive(Debug, Clone)]
pub(super) struct Form(Option<Arc<Ring>>);

impl Form {
    pub(super) const fn plain() -> Self {
        Self(None)
    }

    pub(super) const fn sealed(ring: Arc<Ring>) -> Self {
        Self(Some(ring))
    }

    const fn ending(&self) -> &'static str {
        if self.0.is_some() { SEALED } else { PLAIN }
    }

    /// The name of a bundle's file.
    pub(super) fn name(&self, digest: &Digest) -> String {
        format!("{}.{}", digest.hex(), self.ending())
    }

    /// The bundle in a file of this name.
    pub(super) fn named(&self, name: &OsStr) -> Option<Digest> {
        named(name, self.ending())
    }

    /// What is written for a compressed bundle.
    pub(super) fn written<'a>(&self, digest: &Digest, compressed: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(ring) => {
                ring.seal(Place { area: AREA, name: &digest.hex() }, compressed, rand::random()).into()
            }
            None => compressed.into(),
        }
    }

    /// The compressed bundle in what was written.
    pub(super) fn opened(&self, digest: &Digest, bytes: Vec<u8>) -> Result<Bytes, BundleError> {
        let Some(ring) = &self.0 else { return Ok(bytes.into()) };
        let opened = ring.open(Place { area: AREA, name: &digest.hex() }, &bytes);
        opened.map(Bytes::from).map_err(|error| match error {
            shared_seal::Error::UnknownKey(_) => BundleError::Sealed(*digest, error),
            shared_seal::Error::NotSealed | shared_seal::Error::Refused => BundleError::Damaged(*digest),
        })
    }

    /// Seals with the newest key what is not: bundles of before they were sealed, and, while a data key is replaced, those
    /// of the old one. An interrupted pass is made again from the start.
    pub(super) fn seal_all(&self, folder: &Path) -> Result<(), BundleError> {
        let Some(ring) = &self.0 else { return Ok(()) };
        let failed = |what| move |source| BundleError::Io { path: folder.to_owned(), what, source };
        let mut done = Vec::new();
        let mut count = 0;
        for entry in fs::read_dir(folder).map_err(failed("cannot be read"))?.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            if let Some(digest) = named(&name, PLAIN) {
                self.seal(folder, &path, &digest, &Self::plain())?;
                done.push(path);
                count += 1;
            } else if ring.count() > 1
                && let Some(digest) = named(&name, SEALED)
            {
                count += usize::from(self.seal(folder, &path, &digest, self)?);
            }
            if done.len() >= STEP {
                remove(folder, &mut done)?;
            }
        }
        remove(folder, &mut done)?;
        if count > 0 {
            tracing::info!(folder = %folder.display(), bundles = count, "bundles are sealed now");
        }
        Ok(())
    }

    /// Seals one file; false when it was already.
    fn seal(&self, folder: &Path, path: &Path, digest: &Digest, was: &Self) -> Result<bool, BundleError> {
        let failed = |what| {
            let path = path.to_owned();
            move |source| BundleError::Io { path, what, source }
        };
        let bytes = fs::read(path).map_err(failed("cannot be read"))?;
        if self.0.as_ref().is_some_and(|ring| ring.is_current(&bytes)) {
            return Ok(false);
        }
        let compressed = match was.opened(digest, bytes) {
            // It is rendered again when it is missed.
            Err(BundleError::Damaged(_)) => {
                fs::remove_file(path).map_err(failed("cannot be removed"))?;
                return Ok(false);
            }
            opened => opened?,
        };
        let temporary = folder.join(format!(".{}.{}", digest.hex(), uuid::Uuid::new_v4()));
        let written = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&self.written(digest, &compressed))?;
            // Old ones go first: its age stays.
            file.set_modified(fs::metadata(path)?.modified()?)?;
            file.sync_all()?;
            fs::rename(&temporary, folder.join(self.name(digest)))
        };
        written().map_err(failed("cannot be sealed"))?;
        Ok(true)
    }
}

/// Removes what was plain, once what is sealed of it is durable.
fn remove(folder: &Path, done: &mut Vec<PathBuf>) -> Result<(), BundleError> {
    let removed = || -> io::Result<()> {
        File::open(folder)?.sync_all()?;
        done.iter().try_for_each(fs::remove_file)
    };
    removed().map_err(|source| BundleError::Io {
        path: folder.to_owned(),
        what: "cannot be cleaned of what was not sealed",
        source,
    })?;
    done.clear();
    Ok(())
}

fn named(name: &OsStr, ending: &str) -> Option<Digest> {
    let hex = name.to_str()?.strip_suffix(ending)?.strip_suffix('.')?;
    format!("sha256:{hex}").parse().ok()
}
