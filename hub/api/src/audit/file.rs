//! A file of lines that is put aside when it is large: `FILE` is the newest, `FILE.1` the one before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// A file of at most so many bytes, and a few of those before it. Readable by its owner only.
#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    most: u64,
    kept: usize,
}

impl Rotating {
    /// Goes on with the file at `path`, or makes it. It is put aside when a line would take it past `most` bytes; `kept`
    /// files are kept beside it.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub fn open(path: &Path, most: u64, kept: usize) -> io::Result<Self> {
        let (file, bytes) = open(path)?;
        Ok(Self { path: path.to_owned(), file, bytes, most, kept })
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.file.flush()?;
        for number in (1..self.kept).rev() {
            rename(&self.beside(number), &self.beside(number + 1))?;
        }
        if self.kept == 0 {
            fs::remove_file(&self.path)?;
        } else {
            rename(&self.path, &self.beside(1))?;
        }
        (self.file, self.bytes) = open(&self.path)?;
        Ok(())
    }

    fn beside(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Moves what may not be there.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Write for Rotating {
    /// Writes a line, all of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let size = line.len() as u64;
        if self.bytes > 0 && self.bytes + size > self.most {
            self.put_aside()?;
        }
        self.file.write_all(line)?;
        self.bytes += size;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
