//! What a program needs to start besides itself: a dynamic one, the loader and the system's libraries.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Where systems keep libraries; one that keeps them elsewhere has its loader there too.
const FOLDERS: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store"];
/// Where they are, for the loader.
const CACHE: &str = "/etc/ld.so.cache";

/// What a program needs besides itself; nothing, if it is static.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Libraries {
    /// Executed.
    pub(super) loader: Option<PathBuf>,
    /// Read.
    pub(super) folders: Vec<PathBuf>,
    /// Read.
    pub(super) files: Vec<PathBuf>,
}

impl Libraries {
    pub(super) fn of(tool: &Path) -> io::Result<Self> {
        let Some(loader) = loader(tool)? else { return Ok(Self::default()) };
        let own = loader.parent().map(Path::to_owned);
        let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
        if loader.starts_with("/nix") {
            folders.retain(|folder| folder.starts_with("/nix"));
        } else {
            folders.pop();
        }
        if let Some(own) = own.filter(|own| !folders.iter().any(|folder| own.starts_with(folder))) {
            folders.push(own);
        }
        folders.retain(|folder| folder.is_dir());
        let files = [PathBuf::from(CACHE)].into_iter().filter(|file| file.is_file()).collect();
        Ok(Self { loader: Some(loader), folders, files })
    }
}

/// The loader that an ELF file of 64 bits names (`PT_INTERP`, elf(5)).
fn loader(tool: &Path) -> io::Result<Option<PathBuf>> {
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    const INTERPRETER: u64 = 3;
    const LONGEST_PATH: u64 = 4096;
    let mut file = File::open(tool)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    let at = |bytes: &[u8], from: usize, length: usize| {
        bytes[from..from + length].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    let (table, size, count) = (at(&header, 32, 8), at(&header, 54, 2), at(&header, 56, 2));
    if size != SEGMENT as u64 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(table))?;
    for _ in 0..count {
        let mut segment = [0; SEGMENT];
        file.read_exact(&mut segment)?;
        if at(&segment, 0, 4) == INTERPRETER {
            file.seek(SeekFrom::Start(at(&segment, 8, 8)))?;
            let mut path = Vec::new();
            file.take(at(&segment, 32, 8).min(LONGEST_PATH)).read_to_end(&mut path)?;
            let path = String::from_utf8_lossy(&path);
            return Ok(Some(PathBuf::from(path.trim_end_matches('\0'))));
        }
    }
    Ok(None)
}
