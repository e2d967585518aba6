//! Giving a bundle back to a hub that lost it (`flotilla hub restore --adopt`): the journal's compressed form, in chunks.
//! The hub takes only what it asked this agent for, and checks it against its digest.

use super::{Bundles, Error};
use proto::v1;
use shared_model::Digest;

/// The data of one message, in bytes.
const CHUNK: usize = 256 * 1024;

impl Bundles {
    /// Uploads a bundle's compressed form.
    ///
    /// # Errors
    /// When the hub refuses it or the link breaks.
    pub(crate) async fn give(&self, digest: &Digest, compressed: Vec<u8>) -> Result<(), Error> {
        let first = v1::GivenBundle { digest: digest.to_string(), data: Vec::new().into() };
        let compressed = bytes::Bytes::from(compressed);
        let starts = (0..compressed.len()).step_by(CHUNK);
        let rest: Vec<v1::GivenBundle> = starts
            .map(|start| compressed.slice(start..compressed.len().min(start + CHUNK)))
            .map(|data| v1::GivenBundle { digest: String::new(), data: data.to_vec().into() })
            .collect();
        let messages = tokio_stream::iter(std::iter::once(first).chain(rest));
        let given = self.client().give_bundle(messages).await;
        given.map(drop).map_err(|status| Error::of_status(&status))
    }
}
