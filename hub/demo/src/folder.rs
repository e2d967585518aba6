//! Where the demo's data is: a temporary folder that goes with it, or one that a person named.

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder of the agents' data folders.
pub(crate) const AGENTS: &str = "agents";
/// Folders that are removed at once.
const AT_ONCE: usize = 16;

/// The demo's folder.
#[derive(Debug)]
pub(crate) enum Folder {
    /// Removed at the end.
    Temporary(TempDir),
    /// Stays.
    Kept(PathBuf),
}

impl Folder {
    /// Makes the folder; one that is given must hold nothing, since the demo starts from nothing.
    pub(crate) fn make(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(given) = given else {
            let folder = tempfile::Builder::new().prefix("flotilla-demo-").tempdir();
            return folder
                .map(Self::Temporary)
                .context("no temporary folder can be made; name one with --data-dir");
        };
        let path = std::path::absolute(given).with_context(|| format!("--data-dir {}", given.display()))?;
        let failed = || format!("--data-dir {}: the folder cannot be used", path.display());
        std::fs::create_dir_all(&path).with_context(failed)?;
        if std::fs::read_dir(&path).with_context(failed)?.next().is_some() {
            bail!(
                "--data-dir {}: the folder is not empty, and the demo starts from nothing: name a new one, or remove it",
                path.display()
            );
        }
        Ok(Self::Kept(path))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }

    /// What becomes of the data, for people.
    pub(crate) fn fate(&self) -> String {
        match self {
            Self::Temporary(folder) => format!("{} is removed", folder.path().display()),
            Self::Kept(path) => format!("the data stays in {}", path.display()),
        }
    }

    /// Removes a temporary folder, many folders of it at once: a thousand agents keep tens of thousands of files.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        let Self::Temporary(folder) = self else { return Ok(()) };
        let parts: Vec<PathBuf> =
            [AGENTS, "."].iter().flat_map(|part| entries(&folder.path().join(part))).collect();
        let remove = |part: PathBuf| {
            tokio::task::spawn_blocking(move || {
                // What is left, or not a folder, goes with the whole.
                let _left = std::fs::remove_dir_all(part);
            })
        };
        futures::stream::iter(parts.into_iter().map(remove)).buffer_unordered(AT_ONCE).count().await;
        // What still ends in the background may write once more: tried a few times.
        let path = folder.path().to_owned();
        for _ in 0..3 {
            if std::fs::remove_dir_all(&path).is_ok() {
                break;
            }
        }
        if path.exists() {
            folder.close().with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
