//! How the authority's private keys are in their files: sealed, or in plain text.

use shared_seal::{Place, Ring};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A key changes its file when a new authority takes the old one's place: that it belongs to the certificate beside it
/// is checked elsewhere.
const PLACE: Place<'_> = Place { area: "authority", name: "key" };

/// The data keys, or none.
#[derive(Debug, Clone)]
pub(super) struct Keeping(Option<Arc<Ring>>);

impl Keeping {
    pub(super) const fn plain() -> Self {
        Self(None)
    }

    pub(super) const fn sealed(ring: Arc<Ring>) -> Self {
        Self(Some(ring))
    }

    /// What is written for a key.
    pub(super) fn written(&self, pem: &Zeroizing<String>) -> String {
        match &self.0 {
            Some(ring) => ring.seal_text(PLACE, pem.as_bytes(), rand::random()),
            None => pem.to_string(),
        }
    }

    /// The key in what was written; one that was never sealed, too.
    pub(super) fn opened(&self, text: &str) -> Result<Zeroizing<String>, String> {
        if !Ring::is_sealed_text(text) {
            return Ok(Zeroizing::new(text.to_owned()));
        }
        let ring = self.0.as_ref().ok_or("it is sealed, and was opened without a key")?;
        let opened = ring.open_text(PLACE, text).map_err(|error| error.to_string())?;
        String::from_utf8(opened).map(Zeroizing::new).map_err(|_| "it is no text".to_owned())
    }

    /// What is to be written instead of this; nothing when it is well as it is, or cannot be opened.
    pub(super) fn anew(&self, text: &str) -> Option<String> {
        let ring = self.0.as_ref()?;
        let due = !ring.is_current_text(text) && text.contains("PRIVATE KEY") | Ring::is_sealed_text(text);
        due.then(|| self.opened(text).ok().map(|pem| self.written(&pem))).flatten()
    }
}
