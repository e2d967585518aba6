//! The hub's parts put together in one process: store, authority, gateway, API, control.
//!
//! The `hub` command and the demo start the same hub through [`Hub::start`]. Its data folder:
//!
//! | in the folder | what | sealed |
//! |---|---|---|
//! | `store/` | everything people and the hub wrote: objects with their Secrets, statuses, releases, history (redb) | every value; keys (kinds, namespaces, names), revisions and lengths can be read |
//! | `bundles/` | rendered manifests, named by the digest of what is in them | yes; who guesses a bundle whole can check it by its name |
//! | `ca/` | the authority that agents trust: back it up | private keys; certificates are public |
//! | `seal.json` | the data keys | wrapped by the key file, which is elsewhere ([`seal`]) |
//! | `admin.kubeconfig` | for kubectl and the CLI; holds the admin's token | no: a person uses it. Moved away, and after a restore without it, the next start makes another token |
//! | `tokens.json` | hashes of tokens, never tokens | no: nothing to hide. Tokens that let agents join are hashes too, in the store |
//! | `mirrors/` | Git; may be deleted at any time | no: what people put into Git as it is can be read here too. Keys for `ssh` are never here |
//! | `charts/` | fetched charts; may be deleted at any time | no: what was fetched |
//! | `renderings` | which inputs, by digest, came to which bundle, with warnings | no: no manifests |
//! | `rendering/` | what one run of helm or kustomize is shown, where it has no root in memory | no: gone when the run ends; its output goes through a pipe |
//!
//! Not in the folder: the key file, certificates' keys of the hub's own ports (in memory), webhooks' and repositories'
//! secrets (Secrets, so in the store).

mod access;
mod authority;
mod comparisons;
mod folder;
mod home;
mod hub;
mod kept;
mod metrics;
mod questions;
mod reseal;
mod seal;
mod webhooks;

pub use folder::FolderError;
pub use home::Error as HomeError;
pub use hub::{Config, Error, Hub};
pub use hub_api::{AuditLog, Rotating};
pub use hub_control::Retention;
pub use reseal::reseal;
pub use seal::Error as SealError;

#[cfg(test)]
mod tests;
