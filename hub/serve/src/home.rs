//! Whether the data folder is where it was: a copy of it is an older hub, whatever else it looks like.
//!
//! The store keeps which file it lives in (inode and time of birth, which no copy shares). On a copy, made
//! by `cp`, `rsync` or out of an archive, the two differ: the hub was restored from a backup, or moved. It
//! cannot know what the hub it was copied from has told its agents since, so it says nothing to them until a
//! person adopts what they hold (`HubRestored`, invariant 6). A snapshot of a whole disk shows no difference;
//! then each agent that is ahead is found as it connects (`HubBehindAgent`).

use crate::folder::{FolderError, failed};
use hub_records::{Records, Restored, keys};
use jiff::Timestamp;
use shared_history::{Entry, What};
use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// Compares the store's file with what the store knows of it, and marks a store that is a copy.
pub(crate) async fn check(records: &Records, store: &Path, now: Timestamp) -> Result<(), Error> {
    let file = store.join(hub_store::FILE);
    let found = fs::metadata(&file).map_err(failed(&file, "cannot be looked at"))?;
    let born = found.created().ok().and_then(|born| Timestamp::try_from(born).ok());
    let born = born.map(|born| born.to_string()).unwrap_or_default();
    let here = format!("{}/{born}", found.ino());
    let known = records.read::<String>(keys::HOME).await?.map(|(known, _)| known);
    if known.as_ref() == Some(&here) {
        return Ok(());
    }
    if known.is_some() {
        let restored = Restored { at: now, why: "its data folder is a copy".to_owned() };
        // Before the new home: a crash in between finds the copy again.
        records.write(keys::RESTORED, &restored).await?;
        let text = format!(
            "the hub runs on an older copy of its data ({}): clusters are told nothing until `flotilla hub restore --adopt`",
            restored.why
        );
        records.note(vec![Entry::new(What::HubRestored, now, text)]).await;
        tracing::warn!(
            "this hub's data folder is a copy: a restored backup, or a hub that moved; nothing is released to any cluster until `flotilla hub restore --adopt` is run"
        );
    }
    records.write(keys::HOME, &here).await?;
    Ok(())
}

/// Why that could not be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store's file cannot be looked at.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store cannot be read or written.
    #[error("the store cannot be used")]
    Records(#[from] hub_records::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub_store::{Config, Embedded};
    use std::{path::PathBuf, sync::Arc};

    /// Opens the store in the folder, checks, and says what it is taken for.
    async fn opened(store: PathBuf) -> Option<Restored> {
        let at = store.clone();
        let open = move || Embedded::open(&at, Config::default()).unwrap();
        let records = Records::new(Arc::new(tokio::task::spawn_blocking(open).await.unwrap()));
        check(&records, &store, Timestamp::UNIX_EPOCH).await.unwrap();
        records.read(keys::RESTORED).await.unwrap().map(|(restored, _)| restored)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_is_known_as_one_and_a_restart_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = (folder.path().join("hub"), folder.path().join("copy"));
        assert_eq!(opened(original.clone()).await, None);
        assert_eq!(opened(original.clone()).await, None);
        fs::create_dir(&copy).unwrap();
        fs::copy(original.join(hub_store::FILE), copy.join(hub_store::FILE)).unwrap();
        assert!(opened(copy.clone()).await.is_some());
        // Once: the copy has its own home now, and the mark stays until it is adopted.
        assert!(opened(copy).await.is_some());
        assert_eq!(opened(original).await, None);
    }
}
