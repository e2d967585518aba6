//! Charts that were unpacked a moment ago.

use hub_render::Tree;
use shared_model::CommitId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};
use tokio::sync::Mutex;

/// The most that they take in memory, in bytes.
const MOST: usize = 48 << 20;

/// Charts that were unpacked, those that were not used for longest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    trees: Vec<(CommitId, usize, Arc<dyn Tree>)>,
    turns: BTreeMap<CommitId, Weak<Mutex<()>>>,
}

impl Unpacked {
    /// Held by who unpacks it: all others that want it wait, and find it.
    pub(super) fn turn(&mut self, commit: &CommitId) -> Arc<Mutex<()>> {
        if let Some(turn) = self.turns.get(commit).and_then(Weak::upgrade) {
            return turn;
        }
        self.turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        self.turns.insert(commit.clone(), Arc::downgrade(&turn));
        turn
    }

    pub(super) fn get(&mut self, commit: &CommitId) -> Option<Arc<dyn Tree>> {
        let at = self.trees.iter().position(|(known, ..)| known == commit)?;
        let found = self.trees.remove(at);
        let tree = Arc::clone(&found.2);
        self.trees.push(found);
        Some(tree)
    }

    pub(super) fn put(&mut self, commit: CommitId, bytes: usize, tree: Arc<dyn Tree>) {
        self.trees.retain(|(known, ..)| *known != commit);
        self.trees.push((commit, bytes, tree));
        let mut sum: usize = self.trees.iter().map(|(_, bytes, _)| bytes).sum();
        while sum > MOST && self.trees.len() > 1 {
            sum -= self.trees.remove(0).1;
        }
    }
}
