//! What the data folder keeps sealed, opened: the authority, the store, the bundles.

use crate::{hub::Error, seal};
use hub_gateway::Authority;
use hub_records::Bundles;
use hub_store::Embedded;
use jiff::Timestamp;
use shared_seal::Ring;
use std::{path::Path, sync::Arc};

/// The store's folder in the data folder.
pub(crate) const STORE: &str = "store";

/// All of it, open.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) authority: Authority,
    pub(crate) store: Embedded,
    pub(crate) bundles: Bundles,
}

/// Opens what is in the folder, making it where there is nothing. Blocks: the store is verified, and what is not sealed
/// with the newest data key is sealed anew.
///
/// # Errors
/// When the folder's keys cannot be had, or a part of it not be opened.
pub(crate) fn open(
    folder: &Path,
    key_file: Option<&Path>,
    trust_domain: &str,
    now: Timestamp,
) -> Result<Kept, Error> {
    let ring = Arc::new(seal::open(folder, key_file)?);
    let kept = open_with(folder, &ring, trust_domain, now)?;
    // Only now: an interrupted change of the data key is at its end.
    seal::forget_past(folder, key_file, &ring)?;
    Ok(kept)
}

pub(crate) fn open_with(
    folder: &Path,
    ring: &Arc<Ring>,
    trust_domain: &str,
    now: Timestamp,
) -> Result<Kept, Error> {
    let authority = Authority::sealed(&folder.join("ca"), trust_domain, Arc::clone(ring), now)?;
    let config = hub_store::Config::default();
    // The store lets one process in: from here on the folder is ours.
    let store = Embedded::sealed(&folder.join(STORE), config, Arc::clone(ring))?;
    let bundles = Bundles::sealed(&folder.join("bundles"), Arc::clone(ring))?;
    Ok(Kept { authority, store, bundles })
}

#[cfg(test)]
mod tests;
