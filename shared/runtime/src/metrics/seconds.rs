//! Durations: how long answers take, and how long work takes.

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, exemplar::HistogramWithExemplars, histogram::Histogram},
};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// From half a millisecond to a minute: a request, a write, a pass of a loop.
const BRIEF: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];
/// From a second to a week: a wave with its soak, a rollout that waits for a person.
const LASTING: [f64; 14] = [
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
    604_800.0,
];

/// How long something took that takes milliseconds, in seconds. Name it `..._seconds`.
#[derive(Debug, Clone)]
pub struct Latency(Histogram);

impl Latency {
    /// It took so long this time.
    pub fn took(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(BRIEF))
    }
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Latency {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// How long something took that takes minutes, in seconds, with the newest trace of each bucket as its exemplar.
/// Name it `..._seconds`.
#[derive(Debug, Clone)]
pub struct Lapse(HistogramWithExemplars<[(&'static str, String); 1]>);

impl Lapse {
    /// It took so long, up to `at`; `trace` is the id of the trace that shows it, in hex.
    pub fn took(&self, time: Duration, trace: Option<&str>, at: Timestamp) {
        let exemplar = trace.map(|trace| [("trace_id", trace.to_owned())]);
        let at = exemplar.as_ref().map(|_| SystemTime::from(at));
        self.0.observe(time.as_secs_f64(), exemplar, at);
    }
}

impl Default for Lapse {
    fn default() -> Self {
        Self(HistogramWithExemplars::new(LASTING.into_iter()))
    }
}

impl TypedMetric for Lapse {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Lapse {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// A moment as Prometheus counts time: seconds since 1970. Name it `..._timestamp_seconds`.
pub fn since_epoch(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
