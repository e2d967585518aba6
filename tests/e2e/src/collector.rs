//! A collector of traces in the test's own process: OTLP by gRPC and by HTTP, on one port.

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Response, header},
    routing::post,
};
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use parking_lot::Mutex;
use prost::Message as _;
use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

/// A collector that takes everything; it ends with the test.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    serving: JoinHandle<()>,
}

/// A span as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// What it is below; empty at the top.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Whose it is.
    pub resource: BTreeMap<String, String>,
    /// The traces and spans that it is linked with.
    pub links: Vec<(String, String)>,
    /// Why it failed; empty when it did not.
    pub failed: String,
}

impl Collector {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let (http, grpc) = (Arc::clone(&spans), Arc::clone(&spans));
        let router = Router::new()
            .route(
                "/v1/traces",
                post(async move |body: Bytes| {
                    take(&http, &body);
                    Response::builder()
                        .header(header::CONTENT_TYPE, "application/x-protobuf")
                        .body(Body::empty())
                        .expect("a constant answer")
                }),
            )
            .route(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                post(async move |body: Bytes| {
                    take(&grpc, body.get(5..).unwrap_or_default());
                    answer()
                }),
            );
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("a listener that was bound");
        });
        Ok(Self { address, spans, serving })
    }

    /// Its address, for both protocols.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// gRPC's answer: an empty message, and that all is well.
fn answer() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", header::HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(trailers)];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
    response.body(Body::new(body)).expect("a constant answer")
}

fn take(spans: &Mutex<Vec<Span>>, message: &[u8]) {
    let request = ExportTraceServiceRequest::decode(message).expect("a message of OTLP");
    let mut spans = spans.lock();
    for of in request.resource_spans {
        let resource = of.resource.map(|resource| texts(resource.attributes)).unwrap_or_default();
        for span in of.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let links =
                span.links.iter().map(|link| (hex::encode(&link.trace_id), hex::encode(&link.span_id)));
            let status = span.status.unwrap_or_default();
            spans.push(Span {
                trace: hex::encode(&span.trace_id),
                id: hex::encode(&span.span_id),
                parent: hex::encode(&span.parent_span_id),
                name: span.name,
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                attributes: texts(span.attributes),
                resource: resource.clone(),
                links: links.collect(),
                failed: if status.code == 2 { status.message } else { String::new() },
            });
        }
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |pair: KeyValue| {
        let value = match pair.value.and_then(|value| value.value) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::BoolValue(truth)) => truth.to_string(),
            other => format!("{other:?}"),
        };
        (pair.key, value)
    };
    attributes.into_iter().map(text).collect()
}
