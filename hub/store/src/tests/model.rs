//! The store in its simplest form, written from the documentation of [`crate::Store`] and not from its code.

use std::collections::BTreeMap;

use crate::{Change, ChangeKind, Compare, Entry, Op, Outcome, Revision, Txn};

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<String, Entry>,
    pub(crate) revision: u64,
    pub(crate) history: Vec<Change>,
}

impl Model {
    pub(crate) fn commit(&mut self, txn: &Txn) -> Outcome {
        for compare in &txn.compares {
            let (key, holds) = match compare {
                Compare::Absent { key } => (key, !self.keys.contains_key(key)),
                Compare::Exists { key } => (key, self.keys.contains_key(key)),
                Compare::ModRevision { key, revision } => {
                    (key, self.keys.get(key).map_or(0, |e| e.mod_revision.0) == revision.0)
                }
                Compare::CreateRevision { key, revision } => {
                    (key, self.keys.get(key).map_or(0, |e| e.create_revision.0) == revision.0)
                }
            };
            if !holds {
                return Outcome::Conflict { key: key.clone(), actual: self.keys.get(key).cloned() };
            }
        }
        let revision = Revision(self.revision + 1);
        for op in &txn.ops {
            let previous = self.keys.remove(op.key());
            let kind = match op {
                Op::Put { key, value } => {
                    let create_revision = previous.as_ref().map_or(revision, |e| e.create_revision);
                    let entry = Entry {
                        key: key.clone(),
                        value: value.clone(),
                        create_revision,
                        mod_revision: revision,
                    };
                    self.keys.insert(key.clone(), entry.clone());
                    ChangeKind::Put(entry)
                }
                Op::Delete { .. } if previous.is_none() => continue,
                Op::Delete { .. } => ChangeKind::Delete,
            };
            self.revision = revision.0;
            self.history.push(Change { revision, key: op.key().to_owned(), kind, previous });
        }
        Outcome::Committed(Revision(self.revision))
    }

    pub(crate) fn entries(&self, prefix: &str, after: Option<&str>) -> Vec<Entry> {
        let wanted = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        self.keys.values().filter(|e| wanted(&e.key)).cloned().collect()
    }
}
