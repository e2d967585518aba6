//! Commands that talk to a hub, through the same API as kubectl.

pub(crate) mod app;
pub(crate) mod appset;
pub(crate) mod authority;
mod client;
pub(crate) mod cluster;
pub(crate) mod completion;
mod confirm;
pub(crate) mod freeze;
mod kubeconfig;
mod listing;
pub(crate) mod login;
pub(crate) mod notify;
pub(crate) mod output;
mod printing;
pub(crate) mod restore;
pub(crate) mod rollout;
mod simulate;
pub(crate) mod timeline;
