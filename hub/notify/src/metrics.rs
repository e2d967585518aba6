//! What is counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use shared_runtime::metrics::from_the_start;

/// By sink: there are at most as many as one configuration may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Labels {
    sink: String,
}

impl Labels {
    pub(crate) fn of(sink: &str) -> Self {
        Self { sink: sink.to_owned() }
    }
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) sent: Family<Labels, Counter>,
    pub(crate) failed: Family<Labels, Counter>,
    pub(crate) given_up: Family<Labels, Counter>,
    pub(crate) failing: Family<Labels, Gauge>,
}

impl Metrics {
    /// There is a sink of this name.
    pub(crate) fn begin(&self, sink: &str) {
        for counted in [&self.sent, &self.failed, &self.given_up] {
            from_the_start(counted, [Labels::of(sink)]);
        }
        from_the_start(&self.failing, [Labels::of(sink)]);
    }

    /// There is none of this name any more: it fails nobody.
    pub(crate) fn end(&self, sink: &str) {
        self.failing.remove(&Labels::of(sink));
    }

    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_notify_messages_sent",
            "Notifications that arrived, by sink",
            self.sent.clone(),
        );
        registry.register(
            "flotilla_notify_attempts_failed",
            "Attempts to send a notification that failed and are made again, by sink",
            self.failed.clone(),
        );
        registry.register(
            "flotilla_notify_messages_given_up",
            "Notifications that did not arrive in time or were refused, and were given up, by sink",
            self.given_up.clone(),
        );
        registry.register(
            "flotilla_notify_sink_failing",
            "Whether a sink does not take what it is sent at the moment",
            self.failing.clone(),
        );
    }
}
