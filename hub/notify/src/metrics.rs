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
    /// A sink of this name is told from now on, and has failed nothing yet.
    pub(crate) fn begin(&self, sink: &str) {
        for counted in [&self.sent, &self.failed, &self.given_up] {
            from_the_start(counted, [Labels::of(sink)]);
        }
        self.failing.get_or_create(&Labels::of(sink)).set(0);
    }

    /// There is none of this name any more: it fails nobody, and names that come and go leave nothing.
    pub(crate) fn end(&self, sink: &str) {
        let labels = Labels::of(sink);
        for counted in [&self.sent, &self.failed, &self.given_up] {
            counted.remove(&labels);
        }
        self.failing.remove(&labels);
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared_runtime::metrics::Exposed;

    #[test]
    fn a_sink_that_is_changed_fails_nothing_yet_and_one_that_is_gone_leaves_nothing() {
        let metrics = Metrics::default();
        let exposed = Exposed::new("test", "1", |registry| metrics.register(registry));
        let shown = || -> Vec<String> {
            let text = exposed.scrape("").text;
            text.lines().filter(|line| line.contains("sink=\"oncall\"")).map(str::to_owned).collect()
        };
        let fails = || {
            metrics.failing.get_or_create(&Labels::of("oncall")).set(1);
            metrics.given_up.get_or_create(&Labels::of("oncall")).inc();
        };
        metrics.begin("oncall");
        fails();
        assert!(
            shown().contains(&"flotilla_notify_sink_failing{sink=\"oncall\"} 1".to_owned()),
            "{:?}",
            shown()
        );
        metrics.begin("oncall");
        assert!(
            shown().contains(&"flotilla_notify_sink_failing{sink=\"oncall\"} 0".to_owned()),
            "{:?}",
            shown()
        );
        assert!(shown().contains(&"flotilla_notify_messages_given_up_total{sink=\"oncall\"} 1".to_owned()));
        fails();
        metrics.end("oncall");
        assert_eq!(shown(), Vec::<String>::new());
    }
}
