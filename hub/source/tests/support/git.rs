//! Repositories made by the `git` program, for tests.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs git in a folder, with no configuration but its own, and gives back what it printed.
///
/// # Panics
/// When git fails, with what it said.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().expect("git is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?} in {}: {said}", folder.display());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// git, with nobody's settings and fixed names and times.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).env_clear();
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ] {
        command.env(name, value);
    }
    command
}

/// A repository with a work tree, on branch `main`.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Makes it in `folder`, which is made too.
    pub(crate) fn init(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).expect("a folder for the repository");
        git(&folder, &["init", "-q", "-b", "main", "."]);
        // Not in the background of a test.
        git(&folder, &["config", "gc.auto", "0"]);
        Self { folder }
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs git in it.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.folder, arguments)
    }

    /// Runs git in it, with text to read.
    pub(crate) fn git_with(&self, arguments: &[&str], input: &str) -> String {
        let file = self.folder.join(".git/input");
        std::fs::write(&file, input).expect("a file");
        let file = std::fs::File::open(file).expect("the file");
        let output = command(&self.folder, arguments).stdin(file).output().expect("git is installed");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a file and commits everything; gives back the commit's id.
    pub(crate) fn commit(&self, path: &str, contents: impl AsRef<[u8]>) -> String {
        self.write(path, contents);
        self.commit_all(&format!("change {path}"))
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a path in the repository")).expect("its folder");
        std::fs::write(path, contents).expect("the file");
    }

    /// Commits what is in the work tree; gives back the commit's id.
    pub(crate) fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}
