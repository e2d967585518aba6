//! Which keys a webhook concerns, found by the path of the repository.

use super::Key;
use crate::webhook::{Place, Push};
use std::collections::{BTreeMap, BTreeSet};

/// The keys with a place, by what the spellings of one repository have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(BTreeMap<String, BTreeSet<(Place, Key)>>);

impl Places {
    pub(super) fn insert(&mut self, key: &Key) {
        let Some(place) = Place::of(&key.url) else { return };
        self.0.entry(place.common().to_owned()).or_default().insert((place, key.clone()));
    }

    pub(super) fn remove(&mut self, key: &Key) {
        let Some(place) = Place::of(&key.url) else { return };
        let common = place.common().to_owned();
        let Some(there) = self.0.get_mut(&common) else { return };
        there.remove(&(place, key.clone()));
        if there.is_empty() {
            self.0.remove(&common);
        }
    }

    /// The keys of the repository that was pushed to whose revision that could have moved.
    pub(super) fn concerned(&self, push: &Push) -> Vec<Key> {
        let paths: BTreeSet<&str> = push.places.iter().map(Place::common).collect();
        let there = paths.into_iter().filter_map(|path| self.0.get(path)).flatten();
        there
            .filter(|(place, key)| push.is_to(place) && push.could_move(&key.revision))
            .map(|(_, key)| key.clone())
            .collect()
    }
}
