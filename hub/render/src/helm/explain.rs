//! What helm complains of, in words that people can act on, without values.

use shared_manifest::Problem;

/// The problems that helm names on its standard error.
pub fn explain(complaint: &str) -> Vec<Problem> {
    let text = complaint.trim();
    vec![Problem::new("", text.strip_prefix("Error: ").unwrap_or(text).to_owned(), "")]
}
