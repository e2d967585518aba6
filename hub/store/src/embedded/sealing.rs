//! Whether and how values are sealed on their way into the file.

use std::{borrow::Cow, path::Path, sync::Arc};

use bytes::Bytes;
use shared_seal::{KeyId, Place, Ring};

use super::file;
use crate::Error;

/// Where values are sealed for.
const AREA: &str = "store";

/// The data keys, or none.
#[derive(Debug, Clone)]
pub(crate) struct Sealing(Option<Arc<Ring>>);

impl Sealing {
    pub(crate) const fn with(ring: Arc<Ring>) -> Self {
        Self(Some(ring))
    }

    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// The data key that seals.
    pub(crate) fn current(&self) -> Option<KeyId> {
        self.0.as_ref().map(|ring| ring.current())
    }

    /// Whether a store that was sealed with that key, or was not, has to be sealed anew.
    pub(crate) fn is_due(&self, found: Option<KeyId>, folder: &Path) -> Result<bool, Error> {
        let file = || folder.join(file::NAME);
        match (&self.0, found) {
            (None, None) => Ok(false),
            (None, Some(_)) => Err(Error::Sealed { file: file() }),
            (Some(_), None) => Ok(true),
            (Some(ring), Some(key)) if ring.has(key) => Ok(ring.current() != key),
            (Some(_), Some(key)) => Err(Error::OtherKey { file: file(), key }),
        }
    }

    /// With what a file that was sealed with that key is read.
    pub(crate) fn of(&self, found: Option<KeyId>) -> Self {
        Self(self.0.clone().filter(|_| found.is_some()))
    }

    pub(crate) fn seal<'a>(&self, key: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(ring) => ring.seal(Place { area: AREA, name: key }, value, rand::random()).into(),
            None => value.into(),
        }
    }

    pub(crate) fn open(&self, key: &str, value: &[u8]) -> Result<Bytes, redb::Error> {
        let Some(ring) = &self.0 else { return Ok(Bytes::copy_from_slice(value)) };
        let opened = ring.open(Place { area: AREA, name: key }, value);
        opened
            .map(Bytes::from)
            .map_err(|error| redb::Error::Corrupted(format!("the value of {key}: {error}")))
    }
}
