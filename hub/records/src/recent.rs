//! Which releases were made or found a moment ago, so that nobody deletes them as unneeded.
//!
//! Whoever makes or finds a release takes note of it first, and looks for it while he holds the answer; whoever
//! deletes is alone meanwhile. So what was found is there until it is named where all can see.

use jiff::Timestamp;
use parking_lot::Mutex;
use shared_model::ReleaseId;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The notes. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    noted: Arc<Mutex<BTreeMap<ReleaseId, Timestamp>>>,
    deleting: Arc<RwLock<()>>,
}

impl Recent {
    /// The release is not deleted for a while, and none is as long as the answer lives: time to look whether it is
    /// there, and to write it.
    pub async fn note(&self, id: ReleaseId, now: Timestamp) -> RwLockReadGuard<'_, ()> {
        self.noted.lock().insert(id, now);
        self.deleting.read().await
    }

    /// Whether it was noted and not forgotten since.
    pub fn is_noted(&self, id: &ReleaseId) -> bool {
        self.noted.lock().contains_key(id)
    }

    /// Forgets what was noted at these times.
    pub fn forget(&self, is_old: impl Fn(Timestamp) -> bool) {
        self.noted.lock().retain(|_, at| !is_old(*at));
    }

    /// Nobody makes or finds any as long as the answer lives: time to delete those that are not noted.
    pub async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.deleting.write().await
    }
}
