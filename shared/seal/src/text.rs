//! Sealed values as text, for files that are text otherwise.

use crate::{Error, Nonce, Place, Ring};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "flotilla-sealed:";

impl Ring {
    /// Seals a value as a line of text.
    pub fn seal_text(&self, place: Place<'_>, plain: &[u8], nonce: Nonce) -> String {
        format!("{BEGIN}{}\n", STANDARD.encode(self.seal(place, plain, nonce)))
    }

    /// Opens what [`Ring::seal_text`] made.
    ///
    /// # Errors
    /// As [`Ring::open`].
    pub fn open_text(&self, place: Place<'_>, text: &str) -> Result<Vec<u8>, Error> {
        self.open(place, &decoded(text)?)
    }

    /// As [`Ring::is_current`].
    pub fn is_current_text(&self, text: &str) -> bool {
        decoded(text).is_ok_and(|sealed| self.is_current(&sealed))
    }

    /// Whether a text is a sealed value, of whatever key.
    pub fn is_sealed_text(text: &str) -> bool {
        text.starts_with(BEGIN)
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    let encoded = text.trim().strip_prefix(BEGIN).ok_or(Error::NotSealed)?;
    STANDARD.decode(encoded).map_err(|_| Error::NotSealed)
}
