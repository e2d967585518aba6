//! Git and charts for the hub: which commit or archive a revision is, and what is in it.
//!
//! [`Repositories`] resolves references (by asking the server for those names only, nothing is
//! fetched), fetches single commits into bare mirrors, and reads their trees by object id. There is no
//! work tree, so any number of readers share one mirror, at different commits too. [`poll::Schedule`]
//! decides, without doing any of it, which reference is to be asked for when.
//!
//! What is not in Git has a handle of its own, [`Charts`]: charts of Helm repositories and OCI registries, and files on the
//! web, pinned by the digest of their bytes and polled by the same schedule.
//!
//! # Invariants
//! - This package is the only home of `gix`.
//! - Nothing of Git runs on an async worker: network and disk work happens on tokio's blocking threads,
//!   bounded per host and in all, and separately for what only reads mirrors. A server that hangs keeps
//!   no other host waiting and no reader at all.
//! - Every operation ends by its deadline ([`Config::timeout`]).
//! - A crash at any moment leaves a mirror that works or is made anew ([`Repositories::fetch`]).
//! - Secrets are in no error, log line or `Debug` output, and in no file but the one that `ssh` reads a key from while it runs.
//!
//! # Why
//! - *A commit, not a branch, is fetched*: a commit named by id is asked for by that id, depth 1, in one
//!   exchange. Two revisions that are the same commit cost one fetch, and a branch that moves between
//!   resolve and fetch changes nothing.
//! - *Generations*: gix cannot repack, so a mirror with [`PACKS_PER_GENERATION`] packs is made anew in a
//!   new folder and the one before is kept for readers of older commits.
//!
//! # Measured
//! A commit of 100,000 files in 1,000 folders and 1,024 files of 1 MiB that do not get smaller, over HTTP on
//! one machine, fetched, listed, and 100 files of it read (`tests/memory.rs`, which limits the heap hard):
//!
//! | the server | heap and stacks | peak resident | on disk |
//! |---|---|---|---|
//! | leaves files out (`filter`) | 31 MB | 36 MB | 3 MiB |
//! | sends everything | 30 MB | 1,087 MB: the pack, mapped from its file | 1,032 MiB |
//!
//! It refuses to know what a manifest or an Application is, and who may read which repository: a commit
//! that one caller has fetched can be read by every caller that names its repository.

mod address;
mod cache;
mod config;
mod credentials;
mod error;
mod hosts;
mod metrics;
mod mirror;
mod modules;
mod pools;
mod refs;
mod remote;
mod repositories;
mod tree;

pub mod charts;
pub mod poll;
pub mod webhook;

pub use charts::Charts;
pub use config::{Config, ReadLimit};
pub use credentials::Credentials;
pub use error::Error;
pub use hosts::Standing;
pub use metrics::Metrics;
pub use mirror::PACKS_PER_GENERATION;
pub use repositories::{Described, Repositories};
pub use shared_model::{CommitId, RepoUrl};
pub use tree::{Entry, Mode, ObjectId, Tree, TreeId};
