//! Manifests: text to values, values to checked Kubernetes objects, objects in order, in bundles, with their marks.
//!
//! | module | answers |
//! |---|---|
//! | [`yaml`] | what a text says, and how a value is written |
//! | [`object`] | whether a value is a Kubernetes object, and which |
//! | [`order`] | when an object is applied: phase, wave, kind rank; hooks |
//! | [`bundle`] | what one application is at one commit, as canonical bytes with a digest |
//! | [`tracking`] | whose an object is, read off and written onto it |
//! | [`secret`] | what of an object may be shown |
//!
//! Refuses to know: clusters, Git, which kinds a cluster serves or whether they live in a namespace.

pub mod bundle;
pub mod object;
pub mod order;
mod problem;
pub mod secret;
pub mod tracking;
pub mod yaml;

pub use bundle::Bundle;
pub use object::{Manifest, ObjectId};
pub use problem::Problem;
