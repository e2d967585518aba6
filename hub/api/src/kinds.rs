//! What is refused of each kind, and how: what it is, `shared_kinds` says.

mod fields;
mod schema;
mod validate;

use shared_model::Kind;

pub(crate) use fields::{Validation, check as check_fields, check_patched};
pub(crate) use schema::schema;
pub(crate) use shared_kinds::{columns, has_status, resources};
pub(crate) use validate::validate;

/// What the hub would say against an object of a kind under `fieldValidation=Strict`, for whoever checks a file
/// without a hub; `None` when it would take it.
pub fn refusal(kind: Kind, object: &serde_json::Value) -> Option<String> {
    let checked = check_fields(kind, object, Validation::Strict).and_then(|_| validate(kind, object));
    checked.err().map(|refusal| refusal.message)
}
