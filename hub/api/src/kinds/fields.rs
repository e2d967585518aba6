//! What `fieldValidation` does about fields that a kind does not have, and what cannot be read whatever it says.

use serde_json::Value;
use shared_kinds::{Unknown, unknown, unreadable};
use shared_model::Kind;
use shared_objects::Status;

/// What the query parameter `fieldValidation` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// Refuse unknown fields.
    Strict,
    /// Keep them and tell.
    Warn,
    /// Keep them.
    Ignore,
}

impl Validation {
    /// Reads the parameter; absent means `Warn`, as in Kubernetes.
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "Strict" => Ok(Self::Strict),
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            other => Err(Status::bad_request(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Strict\", \"Warn\", \"Ignore\""
            ))),
        }
    }
}

/// The warnings about fields that the kind does not have.
///
/// # Errors
/// 400 when the object cannot be read, and under [`Validation::Strict`] one that names them all.
pub(crate) fn check(kind: Kind, object: &Value, validation: Validation) -> Result<Vec<String>, Status> {
    checked(kind, object, validation, |_| true)
}

/// As [`check`], of what a patch made of `base`: what was there before is not told again.
pub(crate) fn check_patched(
    kind: Kind,
    base: &Value,
    patched: &Value,
    validation: Validation,
) -> Result<Vec<String>, Status> {
    let before = unknown(kind, base);
    checked(kind, patched, validation, |unknown| !before.contains(unknown))
}

fn checked(
    kind: Kind,
    object: &Value,
    validation: Validation,
    is_news: impl Fn(&Unknown) -> bool,
) -> Result<Vec<String>, Status> {
    if let Some(why) = unreadable(kind, object) {
        return Err(Status::bad_request(why));
    }
    if validation == Validation::Ignore {
        return Ok(Vec::new());
    }
    let found = unknown(kind, object).into_iter().filter(is_news);
    let warnings: Vec<String> = found.map(|unknown| unknown.warning()).collect();
    if validation == Validation::Strict && !warnings.is_empty() {
        return Err(shared_kinds::refusal(kind, &warnings));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
