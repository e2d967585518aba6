//! Rendered bundles on disk: one file each, compressed, then sealed, named by the digest of what is inside.
//!
//! Manifests hold Secrets, so a file tells nothing but the digest and about the size of its bundle. Agents get the
//! compressed form as it was before sealing, from where they stopped: it is opened whole.
//!
//! A bundle is durable (file and folder synced) before [`Bundles::put`] returns, because a release
//! that names it may be written next (design §8). A crash in between leaves a temporary file that
//! the next start removes. The calls block: use them off the async workers.

mod form;

use bytes::Bytes;
use form::Form;
use parking_lot::Mutex;
use shared_model::Digest;
use shared_seal::Ring;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

const LEVEL: i32 = 3;
/// The most bundles, and the most bytes, in memory: those that agents fetch now.
const CACHED: usize = 512;
const CACHED_BYTES: usize = 16 * 1024 * 1024;

/// Why a bundle could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The folder or a file in it failed.
    #[error("bundle folder {}: {what}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such bundle.
    #[error("bundle {0} is not here")]
    Missing(Digest),
    /// What was given for it is something else, or larger than its release says.
    #[error("what was given is not bundle {0}")]
    NotIt(Digest),
    /// The file's content had another digest. The file is gone, so that it is rendered again.
    #[error("bundle {0} was damaged on disk; it is made again when its application is looked at next")]
    Damaged(Digest),
    /// It is another data folder's. The file stays.
    #[error("bundle {0} cannot be opened: {1}; without its file it is rendered again")]
    Sealed(Digest, shared_seal::Error),
}

/// The folder of bundles.
#[derive(Debug, Clone)]
pub struct Bundles {
    folder: PathBuf,
    form: Form,
    recent: Arc<Mutex<Vec<(Digest, Bytes)>>>,
    /// Held while a file is found and renewed, put in its place, or found old or damaged and deleted.
    deleting: Arc<Mutex<()>>,
}

impl Bundles {
    /// Opens or makes the folder, and removes what a crash left half-written. Bundles that are not sealed yet, or with
    /// another key of the ring, are sealed with its newest one.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written.
    pub fn sealed(folder: &Path, ring: Arc<Ring>) -> Result<Self, BundleError> {
        let bundles = Self::prepare(folder, Form::sealed(ring))?;
        bundles.form.seal_all(folder)?;
        Ok(bundles)
    }

