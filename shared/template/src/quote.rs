//! Go's quoted strings (`strconv.Quote`) and what Go calls printable.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

/// Letters, marks, numbers, punctuation, symbols: Go's `unicode.IsPrint` beyond ASCII.
static PRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").expect("a constant pattern"));

/// Go's `unicode.IsPrint`.
pub(crate) fn is_print(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\0'..='\u{a0}' | '\u{ad}' => false,
        _ => PRINTABLE.is_match(character.encode_utf8(&mut [0; 4])),
    }
}

/// Go's `strconv.Quote`.
pub(crate) fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, '"', false)
}

/// Go's `strconv.QuoteToASCII`.
pub(crate) fn quote_ascii(bytes: &[u8]) -> String {
    quote_with(bytes, '"', true)
}

/// Text in which each byte that is not UTF-8 has become U+FFFD, as Go converts it (`string([]rune(text))`, `json.Marshal`).
pub(crate) fn replaced(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| out.push(char::REPLACEMENT_CHARACTER));
    }
    out
}

/// Quotes with `delimiter`; with `ascii`, everything beyond ASCII is escaped.
pub(crate) fn quote_with(bytes: &[u8], delimiter: char, ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(delimiter);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_character(&mut out, character, delimiter, ascii);
        }
        for byte in chunk.invalid() {
            push_byte(&mut out, *byte);
        }
    }
    out.push(delimiter);
    out
}

fn push_byte(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("writing to a String");
}

fn push_character(out: &mut String, character: char, delimiter: char, ascii: bool) {
    match character {
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\\' => out.push_str("\\\\"),
        _ if character == delimiter => {
            out.push('\\');
            out.push(character);
        }
        _ if (!ascii || character.is_ascii()) && is_print(character) => out.push(character),
        '\0'..='\u{7f}' => push_byte(out, character as u8),
        '\u{80}'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(character)).expect("writing to a String"),
        _ => write!(out, "\\U{:08x}", u32::from(character)).expect("writing to a String"),
    }
}

/// Go's `strconv.Unquote` for a string in double quotes or backquotes; `None` when it is not one.
pub(crate) fn unquote(text: &str) -> Option<Vec<u8>> {
    if let Some(raw) = text.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, after) = unescape(rest, '"')?;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Character(character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes())
            }
        }
        rest = after;
    }
    Some(out)
}

/// Go's character constant (`'x'`) as its number.
pub(crate) fn unquote_character(text: &str) -> Option<u32> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let (unit, rest) = unescape(inner, '\'')?;
    rest.is_empty().then(|| match unit {
        Unit::Byte(byte) => u32::from(byte),
        Unit::Character(character) => u32::from(character),
    })
}

enum Unit {
    Byte(u8),
    Character(char),
}

/// The first character or escape of `text`, and what follows.
fn unescape(text: &str, delimiter: char) -> Option<(Unit, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == delimiter || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Character(first), characters.as_str()));
    }
    let escape = characters.next()?;
    let rest = characters.as_str();
    let plain = |character: char| Some((Unit::Character(character), rest));
    match escape {
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        '\\' => plain('\\'),
        '\'' | '"' if escape == delimiter => plain(escape),
        'x' => {
            let (value, rest) = digits(rest, 2, 16)?;
            Some((Unit::Byte(u8::try_from(value).ok()?), rest))
        }
        'u' | 'U' => {
            let (value, rest) = digits(rest, if escape == 'u' { 4 } else { 8 }, 16)?;
            Some((Unit::Character(char::from_u32(value)?), rest))
        }
        '0'..='7' => {
            let (value, rest) = digits(&text[1..], 3, 8)?;
            Some((Unit::Byte(u8::try_from(value).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let digits = text.get(..count)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some((u32::from_str_radix(digits, radix).ok()?, &text[count..]))
}

#[cfg(test)]
mod tests {
    use super::{quote, unquote};

    #[test]
    fn quotes_and_unquotes() {
        let text = "tab\t \"quote\" \\ é \u{200b} \u{1f600} \u{7f}";
        let quoted = quote(text.as_bytes());
        assert_eq!(quoted, "\"tab\\t \\\"quote\\\" \\\\ é \\u200b 😀 \\x7f\"");
        assert_eq!(unquote(&quoted).unwrap(), text.as_bytes());
        assert_eq!(quote(b"a\xff"), "\"a\\xff\"");
        assert_eq!(unquote("\"\\q\""), None);
        assert_eq!(unquote("`a\\n`").unwrap(), b"a\\n");
    }
}
