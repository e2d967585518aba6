//! What tells values apart and does not tell them: hashes under a key that one process has for itself.

use crate::scrub::{ANYWHERE, BEGINNING, MASK};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A prime: sums of powers are taken by it.
const PRIME: u64 = (1 << 61) - 1;

/// What hashes are made under. `Debug` does not show it.
#[derive(Clone)]
pub struct Key {
    secret: [u8; 32],
    /// Where polynomials over texts are evaluated.
    at: u64,
}

/// Which value something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Print([u8; 16]);

/// Texts that must not be told, without the texts: how they begin.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// By the first bytes, the length of the longest that begins so.
    long: BTreeMap<u64, usize>,
    short: BTreeSet<(usize, u64)>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A key of these random bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        let hash = Sha256::digest([b"polynomial ", &secret[..]].concat());
        let at = hash.iter().take(8).fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
        Self { secret, at: at % (PRIME - 2) + 2 }
    }

    /// Numbers that are equal have one print, whatever their form.
    pub(crate) fn print(&self, value: &Value) -> Print {
        let mut hash = Sha256::new_with_prefix(self.secret);
        match value.as_f64().filter(|_| value.is_number()) {
            Some(number) => hash.update((number + 0.0).to_be_bytes()),
            None => hash.update(value.to_string().as_bytes()),
        }
        let hash = hash.finalize();
        Print(std::array::from_fn(|at| hash[at]))
    }

    /// Stands for a value that is not shown: equal ones have equal names.
    pub(crate) fn name(&self, value: &Value) -> Value {
        Value::from(format!("(not shown, {})", hex::encode(&self.print(value).0[..8])))
    }

    /// Few bytes, so that it costs less than a hash.
    fn fold(&self, bytes: &[u8]) -> u64 {
        let step = |sum: u64, byte: &u8| {
            let product = u128::from(sum) * u128::from(self.at) + u128::from(*byte) + 1;
            u64::try_from(product % u128::from(PRIME)).unwrap_or_default()
        };
        bytes.iter().fold(0, step)
    }
}

impl Traces {
    /// One more text.
    pub(crate) fn add(&mut self, text: &[u8], key: &Key) {
        match text.get(..BEGINNING) {
            Some(beginning) => {
                let longest = self.long.entry(key.fold(beginning)).or_default();
                *longest = text.len().max(*longest);
            }
            None => drop(self.short.insert((text.len(), key.fold(text)))),
        }
    }

    /// The text without them. What begins like one of them goes as far as the longest such goes.
    pub(crate) fn scrub(&self, text: &str, key: &Key) -> String {
        let bytes = text.as_bytes();
        let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
        while at < bytes.len() {
            match self.length_at(bytes, at, key) {
                0 => {
                    out.push(bytes[at]);
                    at += 1;
                }
                length => {
                    out.extend_from_slice(MASK.as_bytes());
                    at = (at + length).min(bytes.len());
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// How many bytes from here on may be of one of them.
    fn length_at(&self, text: &[u8], at: usize, key: &Key) -> usize {
        let rest = &text[at..];
        if let Some(beginning) = rest.get(..BEGINNING)
            && let Some(longest) = self.long.get(&key.fold(beginning))
        {
            return *longest;
        }
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        let begins_word = !word(at.checked_sub(1).and_then(|before| text.get(before)));
        let is_one = |length: &usize| {
            *length <= rest.len()
                && self.short.contains(&(*length, key.fold(&rest[..*length])))
                && (*length >= ANYWHERE || (begins_word && !word(rest.get(*length))))
        };
        if self.short.is_empty() { 0 } else { (1..BEGINNING).rev().find(is_one).unwrap_or(0) }
    }
}