    /// The same without sealing: what is in its files can be read. For tests.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path) -> Result<Self, BundleError> {
        Self::prepare(folder, Form::plain())
    }

    fn prepare(folder: &Path, form: Form) -> Result<Self, BundleError> {
        let failed = |what| move |source| BundleError::Io { path: folder.to_owned(), what, source };
        fs::create_dir_all(folder).map_err(failed("cannot be made"))?;
        for entry in fs::read_dir(folder).map_err(failed("cannot be read"))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                fs::remove_file(entry.path()).map_err(failed("cannot be cleaned"))?;
            }
        }
        Ok(Self { folder: folder.to_owned(), form, recent: Arc::default(), deleting: Arc::default() })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(self.form.name(digest))
    }

    /// Stores a bundle's canonical bytes; durable when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BundleError> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        if self.renew(&digest) && self.get(&digest).is_ok() {
            return Ok(digest);
        }
        let failed = |what| {
            let path = path.clone();
            move |source| BundleError::Io { path, what, source }
        };
        let compressed = zstd::encode_all(bytes, LEVEL).map_err(failed("cannot be compressed"))?;
        let temporary = self.folder.join(format!(".{}.{}", digest.hex(), uuid::Uuid::new_v4()));
        let mut file = File::create(&temporary).map_err(failed("cannot be made"))?;
        file.write_all(&self.form.written(&digest, &compressed)).map_err(failed("cannot be written"))?;
        file.sync_all().map_err(failed("cannot be synced"))?;
        {
            let _alone = self.deleting.lock();
            fs::rename(&temporary, &path).map_err(failed("cannot be put in place"))?;
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed("cannot be synced"))?;
        Ok(digest)
    }

    /// Keeps a bundle from [`Bundles::sweep`] as if it were new. Answers whether it is there.
    pub fn renew(&self, digest: &Digest) -> bool {
        let _alone = self.deleting.lock();
        let renewed = File::options().append(true).open(self.path(digest));
        renewed.and_then(|file| file.set_modified(SystemTime::now())).is_ok()
    }

    /// Deletes the bundles that are not among `needed` and older than that; how many they were.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file not deleted.
    pub fn sweep(&self, needed: &BTreeSet<Digest>, older: Duration) -> Result<usize, BundleError> {
        let failed = |what| move |source| BundleError::Io { path: self.folder.clone(), what, source };
        let mut count = 0;
        for entry in fs::read_dir(&self.folder).map_err(failed("cannot be read"))?.flatten() {
            let Some(digest) = self.form.named(&entry.file_name()) else { continue };
            if needed.contains(&digest) {
                continue;
            }
            let _alone = self.deleting.lock();
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            if age >= older {
                fs::remove_file(entry.path()).map_err(failed("cannot be cleaned"))?;
                self.recent.lock().retain(|(known, _)| *known != digest);
                count += 1;
            }
        }
        Ok(count)
    }

    /// A bundle's compressed form, as agents fetch it, checked against its digest.
    ///
    /// # Errors
    /// As [`Bundles::get`].
    pub fn compressed(&self, digest: &Digest) -> Result<Bytes, BundleError> {
        if let Some((_, bytes)) = self.recent.lock().iter().find(|(known, _)| known == digest) {
            return Ok(bytes.clone());
        }
        let (compressed, _) = self.whole(digest)?;
        self.remember(digest, &compressed);
        Ok(compressed)
    }

    /// Both forms of a bundle; a damaged file is gone.
    fn whole(&self, digest: &Digest) -> Result<(Bytes, Vec<u8>), BundleError> {
        match self.read(digest) {
            Err(BundleError::Damaged(_)) => Err(self.mend(digest)),
            read => read,
        }
    }

    /// What is in the file: both forms of the bundle.
    fn read(&self, digest: &Digest) -> Result<(Bytes, Vec<u8>), BundleError> {
        let path = self.path(digest);
        let bytes = fs::read(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                return BundleError::Missing(*digest);
            }
            BundleError::Io { path, what: "cannot be read", source }
        })?;
        let compressed = self.form.opened(digest, bytes)?;
        let bytes = unpacked(&compressed, digest).ok_or(BundleError::Damaged(*digest))?;
        Ok((compressed, bytes))
    }

    /// Has a damaged file gone: while it is there, nobody would render it again.
    fn mend(&self, digest: &Digest) -> BundleError {
        let _alone = self.deleting.lock();
        // Not if it was written again just now.
        if matches!(self.read(digest), Err(BundleError::Damaged(_))) {
            tracing::warn!(bundle = %digest, "a damaged bundle is removed, to be rendered again");
            if let Err(error) = fs::remove_file(self.path(digest)) {
                tracing::warn!(bundle = %digest, %error, "it could not be removed");
            }
        }
        BundleError::Damaged(*digest)
    }

    fn remember(&self, digest: &Digest, bytes: &Bytes) {
        if bytes.len() <= CACHED_BYTES {
            let mut recent = self.recent.lock();
            recent.retain(|(known, _)| known != digest);
            recent.insert(0, (*digest, bytes.clone()));
            let mut sum = 0;
            let fits = |(_, bytes): &&(Digest, Bytes)| {
                sum += bytes.len();
                sum <= CACHED_BYTES
            };
            let count = recent.iter().take(CACHED).take_while(fits).count();
            recent.truncate(count);
        }
    }

    /// Stores a bundle that somebody else compressed, if what is in it has that digest and at most `most`
    /// bytes; durable when this returns.
    ///
    /// # Errors
    /// When it is another, larger than that, or the disk refuses.
    pub fn take(&self, compressed: &[u8], digest: &Digest, most: u64) -> Result<(), BundleError> {
        let mut bytes = Vec::new();
        let decoder = zstd::Decoder::new(compressed).map_err(|_| BundleError::NotIt(*digest))?;
        let read = decoder.take(most + 1).read_to_end(&mut bytes).map_err(|_| BundleError::NotIt(*digest))?;
        if read as u64 > most || Digest::of(&bytes) != *digest {
            return Err(BundleError::NotIt(*digest));
        }
        self.put(&bytes).map(drop)
    }

    /// A bundle's canonical bytes, checked against its digest.
    ///
    /// # Errors
    /// When there is none, it is damaged, or the disk fails.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, BundleError> {
        let known =
            self.recent.lock().iter().find(|(known, _)| known == digest).map(|(_, bytes)| bytes.clone());
        let known = known.and_then(|compressed| Some((unpacked(&compressed, digest)?, compressed)));
        let (bytes, compressed) = match known {
            Some(known) => known,
            None => self.whole(digest).map(|(compressed, bytes)| (bytes, compressed))?,
        };
        self.remember(digest, &compressed);
        Ok(bytes)
    }
}

/// A bundle's canonical bytes, if that is what they are.
fn unpacked(compressed: &[u8], digest: &Digest) -> Option<Vec<u8>> {
    zstd::decode_all(compressed).ok().filter(|bytes| Digest::of(bytes) == *digest)
}
