//! Bundles as they came over the wire, compressed; the last few of each application.

use super::{Error, Journal};
use shared_manifest::Bundle;
use shared_model::{AppKey, Digest, Position};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
};

/// The most bytes that a bundle may have, uncompressed: a larger one is refused, so that no hub can fill an agent's memory.
pub(crate) const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// How many bundles of an application are kept.
const KEPT: usize = 3;

fn name(digest: &Digest) -> String {
    format!("bundles/{}.zst", digest.hex())
}

impl Journal {
    /// Reads compressed bytes as the bundle `digest`.
    pub(crate) fn unpack(compressed: &[u8], digest: &Digest) -> Result<Bundle, String> {
        let decoder = zstd::Decoder::new(compressed).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        decoder.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
        }
        if Digest::of(&bytes) != *digest {
            return Err("its content does not match its digest".to_owned());
        }
        Bundle::from_bytes(&bytes).map_err(|error| error.to_string())
    }

    /// Keeps a bundle that was checked; durable when this returns.
    pub(super) fn save_bundle(&self, digest: &Digest, compressed: &[u8]) -> Result<(), Error> {
        self.disk.write_plain(&name(digest), compressed)
    }

    /// A bundle, checked against its digest. A damaged one is removed, so that it is fetched again.
    pub(crate) fn bundle(&self, digest: &Digest) -> Result<Bundle, Error> {
        let Some(compressed) = self.disk.read_plain(&name(digest))? else {
            return Err(Error::NoBundle(*digest));
        };
        Self::unpack(&compressed, digest).map_err(|problem| {
            let path = self.disk.path(&name(digest));
            if let Err(error) = self.disk.remove(&name(digest)) {
                tracing::warn!(%error, "a damaged bundle cannot be removed");
            }
            Error::Damaged { path, problem, remedy: "it is fetched again from the hub" }
        })
    }

    /// Lets go of bundles that none of `named` names.
    pub(super) fn forget_bundles(
        &self,
        named: &BTreeMap<AppKey, (Position, Vec<Digest>)>,
    ) -> Result<(), Error> {
        let kept: BTreeSet<String> = named.values().flat_map(|(_, digests)| digests).map(name).collect();
        for file in self.disk.names("bundles")? {
            let file = format!("bundles/{file}");
            if !kept.contains(&file) {
                self.disk.remove(&file)?;
            }
        }
        Ok(())
    }
}

/// The bundles of an application after an order that names `digest`, newest first.
pub(super) fn with_newest(before: &[Digest], digest: Digest) -> Vec<Digest> {
    let mut history = vec![digest];
    history.extend(before.iter().filter(|known| **known != digest).copied());
    history.truncate(KEPT);
    history
}
