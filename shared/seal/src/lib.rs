//! How what the hub keeps is sealed: nobody who has the data folder alone, a disk or a backup, reads a Secret in it.
//!
//! It decides how a value looks when it is sealed, which key seals and which open, and what of a key may be written down.
//! Plain functions over bytes: keys and nonces are random bytes that the caller passes in.
//!
//! Two layers, as in Kubernetes' encryption at rest (KMS envelopes):
//! - a *data key* ([`Ring`]) seals values. It is random, made once for a data folder, and kept there *wrapped*;
//! - the *key file* ([`KeyFile`]) wraps data keys. It is kept outside the folder. It may hold several keys: the first wraps,
//!   each unwraps, so that a key is replaced by putting the new one in front of it.
//!
//! # A sealed value
//! | bytes | what |
//! |---|---|
//! | 1 | the format, 1 |
//! | 8 | which data key: a digest of it |
//! | 24 | the nonce |
//! | as many as the value | the value, encrypted |
//! | 16 | the tag |
//!
//! # Invariants
//! 1. A value opens only at the [`Place`] that it was sealed for: whoever may write to the folder cannot put one Secret
//!    in another's place. (They can put back an older value of the same place.)
//! 2. One changed bit, and it does not open.
//! 3. No key and no value is in a `Debug`, an error or a log; keys are wiped from memory when they are dropped.
//!
//! # Why
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): its nonces of 192 bits may be random for as long as a key lives, where
//! those of AES-GCM run into their limit of 2³² values within weeks of a busy hub, and a counter would count again
//! from an older copy of the data. It is as fast without instructions of the processor for it.
//!
//! It refuses to know where anything is kept: files, the store.

mod key;
mod key_file;
mod ring;
mod text;

pub use key::{KeyId, Nonce, OVERHEAD, Place};
pub use key_file::{KeyFile, KeyFileError};
pub use ring::{Ring, RingError, wrapped_by};

/// Why a value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("it is not a sealed value of a format that this version knows")]
    NotSealed,
    /// The data key is another folder's, or was given up.
    #[error("it is sealed with data key {0}, which is not among those of this data folder")]
    UnknownKey(KeyId),
    /// It was changed, or sealed for another place.
    #[error("it was changed, or belongs to another place")]
    Refused,
}

#[cfg(test)]
mod tests;
