//! The metrics of all parts of a hub, in one registry.

use shared_runtime::{metrics::Exposed, otlp};

/// Handed to the parts that count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) api: hub_api::Metrics,
    pub(crate) control: hub_control::Metrics,
    pub(crate) gateway: hub_gateway::Metrics,
    pub(crate) source: hub_source::Metrics,
    pub(crate) notify: hub_notify::Metrics,
    pub(crate) store: hub_store::Metrics,
    pub(crate) traces: otlp::Metrics,
}

impl Metrics {
    /// The registry.
    pub(crate) fn exposed(&self) -> Exposed {
        Exposed::new("hub", env!("CARGO_PKG_VERSION"), |registry| {
            self.api.register(registry);
            self.control.register(registry);
            self.gateway.register(registry);
            self.source.register(registry);
            self.notify.register(registry);
            self.store.register(registry);
            self.traces.register(registry);
        })
    }
}

#[cfg(test)]
mod tests;
