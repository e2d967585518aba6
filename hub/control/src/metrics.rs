//! What the control loops count.
//!
//! Counters and durations are counted where things happen. How many there are of what is counted over the whole fleet
//! by [`census`], which the loop takes at a pace that costs it little; a scrape only reads what the last one found.

mod census;
mod courses;
mod fleet;
mod rollouts;
mod work;

pub(crate) use census::Seen;
pub(crate) use courses::{Ended, ended};
pub(crate) use work::Work;

use crate::webhooks::WebhookMetrics;
use fleet::Fleet;
use prometheus_client::metrics::counter::Counter;
use rollouts::Rollouts;
use shared_runtime::metrics::Registry;

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Plans and removals that would have broken an invariant and were refused. Each is a defect.
    pub violations: Counter,
    pub(crate) webhooks: WebhookMetrics,
    pub(crate) work: Work,
    rollouts: Rollouts,
    fleet: Fleet,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_control_violations",
            "Plans and removals that would have broken an invariant and were refused; each is a defect",
            self.violations.clone(),
        );
        self.work.register(registry);
        self.rollouts.register(registry);
        self.fleet.register(registry);
        self.webhooks.register(registry);
    }
}

#[cfg(test)]
mod tests;
