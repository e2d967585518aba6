//! Our spans as OTLP has them.

use super::Resource;
use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource as WireResource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as WireSpan, Status, span, status},
};
use shared_trace::{Kind, Span, Value};
use std::sync::Arc;

/// The name of what made the spans.
const SCOPE: &str = "flotilla";
/// W3C: it is sampled, or it would not be sent.
const SAMPLED: u32 = 1;

/// One request, its spans below whose they are.
pub(super) fn request(batch: &[(Arc<Resource>, Span)]) -> ExportTraceServiceRequest {
    let mut request = ExportTraceServiceRequest::default();
    let mut last: Option<&Arc<Resource>> = None;
    for (resource, span) in batch {
        if last.is_none_or(|last| !Arc::ptr_eq(last, resource) && last != resource) {
            request.resource_spans.push(empty(resource));
        }
        last = Some(resource);
        let spans = request.resource_spans.last_mut().and_then(|of| of.scope_spans.last_mut());
        if let Some(scope) = spans {
            scope.spans.push(wire(span));
        }
    }
    request
}

fn empty(resource: &Resource) -> ResourceSpans {
    let attributes = resource.0.iter().map(|(key, value)| text(key, value)).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let scope = InstrumentationScope { name: SCOPE.to_owned(), version, ..InstrumentationScope::default() };
    ResourceSpans {
        resource: Some(WireResource { attributes, ..WireResource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn wire(span: &Span) -> WireSpan {
    let status = span
        .failed
        .as_ref()
        .map(|why| Status { message: why.clone(), code: status::StatusCode::Error.into() });
    let kind = match span.kind {
        Kind::Internal => span::SpanKind::Internal,
        Kind::Client => span::SpanKind::Client,
    };
    WireSpan {
        trace_id: span.trace.bytes().to_vec(),
        span_id: span.id.bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.clone(),
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(span.start),
        end_time_unix_nano: nanoseconds(span.end),
        attributes: attributes(&span.attributes),
        events: span
            .events
            .iter()
            .map(|event| span::Event {
                time_unix_nano: nanoseconds(event.at),
                name: event.name.clone(),
                attributes: attributes(&event.attributes),
                ..span::Event::default()
            })
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| span::Link {
                trace_id: link.trace.bytes().to_vec(),
                span_id: link.span.bytes().to_vec(),
                ..span::Link::default()
            })
            .collect(),
        status,
        ..WireSpan::default()
    }
}

fn attributes(of: &[(&'static str, Value)]) -> Vec<KeyValue> {
    let attribute = |(key, value): &(&'static str, Value)| match value {
        Value::Text(value) => text(key, value),
        Value::Number(number) => pair(key, any_value::Value::IntValue(*number)),
        Value::Truth(truth) => pair(key, any_value::Value::BoolValue(*truth)),
    };
    of.iter().map(attribute).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.to_owned()))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}
