//! The sample repository: a bare one that the hub reads, and a work tree to commit from, made with `git`.
//!
//! Nothing of the user's own Git configuration applies while the demo commits, so that hooks, signing and
//! templates change nothing; the work tree has an author of its own, so that a person can commit there.

use anyhow::{Context as _, bail};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// Environment variables that would lead git elsewhere, as inside a hook.
const LEADS_ELSEWHERE: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
];

/// The branch that is rolled out.
pub(crate) const BRANCH: &str = "main";

/// A repository with its work tree.
#[derive(Debug)]
pub(crate) struct Repository {
    bare: PathBuf,
    work: PathBuf,
}

impl Repository {
    /// Makes `shop.git` and its work tree `shop` in a folder.
    pub(crate) async fn create(folder: &Path) -> anyhow::Result<Self> {
        let repository = Self { bare: folder.join("shop.git"), work: folder.join("shop") };
        let head = format!("refs/heads/{BRANCH}");
        for (place, bare) in [(&repository.bare, true), (&repository.work, false)] {
            std::fs::create_dir_all(place).with_context(|| format!("{}", place.display()))?;
            let kind: &[&str] = if bare { &["--bare"] } else { &[] };
            git(place, &[&["init", "--quiet", "--template="], kind].concat()).await?;
            git(place, &["symbolic-ref", "HEAD", &head]).await?;
        }
        let bare = repository.bare.display().to_string();
        for (name, value) in [
            ("user.name", "Flotilla demo"),
            ("user.email", "demo@flotilla.invalid"),
            ("commit.gpgSign", "false"),
            (&format!("branch.{BRANCH}.remote"), "origin"),
            (&format!("branch.{BRANCH}.merge"), &head),
        ] {
            git(&repository.work, &["config", name, value]).await?;
        }
        git(&repository.work, &["remote", "add", "origin", &bare]).await?;
        Ok(repository)
    }

    /// The address of the repository.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// Where a person commits from.
    pub(crate) fn work_tree(&self) -> &Path {
        &self.work
    }

    /// Writes the files, commits them and pushes. Answers the commit.
    pub(crate) async fn push(&self, files: &[(&str, String)], message: &str) -> anyhow::Result<String> {
        for (path, text) in files {
            let path = self.work.join(path);
            let folder = path.parent().unwrap_or(&self.work);
            let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
            written.with_context(|| format!("{} cannot be written", path.display()))?;
        }
        git(&self.work, &["add", "--all"]).await?;
        git(&self.work, &["commit", "--quiet", "--message", message]).await?;
        git(&self.work, &["push", "--quiet", "origin", BRANCH]).await?;
        git(&self.work, &["rev-parse", "HEAD"]).await
    }
}

async fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for name in LEADS_ELSEWHERE {
        command.env_remove(name);
    }
    let output = match command.output().await {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(
                "the demo makes a sample repository, and there is no `git` in the PATH: install git and try again"
            )
        }
        Err(error) => return Err(error).context("git cannot be started"),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}", arguments.join(" "), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
