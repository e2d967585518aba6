//! Self-heal: when an object that drifted may be written again.
//!
//! The first heal is at once, the next after 2 s, 6 s, 18 s, … up to 300 s; an object that was left alone for
//! 330 s starts anew (Argo CD's self-heal back-off, there per application, here per object).

use crate::Failure;
use crate::retry::{Again, HEAL, HEAL_FORGOTTEN, POLITE, later};
use jiff::Timestamp;
use shared_manifest::ObjectId;
use std::collections::BTreeMap;

/// The heals of one application.
#[derive(Debug, Default)]
pub(crate) struct Heals {
    of: BTreeMap<ObjectId, Record>,
}

#[derive(Debug)]
struct Record {
    count: u32,
    last: Timestamp,
    failed: Option<Again>,
}

impl Heals {
    /// When `id` may be healed; at once when it never was.
    pub(crate) fn due(&self, id: &ObjectId, now: Timestamp) -> Timestamp {
        match self.of.get(id) {
            None => now,
            Some(record) => {
                let next = later(record.last, HEAL.wait(record.count));
                record.failed.as_ref().map_or(next, |failed| failed.due.max(next))
            }
        }
    }

    /// A heal of `id` starts.
    pub(crate) fn start(&mut self, id: &ObjectId, now: Timestamp) {
        let fresh = Record { count: 0, last: now, failed: None };
        let record = self.of.entry(id.clone()).or_insert(fresh);
        if now >= later(record.last, HEAL_FORGOTTEN) && record.failed.is_none() {
            record.count = 0;
        }
        record.count = record.count.saturating_add(1);
        record.last = now;
    }

    /// The heal of `id` worked.
    pub(crate) fn worked(&mut self, id: &ObjectId) {
        if let Some(record) = self.of.get_mut(id) {
            record.failed = None;
        }
    }

    /// The heal of `id` failed.
    pub(crate) fn failed(&mut self, id: &ObjectId, failure: &Failure, now: Timestamp) {
        if let Some(record) = self.of.get_mut(id) {
            record.failed = Some(Again::after(record.failed.as_ref(), POLITE, failure, now));
        }
    }

    /// The failures that last, for people.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&ObjectId, &str)> {
        self.of.iter().filter_map(|(id, record)| Some((id, record.failed.as_ref()?.message.as_str())))
    }

    /// Forgets everything: another release is to be held.
    pub(crate) fn clear(&mut self) {
        self.of.clear();
    }
}
