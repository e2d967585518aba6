//! Answers over HTTP.
//!
//! An answer is whole ([`json`], [`bytes`]), or comes in chunks as it is made ([`chunks`], [`lines`]): a list is made of
//! its objects by [`crate::listing`], and is never in memory as a whole.

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Frame};
use serde_json::Value;
use shared_manifest::yaml;
use shared_objects::Status;

/// What goes over the wire.
pub(crate) type Answer = Response<Body>;
/// Its body.
pub(crate) type Body = UnsyncBoxBody<Bytes, Broken>;

/// The rest of an answer cannot be made: the client is told by a stream that is reset, never by half a document that
/// looks whole.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Broken;

/// How objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
}

impl Encoding {
    /// The first of `Accept` that is served; JSON where none is, which others refuse.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in accept.flat_map(|value| value.split(',')) {
            match range.split(';').next().unwrap_or_default().trim() {
                "application/json" | "application/*" | "*/*" => return Self::Json,
                "application/yaml" => return Self::Yaml,
                _ => {}
            }
        }
        Self::Json
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// A whole body of a media type.
pub(crate) fn bytes(code: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// Text for people.
pub(crate) fn text(code: StatusCode, text: String) -> Answer {
    let mut answer = bytes(code, "text/plain; charset=utf-8", Bytes::from(text));
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// A JSON document.
pub(crate) fn json(code: StatusCode, document: &Value) -> Answer {
    bytes(code, Encoding::Json.media_type(), Bytes::from(document.to_string()))
}

/// A JSON document with 200.
pub(crate) fn ok(document: &Value) -> Answer {
    json(StatusCode::OK, document)
}

/// A refusal, or a success that is told by a Status.
pub(crate) fn status(status: &Status) -> Answer {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = json(code, &status.to_value());
    let seconds = status.details.as_ref().and_then(|details| details.retry_after_seconds);
    if let Some(seconds) = seconds {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// A body that comes in chunks.
pub(crate) fn chunks(
    media_type: &'static str,
    stream: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static,
) -> Answer {
    let mut answer =
        Response::new(StreamBody::new(stream.map(|chunk| chunk.map(Frame::data))).boxed_unsync());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// Lines of JSON, as they come.
pub(crate) fn lines(stream: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    chunks(Encoding::Json.media_type(), stream.map(Ok))
}

/// A whole answer in the encoding that was asked for; others stay as they are.
pub(crate) async fn encoded(answer: Answer, encoding: Encoding) -> Answer {
    let is_json = answer.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    if encoding == Encoding::Json || !is_json || answer.body().size_hint().exact().is_none() {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // Whole bodies do not break off.
    let whole = body.collect().await.map_or_else(|Broken| Bytes::new(), |whole| whole.to_bytes());
    let body = match serde_json::from_slice::<Value>(&whole) {
        Ok(document) => {
            let media_type = HeaderValue::from_static(encoding.media_type());
            head.headers.insert(header::CONTENT_TYPE, media_type);
            Bytes::from(yaml::to_string(&document))
        }
        Err(_) => whole,
    };
    Response::from_parts(head, Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// Adds a `Warning` header, which kubectl prints (RFC 7234 §5.5: `299 - "text"`).
pub(crate) fn warn(answer: &mut Answer, text: &str) {
    let clean = |c: &char| !c.is_control();
    let text: String = text.chars().filter(clean).collect();
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
        answer.headers_mut().append(header::WARNING, value);
    }
}
