//! What one transaction does to a table: pure, and the same for every backend that keeps its own table.

use crate::txn::{Compare, Op, Outcome, Txn};
use crate::{Change, ChangeKind, Entry, Revision};

/// A sorted table of entries that can be written.
pub(crate) trait Table {
    type Error;
    fn get(&self, key: &str) -> Result<Option<Entry>, Self::Error>;
    fn put(&mut self, entry: &Entry) -> Result<(), Self::Error>;
    fn remove(&mut self, key: &str) -> Result<(), Self::Error>;
}

/// What came of a transaction, and the changes it made, all of one revision.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) outcome: Outcome,
    pub(crate) changes: Vec<Change>,
}

/// Applies a checked transaction on top of revision `last`.
pub(crate) fn apply<T: Table>(table: &mut T, txn: Txn, last: Revision) -> Result<Applied, T::Error> {
    if let Some((key, actual)) = first_failing(table, &txn.compares)? {
        return Ok(Applied { outcome: Outcome::Conflict { key, actual }, changes: Vec::new() });
    }
    let revision = last.next();
    let mut changes = Vec::with_capacity(txn.ops.len());
    for op in txn.ops {
        changes.extend(write(table, op, revision)?);
    }
    let committed = if changes.is_empty() { last } else { revision };
    Ok(Applied { outcome: Outcome::Committed(committed), changes })
}

type Failing = Option<(String, Option<Entry>)>;

fn first_failing<T: Table>(table: &T, compares: &[Compare]) -> Result<Failing, T::Error> {
    for compare in compares {
        let actual = table.get(compare.key())?;
        if !compare.holds(actual.as_ref()) {
            return Ok(Some((compare.key().to_owned(), actual)));
        }
    }
    Ok(None)
}

fn write<T: Table>(table: &mut T, op: Op, revision: Revision) -> Result<Option<Change>, T::Error> {
    let previous = table.get(op.key())?;
    match op {
        Op::Put { key, value } => {
            let create_revision = previous.as_ref().map_or(revision, |e| e.create_revision);
            let entry = Entry { key: key.clone(), value, create_revision, mod_revision: revision };
            table.put(&entry)?;
            Ok(Some(Change { revision, key, kind: ChangeKind::Put(entry), previous }))
        }
        Op::Delete { key } if previous.is_some() => {
            table.remove(&key)?;
            Ok(Some(Change { revision, key, kind: ChangeKind::Delete, previous }))
        }
        Op::Delete { .. } => Ok(None),
    }
}
