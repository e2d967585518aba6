//! Texts that YAML 1.1 allows and the parser, which follows YAML 1.2, refuses: they are made to fit and read again.
//!
//! What real files hold and kubectl reads: lines within brackets or quotes that are not indented further than their key (their indentation
//! means nothing), a tab after `:`, and JSON's escapes of characters beyond U+FFFF as surrogate pairs. Invariants: a repair changes no
//! meaning, and lines keep their numbers; the work is bounded, whatever the text.

use saphyr_parser::{Marker, ScanError};

use super::Error;
use super::compose::Fault;

/// How many bytes may be read again in total.
const WORK: usize = 16 << 20;
/// Wider than the indentation of any key that a reader could follow.
const INDENT: usize = 256;

/// Reads `text`, with repairs where they help.
pub(super) fn reading<T>(text: &str, read: impl Fn(&str) -> Result<T, Fault>) -> Result<T, Error> {
    let mut repaired: Option<String> = None;
    let mut work = WORK;
    loop {
        let current = repaired.as_deref().unwrap_or(text);
        let fault = match read(current) {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        let (error, next) = match fault {
            Fault::Text(error) => (error, None),
            Fault::Scan(error) => {
                let affordable = work.checked_sub(current.len());
                work = affordable.unwrap_or(0);
                let next = affordable.and_then(|_| repair(current, &error));
                (Error::from_scan(&error, current), next)
            }
        };
        match next {
            Some(next) => repaired = Some(next),
            None => return Err(unshifted(error, text, current)),
        }
    }
}

/// The error's column in the text as the user has it.
fn unshifted(mut error: Error, text: &str, repaired: &str) -> Error {
    let width = |text: &str| text.lines().nth(error.line - 1).map_or(0, |line| line.chars().count());
    let shift = width(repaired).saturating_sub(width(text));
    if error.column > shift {
        error.column -= shift;
    }
    error
}

/// `text` with the cause of `error` mended; `None` when it has another cause.
fn repair(text: &str, error: &ScanError) -> Option<String> {
    let at = *error.marker();
    match error.info() {
        "invalid indentation in flow construct" | "invalid indentation" => {
            let start = offset(text, at.line(), 0)?;
            Some(format!("{}{}{}", &text[..start], " ".repeat(INDENT), &text[start..]))
        }
        "':' must be followed by a valid YAML whitespace" => {
            let value = offset(text, at.line(), at.col())?;
            let colon = text[..value].trim_end_matches([' ', '\t']).len();
            let spaces = " ".repeat(value - colon);
            (colon < value).then(|| format!("{}{spaces}{}", &text[..colon], &text[value..]))
        }
        "invalid indentation in quoted scalar" => within_quotes(text, at, indent_quoted),
        "while parsing a quoted scalar, found invalid Unicode character escape code" => {
            within_quotes(text, at, join_surrogates)
        }
        _ => None,
    }
}

/// Indents every line within a quoted scalar.
fn indent_quoted(inside: &str) -> Option<String> {
    inside.contains('\n').then(|| inside.replace('\n', &format!("\n{}", " ".repeat(INDENT))))
}

/// `\ud83d\ude00` as `\U0001F600`; `None` when there is no such pair.
fn join_surrogates(inside: &str) -> Option<String> {
    let mut joined = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(backslash) = rest.find('\\') {
        let (before, escape) = rest.split_at(backslash);
        joined.push_str(before);
        let pair = code_unit(escape).zip(escape.get(6..).and_then(code_unit));
        let char = pair.and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
        let length = match char.filter(|char| u32::from(*char) > 0xffff) {
            Some(char) => {
                joined.push_str(&format!("\\U{:08X}", u32::from(char)));
                12
            }
            None => {
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                joined.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    joined.push_str(rest);
    (joined != inside).then_some(joined)
}

/// The number in `\uXXXX` at the start of `escape`.
fn code_unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// `text` with the content of the quoted scalar at `at` changed by `change`.
fn within_quotes(text: &str, at: Marker, change: fn(&str) -> Option<String>) -> Option<String> {
    let start = offset(text, at.line(), at.col())?;
    let quote = text[start..].chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inside = &text[start + 1..];
    let mut escaped = false;
    let end = inside.char_indices().find_map(|(index, char)| {
        let closes = char == quote && !escaped;
        escaped = char == '\\' && quote == '"' && !escaped;
        closes.then_some(index)
    });
    let (inside, rest) = inside.split_at(end?);
    Some(format!("{}{}{rest}", &text[..=start], change(inside)?))
}

/// The byte at which a line (1-based) and column (0-based, in characters) stand.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => text.match_indices('\n').nth(breaks)?.0 + 1,
    };
    text[start..].char_indices().map(|(index, _)| start + index).chain([text.len()]).nth(column)
}
