//! The files that Git tracks.

use crate::workspace::{root, said};
use std::sync::OnceLock;

/// A tracked text.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Whether it is made by a program or recorded from one.
    pub(crate) fn is_recorded(&self) -> bool {
        self.path.split('/').any(|part| part == "vectors" || part == "generated")
            || ["Cargo.lock", "LICENSE"].contains(&self.path.as_str())
            || self.path.ends_with("/go.sum")
            || self.path.ends_with("/cases.json")
    }

    /// Whether it is a Rust source that only tests use, by its place.
    pub(crate) fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        self.path.ends_with(".rs") && parts.iter().any(|part| *part == "tests" || *part == "tests.rs")
    }

    /// Its lines with their place, `path:line`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (format!("{}:{}", self.path, index + 1), line))
    }
}

/// Every tracked text that is there.
pub(crate) fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        // Whoever runs the tests need not own the folder.
        let list =
            said("git", &["-c", "safe.directory=*", "ls-files", "-z"], "run the tests in a Git checkout");
        let paths = list.split('\0').filter(|path| !path.is_empty());
        let read = |path: &str| {
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        };
        let files: Vec<File> = paths.filter_map(read).collect();
        assert!(files.iter().any(|file| file.path == "Cargo.toml"), "git lists no Cargo.toml");
        files
    })
}

/// The tracked Rust sources.
pub(crate) fn sources() -> impl Iterator<Item = &'static File> {
    files().iter().filter(|file| file.path.ends_with(".rs"))
}
