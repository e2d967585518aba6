//! Self-heal: when an object that drifted may be written again.
//!
//! The first heal is at once, the next after 2 s, 6 s, 18 s, … up to 300 s; an object that was left alone for
//! 330 s starts anew (Argo CD's self-heal back-off, there per application, here per object).

use crate::Failure;
use crate::retry::{Again, HEAL, HEAL_FORGOTTEN, POLITE, later};
use jiff::Timestamp;
use shared_manifest::ObjectId;
use std::collections::BTreeMap;
use std::time::Duration;

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
    /// It failed because its namespace was missing or on its way out.
    no_namespace: bool,
}

impl Heals {
    /// When `id` may be healed; at once when it never was.
    pub(crate) fn due(&self, id: &ObjectId, now: Timestamp) -> Timestamp {
        match self.of.get(id) {
            None => now,
            Some(record) => {
                let fought = if record.count == 0 { Duration::ZERO } else { HEAL.wait(record.count) };
                let next = later(record.last, fought);
                record.failed.as_ref().map_or(next, |failed| failed.due.max(next))
            }
        }
    }

    /// A heal of `id` starts.
    pub(crate) fn start(&mut self, id: &ObjectId, now: Timestamp) {
        let fresh = Record { count: 0, last: now, failed: None, no_namespace: false };
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

    /// The heal of `id` failed. It counts for the wait after failures alone: nobody fights with us over the object.
    pub(crate) fn failed(&mut self, id: &ObjectId, failure: &Failure, now: Timestamp) {
        if let Some(record) = self.of.get_mut(id) {
            record.count = record.count.saturating_sub(1);
            record.no_namespace = match failure {
                Failure::Leaving(_) => true,
                Failure::NotFound(message) => message.starts_with("namespaces \""),
                Failure::Conflict(_)
                | Failure::Forbidden(_)
                | Failure::Invalid(_)
                | Failure::KindUnknown(_)
                | Failure::Unreachable(_)
                | Failure::Throttled { .. }
                | Failure::Other(_) => false,
            };
            record.failed = Some(Again::after(record.failed.as_ref(), POLITE, failure, now));
        }
    }

    /// The failures that last, for people.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&ObjectId, &str)> {
        self.of.iter().filter_map(|(id, record)| Some((id, record.failed.as_ref()?.message.as_str())))
    }

    /// The namespace is there: heals that failed for want of it are due.
    pub(crate) fn namespace_ready(&mut self) {
        for record in self.of.values_mut().filter(|record| record.no_namespace) {
            record.failed = None;
        }
    }

    /// Forgets everything: another release is to be held.
    pub(crate) fn clear(&mut self) {
        self.of.clear();
    }
}
