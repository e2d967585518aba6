//! Files that SOPS encrypted, and Kubernetes objects made of them: read, checked and decrypted.
//!
//! | module | answers |
//! |---|---|
//! | [`File`] | what an encrypted file holds, and whether it is as sops wrote it |
//! | [`Originals`] | which encrypted files an object was made of; they travel with it in an annotation |
//! | [`Sealed`] | where an object holds encrypted values; its plain form |
//! | [`Reach`] | where encrypted values may go from where they were encrypted |
//! | [`Cover`] | how a live object is told without plain values |
//! | [`Secrets`] | a text without the values that were decrypted |
//!
//! The hub never decrypts: it sends each object with the files that its encrypted values come from ([`ANNOTATION`]), so that
//! what a chart or an overlay makes around the values does not break their MAC. The agent opens those files with the key
//! that its cluster alone holds, and puts exactly those values into the object.
//!
//! Invariants: nothing of a file is given out before its MAC was checked; no `Debug`, `Display` or error holds a plain value;
//! an object is opened whole or not at all; plain values are cleared from memory when they go, as far as they are ours.
//!
//! Refuses to know: where keys are kept, Git, charts, clusters. The format is that of sops 3 (`sops.go`, `stores/`, `aes/`).
//!
//! # Why
//! rops, the crate for it, does not read what today's sops writes. The crate `age` opens data keys; the rest is small.

mod bound;
mod cipher;
mod cover;
mod error;
mod file;
mod keys;
mod metadata;
mod object;
mod originals;
mod print;
mod scrub;
mod tree;
mod write;

pub use bound::Reach;
pub use cipher::{MARKER, Plain, tokens};
pub use cover::{Cover, Known};
pub use error::{Error, Why};
pub use file::{File, Format, LARGEST, MOST_VALUES, Opened, is_encrypted};
pub use keys::{Identities, NoIdentity};
pub use object::{Sealed, Unsealed};
pub use originals::{ANNOTATION, Originals, holds_encrypted};
pub use print::Key;
pub use scrub::Secrets;

#[cfg(test)]
mod tests;
