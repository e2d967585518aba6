//! How far a sink is, as the store keeps it.

use hub_records::Records;
use hub_store::{Compare, Op, Outcome, Page, Txn};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PREFIX: &str = "notify/";

/// How far a sink is. Revisions are those at which entries were created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Everything up to here was told, or is nothing to this sink.
    pub(crate) after: u64,
    /// The end of the batch under way; as `after` without one.
    pub(crate) upto: u64,
    /// When the batch began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<Timestamp>,
    /// The ids of its messages that arrived, or were given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) done: Vec<String>,
}

impl Cursor {
    /// Of a sink that is new: the past is none of its business.
    pub(crate) fn at(revision: u64) -> Self {
        Self { after: revision, upto: revision, ..Self::default() }
    }

    /// Not before a revision that was passed since it was kept.
    pub(crate) fn from(self, passed: u64) -> Self {
        if self.after < passed { Self::at(passed) } else { self }
    }

    /// Whether a batch is under way.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.upto > self.after
    }
}

/// Somebody else sends now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("another hub sends notifications now")]
    Overtaken,
    #[error("the store failed")]
    Store(#[from] hub_store::Error),
}

/// Every cursor, by the name of its sink.
pub(crate) async fn all(records: &Records) -> Result<BTreeMap<String, Cursor>, hub_store::Error> {
    let listing = records.store().list(PREFIX, Page::default()).await?;
    let read = |entry: &hub_store::Entry| {
        let name = entry.key.strip_prefix(PREFIX)?.to_owned();
        Some((name, serde_json::from_slice(&entry.value).ok()?))
    };
    Ok(listing.entries.iter().filter_map(read).collect())
}

/// Keeps a cursor, for as long as the fence holds.
pub(crate) async fn keep(
    records: &Records,
    fence: &Compare,
    sink: &str,
    cursor: &Cursor,
) -> Result<(), Error> {
    let value = serde_json::to_vec(cursor).expect("a cursor has string keys only").into();
    write(records, fence, Op::Put { key: format!("{PREFIX}{sink}"), value }).await
}

/// Forgets one.
pub(crate) async fn forget(records: &Records, fence: &Compare, sink: &str) -> Result<(), Error> {
    write(records, fence, Op::Delete { key: format!("{PREFIX}{sink}") }).await
}

async fn write(records: &Records, fence: &Compare, op: Op) -> Result<(), Error> {
    match records.store().commit(Txn { compares: vec![fence.clone()], ops: vec![op] }).await? {
        Outcome::Committed(_) => Ok(()),
        Outcome::Conflict { .. } => Err(Error::Overtaken),
    }
}
