//! What the API server's answers mean.

use shared_sync::Failure;
use std::{error::Error as _, time::Duration};

/// The meaning of an error.
pub(super) fn meaning(error: &kube::Error) -> Failure {
    if let kube::Error::Api(status) = error {
        return of_status(status.code, &status.message, || {
            let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            (seconds > 0).then(|| Duration::from_secs(seconds.into()))
        });
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

fn of_status(code: u16, message: &str, after: impl FnOnce() -> Option<Duration>) -> Failure {
    let message = message.to_owned();
    match code {
        400 | 413 | 415 | 422 => Failure::Invalid(message),
        401 | 403 => Failure::Forbidden(message),
        404 => Failure::NotFound(message),
        409 => Failure::Conflict(message),
        429 => Failure::Throttled { after: after(), message },
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
