//! The files of a view as one piece of bytes, for a child that unpacks them where only it sees them.
//!
//! Why not in a folder on disk: making and removing it waits for the journal of a file system that the hub's own store
//! writes to; a small view costs a tool's time again.
//!
//! Each file is the length of its path, that of its contents (both 64 bits, little endian), the path, the contents.

use super::spec::Shown;
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// A larger view is put on disk: this one takes memory that cannot be reclaimed, and twice for a moment.
const LARGEST: u64 = 32 << 20;
/// What a file takes in memory at least.
const PAGE: u64 = 4096;

/// A view that is small enough, packed, and the room that it takes when it is unpacked.
pub(super) fn pack(files: &BTreeMap<String, Bytes>) -> Option<(Vec<u8>, Shown)> {
    let (mut size, mut inodes) = (0, 0);
    for (path, contents) in files {
        let parts = path.split('/').count() as u64;
        inodes += parts;
        size += (contents.len() as u64).next_multiple_of(PAGE) + parts * PAGE;
    }
    if size > LARGEST {
        return None;
    }
    let mut packed = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    for (path, contents) in files {
        packed.extend((path.len() as u64).to_le_bytes());
        packed.extend((contents.len() as u64).to_le_bytes());
        packed.extend(path.as_bytes());
        packed.extend(contents);
    }
    Some((packed, Shown::Sent { size, inodes }))
}

/// Unpacks what comes, to its end, into a folder.
pub(super) fn unpack(mut from: impl Read, folder: &Path) -> io::Result<()> {
    let mut head = [0; 16];
    let mut made = String::new();
    while from.read(&mut head[..1])? == 1 {
        from.read_exact(&mut head[1..])?;
        let length = |at: usize| {
            head[at..at + 8].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let mut path = String::new();
        from.by_ref().take(length(0)).read_to_string(&mut path)?;
        if let Some((above, _)) = path.rsplit_once('/')
            && above != made
        {
            fs::create_dir_all(folder.join(above))?;
            above.clone_into(&mut made);
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(folder.join(&path))?;
        let wanted = length(8);
        let mut contents = Vec::new();
        from.by_ref().take(wanted).read_to_end(&mut contents)?;
        if contents.len() as u64 != wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&contents)?;
    }
    Ok(())
}
