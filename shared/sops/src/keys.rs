//! Who may open a file: identities that are here, and the keys that a file's data key was encrypted for.
//!
//! A data key is encrypted once for each master key, and any one of them opens it. Age is implemented. PGP and the key
//! services of clouds are named ([`Wrapped::Other`]) so that people are told what a file needs; one more kind of key is
//! one more variant here and one more arm in [`unwrap`].

use crate::{Why, cipher::DataKey};
use age::{Decryptor, Identity, armor::ArmoredReader, x25519};
use std::{fmt, io::Read as _};
use zeroize::Zeroizing;

/// The largest that a data key is for one recipient, in bytes: each recipient that such a file names costs work.
const LARGEST: usize = 16 << 10;

/// Age identities, as `age-keygen` writes them. `Debug` and `Display` show the public recipients only.
#[derive(Clone, Default)]
pub struct Identities(Vec<x25519::Identity>);

/// What is wrong with a text of identities. It never shows the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// A line that is none.
    #[error(
        "line {0} is no age identity: expected `AGE-SECRET-KEY-1…` as `age-keygen` prints it, comments with # aside"
    )]
    Line(usize),
    /// A line with an identity of another kind.
    #[error(
        "line {0} is an age identity of a kind that is not supported: make an X25519 one with `age-keygen`"
    )]
    Kind(usize),
    /// No line has one.
    #[error("there is no age identity in it: put in what `age-keygen` prints")]
    None,
}

impl Identities {
    /// Reads identities, one a line; empty lines and comments are left out.
    ///
    /// # Errors
    /// A line that is no X25519 identity, or none at all.
    pub fn parse(text: &str) -> Result<Self, NoIdentity> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let read = lines.map(|(index, line)| match line.parse::<x25519::Identity>() {
            Ok(identity) => Ok(identity),
            Err(_) if line.starts_with("AGE-PLUGIN-") || line.starts_with("AGE-SECRET-KEY-PQ-") => {
                Err(NoIdentity::Kind(index + 1))
            }
            Err(_) => Err(NoIdentity::Line(index + 1)),
        });
        let identities = read.collect::<Result<Vec<_>, _>>()?;
        if identities.is_empty() { Err(NoIdentity::None) } else { Ok(Self(identities)) }
    }

    /// With those of another text.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public sides: what to encrypt for.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().map(|identity| identity.to_public().to_string()).collect()
    }
}

impl fmt::Display for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("no key") } else { f.write_str(&self.recipients().join(", ")) }
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({self})")
    }
}

/// A file's data key, encrypted for one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrapped {
    Age {
        recipient: String,
        /// Armoured.
        sealed: String,
    },
    /// Of a kind that is not implemented: its name, for people.
    Other(&'static str),
}

/// The data key, by the first identity that opens it.
///
/// # Errors
/// With who could open it, when nobody here can.
pub(crate) fn unwrap(wrapped: &[Wrapped], identities: &Identities) -> Result<DataKey, Why> {
    let mut recipients = Vec::new();
    let ours = identities.recipients();
    let is_ours = |one: &&Wrapped| matches!(one, Wrapped::Age { recipient, .. } if ours.contains(recipient));
    // What says that it is for somebody here comes first; sops does not believe it, and tries all.
    for one in wrapped.iter().filter(is_ours).chain(wrapped.iter().filter(|one| !is_ours(one))) {
        let Wrapped::Age { recipient, sealed } = one else { continue };
        if let Some(key) = open(sealed, identities) {
            return Ok(key);
        }
        recipients.push(recipient.clone());
    }
    if !recipients.is_empty() {
        return Err(Why::NoKey(recipients));
    }
    let mut others: Vec<&'static str> = Vec::new();
    for one in wrapped {
        if let Wrapped::Other(name) = one
            && !others.contains(name)
        {
            others.push(name);
        }
    }
    match others.is_empty() {
        true => Err(Why::Malformed("it names no key that opens it".to_owned())),
        false => Err(Why::OtherKeys(others)),
    }
}

fn open(sealed: &str, identities: &Identities) -> Option<DataKey> {
    if sealed.len() > LARGEST {
        return None;
    }
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes())).ok()?;
    let all = identities.0.iter().map(|identity| identity as &dyn Identity);
    let reader = decryptor.decrypt(all).ok()?;
    let mut key = Zeroizing::new(Vec::with_capacity(64));
    reader.take(64).read_to_end(&mut key).ok()?;
    Some(Zeroizing::new(key.as_slice().try_into().ok()?))
}
