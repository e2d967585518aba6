//! What a person's decision makes of a rollout's head.
//!
//! The API reads the head, asks [`decide`], and writes the answer with a compare on the head's
//! revision: a plan that was made from the head before does not go through any more (design §5).

use crate::record::{Decided, Head};
use shared_model::fleet_rollout::PlanSpec;

/// Why a decision cannot be taken, as a sentence with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// The head after the decision, with the decision in its log. `leads` says whether the rollout is the
/// one that decides for its line now.
///
/// # Errors
/// [`Refused`] when the decision makes no sense in this phase: says why and what to do instead.
pub fn decide(_plan: &PlanSpec, head: &Head, _leads: bool, decided: &Decided) -> Result<Head, Refused> {
    let mut head = head.clone();
    head.decisions.push(decided.clone());
    Ok(head)
}
