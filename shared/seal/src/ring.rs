//! The data keys of a folder, and how they are written down: wrapped.

use crate::{
    Error, KeyFile, KeyId, Nonce, Place,
    key::{Key, Sealed},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Where wrapped data keys are, as a place.
const AREA: &str = "data-key";
const FORMAT: u32 = 1;

/// Why wrapped data keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// Not what [`Ring::wrap`] writes.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// Written by a later version.
    #[error("it is in format {0}, newer than the {FORMAT} of this version")]
    Newer(u32),
    /// The key file is another.
    #[error("the data key {data} is wrapped by key {by}, which the key file does not hold; it holds {holds}")]
    OtherKeyFile {
        /// Which data key.
        data: KeyId,
        /// The key that is needed.
        by: KeyId,
        /// The keys that were given.
        holds: String,
    },
    /// The key is the right one by its name, and does not unwrap.
    #[error("the data key {0} does not unwrap: what wraps it was changed")]
    Refused(KeyId),
}

/// The data keys of one folder: one seals, the others still open what was sealed before it.
#[derive(Debug, Clone)]
pub struct Ring {
    /// The one that seals first; at least one.
    keys: Vec<Key>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    format: u32,
    keys: Vec<Wrapped>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wrapped {
    id: String,
    #[serde(rename = "wrappedBy")]
    by: String,
    key: String,
}

impl Ring {
    /// A ring of one new data key.
    pub fn fresh(random: [u8; 32]) -> Self {
        Self { keys: vec![Key::new(random)] }
    }

    /// The same with a new data key that seals from now on.
    #[must_use]
    pub fn renewed(&self, random: [u8; 32]) -> Self {
        let keys = [Key::new(random)].into_iter().chain(self.keys.iter().cloned());
        Self { keys: keys.collect() }
    }

    /// The same without the data keys of the past: what is still sealed with them is lost.
    #[must_use]
    pub fn without_past(&self) -> Self {
        Self { keys: self.keys.iter().take(1).cloned().collect() }
    }

    /// Reads what [`Ring::wrap`] wrote.
    ///
    /// # Errors
    /// When it is damaged, or the key file does not hold the key that wraps it.
    pub fn unwrap_with(text: &str, file: &KeyFile) -> Result<Self, RingError> {
        let mut keys = Vec::new();
        for wrapped in read(text)?.keys {
            let id: KeyId = wrapped.id.parse().map_err(|_| damaged("a data key has no name"))?;
            let by: KeyId =
                wrapped.by.parse().map_err(|_| damaged("a data key does not say what wraps it"))?;
            let wrapping = file.find(by).ok_or_else(|| RingError::OtherKeyFile {
                data: id,
                by,
                holds: file.ids().map(|id| id.to_string()).collect::<Vec<_>>().join(", "),
            })?;
            let sealed = STANDARD.decode(&wrapped.key).map_err(|_| damaged("a data key is no base64"))?;
            let sealed = Sealed::of(&sealed).map_err(|_| damaged("a data key is not sealed"))?;
            let place = Place { area: AREA, name: &wrapped.id };
            let bytes = wrapping.open(place, &sealed).map_err(|_| RingError::Refused(id))?;
            let bytes = Zeroizing::new(bytes);
            let key = Key::of(&bytes).filter(|key| key.id() == id).ok_or(RingError::Refused(id))?;
            keys.push(key);
        }
        if keys.is_empty() { Err(damaged("it names no data key")) } else { Ok(Self { keys }) }
    }

    /// The data keys, wrapped by the first key of the key file, as a text for a file.
    pub fn wrap(&self, file: &KeyFile, mut nonce: impl FnMut() -> Nonce) -> String {
        let wrapping = file.wrapping();
        let keys = self.keys.iter().map(|key| {
            let id = key.id().to_string();
            let sealed = wrapping.seal(Place { area: AREA, name: &id }, key.bytes(), &nonce());
            Wrapped { key: STANDARD.encode(sealed), by: wrapping.id().to_string(), id }
        });
        let file = File { format: FORMAT, keys: keys.collect() };
        let mut text = serde_json::to_string_pretty(&file).expect("texts and a number");
        text.push('\n');
        text
    }

    /// The data key that seals.
    pub fn current(&self) -> KeyId {
        self.sealing().id()
    }

    /// How many data keys there are: more than one while values are sealed anew.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether a data key is among these.
    pub fn has(&self, id: KeyId) -> bool {
        self.find(id).is_some()
    }

    /// Seals a value for a place, with a nonce that was never used before: random.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], nonce: Nonce) -> Vec<u8> {
        self.sealing().seal(place, plain, &nonce)
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// When it is not sealed, with a key that is not here, for another place, or was changed.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = Sealed::of(sealed)?;
        self.find(sealed.key).ok_or(Error::UnknownKey(sealed.key))?.open(place, &sealed)
    }

    /// Whether a value is sealed with the data key that seals now. It is not opened.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        Sealed::of(sealed).is_ok_and(|sealed| sealed.key == self.current())
    }

    fn sealing(&self) -> &Key {
        self.keys.first().expect("a ring has a key")
    }

    fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }
}

/// The keys of the key file by which a folder's data keys are wrapped, each once.
///
/// # Errors
/// When the text is damaged.
pub fn wrapped_by(text: &str) -> Result<Vec<KeyId>, RingError> {
    let mut found = Vec::new();
    for wrapped in read(text)?.keys {
        let by = wrapped.by.parse().map_err(|_| damaged("a data key does not say what wraps it"))?;
        if !found.contains(&by) {
            found.push(by);
        }
    }
    Ok(found)
}

fn read(text: &str) -> Result<File, RingError> {
    let file: File = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
    if file.format > FORMAT { Err(RingError::Newer(file.format)) } else { Ok(file) }
}

fn damaged(why: &str) -> RingError {
    RingError::Damaged(why.to_owned())
}
