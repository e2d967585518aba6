//! `Status` objects: how the API words what it refuses (`meta/v1 Status`, k8s.io/apimachinery `api/errors`).
//!
//! A [`Status`] is an error value with its HTTP code, its machine-readable reason, and its causes by field.

mod field;

use std::fmt;

use serde_json::{Value, json};

pub use field::{FieldError, FieldErrorKind};

/// Which kind of object a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The API group, empty for the core group.
    pub group: &'a str,
    /// The kind, as in `Application`.
    pub kind: &'a str,
    /// The name in the URL, as in `applications`.
    pub plural: &'a str,
}

impl Resource<'_> {
    /// As in `applications.argoproj.io`.
    fn qualified(&self) -> String {
        with_group(self.plural, self.group)
    }
}

fn with_group(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// One reason of a refusal, where it concerns a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable, as in `FieldValueInvalid`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The field's path, as in `spec.waves[0].name`; may be empty.
    pub field: String,
}

/// What the refusal is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub name: String,
    pub group: String,
    /// The kind's plural name, or for invalid objects its kind, as Kubernetes has it.
    pub kind: String,
    pub uid: String,
    pub causes: Vec<Cause>,
    /// When to try again.
    pub retry_after_seconds: Option<u32>,
}

/// A refusal, or the success of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The HTTP code.
    pub code: u16,
    /// Machine-readable, as in `NotFound`; empty for a success.
    pub reason: &'static str,
    /// For people; empty for a success.
    pub message: String,
    // Boxed: a `Status` is the error of most functions here.
    pub details: Option<Box<Details>>,
}

impl std::error::Error for Status {}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The usual reason of a [`Status::conflict`].
pub const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, resource: Resource<'_>, name: &str) -> Self {
        let details = self.details.get_or_insert_default();
        details.name = name.to_owned();
        details.group = resource.group.to_owned();
        details.kind = resource.plural.to_owned();
        self
    }

    fn because(mut self, causes: Vec<Cause>) -> Self {
        self.details.get_or_insert_default().causes = causes;
        self
    }

    /// What a deletion that took place answers.
    pub fn deleted(resource: Resource<'_>, name: &str, uid: &str) -> Self {
        let mut status = Self::new(200, "", "").about(resource, name);
        status.details.get_or_insert_default().uid = uid.to_owned();
        status
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401: nobody knows who asks.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: who asks may not do that.
    pub fn forbidden(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let what = resource.qualified();
        let message = match (what.as_str(), name) {
            ("", _) => format!("forbidden: {why}"),
            (what, "") => format!("{what} is forbidden: {why}"),
            (what, name) => format!("{what} \"{name}\" is forbidden: {why}"),
        };
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 404: there is no such object.
    pub fn not_found(resource: Resource<'_>, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .about(resource, name)
    }

    /// 404: there is no such kind or path.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 405: `action` (as in `delete collection`) is not served for this kind.
    pub fn method_not_allowed(resource: Resource<'_>, action: &str) -> Self {
        let message = format!("{action} is not supported on resources of kind \"{}\"", resource.qualified());
        Self::new(405, "MethodNotAllowed", message).about(resource, "")
    }

    /// 406: none of the accepted media types can be served.
    pub fn not_acceptable(served: &[&str]) -> Self {
        let types = served.join(", ");
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {types}"))
    }

    /// 408: the request did not come in time.
    pub fn late(message: impl Into<String>) -> Self {
        Self::new(408, "Timeout", message)
    }

    /// 409: the name is taken.
    pub fn already_exists(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).about(resource, name)
    }

    /// 409: the object is not (or no longer) as the request takes it to be; [`MODIFIED`] is the usual reason.
    pub fn conflict(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: an apply would take fields from other managers.
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        Self::new(409, "Conflict", message).because(causes)
    }

    /// 410: the revision asked for is older than what is kept: list again.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 413: the request or the object is too large.
    pub fn too_large(message: &str) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: {message}"))
    }

    /// 415: the body's media type is not one of these.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let types = accepted.join(", ");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {types}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 422: fields of the object are wrong; `errors` must not be empty.
    pub fn invalid(resource: Resource<'_>, name: &str, errors: &[FieldError]) -> Self {
        let what = with_group(resource.kind, resource.group);
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let said = if let [one] = &said[..] { one.clone() } else { format!("[{}]", said.join(", ")) };
        let mut status = Self::new(422, "Invalid", format!("{what} \"{name}\" is invalid: {said}"))
            .about(resource, name)
            .because(errors.iter().map(FieldError::cause).collect());
        status.details.get_or_insert_default().kind = resource.kind.to_owned();
        status
    }

    /// 422: the request is well formed and cannot be carried out on this object.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    /// 429: too much at once.
    pub fn too_many_requests(message: &str, retry_after_seconds: u32) -> Self {
        Self::new(429, "TooManyRequests", message).retry_after(retry_after_seconds)
    }

    /// 500: our fault.
    pub fn internal(message: &str) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// 422 as answered where Kubernetes says no more than that, with what went wrong as the cause.
    pub fn generic_invalid(why: String) -> Self {
        let message = "the server rejected our request due to an error in our request";
        let cause =
            Cause { reason: "UnexpectedServerResponse".to_owned(), message: why, field: String::new() };
        Self::new(422, "Invalid", message).because(vec![cause])
    }

    /// 500 without a reason: what Kubernetes answers to a failure that it has no name for.
    pub fn unknown_failure(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// 503: not now.
    pub fn unavailable(message: &str, retry_after_seconds: u32) -> Self {
        Self::new(503, "ServiceUnavailable", message).retry_after(retry_after_seconds)
    }

    /// 504: the request waited for a revision that did not come.
    pub fn revision_too_new(asked: u64, newest: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {newest}");
        let cause = Cause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            field: String::new(),
        };
        Self::new(504, "Timeout", message).because(vec![cause]).retry_after(1)
    }

    fn retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = Some(seconds);
        self
    }

    /// The object that goes over the wire.
    pub fn to_value(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}});
        status["status"] = if self.code < 400 { "Success" } else { "Failure" }.into();
        if !self.message.is_empty() {
            status["message"] = self.message.as_str().into();
        }
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_value();
        }
        if self.code >= 400 {
            status["code"] = self.code.into();
        }
        status
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut details = json!({});
        let texts = [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            details[field] = text.as_str().into();
        }
        if !self.causes.is_empty() {
            details["causes"] = self.causes.iter().map(Cause::to_value).collect();
        }
        if let Some(seconds) = self.retry_after_seconds {
            details["retryAfterSeconds"] = seconds.into();
        }
        details
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut cause = json!({"reason": self.reason, "message": self.message});
        if !self.field.is_empty() {
            cause["field"] = self.field.as_str().into();
        }
        cause
    }
}

#[cfg(test)]
mod tests;
