//! Bodies of requests: how much is read, and what it says.

mod protobuf;

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, EXPECT},
};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use serde_json::Value;
use shared_objects::Status;
use std::time::Duration;

/// The most bytes of a body, Kubernetes' limit.
pub(crate) const LIMIT: usize = 3 << 20;
/// The most bytes of one object: what every backend of the store can hold.
pub(crate) const OBJECT_LIMIT: usize = hub_store::MAX_VALUE_BYTES;
/// How much of a body that is too large is read and thrown away, so that the client gets to read why.
const DISCARDED: usize = 64 << 20;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much, and for how long, of a body that nobody wants is read before the answer.
const UNWANTED: usize = 4 << 20;
const UNWANTED_FOR: Duration = Duration::from_secs(5);

/// The body of a request, as far as it was not read yet.
///
/// Whatever refuses a request leaves it here, and it is read and thrown away before the answer goes out, up to a
/// bound: many HTTP/2 clients take a stream that is reset while they still write for a broken connection, and show
/// that instead of the Status.
#[derive(Debug)]
pub(crate) struct Unread(Incoming);

impl Unread {
    pub(crate) const fn new(incoming: Incoming) -> Self {
        Self(incoming)
    }

    /// The next part of it.
    pub(crate) async fn frame(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        self.0.frame().await
    }

    /// Reads a body of at most [`LIMIT`] bytes.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Status> {
        let read = tokio::time::timeout(PATIENCE, self.whole()).await;
        read.unwrap_or_else(|_| Err(Status::late("the body of the request did not come in time")))
    }

    async fn whole(&mut self) -> Result<Bytes, Status> {
        let announced = usize::try_from(self.0.size_hint().lower()).unwrap_or(usize::MAX);
        let mut read = Vec::with_capacity(announced.min(LIMIT));
        let mut total = 0;
        while let Some(frame) = self.frame().await {
            let frame =
                frame.map_err(|_| Status::bad_request("the request ended before its body was complete"))?;
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total <= LIMIT {
                read.extend_from_slice(&data);
            } else if total > DISCARDED {
                break;
            } else {
                read = Vec::new();
            }
        }
        if total > LIMIT {
            return Err(Status::too_large(&format!(
                "limit is {LIMIT} bytes for a request and {OBJECT_LIMIT} bytes for one object; put large \
                 content into Git and refer to it"
            )));
        }
        Ok(Bytes::from(read))
    }

    /// Reads and throws away what is left, within bounds. One who waits to be told to send it is not told.
    pub(crate) async fn discard(&mut self, headers: &HeaderMap) {
        if self.0.is_end_stream() || headers.contains_key(EXPECT) {
            return;
        }
        let thrown_away = async {
            let mut total = 0;
            while let Some(Ok(frame)) = self.frame().await {
                total += frame.data_ref().map_or(0, Bytes::len);
                if total > UNWANTED {
                    break;
                }
            }
        };
        let _late = tokio::time::timeout(UNWANTED_FOR, thrown_away).await;
    }
}

/// The media type of a request's body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a body that is an object, JSON or YAML.
pub(crate) fn object(headers: &HeaderMap, body: &[u8]) -> Result<Value, Status> {
    let value = match media_type(headers).as_str() {
        "" | "application/json" | "*/*" => json(body)?,
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(body)?,
        "application/vnd.kubernetes.protobuf" => protobuf::read(body)
            .ok_or_else(|| Status::unsupported_media_type(&["application/json", "application/yaml"]))?,
        _ => return Err(Status::unsupported_media_type(&["application/json", "application/yaml"])),
    };
    if value.is_object() {
        return Ok(value);
    }
    Err(Status::bad_request("the body of the request must be an object with apiVersion, kind and metadata"))
}

/// Reads JSON. The error names line and column, and never repeats the text, which may hold secrets.
pub(crate) fn json(body: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(body).map_err(|error| {
        let why = match error.classify() {
            serde_json::error::Category::Eof => "the text ends too early",
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Data => "it is not valid JSON",
        };
        let (line, column) = (error.line(), error.column());
        Status::bad_request(format!(
            "the body of the request cannot be read: line {line}, column {column}: {why}"
        ))
    })
}

/// Reads YAML (or JSON, which is YAML too).
pub(crate) fn yaml(body: &[u8]) -> Result<Value, Status> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Status::bad_request("the body of the request cannot be read: it is not UTF-8"))?;
    shared_manifest::yaml::parse(text)
        .map_err(|error| Status::bad_request(format!("the body of the request cannot be read: {error}")))
}
