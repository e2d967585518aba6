//! What the API server's answers mean.

use shared_sops::Secrets;
use shared_sync::Failure;
use std::{error::Error as _, time::Duration};

/// The meaning of an error.
pub(super) fn meaning(error: &kube::Error) -> Failure {
    if let kube::Error::Api(status) = error {
        return of_body(status, None);
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    Failure::Unreachable(text)
}

/// The meaning of an answer that is an error. Kubernetes' priority and fairness, and an API server that is about to
/// end, say in a header alone when to come back, and with plain words (apiserver, `priority-and-fairness.go`).
pub(super) fn of_answer(code: http::StatusCode, headers: &http::HeaderMap, body: &[u8]) -> Failure {
    let after = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let after = after.map(Duration::from_secs);
    let text = String::from_utf8_lossy(body);
    let status = serde_json::from_slice(body).unwrap_or_else(|_| {
        let words: String = text.trim().chars().take(MOST_WORDS).collect();
        kube::core::Status::failure(&words, "")
    });
    of_body(&status.with_code(code.as_u16()), after)
}

/// The failure without values that an API server, or a webhook behind it, may have quoted of what was sent.
pub(super) fn untold(failure: Failure, secrets: &Secrets) -> Failure {
    let scrub = |text: String| secrets.scrub(&text);
    match failure {
        Failure::NotFound(text) => Failure::NotFound(scrub(text)),
        Failure::Conflict(text) => Failure::Conflict(scrub(text)),
        Failure::Forbidden(text) => Failure::Forbidden(scrub(text)),
        Failure::Invalid(text) => Failure::Invalid(scrub(text)),
        Failure::KindUnknown(text) => Failure::KindUnknown(scrub(text)),
        Failure::Leaving(text) => Failure::Leaving(scrub(text)),
        Failure::Unreachable(text) => Failure::Unreachable(scrub(text)),
        Failure::Throttled { after, message } => Failure::Throttled { after, message: scrub(message) },
        Failure::Other(text) => Failure::Other(scrub(text)),
    }
}

/// Longest text of a server that does not speak Kubernetes, in characters.
const MOST_WORDS: usize = 500;

fn of_body(status: &kube::core::Status, after: Option<Duration>) -> Failure {
    let details = status.details.as_ref();
    let causes = details.map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") {
        return Failure::Leaving(status.message.clone());
    }
    of_status(status.code, &status.message, || {
        let seconds = details.map_or(0, |details| details.retry_after_seconds);
        after.or_else(|| (seconds > 0).then(|| Duration::from_secs(seconds.into())))
    })
}

fn of_status(code: u16, message: &str, after: impl FnOnce() -> Option<Duration>) -> Failure {
    let message = message.to_owned();
    match code {
        400 | 413 | 415 | 422 => Failure::Invalid(message),
        401 | 403 => Failure::Forbidden(message),
        404 => Failure::NotFound(message),
        // A new object while its kind's definition is being deleted (apiextensions-apiserver, `customresource_handler.go`).
        405 if message.contains("definition is terminating") => Failure::Leaving(message),
        409 => Failure::Conflict(message),
        429 => Failure::Throttled { after: after(), message },
        503 => match after() {
            after @ Some(_) => Failure::Throttled { after, message },
            None => Failure::Unreachable(message),
        },
        // A server-side apply whose object does not fit the kind's schema: the API server puts no other code on it
        // (apimachinery, `managedfields/internal/structuredmerge.go`).
        500 if message.starts_with("failed to create typed patch object") => Failure::Invalid(message),
        500..=599 => Failure::Unreachable(message),
        _ => Failure::Other(format!("{code}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, headers: &[(http::HeaderName, &str)], body: &str, expect: &str) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect::<http::HeaderMap>();
        let code = http::StatusCode::from_u16(code).unwrap();
        assert_eq!(format!("{:?}", of_answer(code, &headers, body.as_bytes())), expect);
    }

    #[test]
    fn an_answer_says_when_to_come_back() {
        let after = |seconds| [(http::header::RETRY_AFTER, seconds)];
        let words = "Too many requests, please try again later.\n";
        let told = "message: \"Too many requests, please try again later.\"";
        answer(429, &after("3"), words, &format!("Throttled {{ after: Some(3s), {told} }}"));
        answer(429, &[], words, &format!("Throttled {{ after: None, {told} }}"));
        answer(503, &after("1"), "ending", "Throttled { after: Some(1s), message: \"ending\" }");
        answer(503, &after("soon"), "gone", "Unreachable(\"gone\")");
        answer(502, &[], "no healthy upstream", "Unreachable(\"no healthy upstream\")");
        let status = r#"{"kind":"Status","code":429,"message":"slow","details":{"retryAfterSeconds":9}}"#;
        answer(429, &[], status, "Throttled { after: Some(9s), message: \"slow\" }");
    }

    #[test]
    fn what_is_on_its_way_out_takes_nothing_new() {
        let status = r#"{"kind":"Status","code":403,"message":"it is being terminated","reason":"Forbidden",
            "details":{"causes":[{"reason":"NamespaceTerminating","message":"x","field":"metadata.namespace"}]}}"#;
        answer(403, &[], status, "Leaving(\"it is being terminated\")");
        let status = r#"{"kind":"Status","code":405,"message":"create not allowed while custom resource definition is terminating"}"#;
        answer(
            405,
            &[],
            status,
            "Leaving(\"create not allowed while custom resource definition is terminating\")",
        );
    }

    fn check(code: u16, expect: &str) {
        let failure = of_status(code, "words", || Some(Duration::from_secs(7)));
        assert_eq!(format!("{failure:?}"), expect, "{code}");
    }

    #[test]
    fn answers_are_told_by_their_meaning() {
        check(400, "Invalid(\"words\")");
        check(401, "Forbidden(\"words\")");
        check(403, "Forbidden(\"words\")");
        check(404, "NotFound(\"words\")");
        check(409, "Conflict(\"words\")");
        check(413, "Invalid(\"words\")");
        check(422, "Invalid(\"words\")");
        check(429, "Throttled { after: Some(7s), message: \"words\" }");
        check(500, "Unreachable(\"words\")");
        let untyped =
            "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replicas";
        assert!(matches!(of_status(500, untyped, || None), Failure::Invalid(text) if text == untyped));
        check(504, "Unreachable(\"words\")");
        check(418, "Other(\"418: words\")");
    }
}
