//! What the control loops count.

use crate::webhooks::WebhookMetrics;
use prometheus_client::metrics::counter::Counter;
use shared_runtime::metrics::{Latency, Registry};

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Plans and removals that would have broken an invariant and were refused. Each is a defect.
    pub violations: Counter,
    pub(crate) passes: Latency,
    pub(crate) plans: Latency,
    pub(crate) steps: Counter,
    pub(crate) overtaken: Counter,
    pub(crate) webhooks: WebhookMetrics,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_control_violations",
            "Plans and removals that would have broken an invariant and were refused; each is a defect",
            self.violations.clone(),
        );
        registry.register(
            "flotilla_control_pass_seconds",
            "How long a pass of the control loop took, with everything that it wrote",
            self.passes.clone(),
        );
        registry.register(
            "flotilla_control_plan_seconds",
            "How long it took to decide what may be released, without writing it",
            self.plans.clone(),
        );
        registry.register(
            "flotilla_control_plan_steps",
            "Steps of plans that are in the store: releases, gates, halts, rollbacks",
            self.steps.clone(),
        );
        registry.register(
            "flotilla_control_plans_overtaken",
            "Plans that were made again because somebody else had changed something first",
            self.overtaken.clone(),
        );
        self.webhooks.register(registry);
    }
}
