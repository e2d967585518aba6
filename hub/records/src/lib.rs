//! What the hub keeps: where each record lives in the store, and how objects change.
//!
//! The store knows keys and bytes; this package knows that an Application is at
//! `obj/applications.argoproj.io/argocd/web` and its status beside it. The API (for people), the
//! control loops and the gateway all change objects through [`Records`], so `uid`, `generation`,
//! `creationTimestamp` and finalizers follow one set of rules: those of `shared_objects::meta`.
//!
//! Invariants: an object is stored without `status` and without `resourceVersion`; the revision of
//! its key is its version. Statuses are written only when they change.
//!
//! What it refuses to know: HTTP, what a spec means, who may change what.

mod adoption;
mod bundles;
mod events;
pub mod history;
mod identity;
pub mod keys;
mod notice;
mod objects;
mod recent;
mod records;
mod rules;

pub use adoption::{Adoption, AdoptionState, Restored, Truth};
pub use bundles::{BundleError, Bundles};
pub use events::{EVENTS, Event, Events};
pub use identity::{Identity, Revoked};
pub use notice::{About, Notice};
pub use objects::{Stored, is_deleted};
pub use recent::Recent;
pub use records::{Deleted, Error, Records};
pub use rules::{resource, rules};

#[cfg(test)]
mod tests;
