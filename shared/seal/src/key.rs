//! One key, and what it seals.

use crate::Error;
use chacha20poly1305::{
    AeadInPlace as _, KeyInit as _, XChaCha20Poly1305,
    aead::{Error as Failed, generic_array::GenericArray},
};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// Random bytes, other ones each time something is sealed.
pub type Nonce = [u8; 24];

const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;
const HEADER: usize = 1 + size_of::<KeyId>() + size_of::<Nonce>();
const TAG: usize = 16;
/// How many bytes a sealed value has more.
pub const OVERHEAD: usize = HEADER + TAG;
/// What a key's digest is made with, so that it is no digest that something else is named by.
const ID_DOMAIN: &[u8] = b"flotilla.dev/seal/key-id/1";

/// Where a value is kept: it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Which part of the hub keeps it, e.g. `store`; without NUL.
    pub area: &'static str,
    /// Its name there.
    pub name: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [&[FORMAT], self.area.as_bytes(), &[0], self.name.as_bytes()].concat()
    }
}

/// Names a key without telling it: the beginning of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 8];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

/// A key of 256 bits.
#[derive(Clone)]
pub(crate) struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let digest = Sha256::new().chain_update(ID_DOMAIN).chain_update(*bytes).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self { bytes, id: KeyId(id) }
    }

    /// The key of these bytes, when they are as many as a key has.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(bytes.try_into().ok()?))
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &*self.bytes
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(GenericArray::from_slice(&*self.bytes))
    }

    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8], nonce: &Nonce) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.id.0);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(plain);
        let nonce = GenericArray::from_slice(nonce);
        let tag = self.cipher().encrypt_in_place_detached(nonce, &place.bytes(), &mut sealed[HEADER..]);
        sealed.extend_from_slice(&tag.expect("256 GiB are not sealed at once"));
        sealed
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: &Sealed<'_>) -> Result<Vec<u8>, Error> {
        let mut plain = sealed.encrypted.to_vec();
        let (nonce, tag) = (GenericArray::from_slice(sealed.nonce), GenericArray::from_slice(sealed.tag));
        let opened = self.cipher().decrypt_in_place_detached(nonce, &place.bytes(), &mut plain, tag);
        opened.map_err(|Failed| Error::Refused)?;
        Ok(plain)
    }
}

/// The parts of a sealed value.
pub(crate) struct Sealed<'a> {
    pub(crate) key: KeyId,
    nonce: &'a [u8],
    encrypted: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Sealed<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Error> {
        let (format, rest) = bytes.split_first().ok_or(Error::NotSealed)?;
        let (id, rest) = rest.split_first_chunk().ok_or(Error::NotSealed)?;
        let (nonce, rest) = rest.split_first_chunk::<24>().ok_or(Error::NotSealed)?;
        let (encrypted, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::NotSealed)?;
        if *format != FORMAT {
            return Err(Error::NotSealed);
        }
        Ok(Self { key: KeyId(*id), nonce, encrypted, tag })
    }
}
