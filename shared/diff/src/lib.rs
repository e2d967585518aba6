//! Drift: whether a live object has what the release says.
//!
//! Decides by comparing *owned* fields: every field that the release sets must be in the live object with an
//! equal value; what defaulting, controllers and other managers added does not count. Values are equal
//! after the normalisation that the API server does itself: quantities, `stringData`, dropped zero values, lists
//! that Kubernetes merges by key.
//!
//! Invariants: an object equals itself; a Secret's values are in no line; comparing reads
//! nothing but its arguments, and no input can make it panic.
//!
//! What it refuses to know: `status`, server-side metadata, schemas of custom resources. Lists of custom
//! resources compare as a whole, position by position, as a list without a declared key is one value to the API server.

mod apply;
mod change;
mod compare;
mod ignore;
mod line;
mod normal;
mod schema;

pub use apply::applied;
pub use change::{Change, Changes};
pub use ignore::{Rules, unsupported};
pub use line::{Drift, DriftLine};

use serde_json::Value;
use shared_model::Digest;

/// Every difference between what the release says of an object and the live object; empty when there is none.
pub fn diff(desired: &Value, live: Option<&Value>, rules: &Rules) -> Vec<DriftLine> {
    let Some(live) = live else { return vec![DriftLine::missing(desired)] };
    let mut lines = Vec::new();
    rules.filtered(desired, live, |desired, live, owned| {
        compare::visit(desired, live, owned, &mut |leaf| {
            if !leaf.equal {
                lines.push(DriftLine::field(desired, &leaf));
            }
        });
    });
    lines
}

/// The hash of the owned projection of `live`, as seen from `desired`: of every value that it has where
/// `desired` sets another one.
///
/// For one `desired`, two live objects with the same hash differ at most in fields that the release does not
/// set, or in spelling; without drift the hash is that of nothing. An agent keeps this instead of the
/// object (design §7): a difference that our own write left behind (an admission webhook, a normalisation
/// unknown to this package) is recognised by it.
pub fn owned_hash(desired: &Value, live: &Value, rules: &Rules) -> Digest {
    let mut text = Vec::new();
    rules.filtered(desired, live, |desired, live, owned| {
        compare::visit(desired, live, owned, &mut |leaf| {
            if !leaf.equal {
                text.extend_from_slice(leaf.path.to_string().as_bytes());
                text.push(b'=');
                text.extend_from_slice(leaf.live.map_or_else(String::new, Value::to_string).as_bytes());
                text.push(b'\n');
            }
        });
    });
    Digest::of(&text)
}

#[cfg(test)]
mod tests;
