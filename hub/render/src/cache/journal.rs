//! The file of a cache.

use crate::rendered::Kept;
use serde::{Deserialize, Serialize};
use shared_model::Digest;
use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// Digits that a line begins with.
const CHECK: usize = 8;
/// Lines of the past that are always borne.
const BORNE: usize = 1_000;
/// No line is longer.
const LONGEST: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// The last line may be part of one: the disk was full.
    is_torn: bool,
}

#[derive(Serialize, Deserialize)]
struct Line<K> {
    inputs: Digest,
    kept: K,
}

impl Journal {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).read(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, lines: 0, is_torn: false })
    }

    /// The results in it, oldest first.
    pub(super) fn read(&mut self) -> io::Result<Vec<(Digest, Kept)>> {
        let mut found = Vec::new();
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(found);
            }
            self.lines += 1;
            found.extend(parse(&line));
        }
    }

    /// Begins anew with these: whatever was cut short is gone.
    pub(super) fn begin(&mut self, results: &[(Digest, Kept)]) -> io::Result<()> {
        let aside = self.path.with_extension("new");
        let mut new = BufWriter::new(File::create(&aside)?);
        for (inputs, kept) in results {
            new.write_all(&written(inputs, kept))?;
        }
        let new = new.into_inner().map_err(io::IntoInnerError::into_error)?;
        new.sync_all()?;
        fs::rename(&aside, &self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        (self.lines, self.is_torn) = (results.len(), false);
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all())?;
        }
        Ok(())
    }

    /// Whether most lines are of the past, there being so many results.
    pub(super) const fn is_of_the_past(&self, results: usize) -> bool {
        self.lines > BORNE && self.lines > 2 * results
    }

    /// Adds a result.
    pub(super) fn append(&mut self, inputs: &Digest, kept: &Kept) -> io::Result<()> {
        let mut line = written(inputs, kept);
        if self.is_torn {
            line.insert(0, b'\n');
        }
        self.is_torn = true;
        self.file.write_all(&line)?;
        self.is_torn = false;
        self.lines += 1;
        if kept.varies() {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

fn written(inputs: &Digest, kept: &Kept) -> Vec<u8> {
    let said = serde_json::to_string(&Line { inputs: *inputs, kept }).expect("texts and numbers");
    format!("{} {said}\n", check(said.as_bytes())).into_bytes()
}

fn check(said: &[u8]) -> String {
    Digest::of(said).hex()[..CHECK].to_owned()
}

fn parse(line: &[u8]) -> Option<(Digest, Kept)> {
    let line = line.strip_suffix(b"\n").filter(|line| line.len() <= LONGEST)?;
    let (digits, said) = (line.get(..CHECK)?, line.get(CHECK + 1..)?);
    if digits != check(said).as_bytes() {
        return None;
    }
    let Line { inputs, kept } = serde_json::from_slice(said).ok()?;
    Some((inputs, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_costs_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("renderings");
        let result = |number: u64| {
            let digest = Digest::of(&number.to_le_bytes());
            (digest, Kept::new(digest, number, Vec::new()))
        };
        let mut journal = Journal::open(&path).unwrap();
        let append = |journal: &mut Journal, number| journal.append(&result(number).0, &result(number).1);
        append(&mut journal, 1).unwrap();
        // As much of a line as there was room for.
        let file = std::mem::replace(&mut journal.file, File::open(&path).unwrap());
        append(&mut journal, 2).unwrap_err();
        let part = written(&result(2).0, &result(2).1);
        (&file).write_all(&part[..20]).unwrap();
        journal.file = file;
        append(&mut journal, 3).unwrap();
        append(&mut journal, 4).unwrap();
        assert_eq!(Journal::open(&path).unwrap().read().unwrap(), [result(1), result(3), result(4)]);
    }
}
