//! One watcher: a prefix and a position in the window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::window::Window;
use crate::{Change, Error, Revision};

/// A running watch. It costs nothing but its position while nobody calls [`Watch::next`].
#[derive(Debug)]
pub struct Watch {
    window: Arc<RwLock<Window>>,
    tip: watch::Receiver<Revision>,
    prefix: String,
    at: Revision,
    /// The same, for who counts.
    place: Arc<AtomicU64>,
    ended: bool,
}

impl Watch {
    pub(crate) fn new(
        window: Arc<RwLock<Window>>,
        tip: watch::Receiver<Revision>,
        prefix: String,
        at: Revision,
        place: Arc<AtomicU64>,
    ) -> Self {
        Self { window, tip, prefix, at, place, ended: false }
    }

    /// Everything up to this revision has been given or does not concern the prefix. It moves on without
    /// changes too, which makes it the revision of a bookmark.
    pub fn position(&self) -> Revision {
        self.at
    }

    /// The next changes, at least one, in order; the changes of one revision are never split. Safe to cancel.
    ///
    /// `None` after an error, and when the store is closed.
    ///
    /// # Errors
    /// [`Error::Lagged`] when this watcher was too slow.
    pub async fn next(&mut self) -> Option<Result<Vec<Change>, Error>> {
        loop {
            if self.ended {
                return None;
            }
            let tip = *self.tip.borrow_and_update();
            match self.step() {
                Err(lagged) => {
                    self.ended = true;
                    return Some(Err(lagged));
                }
                Ok(changes) if !changes.is_empty() => return Some(Ok(changes)),
                Ok(_) if self.at < tip => {}
                Ok(_) => self.ended = self.tip.changed().await.is_err(),
            }
        }
    }

    fn step(&mut self) -> Result<Vec<Change>, Error> {
        let window = self.window.read();
        let step = window
            .step(self.at, &self.prefix)
            .ok_or(Error::Lagged { at: self.at, oldest: window.oldest() })?;
        self.at = step.upto;
        self.place.store(self.at.0, Ordering::Relaxed);
        Ok(step.changes)
    }
}
