//! Answers over HTTP.

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::Value;
use shared_objects::Status;
use std::convert::Infallible;

/// What goes over the wire.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A whole body of a media type.
pub(crate) fn bytes(code: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed_unsync());
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// A JSON document.
pub(crate) fn json(code: StatusCode, document: &Value) -> Answer {
    bytes(code, "application/json", Bytes::from(document.to_string()))
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

/// Lines of JSON, as they come.
pub(crate) fn lines(stream: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    let frames = stream.map(|line| Ok::<_, Infallible>(Frame::data(line)));
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
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
