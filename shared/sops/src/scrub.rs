//! A text without the values that were decrypted: an API server's error may quote what was sent.
//!
//! Values go as they are, in base64, as JSON and Go quote them, line by line, and cut short: what begins like a value is
//! taken for it. Short values go only where they stand as words.

use crate::{Key, print::Traces};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{borrow::Cow, fmt};
use zeroize::Zeroizing;

/// Stands for a value that is not shown.
pub(crate) const MASK: &str = "***";
/// From so many bytes on a value goes wherever it stands; shorter ones only as words.
pub(crate) const ANYWHERE: usize = 5;
/// So many bytes of a longer value's beginning are taken for it.
pub(crate) const BEGINNING: usize = 8;
/// A longer text is cut before it is looked through.
const LONGEST: usize = 8 << 10;

/// Values that must not be told, in their order. `Debug` does not.
#[derive(Default)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

/// Values that are still being gathered, as they come.
#[derive(Default)]
pub(crate) struct Texts(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} texts", self.0.len())
    }
}

impl Texts {
    /// One more value, in all its forms.
    pub(crate) fn add(&mut self, value: &[u8]) {
        self.keep(value);
        self.keep(STANDARD.encode(value).as_bytes());
        let Ok(text) = std::str::from_utf8(value) else { return };
        let quoted = Zeroizing::new(serde_json::Value::from(text).to_string());
        self.keep(&quoted.as_bytes()[1..quoted.len() - 1]);
        for line in text.lines().filter(|line| line.trim().len() >= BEGINNING) {
            self.keep(line.trim().as_bytes());
        }
    }

    fn keep(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.0.push(Zeroizing::new(text.to_vec()));
        }
    }

    /// All of them, each once.
    pub(crate) fn done(mut self) -> Secrets {
        self.0.sort_unstable_by(|one, other| one.as_slice().cmp(other.as_slice()));
        self.0.dedup();
        Secrets(self.0)
    }
}

impl Secrets {
    /// How to find them in a text, without them.
    pub(crate) fn traces(&self, key: &Key) -> Traces {
        let mut traces = Traces::default();
        self.0.iter().for_each(|text| traces.add(text, key));
        traces
    }

    /// The text without them.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let text: Cow<'_, str> = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
            None => Cow::Borrowed(text),
        };
        let bytes = text.as_bytes();
        let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
        while at < bytes.len() {
            match self.longest_at(bytes, at) {
                0 => {
                    out.push(bytes[at]);
                    at += 1;
                }
                length => {
                    out.extend_from_slice(MASK.as_bytes());
                    at += length;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// How many bytes from here on are of a value.
    fn longest_at(&self, text: &[u8], at: usize) -> usize {
        let rest = &text[at..];
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        let begins_word = !word(at.checked_sub(1).and_then(|before| text.get(before)));
        let place = |text: &[u8]| self.0.partition_point(|secret| secret.as_slice() < text);
        // Whatever has the longest beginning in common with a text stands beside its place.
        let at = place(rest);
        let beside = [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|at| self.0.get(at));
        let common = |secret: &Zeroizing<Vec<u8>>| {
            secret.iter().zip(rest).take_while(|(one, other)| one == other).count()
        };
        let longest = beside.map(common).max().unwrap_or(0);
        if longest >= BEGINNING {
            return longest;
        }
        let is_whole = |length: &usize| {
            let text = &rest[..*length];
            let alone = || begins_word && !word(rest.get(*length));
            self.0.get(place(text)).is_some_and(|secret| secret.as_slice() == text)
                && (*length >= ANYWHERE || alone())
        };
        (1..=longest).rev().find(is_whole).unwrap_or(0)
    }
}
