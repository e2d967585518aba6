//! One encrypted value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (sops `aes/cipher.go`).

use aes_gcm::{
    AesGcm, KeyInit as _,
    aead::{AeadInPlace as _, consts::U32},
    aes::Aes256,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};
use std::{fmt, ops::Range};
use zeroize::Zeroizing;

/// How every encrypted value begins.
pub const MARKER: &str = "ENC[AES256_GCM,";

/// The key of one file's values.
pub(crate) type DataKey = Zeroizing<[u8; 32]>;

/// What a decrypted value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    Boolean,
    Comment,
}

/// A decrypted value. `Debug` does not show it; its memory is cleared when it goes.
#[derive(Clone)]
pub struct Plain {
    pub(crate) kind: Kind,
    bytes: Zeroizing<Vec<u8>>,
}

impl Plain {
    /// The bytes, as the MAC and `Secret.data` have them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As text; `None` when it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// As JSON, in the type that it was encrypted in; `None` when it is not UTF-8.
    pub(crate) fn to_json(&self) -> Option<Value> {
        let text = self.as_str()?;
        Some(match self.kind {
            Kind::Text | Kind::Comment => Value::from(text),
            Kind::Integer => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Kind::Float => {
                let number = text.parse().ok().and_then(Number::from_f64);
                number.map_or_else(|| Value::from(text), Value::Number)
            }
            Kind::Boolean => Value::from(text.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(…)", self.kind)
    }
}

/// Where encrypted values stand in a text.
pub fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = at + text.get(at..)?.find(MARKER)?;
            let end = begin + text[begin..].find(']')? + 1;
            at = begin + MARKER.len();
            if parts(&text[begin..end]).is_some() {
                at = end;
                return Some(begin..end);
            }
        }
    })
}

/// Whether this is an encrypted value and nothing else.
pub(crate) fn is_token(text: &str) -> bool {
    text.starts_with(MARKER) && parts(text).is_some()
}

fn parts(token: &str) -> Option<[&str; 4]> {
    let inner = token.strip_prefix(MARKER)?.strip_suffix(']')?;
    let mut fields = inner.split(',');
    let mut field = |name: &str| fields.next()?.strip_prefix(name);
    let parts = [field("data:")?, field("iv:")?, field("tag:")?, field("type:")?];
    let whole = fields.next().is_none();
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    (whole && parts.iter().all(|part| part.bytes().all(base64))).then_some(parts)
}

/// Decrypts a value that was encrypted at this place; `None` when the key does not open it there.
pub(crate) fn decrypt(token: &str, key: &DataKey, place: &str) -> Option<Plain> {
    let [data, iv, tag, kind] = parts(token)?;
    let decode = |part: &str| STANDARD.decode(part).ok();
    let (mut bytes, iv, tag) = (Zeroizing::new(decode(data)?), decode(iv)?, decode(tag)?);
    let (iv, tag): ([u8; 32], [u8; 16]) = (iv.try_into().ok()?, tag.try_into().ok()?);
    let cipher = AesGcm::<Aes256, U32>::new((&**key).into());
    cipher.decrypt_in_place_detached(&iv.into(), place.as_bytes(), &mut bytes, &tag.into()).ok()?;
    let kind = match kind {
        // Sops keeps moments as text.
        "str" | "bytes" | "time" => Kind::Text,
        "int" => Kind::Integer,
        "float" => Kind::Float,
        "bool" => Kind::Boolean,
        "comment" => Kind::Comment,
        _ => return None,
    };
    Some(Plain { kind, bytes })
}
