//! Files of one source become a bundle.
//!
//! [`Renderer`] decides which tool a source is for ([`detect`]), what of its trees that tool is shown and told ([`Job`]),
//! whether the result is known already ([`Cache`]), who renders when, and what came out. Reading Git and fetching charts
//! are the caller's ([`Tree`], [`Fetch`]), and so is keeping bundles ([`Shelf`]): rendering is a function of what was read.
//!
//! Type detection and file rules are Argo CD's (`reposerver/repository`, `util/app/discovery`).

mod budget;
mod cache;
pub mod confine;
mod detect;
mod environment;
mod fair;
mod folder;
mod glob;
pub mod helm;
mod job;
pub mod kustomize;
mod lfs;
pub mod output;
mod overrides;
mod plain;
mod rendered;
mod renderer;
mod request;
pub mod sealed;
pub mod tools;
pub mod tree;
mod view;

pub use cache::Cache;
pub use confine::Confine;
pub use detect::{SourceType, detect, type_of};
pub use environment::Environment;
pub use folder::{Folder, Unreadable};
pub use job::{Inflation, Job, Kind, Tool, Work};
pub use lfs::{is_lfs_pointer, pointed};
pub use overrides::{overridden, tells_applications_apart};
pub use plain::{LARGEST_FILE, LARGEST_SOURCE, plain, select};
pub use rendered::{Kept, NON_DETERMINISTIC, RENDERED, REPEATED, Rendered, Warning};
pub use renderer::{Config, Happened, MOST, Renderer, Shelf, Tell, Tooling, Whose};
pub use request::{App, Capabilities, Chart, Failure, Fetch, Request, Settings, Told, Unfetched};
pub use tools::Tools;
pub use tree::{Entry, Tree};
pub use view::View;

#[cfg(test)]
mod tests;
