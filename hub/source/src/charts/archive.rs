//! What is in an archive: files by their paths.
//!
//! # Invariants
//! - *Bounded*: no more entries and bytes than [`Limits`], and no more bytes per packed byte; reading ends there.
//! - *Nothing leads outside*: a path that is absolute, has `..` in it, or names a drive is refused, as are links, devices
//!   and two files of one path. Nothing is written to the disk.
//!
//! The formats are those of `tar` (ustar, GNU, pax), packed by gzip or not.

use bytes::Bytes;
use std::{
    collections::{BTreeMap, btree_map},
    io::{self, Read},
};
use tar::EntryType;

/// How the paths in an archive are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A chart as Helm packs it: the first folder of each path is left out.
    Chart,
    /// As they are.
    Folder,
}

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries, folders included.
    pub entries: usize,
    /// Bytes of all files. Helm's own limit is 100 MiB.
    pub bytes: u64,
    /// Bytes for each packed byte, once they are more than [`Limits::free`].
    pub ratio: u64,
    /// Bytes that may come of any archive.
    pub free: u64,
    /// Bytes of a path.
    pub path: usize,
}

impl Default for Limits {
    /// 20,000 entries, 100 MiB, 100 bytes for each packed byte beyond 8 MiB, paths of 1 KiB.
    fn default() -> Self {
        Self { entries: 20_000, bytes: 100 << 20, ratio: 100, free: 8 << 20, path: 1 << 10 }
    }
}

/// Why an archive is not unpacked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no archive, or breaks off.
    #[error("it is no whole archive (tar, packed by gzip or not): {0}")]
    Broken(String),
    /// It has a file of a path that leads elsewhere.
    #[error("`{path}` in it {problem}")]
    Path {
        /// The path, as far as it can be shown.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It holds too much.
    #[error("it holds {0}")]
    Large(String),
}

/// The files of an archive.
///
/// # Errors
/// See [`Error`].
pub fn unpack(archive: &[u8], layout: Layout, limits: &Limits) -> Result<BTreeMap<String, Bytes>, Error> {
    let allowed = limits.bytes.min(limits.free.max((archive.len() as u64).saturating_mul(limits.ratio)));
    // The format itself takes a block per entry, and rounds up.
    let around = (limits.entries as u64 + 2).saturating_mul(4 * BLOCK);
    let most = allowed.saturating_add(around);
    let packed = archive.starts_with(&[0x1f, 0x8b]);
    let mut come = Counted { inner: source(archive, packed), left: most, over: false };
    let read = entries(&mut come, layout, limits, allowed);
    match read {
        Err(_) if come.over => Err(too_large(allowed, archive.len())),
        other => other,
    }
}

const BLOCK: u64 = 512;

fn source<'a>(archive: &'a [u8], packed: bool) -> Box<dyn Read + 'a> {
    match packed {
        true => Box::new(flate2::read::MultiGzDecoder::new(archive)),
        false => Box::new(archive),
    }
}

fn too_large(allowed: u64, packed: usize) -> Error {
    Error::Large(format!("more than {allowed} bytes, which is the most for {packed} packed bytes"))
}

fn entries(
    from: &mut Counted<'_>,
    layout: Layout,
    limits: &Limits,
    allowed: u64,
) -> Result<BTreeMap<String, Bytes>, Error> {
    let broken = |err: io::Error| Error::Broken(err.to_string());
    let mut files = BTreeMap::new();
    let mut left = allowed;
    let mut tar = tar::Archive::new(from);
    for (count, entry) in tar.entries().map_err(broken)?.enumerate() {
        if count >= limits.entries {
            return Err(Error::Large(format!("more than {} entries", limits.entries)));
        }
        let mut entry = entry.map_err(broken)?;
        let raw = entry.path_bytes().into_owned();
        let wrong = |problem: &'static str| {
            let path = String::from_utf8_lossy(&raw[..raw.len().min(limits.path)]);
            Error::Path { path: path.escape_debug().to_string(), problem }
        };
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Directory | EntryType::XGlobalHeader) {
            continue;
        }
        if matches!(kind, EntryType::Link | EntryType::Symlink) {
            return Err(wrong("is a link: pack the file itself"));
        }
        if !matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse) {
            return Err(wrong("is no file"));
        }
        let path = place(&raw, layout, limits).map_err(wrong)?;
        let Some(path) = path else { continue };
        if entry.size() > left {
            return Err(Error::Large(format!("more than {allowed} bytes of files")));
        }
        let mut contents = Vec::new();
        entry.by_ref().take(left + 1).read_to_end(&mut contents).map_err(broken)?;
        let size = contents.len() as u64;
        left = left
            .checked_sub(size)
            .ok_or_else(|| Error::Large(format!("more than {allowed} bytes of files")))?;
        match files.entry(path) {
            btree_map::Entry::Occupied(_) => return Err(wrong("is in it twice")),
            btree_map::Entry::Vacant(place) => drop(place.insert(Bytes::from(contents))),
        }
    }
    // A file cannot be a folder as well.
    let inside = |path: &str| path.match_indices('/').any(|(at, _)| files.contains_key(&path[..at]));
    match files.keys().find(|path| inside(path)) {
        Some(path) => Err(Error::Path { path: path.clone(), problem: "is below a file" }),
        None => Ok(files),
    }
}

/// Where a file belongs; nowhere when the layout leaves it out.
fn place(raw: &[u8], layout: Layout, limits: &Limits) -> Result<Option<String>, &'static str> {
    if raw.len() > limits.path {
        return Err("is too long a path");
    }
    let path = std::str::from_utf8(raw).map_err(|_| "is no path in UTF-8")?;
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Err("is an absolute path");
    }
    if path.contains(['\\', '\0']) {
        return Err("has a character in it that paths do not have");
    }
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("leads outside");
    }
    if layout == Layout::Chart {
        // Files beside the chart's folder are none of it.
        if parts.len() < 2 {
            return Ok(None);
        }
        parts.remove(0);
    }
    if parts.is_empty() { Err("is no path") } else { Ok(Some(parts.join("/"))) }
}

/// Ends after so many bytes.
struct Counted<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
    over: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => {
                self.left = left;
                Ok(length)
            }
            None => {
                self.over = true;
                Err(io::Error::other("it holds too much"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
