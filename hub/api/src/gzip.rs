//! Answers made smaller for clients that take them so, as kube-apiserver does: large ones only, at the fastest level.

use crate::answer::{Answer, Broken, chunks};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use std::{io::Write as _, pin::Pin};

/// From how many bytes on it is worth it (kube-apiserver's `defaultGzipThresholdBytes`).
pub(crate) const WORTH: usize = 128 << 10;
/// How much is compressed before others get their turn.
const SLICE: usize = 64 << 10;

/// Whether the client takes it.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        coding.eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Says in the headers what was done.
pub(crate) fn mark(answer: &mut Answer) {
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.remove(header::CONTENT_LENGTH);
}

/// A whole answer, smaller if it is worth it.
pub(crate) async fn whole(answer: Answer) -> Answer {
    let size = answer.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if size.is_none_or(|size| size < WORTH) || answer.headers().contains_key(header::CONTENT_ENCODING) {
        return answer;
    }
    let (head, body) = answer.into_parts();
    // Whole bodies do not break off.
    let bytes = body.collect().await.map_or_else(|Broken| Bytes::new(), |whole| whole.to_bytes());
    let slices = (0..bytes.len().div_ceil(SLICE))
        .map(move |at| Ok(bytes.slice(at * SLICE..((at + 1) * SLICE).min(bytes.len()))));
    let mut answer = chunks("", compressed(stream::iter(slices)));
    *answer.headers_mut() = head.headers;
    *answer.status_mut() = head.status;
    mark(&mut answer);
    answer
}

/// What comes in, compressed, in chunks of some size.
pub(crate) fn compressed(
    chunks: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + 'static {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let state = Some((Box::pin(chunks), encoder));
    stream::unfold(state, |state| async move {
        let (mut chunks, mut encoder) = state?;
        match next(&mut chunks, &mut encoder).await {
            Err(Broken) => Some((Err(Broken), None)),
            Ok(Some(bytes)) => Some((Ok(bytes), Some((chunks, encoder)))),
            Ok(None) => {
                let rest = encoder.finish().map_err(|_| Broken);
                Some((rest.map(Bytes::from), None))
            }
        }
    })
}

/// The next chunk; `None` when the encoder has all there is.
async fn next<S>(chunks: &mut Pin<Box<S>>, encoder: &mut GzEncoder<Vec<u8>>) -> Result<Option<Bytes>, Broken>
where
    S: Stream<Item = Result<Bytes, Broken>>,
{
    while let Some(chunk) = chunks.next().await {
        encoder.write_all(&chunk?).map_err(|_| Broken)?;
        if encoder.get_ref().len() >= SLICE / 2 {
            return Ok(Some(Bytes::from(std::mem::take(encoder.get_mut()))));
        }
        tokio::task::yield_now().await;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn who_takes_it() {
        let check = |value: &'static str, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepted(&headers), expect, "{value}");
        };
        check("gzip", true);
        check("deflate, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("identity", false);
    }

    #[tokio::test]
    async fn what_comes_out_is_what_went_in() {
        // What has little in common with itself.
        let part = |n: u64| {
            (0..999)
                .map(|k| format!("{:x}", (n * 999 + k) * 0x9E37_79B9_7F4A % 0xFFFF_FFFB))
                .collect::<String>()
        };
        let parts: Vec<Bytes> = (0..100).map(|n| Bytes::from(part(n))).collect();
        let out: Vec<_> = compressed(stream::iter(parts.clone().into_iter().map(Ok))).collect().await;
        assert!(out.len() > 1, "it comes in chunks");
        let packed: Vec<u8> = out.into_iter().flat_map(|chunk| chunk.unwrap()).collect();
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, parts.concat());
        let broken: Vec<_> = compressed(stream::iter([Ok(Bytes::from("a")), Err(Broken)])).collect().await;
        assert!(broken.last().unwrap().is_err(), "half of it never looks whole");
    }
}
