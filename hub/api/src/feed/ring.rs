//! The newest events, within limits.

use super::{Compacted, Event};
use hub_store::Revision;
use std::{collections::VecDeque, sync::Arc};

const EVENTS: usize = 16_384;
const BYTES: usize = 32 << 20;
/// How many events one step gives, give or take one revision.
const STEP: usize = 256;

/// Every event with a revision in `floor < revision <= tip`.
#[derive(Debug)]
pub(crate) struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    floor: Revision,
    tip: Revision,
    most: (usize, usize),
}

impl Ring {
    pub(crate) const fn new(at: Revision) -> Self {
        Self::bounded(at, EVENTS, BYTES)
    }

    pub(crate) const fn bounded(at: Revision, events: usize, bytes: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, floor: at, tip: at, most: (events, bytes) }
    }

    /// Forgets everything: what comes next is after `at`.
    pub(crate) fn restart(&mut self, at: Revision) {
        *self = Self::bounded(at, self.most.0, self.most.1);
    }

    /// Adds the events of whole revisions, up to `upto`.
    pub(crate) fn push(&mut self, events: Vec<Event>, upto: Revision) {
        for event in events {
            self.bytes += event.cost;
            self.events.push_back(Arc::new(event));
        }
        self.tip = upto;
        while self.events.len() > self.most.0 || self.bytes > self.most.1 {
            let Some(oldest) = self.events.front().map(|event| event.revision) else { break };
            if oldest == self.events.back().map_or(oldest, |event| event.revision) {
                // The newest revision is kept, whatever its size.
                break;
            }
            // A revision goes as a whole.
            while self.events.front().is_some_and(|event| event.revision == oldest) {
                self.bytes -= self.events.pop_front().map_or(0, |event| event.cost);
            }
            self.floor = oldest;
        }
    }

    /// The next events after `at` and the position behind them.
    pub(crate) fn after(&self, at: Revision) -> Result<(Vec<Arc<Event>>, Revision), Compacted> {
        if at < self.floor {
            return Err(Compacted { asked: at, oldest: self.floor });
        }
        let start = self.events.partition_point(|event| event.revision <= at);
        let mut end = self.events.len().min(start + STEP);
        while end < self.events.len() && self.events[end].revision == self.events[end - 1].revision {
            end += 1;
        }
        let upto = if end == self.events.len() { self.tip.max(at) } else { self.events[end - 1].revision };
        Ok((self.events.range(start..end).cloned().collect(), upto))
    }
}
