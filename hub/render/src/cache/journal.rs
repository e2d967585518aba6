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
}

#[derive(Serialize, Deserialize)]
struct Line<K> {
    inputs: Digest,
    kept: K,
}

impl Journal {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).read(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, lines: 0 })
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
    pub(super) fn begin<'a>(
        &mut self,
        results: impl Iterator<Item = (&'a Digest, &'a Kept)>,
    ) -> io::Result<()> {
        let aside = self.path.with_extension("new");
        let mut new = BufWriter::new(File::create(&aside)?);
        self.lines = 0;
        for (inputs, kept) in results {
            new.write_all(&written(inputs, kept))?;
            self.lines += 1;
        }
        let new = new.into_inner().map_err(io::IntoInnerError::into_error)?;
        new.sync_all()?;
        fs::rename(&aside, &self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all())?;
        }
        Ok(())
    }

    /// Adds a result; begins anew when most lines are of the past. `results` are all, this one among them.
    pub(super) fn append<'a, I: Iterator<Item = (&'a Digest, &'a Kept)>>(
        &mut self,
        inputs: &Digest,
        kept: &Kept,
        results: impl Fn() -> I,
    ) -> io::Result<()> {
        if self.lines > BORNE && self.lines > 2 * results().count() {
            return self.begin(results());
        }
        self.file.write_all(&written(inputs, kept))?;
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
