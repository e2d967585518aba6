//! Argo CD's ApplicationSet language.
//!
//! Decides which Applications an ApplicationSet stands for, from the set, the clusters and Git's answers; what writing them changes;
//! and what the set's conditions say:
//! ```text
//! generate(set: &Value, inputs: &Inputs) -> Outcome                      // Needs(questions for Git) or Done(Expansion)
//! repositories(set: &Value) -> BTreeSet<Repository>                      // what to subscribe to before the first expansion
//! reconcile(set: &Value, existing: &[Value], expansion: &Expansion) -> Changes   // `existing`: the Applications that the set owns
//! conditions(set: &Value, expansion: &Expansion, held: Option<&Held>, failed: Option<&str>, now: Timestamp) -> Vec<Value>
//! ```

mod input;
mod outcome;

pub use input::{ClusterInput, GitAnswer, GitRequest, Inputs, Repository};
pub use outcome::{Changes, Expansion, Generated, Held, Outcome, Problem, Reason, Rejected, Unsupported};
