//! Git repositories made by the real git, and a real server for them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

pub use server::{GitServer, Login};

mod server;

/// A bare repository that can be served, and a work tree that pushes to it. Its branch is `main`.
#[derive(Debug)]
pub struct Repository {
    dir: TempDir,
    name: String,
}

impl Repository {
    /// An empty repository. Its folder ends in `<name>.git`, and so does its path on a [`GitServer`].
    ///
    /// # Errors
    /// When git fails, with what it said; this goes for all methods.
    pub fn create(name: &str) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("flotilla-e2e-git-").tempdir()?;
        let repository = Self { dir, name: name.to_owned() };
        git(
            repository.root(),
            &["init", "--quiet", "--bare", "--initial-branch=main", &format!("{name}.git")],
        )?;
        git(repository.root(), &["init", "--quiet", "--initial-branch=main", "work"])?;
        let bare = repository.bare().display().to_string();
        git(&repository.work(), &["remote", "add", "origin", &bare])?;
        Ok(repository)
    }

    /// The folder to give to a [`GitServer`].
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The bare repository.
    pub fn bare(&self) -> PathBuf {
        self.root().join(format!("{}.git", self.name))
    }

    /// The bare repository as a URL for a hub that may read local files.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.bare().display())
    }

    /// Writes these files, path and content, and commits them together with all that was there; gives the commit's id.
    /// Nobody sees it before [`Repository::push`].
    pub fn commit(&self, files: &[(&str, &str)]) -> Result<String> {
        for (path, content) in files {
            let path = self.work().join(path);
            let folder = path.parent().context("a file lies in a folder")?;
            std::fs::create_dir_all(folder)
                .with_context(|| format!("make the folder {}", folder.display()))?;
            std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        }
        self.commit_all("write files")
    }

    /// Removes these files or folders and commits; gives the commit's id.
    pub fn remove(&self, paths: &[&str]) -> Result<String> {
        for path in paths {
            git(&self.work(), &["rm", "-r", "--quiet", "--", path])?;
        }
        self.commit_all("remove files")
    }

    /// Publishes what was committed.
    pub fn push(&self) -> Result<()> {
        git(&self.work(), &["push", "--quiet", "origin", "main"]).map(drop)
    }

    fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    fn commit_all(&self, message: &str) -> Result<String> {
        git(&self.work(), &["add", "--all"])?;
        git(&self.work(), &["commit", "--quiet", "--allow-empty", "-m", message])?;
        git(&self.work(), &["rev-parse", "HEAD"])
    }
}

/// What makes git see nothing of the developer's own setup, and never ask anybody.
const ALONE: [(&str, &str); 7] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_AUTHOR_NAME", "Test"),
    ("GIT_AUTHOR_EMAIL", "test@example.com"),
    ("GIT_COMMITTER_NAME", "Test"),
    ("GIT_COMMITTER_EMAIL", "test@example.com"),
];

/// Runs git in a folder and gives what it printed.
fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    // Set where the tests run from a hook; they would lead to that repository.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = command.args(arguments).current_dir(folder).envs(ALONE).output().context("start git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests;
