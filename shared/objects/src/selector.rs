//! Which objects a selector picks: label selectors as text and as objects, and field selectors.

mod field;
mod label;

pub use field::FieldSelector;
pub use label::{InvalidSelector, check_labels, parse_labels};

#[cfg(test)]
mod tests;
