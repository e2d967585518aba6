//! Packed charts: reading what is to be known of one.

use flate2::read::GzDecoder;
use std::{collections::BTreeMap, io::Read};

/// The most that an archive may unpack to, in bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The most files.
const MOST_FILES: usize = 20_000;

/// The wanted files of a packed chart by their paths in it; `None` when it cannot be read to its end.
pub(crate) fn read(archive: &[u8], wanted: impl Fn(&str) -> bool) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut unpacked = tar::Archive::new(GzDecoder::new(archive).take(MOST_BYTES));
    let mut files = BTreeMap::new();
    let mut count = 0;
    for entry in unpacked.entries().ok()? {
        let mut entry = entry.ok()?;
        count += 1;
        if count > MOST_FILES {
            return None;
        }
        let path = entry.path().ok()?.to_str()?.to_owned();
        // Below the folder that bears the chart's name.
        let Some((_, path)) = path.trim_start_matches("./").split_once('/') else { continue };
        if !entry.header().entry_type().is_file() || !wanted(path) {
            continue;
        }
        let mut bytes = Vec::new();
        let said = entry.size();
        entry.read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 != said {
            return None;
        }
        files.insert(path.to_owned(), bytes);
    }
    Some(files)
}
