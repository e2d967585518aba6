//! Spans of agents that reach no collector themselves, on their way through the hub.
//!
//! What an agent says of itself is believed, but for whose spans they are: the cluster is the one of its certificate.
//! Whatever goes beyond what our agents send is cut, or left out: a batch of 512 spans stays below the 4 MiB that
//! collectors take in one message whatever agents say, so that none can end the tracing of the others.

use super::Traces;
use jiff::Timestamp;
use proto::v1::{self, attribute};
use shared_model::ClusterName;
use shared_runtime::otlp::Resource;
use shared_trace::{Kind, Span, SpanId, TraceId, Value};
use std::sync::Arc;

/// The attributes that spans of agents have; others are left out.
const ATTRIBUTES: [&str; 8] = [
    "flotilla.position",
    "flotilla.bundle",
    "flotilla.bundle.bytes",
    "flotilla.bundle.fetched",
    "flotilla.object",
    "flotilla.objects",
    "flotilla.replaced",
    CLUSTER,
];
const CLUSTER: &str = "k8s.cluster.name";
/// The most attributes of a resource.
const MOST: usize = 32;
/// The most bytes of the attributes of a resource.
const LARGEST: usize = 2048;
/// The longest name of a span or an attribute, in bytes.
const NAME: usize = 256;
/// The longest text of an attribute.
const TEXT: usize = 512;
/// The longest reason of a failure.
const REASON: usize = 1024;

impl Traces {
    /// Whether there is a collector behind this hub.
    pub(crate) const fn takes_spans(&self) -> bool {
        self.tracing.exporter.is_some()
    }

    /// Hands an agent's spans on.
    pub(crate) fn relay(&self, cluster: &ClusterName, told: v1::Spans) {
        let Some(exporter) = &self.tracing.exporter else { return };
        if told.dropped > 0 {
            tracing::warn!(%cluster, dropped = told.dropped, "the agent lost spans while it was away");
            exporter.lose(usize::try_from(told.dropped).unwrap_or(0));
        }
        let resource = resource(cluster, told.resource);
        let all = told.spans.len();
        let spans: Vec<Span> = told.spans.into_iter().filter_map(|span| read(cluster, span)).collect();
        if spans.len() < all {
            tracing::warn!(%cluster, refused = all - spans.len(), "spans of an agent cannot be read");
        }
        exporter.relay(&Arc::new(resource), spans);
    }
}

/// Whose spans they are.
pub(super) fn resource(cluster: &ClusterName, told: Vec<v1::Attribute>) -> Resource {
    let mut resource = Resource::default();
    resource.describe(CLUSTER, cluster.as_str());
    let mut left = LARGEST;
    for attribute in told.into_iter().take(MOST) {
        if let Some(attribute::Value::Text(text)) = attribute.value {
            let (name, text) = (cut(attribute.name, NAME), cut(text, TEXT));
            let Some(rest) = left.checked_sub(name.len() + text.len()) else { break };
            left = rest;
            resource.describe(&name, &text);
        }
    }
    resource
}

pub(super) fn read(cluster: &ClusterName, wire: v1::Span) -> Option<Span> {
    let trace = TraceId::from_bytes(wire.trace_id.as_ref().try_into().ok()?)?;
    let id = SpanId::from_bytes(wire.span_id.as_ref().try_into().ok()?)?;
    let parent = SpanId::from_bytes(wire.parent_span_id.as_ref().try_into().ok()?)?;
    let time = |micros: i64| Timestamp::from_microsecond(micros).ok();
    let times = (time(wire.start_us)?, time(wire.end_us)?);
    let mut span = Span::new((trace, id), Some(parent), cut(wire.name, NAME), times);
    span = span.with(CLUSTER, cluster.as_str());
    for attribute in wire.attributes.into_iter().take(MOST) {
        let known = ATTRIBUTES.iter().find(|name| **name == attribute.name && **name != CLUSTER);
        let (Some(name), Some(value)) = (known, attribute.value) else { continue };
        if span.attributes.iter().any(|(there, _)| there == name) {
            continue;
        }
        let value = match value {
            attribute::Value::Text(text) => Value::Text(cut(text, TEXT)),
            attribute::Value::Number(number) => Value::Number(number),
            attribute::Value::Truth(truth) => Value::Truth(truth),
        };
        span = span.with(name, value);
    }
    span.kind = if wire.client { Kind::Client } else { Kind::Internal };
    span.failed = Some(cut(wire.failed, REASON)).filter(|why| !why.is_empty());
    Some(span)
}

fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
