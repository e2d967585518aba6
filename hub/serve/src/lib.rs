//! The hub's parts put together in one process: store, authority, gateway, API, control.
//!
//! The `hub` command and the demo start the same hub through [`Hub::start`]. Its data folder:
//!
//! | in the folder | what |
//! |---|---|
//! | `store/` | everything people and the hub wrote (redb) |
//! | `bundles/` | rendered manifests, named by digest |
//! | `mirrors/` | Git; may be deleted at any time |
//! | `ca/` | the authority that agents trust: back it up |
//! | `admin.kubeconfig` | for kubectl and the CLI; holds the admin's token |
//! | `tokens.json` | hashes of tokens, never tokens |

mod access;
mod authority;
mod comparisons;
mod folder;
mod home;
mod hub;
mod metrics;
mod questions;
mod webhooks;

pub use folder::FolderError;
pub use home::Error as HomeError;
pub use hub::{Config, Error, Hub};
pub use hub_control::Retention;

#[cfg(test)]
mod tests;
