//! What happened, line by line: hashed always, kept in a file when asked to.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::{
    fmt,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

pub(crate) struct Log {
    hash: Sha256,
    lines: u64,
    file: Option<BufWriter<File>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Log {
    pub(crate) fn new(file: Option<&Path>) -> Self {
        let file = file.map(|path| BufWriter::new(File::create(path).expect("the log's file can be made")));
        Self { hash: Sha256::new(), lines: 0, file }
    }

    pub(crate) fn line(&mut self, now: Timestamp, text: fmt::Arguments<'_>) {
        let line = format!("{now} {text}\n");
        self.hash.update(line.as_bytes());
        self.lines += 1;
        if let Some(file) = &mut self.file {
            file.write_all(line.as_bytes()).expect("the log can be written");
        }
    }

    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn digest(self) -> String {
        hex::encode(self.hash.finalize())
    }
}
