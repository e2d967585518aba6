//! Files of one source become a bundle.
//!
//! Decides which files of a folder are manifests ([`select`]), what they say ([`plain`]), and whether
//! that is known already ([`Cache`]). Reading Git is the caller's: files come in as paths and bytes, so
//! rendering is a function of what was read. Plain directories of YAML and JSON are rendered; a source
//! of another type ([`detect`]) gets a problem that says what to do.
//!
//! Type detection and file rules are Argo CD's (`reposerver/repository`, `util/app/discovery`).

mod cache;
pub mod confine;
mod detect;
mod environment;
mod glob;
pub mod helm;
mod job;
pub mod kustomize;
pub mod output;
mod plain;
mod request;
pub mod sealed;
pub mod tools;
pub mod tree;
mod view;

pub use cache::{Cache, Inputs, Known};
pub use confine::Confine;
pub use detect::{SourceType, detect};
pub use environment::Environment;
pub use job::{Job, Kind, Tool, Work};
pub use plain::{LARGEST_FILE, LARGEST_SOURCE, Rendered, plain, select};
pub use request::{App, Capabilities, Chart, Failure, Fetch, Request, Settings, Unfetched};
pub use tools::Tools;
pub use tree::{Entry, Tree};
pub use view::View;

#[cfg(test)]
mod tests;
