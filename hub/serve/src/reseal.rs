//! Another data key for a hub that is stopped: for when somebody may have had the old one.

use crate::{hub::Error, kept, seal};
use jiff::Timestamp;
use std::{path::Path, sync::Arc};

/// Makes a new data key and seals everything in the folder with it; the one before opens nothing any more. Blocks for as
/// long as that takes; when it is interrupted, the hub's next start goes on with it.
///
/// # Errors
/// When no sealed hub is in the folder, a hub runs on it, or a part of it cannot be opened or written.
pub fn reseal(folder: &Path, key_file: Option<&Path>, now: Timestamp) -> Result<(), Error> {
    // There is an authority: its name is not asked for.
    let open = |ring| kept::open_with(folder, &Arc::new(ring), "flotilla", now);
    // Whether all is well, and no hub runs on it.
    drop(open(seal::present(folder, key_file)?)?);
    let ring = seal::renew(folder, key_file)?;
    let kept = open(ring.clone())?;
    seal::forget_past(folder, key_file, &ring)?;
    drop(kept);
    Ok(())
}
