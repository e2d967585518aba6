//! One request to a collector. gRPC is HTTP/2 with a frame around the message and a status behind it: both ways go
//! through one client.

use super::settings::{Protocol, Settings, shown};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use std::{fmt, io::Write as _, time::Duration};

/// The longest answer that is read.
const ANSWER: usize = 64 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The way to a collector.
pub(super) struct Client {
    inner: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Settings,
}

/// Why spans were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// It may be better later.
    #[error("{0}")]
    Later(String),
    /// The same spans are not taken later either.
    #[error("{0}")]
    Refused(String),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(settings: Settings) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        http.set_nodelay(true);
        let schemes = HttpsConnectorBuilder::new().with_tls_config((*settings.tls).clone()).https_or_http();
        let is_grpc = settings.protocol == Protocol::Grpc;
        let connector = if is_grpc {
            schemes.enable_http2().wrap_connector(http)
        } else {
            schemes.enable_all_versions().wrap_connector(http)
        };
        let inner = HyperClient::builder(TokioExecutor::new()).http2_only(is_grpc).build(connector);
        Self { inner, settings }
    }

    /// Sends; answers how many spans the collector did not want, and why.
    pub(super) async fn send(&self, request: &ExportTraceServiceRequest) -> Result<(u64, String), Failure> {
        let answer = tokio::time::timeout(self.settings.timeout, self.ask(request)).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(Failure::Later(format!("no answer within {:?}", self.settings.timeout)))
        })?;
        let partial = answer.partial_success.unwrap_or_default();
        Ok((u64::try_from(partial.rejected_spans).unwrap_or_default(), partial.error_message))
    }

    async fn ask(&self, request: &ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Failure> {
        let asked = self.request(request).map_err(|problem| Failure::Refused(problem.to_string()))?;
        let answer = self.inner.request(asked).await.map_err(|error| Failure::Later(self.causes(&error)))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await;
        let body = body.map_err(|error| Failure::Later(format!("its answer broke off: {error}")))?;
        match self.settings.protocol {
            Protocol::Http => http_answer(parts.status, &body.to_bytes()),
            Protocol::Grpc => {
                let trailers = body.trailers().cloned().unwrap_or_default();
                grpc_answer(parts.status, &parts.headers, &trailers, &body.to_bytes())
            }
        }
    }

    fn request(&self, request: &ExportTraceServiceRequest) -> Result<Request<Full<Bytes>>, http::Error> {
        let Settings { endpoint, protocol, headers, gzip, .. } = &self.settings;
        let message = request.encode_to_vec();
        let message = if *gzip { zipped(&message) } else { message };
        let body = match protocol {
            Protocol::Http => Bytes::from(message),
            Protocol::Grpc => framed(&message, *gzip),
        };
        let mut asked = Request::post(endpoint.clone()).body(Full::new(body))?;
        let own = asked.headers_mut();
        own.extend(headers.clone());
        let agent = concat!("flotilla/", env!("CARGO_PKG_VERSION"));
        own.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let content = match protocol {
            Protocol::Http => "application/x-protobuf",
            Protocol::Grpc => "application/grpc",
        };
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        match protocol {
            Protocol::Grpc => {
                own.insert(header::TE, HeaderValue::from_static("trailers"));
                if *gzip {
                    own.insert("grpc-encoding", HeaderValue::from_static("gzip"));
                }
            }
            Protocol::Http if *gzip => {
                own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            Protocol::Http => {}
        }
        Ok(asked)
    }

    fn causes(&self, error: &dyn std::error::Error) -> String {
        let mut text = format!("{} cannot be reached: {error}", shown(&self.settings.endpoint));
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}

fn zipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(message).and_then(|()| encoder.finish()).expect("memory takes everything")
}

/// A length-prefixed message (gRPC over HTTP/2, "Requests").
fn framed(message: &[u8], compressed: bool) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(u8::from(compressed));
    frame.put_u32(u32::try_from(message.len()).expect("a batch of spans is no 4 GiB"));
    frame.put_slice(message);
    frame.freeze()
}

/// Which answers are to be tried again is OTLP's to say ("OTLP/HTTP Response").
fn http_answer(status: http::StatusCode, body: &[u8]) -> Result<ExportTraceServiceResponse, Failure> {
    if status.is_success() {
        // Some collectors answer with an empty body, or with JSON.
        return Ok(ExportTraceServiceResponse::decode(body).unwrap_or_default());
    }
    let text = format!("the collector answered {status}");
    Err(match status.as_u16() {
        429 | 502 | 503 | 504 => Failure::Later(text),
        _ => Failure::Refused(text),
    })
}

/// Whether the details of a status (a `google.rpc.Status`, in base64) have a `google.rpc.RetryInfo`.
fn says_when(details: &str) -> bool {
    // Padded or not: both are sent.
    let status = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).unwrap_or_default();
    let name = b"google.rpc.RetryInfo";
    status.windows(name.len()).any(|part| part == name)
}

/// As OTLP/gRPC says ("Failures"): these codes are to be tried again.
fn grpc_answer(
    status: http::StatusCode,
    headers: &HeaderMap,
    trailers: &HeaderMap,
    body: &[u8],
) -> Result<ExportTraceServiceResponse, Failure> {
    let field = |name: &str| {
        let value = trailers.get(name).or_else(|| headers.get(name))?;
        value.to_str().ok().map(str::to_owned)
    };
    match field("grpc-status").as_deref() {
        // An answer of five bytes or fewer says nothing beyond that.
        Some("0") => {
            Ok(ExportTraceServiceResponse::decode(body.get(5..).unwrap_or_default()).unwrap_or_default())
        }
        Some(code) => {
            let text = format!("the collector answered with gRPC status {code}");
            // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss. Resource exhausted, which is
            // also what too large a message gets, only from a collector that says when.
            let later = ["1", "4", "10", "11", "14", "15"].contains(&code)
                || (code == "8"
                    && field("grpc-status-details-bin").is_some_and(|details| says_when(&details)));
            Err(if later { Failure::Later(text) } else { Failure::Refused(text) })
        }
        // No gRPC server: a proxy's word.
        None if status.is_success() => {
            Err(Failure::Refused("what answers there is no collector for gRPC".to_owned()))
        }
        None => http_answer(status, &[]),
    }
}
