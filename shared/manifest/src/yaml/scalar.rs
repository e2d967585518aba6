//! What a scalar means: go-yaml v2's resolution of plain and tagged scalars.

use std::borrow::Cow;

use base64::Engine as _;
use serde_json::Value;

use super::{number, timestamp};

/// A scalar with its YAML 1.1 type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    UInt(u64),
    /// Not necessarily finite.
    Float(f64),
    Str(String),
}

/// Tags that change what a scalar is; every other tag leaves its text a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    Str,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    /// Makes a `<<` in quotes a merge; else as [`Tag::Other`].
    Merge,
    /// `!` alone.
    Unspecific,
    Other,
}

impl Tag {
    /// From a tag in full, `tag:yaml.org,2002:int`, as its prefix and the rest.
    pub(super) fn from_parts(prefix: &str, suffix: &str) -> Self {
        const NAMESPACE: &str = "tag:yaml.org,2002:";
        // Longer ones mean nothing, and joining them for every node would take long.
        if prefix.len() + suffix.len() > NAMESPACE.len() + "timestamp".len() {
            return Self::Other;
        }
        match format!("{prefix}{suffix}").strip_prefix(NAMESPACE) {
            Some("str") => Self::Str,
            Some("bool") => Self::Bool,
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("null") => Self::Null,
            Some("timestamp") => Self::Timestamp,
            Some("binary") => Self::Binary,
            Some("merge") => Self::Merge,
            Some(_) => Self::Other,
            None if prefix.is_empty() && suffix == "!" => Self::Unspecific,
            None => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::None | Self::Str | Self::Merge | Self::Unspecific | Self::Other => "!!str",
        }
    }
}

/// Why a text does not fit its tag.
#[derive(Debug)]
pub(super) struct Unfit {
    /// What is wrong and how to mend it, without a position.
    pub(super) message: String,
    /// The same in go-yaml's words, which quote the text.
    pub(super) go: String,
}

impl Scalar {
    /// The meaning of `text` under `tag`. `implicit` is whether it was written without quotes.
    ///
    /// # Errors
    /// A text that does not fit its explicit tag.
    pub(super) fn resolve(text: Cow<'_, str>, implicit: bool, tag: Tag) -> Result<Self, Unfit> {
        match tag {
            Tag::None if implicit => Ok(plain(&text).unwrap_or_else(|| Self::Str(text.into_owned()))),
            Tag::None | Tag::Str | Tag::Merge | Tag::Unspecific | Tag::Other => {
                Ok(Self::Str(text.into_owned()))
            }
            Tag::Binary => binary(&text).map(Self::Str),
            Tag::Timestamp if timestamp::is_timestamp(&text) => Ok(Self::Str(text.into_owned())),
            Tag::Bool | Tag::Int | Tag::Float | Tag::Null | Tag::Timestamp => {
                let scalar = match (tag, plain(&text)) {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "`!!float` of an integer, as Go converts it"
                    )]
                    (Tag::Float, Some(Self::Int(int))) => Self::Float(int as f64),
                    (_, Some(scalar)) => scalar,
                    (_, None) => Self::Str(String::new()),
                };
                if scalar.tag() == tag {
                    return Ok(scalar);
                }
                let (found, wanted) = (scalar.tag().name(), tag.name());
                Err(Unfit {
                    message: format!("the value cannot be read as {wanted}: correct it or remove the tag"),
                    go: format!("cannot decode {found} `{text}` as a {wanted}"),
                })
            }
        }
    }

    fn tag(&self) -> Tag {
        match self {
            Self::Null => Tag::Null,
            Self::Bool(_) => Tag::Bool,
            Self::Int(_) | Self::UInt(_) => Tag::Int,
            Self::Float(_) => Tag::Float,
            Self::Str(_) => Tag::Str,
        }
    }

    /// As a JSON value, or the number that JSON does not have: an infinity or NaN.
    pub(super) fn into_value(self) -> Result<Value, f64> {
        match self {
            Self::Null => Ok(Value::Null),
            Self::Bool(bool) => Ok(Value::Bool(bool)),
            Self::Int(int) => Ok(int.into()),
            Self::UInt(int) => Ok(int.into()),
            Self::Float(float) => number::from_float(float).ok_or(float),
            Self::Str(text) => Ok(Value::String(text)),
        }
    }

    /// As a key of a JSON object.
    pub(super) fn into_key(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(bool) => bool.to_string(),
            Self::Int(int) => int.to_string(),
            Self::UInt(int) => int.to_string(),
            Self::Float(float) => number::format_key(float),
            Self::Str(text) => text,
        }
    }
}

/// Whether `text`, written plain, would be read as something else than this string.
pub(super) fn reads_as_other(text: &str) -> bool {
    plain(text).is_some() || timestamp::is_timestamp(text) || is_base60(text)
}

/// `1:30` was ninety in YAML 1.1; go-yaml reads a string but writes quotes for the sake of other readers.
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let head = parts.next().unwrap_or_default();
    if !head.starts_with(|c: char| c.is_ascii_digit())
        || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    {
        return false;
    }
    let minutes = |part: &str| match part.as_bytes() {
        [ones] => ones.is_ascii_digit(),
        [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
        _ => false,
    };
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let (whole, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|part| minutes(part))
        && minutes(whole)
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// What a text without quotes and tag is, unless it is a string.
pub(super) fn plain(text: &str) -> Option<Scalar> {
    let Some(first) = text.bytes().next() else { return Some(Scalar::Null) };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(first, text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        _ => None,
    }
}

fn word(text: &str) -> Option<Scalar> {
    match text {
        "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Scalar::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        _ => None,
    }
}

fn number(first: u8, text: &str) -> Option<Scalar> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    if first == b'.' {
        return underscores_separate_digits(text).then(|| float(&text.replace('_', "")))?;
    }
    // What is a number has no other characters; most texts that start like one are versions, sizes or names.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"+-._xXoO".contains(&byte)) {
        return None;
    }
    let digits = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    integer(&digits).or_else(|| float(&digits)).or_else(|| signed_binary(&digits))
}

/// `0b-1`: go-yaml reads what follows `0b` by itself, with a sign.
fn signed_binary(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix("0b").filter(|digits| digits.starts_with(['+', '-']))?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

/// An integer in Go's base-0 notation: `0x1f`, `0o17`, `017`, `0b11`, decimal.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, unsigned, signed) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..], true),
        b'+' => (false, &text[1..], true),
        _ => (false, text, false),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(int) => Some(Scalar::Int(int)),
        Err(_) if signed => None,
        Err(_) => Some(Scalar::UInt(magnitude)),
    }
}

/// Go's rule for underscores in a number, which go-yaml leaves to it after a leading dot.
fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || (digit(at.checked_sub(1)) && digit(at.checked_add(1))))
}

/// A decimal float, `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, that does not overflow.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
    }
    text.parse::<f64>().ok().filter(|float| float.is_finite()).map(Scalar::Float)
}

/// The bytes of `!!binary`, which JSON can only carry as text: every byte that is no UTF-8 becomes U+FFFD, as in Go.
fn binary(text: &str) -> Result<String, Unfit> {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| Unfit {
        message: "the value tagged !!binary is no base64: encode it, or remove the tag".to_owned(),
        go: "!!binary value contains invalid base64 data".to_owned(),
    })?;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(out)
}
