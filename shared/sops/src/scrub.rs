//! A text without the values that were decrypted: an API server's error may quote what was sent.
//!
//! Values go as they are, in base64, as JSON and Go quote them, line by line, and cut short: what begins like a value is
//! taken for it. Short values go only where they stand as words.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{borrow::Cow, fmt};
use zeroize::Zeroizing;

/// Stands for a value that is not shown.
const MASK: &str = "***";
/// From so many bytes on a value goes wherever it stands; shorter ones only as words.
const ANYWHERE: usize = 5;
/// So many bytes of a longer value's beginning are taken for it.
const BEGINNING: usize = 8;
/// A longer text is cut before it is looked through.
const LONGEST: usize = 8 << 10;

/// Values that must not be told. `Debug` does not.
#[derive(Default)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} texts", self.0.len())
    }
}

impl Secrets {
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
        if !text.is_empty() && !self.0.iter().any(|known| known.as_slice() == text) {
            self.0.push(Zeroizing::new(text.to_vec()));
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
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
        let lengths = self.0.iter().map(|secret| {
            let common = secret.iter().zip(rest).take_while(|(one, other)| one == other).count();
            let whole = common == secret.len();
            let alone = begins_word && !word(rest.get(common));
            match () {
                () if whole && (common >= ANYWHERE || alone) => common,
                () if common >= BEGINNING => common,
                () => 0,
            }
        });
        lengths.max().unwrap_or(0)
    }
}
