//! The key file: the keys that wrap data keys.
//!
//! One key a line, 32 random bytes in base64, as `openssl rand -base64 32` prints it. Empty lines and lines that begin with
//! `#` say nothing.

use crate::{KeyId, key::Key};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use zeroize::Zeroizing;

/// Keys are copied by hand: the padding may be missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is no key file. It says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Nothing but comments.
    #[error(
        "it holds no key; one line of it is to be 32 random bytes in base64, as `openssl rand -base64 32` prints"
    )]
    Empty,
    /// A line that is no key.
    #[error("line {line} is no key: a key is 32 random bytes in base64, as `openssl rand -base64 32` prints")]
    NoKey {
        /// Counted from 1.
        line: usize,
    },
}

/// The keys of a key file.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// At least one. The first wraps, all unwrap.
    keys: Vec<Key>,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// The first line that is neither a key nor a comment; a file without keys.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = KeyFileError::NoKey { line: index + 1 };
            let bytes = Zeroizing::new(LENIENT.decode(line).map_err(|_| wrong.clone())?);
            keys.push(Key::of(&bytes).ok_or(wrong)?);
        }
        if keys.is_empty() { Err(KeyFileError::Empty) } else { Ok(Self { keys }) }
    }

    /// The text of a key file with one key of these random bytes.
    pub fn text(random: [u8; 32]) -> Zeroizing<String> {
        let random = Zeroizing::new(random);
        let key = Zeroizing::new(general_purpose::STANDARD.encode(*random));
        Zeroizing::new(format!(
            "# What the hub keeps is sealed with this key. Without it nothing of that can be read: keep a copy, apart from backups.\n{}\n",
            *key
        ))
    }

    /// The key that wraps.
    pub fn first(&self) -> KeyId {
        self.wrapping().id()
    }

    /// All keys, the one that wraps first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(Key::id)
    }

    pub(crate) fn wrapping(&self) -> &Key {
        self.keys.first().expect("a key file has a key")
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }
}
