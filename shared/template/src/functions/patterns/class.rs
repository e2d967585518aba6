//! Character classes and escapes of Go's patterns.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// What is wrong, and the part of the pattern that is.
type Fault = (&'static str, String);

const RANGE: &str = "invalid character class range";
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// `\d` and the like, for the crate, which reads them as Unicode's.
pub(super) fn perl(text: &str) -> Option<(&'static str, &str)> {
    let class = match text.as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        [b'\\', b's', ..] => "[\\t\\n\\f\\r ]",
        [b'\\', b'S', ..] => "[^\\t\\n\\f\\r ]",
        _ => return None,
    };
    Some((class, &text[2..]))
}

/// `\pL`, `\P{Greek}`, `\p{^Greek}`: written, and what follows. `None` when `text` is something else.
pub(super) fn unicode<'p>(out: &mut String, text: &'p str) -> Result<Option<&'p str>, Fault> {
    let mut negated = match text.as_bytes() {
        [b'\\', b'p', ..] => false,
        [b'\\', b'P', ..] => true,
        _ => return Ok(None),
    };
    let invalid = |part: &str| (RANGE, part.to_owned());
    let (whole, mut name) = if text[2..].starts_with('{') {
        let Some(end) = text.find('}') else { return Err(invalid(text)) };
        (&text[..=end], &text[3..end])
    } else {
        let length = text[2..].chars().next().map_or(0, char::len_utf8);
        (&text[..2 + length], &text[2..2 + length])
    };
    if let Some(rest) = name.strip_prefix('^') {
        negated = !negated;
        name = rest;
    }
    let class = format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' });
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' '));
    if !plain || name.is_empty() || Regex::new(&class).is_err() {
        return Err(invalid(whole));
    }
    out.push_str(&class);
    Ok(Some(&text[whole.len()..]))
}

/// The character that `text` starts with: `\n`, `\x{65e5}`, `\*`.
pub(super) fn escape(text: &str) -> Result<(char, &str), Fault> {
    let mut rest = text[1..].chars().peekable();
    let Some(first) = rest.next() else {
        return Err(("trailing backslash at end of expression", String::new()));
    };
    let found = match first {
        '1'..='7' if !rest.peek().is_some_and(|next| next.is_digit(8)) => None,
        '0'..='7' => octal(first, &mut rest),
        'x' => hexadecimal(&mut rest),
        'a' => Some('\u{7}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => Some(first),
        _ => None,
    };
    let left: usize = rest.map(char::len_utf8).sum();
    let (read, after) = text.split_at(text.len() - left);
    found.map(|character| (character, after)).ok_or_else(|| ("invalid escape sequence", read.to_owned()))
}

fn octal(first: char, rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let mut value = first.to_digit(8)?;
    for _ in 0..2 {
        let Some(digit) = rest.peek().and_then(|next| next.to_digit(8)) else { break };
        rest.next();
        value = value * 8 + digit;
    }
    char::from_u32(value)
}

fn hexadecimal(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let first = rest.next()?;
    if first != '{' {
        let second = rest.next();
        return char::from_u32(first.to_digit(16)? * 16 + second?.to_digit(16)?);
    }
    let (mut value, mut digits) = (0_u32, 0);
    loop {
        let next = rest.next()?;
        if next == '}' {
            break;
        }
        value = value * 16 + next.to_digit(16)?;
        if value > u32::from(char::MAX) {
            return None;
        }
        digits += 1;
    }
    // A surrogate matches nothing: U+FFFD stands for it.
    (digits > 0).then(|| char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// `[…]`, written for the crate; what follows it.
pub(super) fn class<'p>(out: &mut String, text: &'p str) -> Result<&'p str, Fault> {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if rest.starts_with("[:")
            && rest.len() > 2
            && let Some(end) = rest[2..].find(":]")
        {
            let (named, after) = rest.split_at(end + 4);
            let name = &named[2..end + 2];
            if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err((RANGE, named.to_owned()));
            }
            out.push_str(named);
            rest = after;
            continue;
        }
        if let Some(after) = unicode(out, rest)? {
            rest = after;
            continue;
        }
        if let Some((class, after)) = perl(rest) {
            out.push_str(class);
            rest = after;
            continue;
        }
        let before = rest;
        let (low, after) = character(rest, text)?;
        let mut high = low;
        rest = after;
        if rest.starts_with('-') && rest.len() > 1 && !rest[1..].starts_with(']') {
            (high, rest) = character(&rest[1..], text)?;
            if high < low {
                return Err((RANGE, before[..before.len() - rest.len()].to_owned()));
            }
        }
        write!(out, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high)).expect("writing to a String");
    }
    out.push(']');
    Ok(&rest[1..])
}

/// One character inside the class `whole`.
fn character<'p>(text: &'p str, whole: &str) -> Result<(char, &'p str), Fault> {
    match text.chars().next() {
        None => Err(("missing closing ]", whole.to_owned())),
        Some('\\') => escape(text),
        Some(character) => Ok((character, &text[character.len_utf8()..])),
    }
}
