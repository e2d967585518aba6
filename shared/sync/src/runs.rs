//! How long hooks ran, for who asks where the time went. It decides nothing.

use jiff::Timestamp;
use shared_manifest::ObjectId;
use std::collections::BTreeMap;

/// How many runs are kept while nobody takes them.
const MOST: usize = 100;

/// One hook that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// The hook.
    pub id: ObjectId,
    /// When it was asked for.
    pub from: Timestamp,
    /// When its result was seen.
    pub to: Timestamp,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// The hooks of a sync.
#[derive(Debug, Default)]
pub(crate) struct HookRuns {
    begun: BTreeMap<ObjectId, Timestamp>,
    ended: Vec<HookRun>,
}

impl HookRuns {
    pub(crate) fn begin(&mut self, id: &ObjectId, now: Timestamp) {
        self.begun.insert(id.clone(), now);
    }

    pub(crate) fn end(&mut self, id: &ObjectId, failed: Option<String>, now: Timestamp) {
        let Some(from) = self.begun.remove(id) else { return };
        if self.ended.len() < MOST {
            self.ended.push(HookRun { id: id.clone(), from, to: now, failed });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<HookRun> {
        std::mem::take(&mut self.ended)
    }
}
