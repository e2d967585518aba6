//! The inventory: what is, or may be, in the cluster because of us.

use shared_manifest::ObjectId;
use std::collections::BTreeSet;

/// The inventory of one application.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) ids: BTreeSet<ObjectId>,
    /// Of those, what the release does not have.
    pub(crate) extras: BTreeSet<ObjectId>,
    /// Whether all of it is known: not after a loss, until a search has ended.
    pub(crate) known: bool,
    dirty: bool,
}

impl Inventory {
    pub(crate) fn new(kept: Option<Vec<ObjectId>>) -> Self {
        let known = kept.is_some();
        Self { ids: kept.into_iter().flatten().collect(), extras: BTreeSet::new(), known, dirty: false }
    }

    /// Says which objects the release has.
    pub(crate) fn set_wanted(&mut self, wanted: impl Fn(&ObjectId) -> bool) {
        self.extras = self.ids.iter().filter(|id| !wanted(id)).cloned().collect();
    }

    /// Objects that are about to be written.
    pub(crate) fn add(&mut self, ids: impl IntoIterator<Item = ObjectId>) {
        for id in ids {
            self.dirty |= self.ids.insert(id);
        }
    }

    /// Objects with our marks, found in the cluster.
    pub(crate) fn add_found(&mut self, ids: Vec<ObjectId>) {
        self.add(ids);
        self.dirty |= !self.known;
        self.known = true;
    }

    /// The object is certainly not there.
    pub(crate) fn gone(&mut self, id: &ObjectId) {
        self.extras.remove(id);
        self.dirty |= self.ids.remove(id);
    }

    /// Nothing is ours any more.
    pub(crate) fn clear(&mut self) {
        self.dirty |= !self.ids.is_empty();
        self.ids.clear();
        self.extras.clear();
    }

    /// What is to be kept durably, if that changed.
    pub(crate) fn take_unsaved(&mut self) -> Option<Vec<ObjectId>> {
        std::mem::take(&mut self.dirty).then(|| self.ids.iter().cloned().collect())
    }
}
