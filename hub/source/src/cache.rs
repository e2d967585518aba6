//! Trees already read, by the id of their root: the least recently used go when they hold too many bytes.

use crate::{ObjectId, Tree};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bounded by the bytes that the trees take, and never holds one that alone is over the bound.
#[derive(Debug)]
pub(crate) struct Trees {
    bound: usize,
    held: usize,
    uses: u64,
    by_id: HashMap<ObjectId, (u64, Arc<Tree>)>,
    by_use: BTreeMap<u64, ObjectId>,
}

impl Trees {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, held: 0, uses: 0, by_id: HashMap::new(), by_use: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, root: &ObjectId) -> Option<Arc<Tree>> {
        let (used, tree) = self.by_id.get_mut(root)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, root.clone());
        Some(Arc::clone(tree))
    }

    pub(crate) fn put(&mut self, root: ObjectId, tree: Arc<Tree>) {
        if tree.weight() > self.bound || self.by_id.contains_key(&root) {
            return;
        }
        self.uses += 1;
        self.held += tree.weight();
        self.by_use.insert(self.uses, root.clone());
        self.by_id.insert(root, (self.uses, tree));
        while self.held > self.bound {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((_, gone)) = self.by_id.remove(&oldest) {
                self.held -= gone.weight();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Mode};

    fn tree(name: &str) -> (ObjectId, Arc<Tree>) {
        let id = ObjectId::from_hex_text(&format!("{:0>40}", name.len()));
        let entry = Entry { path: name.to_owned(), mode: Mode::File, id: id.clone(), size: None };
        (id.clone(), Arc::new(Tree::new(id, vec![entry])))
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let (a, b, c) = (tree("a"), tree("bb"), tree("ccc"));
        let mut trees = Trees::new(a.1.weight() + b.1.weight() + 8);
        trees.put(a.0.clone(), Arc::clone(&a.1));
        trees.put(b.0.clone(), Arc::clone(&b.1));
        assert!(trees.get(&a.0).is_some());
        trees.put(c.0.clone(), Arc::clone(&c.1));
        let held = [&a.0, &b.0, &c.0].map(|id| trees.get(id).is_some());
        assert_eq!(held, [true, false, true]);
        assert_eq!(trees.held, a.1.weight() + c.1.weight());
    }

    #[test]
    fn a_tree_over_the_bound_is_not_held() {
        let (id, tree) = tree("a");
        let mut trees = Trees::new(tree.weight() - 1);
        trees.put(id.clone(), tree);
        assert!(trees.get(&id).is_none());
        assert_eq!(trees.held, 0);
    }
}
