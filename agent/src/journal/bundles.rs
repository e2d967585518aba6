//! Bundles as they came over the wire, compressed; those of the last few orders of each application.

use super::{Error, Journal, Records, apps::Index};
use shared_manifest::Bundle;
use shared_model::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
};

/// The most bytes that a bundle may have, uncompressed: a larger one is refused, so that no hub can fill an agent's memory.
pub(crate) const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The most bytes, compressed, that all bundles have together which only a rollback needs: so that a thousand
/// applications cannot fill a cluster's etcd.
pub(crate) const EARLIER_BYTES: u64 = 128 * 1024 * 1024;

pub(super) fn name(digest: &Digest) -> String {
    format!("bundles/{}.zst", digest.hex())
}

impl Records {
    /// A bundle, checked against its digest.
    pub(super) fn bundle(&self, digest: &Digest) -> Result<Bundle, Error> {
        let Some(compressed) = self.0.read(&name(digest))? else { return Err(Error::NoBundle(*digest)) };
        Journal::unpack(&compressed, digest)
            .map_err(|problem| self.damaged(&name(digest), &problem, "it is fetched again from the hub"))
    }
}

impl Journal {
    /// Reads compressed bytes as the bundle `digest`.
    pub(crate) fn unpack(compressed: &[u8], digest: &Digest) -> Result<Bundle, String> {
        let bytes = Self::plain(compressed, digest)?;
        Bundle::from_bytes(&bytes).map_err(|error| error.to_string())
    }

    fn plain(compressed: &[u8], digest: &Digest) -> Result<Vec<u8>, String> {
        let decoder = zstd::Decoder::new(compressed).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        decoder.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
        }
        if Digest::of(&bytes) != *digest {
            return Err("its content does not match its digest".to_owned());
        }
        Ok(bytes)
    }

    /// A bundle that has one of these texts; `None` for one that has not, which is not taken apart. A damaged one is no
    /// business of whoever only looks.
    pub(crate) fn mentioning(&self, digest: &Digest, marks: &[&str]) -> Result<Option<Bundle>, Error> {
        let compressed = self.records.0.read(&name(digest))?.ok_or(Error::NoBundle(*digest))?;
        let read = || {
            let bytes = Self::plain(&compressed, digest)?;
            let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
            if !marks.iter().any(|mark| text.contains(mark)) {
                return Ok(None);
            }
            Bundle::from_bytes(&bytes).map(Some).map_err(|error| error.to_string())
        };
        read().map_err(|problem: String| {
            self.records.damaged(&name(digest), &problem, "it is fetched again from the hub")
        })
    }

    /// A bundle, checked against its digest. A damaged one is removed, so that it is fetched again.
    pub(crate) fn bundle(&self, digest: &Digest) -> Result<Bundle, Error> {
        let read = self.records.bundle(digest);
        if matches!(read, Err(Error::Damaged { .. })) {
            let mut index = self.index.lock();
            if let Some(index) = index.as_mut() {
                index.bundles.remove(&name(digest));
            }
            if let Err(error) = self.records.0.remove(&name(digest)) {
                tracing::warn!(%error, "a damaged bundle cannot be removed");
            }
        }
        read
    }

    /// A bundle's compressed form, checked against its digest.
    pub(crate) fn compressed(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let _whole = self.bundle(digest)?;
        self.records.0.read(&name(digest))?.ok_or(Error::NoBundle(*digest))
    }

    /// Lets go of bundles that no order names, and of the oldest ones beyond the budget.
    pub(super) fn forget_bundles(&self, index: &mut Index) -> Result<(), Error> {
        let mut kept = index.kept(&BTreeSet::new(), EARLIER_BYTES);
        if kept.len() < index.named.values().flat_map(|(_, digests)| digests).collect::<BTreeSet<_>>().len() {
            let pins = self.records.pins()?;
            let pinned = self.pinned(&pins)?;
            kept = index.kept(&pinned, EARLIER_BYTES);
        }
        let kept: BTreeSet<String> = kept.iter().map(name).collect();
        let gone: Vec<String> = index.bundles.keys().filter(|name| !kept.contains(*name)).cloned().collect();
        for name in gone {
            self.records.0.remove(&name)?;
            index.bundles.remove(&name);
        }
        Ok(())
    }

    /// The bundles of the orders that applications are pinned to.
    fn pinned(&self, pins: &BTreeMap<shared_model::AppKey, super::Pin>) -> Result<BTreeSet<Digest>, Error> {
        let (apps, _) = if pins.is_empty() { Default::default() } else { self.records.apps()? };
        let digests = apps.iter().filter_map(|app| {
            let pin = pins.get(&app.order.application)?;
            app.order.ran().find(|(position, _)| *position == pin.position).map(|(_, spec)| spec.bundle)
        });
        Ok(digests.collect())
    }
}

impl Index {
    /// The bundles to keep: of the present orders, the pinned ones, and of earlier orders as many as the budget
    /// allows: first the last order but one of each application, and so on.
    pub(super) fn kept(&self, pinned: &BTreeSet<Digest>, budget: u64) -> BTreeSet<Digest> {
        let present = self.named.values().filter_map(|(_, digests)| digests.first());
        let mut kept: BTreeSet<Digest> = present.chain(pinned).copied().collect();
        let depth = self.named.values().map(|(_, digests)| digests.len()).max().unwrap_or(0);
        let mut left = budget;
        for depth in 1..depth {
            for digest in self.named.values().filter_map(|(_, digests)| digests.get(depth)) {
                if kept.contains(digest) {
                    continue;
                }
                // One that is not here takes no room.
                let bytes = self.bundles.get(&name(digest)).copied().unwrap_or(0);
                let Some(rest) = left.checked_sub(bytes) else { continue };
                left = rest;
                kept.insert(*digest);
            }
        }
        kept
    }
}
