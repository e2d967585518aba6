//! sprig's letters and words: upper and lower case, camel, snake and kebab case.
//!
//! Snake and kebab case follow `huandu/xstrings`, whose rule for digits between words is its own.

use super::text::{any, bytes, text};
use super::{Answer, Row};
use crate::Value;
use crate::go::Scope;

pub(super) const TABLE: &[Row] = &[
    ("camelcase", "s", |_, a| Ok(pascal_case(&text(a, 0)).into())),
    ("initials", "s", initials),
    ("kebabcase", "s", |_, a| Ok(separated(&text(a, 0), '-').into())),
    ("lower", "s", |_, a| {
        let bytes = bytes(a, 0);
        Ok(if bytes.is_ascii() { bytes.to_ascii_lowercase().into() } else { map(&text(a, 0), lower).into() })
    }),
    ("nospace", "s", no_space),
    ("snakecase", "s", |_, a| Ok(separated(&text(a, 0), '_').into())),
    ("swapcase", "s", swap_case),
    ("title", "s", title),
    ("untitle", "s", untitle),
    ("upper", "s", |_, a| {
        let bytes = bytes(a, 0);
        Ok(if bytes.is_ascii() { bytes.to_ascii_uppercase().into() } else { map(&text(a, 0), upper).into() })
    }),
];

/// Go maps one character to one character, so `ß` stays.
fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        // Greek letters with an iota below have a capital of their own.
        _ if matches!(character, '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}') => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        _ if matches!(character, '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}') => {
            char::from_u32(u32::from(character) + 9).unwrap_or(character)
        }
        _ => character,
    }
}

fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

fn map(text: &str, change: fn(char) -> char) -> String {
    text.chars().map(change).collect()
}

/// The bytes, each as a character: what some functions take for characters.
fn latin(arguments: &[Value]) -> impl Iterator<Item = char> {
    bytes(arguments, 0).iter().map(|byte| char::from(*byte))
}

/// Without white space, by bytes; what has none stays as it is.
fn no_space(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    if !latin(arguments).any(char::is_whitespace) {
        return Ok(any(arguments, 0).clone());
    }
    Ok(latin(arguments).filter(|character| !character.is_whitespace()).collect::<String>().into())
}

/// The first letter of each word, by bytes.
fn initials(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut after_gap = true;
    let first = latin(arguments).filter(|character| {
        let gap = std::mem::replace(&mut after_gap, character.is_whitespace());
        gap && !character.is_whitespace()
    });
    Ok(first.collect::<String>().into())
}

/// The first letter of a word becomes a title letter when it was small.
fn swap_case(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut starts = true;
    let mut swap = |character: char| {
        let titled = matches!(character, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}')
            || matches!(character, '\u{1fa8}'..='\u{1faf}' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}');
        if character.is_uppercase() || titled {
            starts = false;
            lower(character)
        } else if is_lower(character) {
            if std::mem::take(&mut starts) { titlecase(character) } else { upper(character) }
        } else {
            starts = character.is_whitespace();
            character
        }
    };
    Ok(text(arguments, 0).chars().map(&mut swap).collect::<String>().into())
}

/// Go's letters of the category Ll, unlike the ordinal indicators and small Roman numerals.
fn is_lower(character: char) -> bool {
    let other = matches!(character, 'ª' | 'º' | '\u{2b0}'..='\u{2b8}' | '\u{2170}'..='\u{217f}' | '\u{24d0}'..='\u{24e9}');
    character.is_lowercase() && !other
}

fn titlecase(character: char) -> char {
    match character {
        'ǆ' => 'ǅ',
        'ǉ' => 'ǈ',
        'ǌ' => 'ǋ',
        'ǳ' => 'ǲ',
        '\u{10d0}'..='\u{10ff}' => character,
        _ => upper(character),
    }
}

/// Go's `strings.Title`: every letter after a separator, and a quotation mark or hyphen is one.
fn title(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut previous = ' ';
    let mut out = String::new();
    for character in text(arguments, 0).chars() {
        out.push(if is_separator(previous) { upper(character) } else { character });
        previous = character;
    }
    Ok(out.into())
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !character.is_alphanumeric() && character.is_whitespace()
}

fn untitle(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut starts = true;
    let mut out = String::new();
    for character in text(arguments, 0).chars() {
        if character.is_whitespace() {
            starts = true;
            out.push(character);
        } else {
            out.push(if std::mem::take(&mut starts) { lower(character) } else { character });
        }
    }
    Ok(out.into())
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

/// `xstrings.ToPascalCase`: connectors between words go, those at the start stay.
fn pascal_case(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(connector) = characters.next_if(|character| is_connector(*character)) {
        out.push(connector);
    }
    let Some(first) = characters.next() else {
        // Nothing but connectors: the last one comes twice.
        out.extend(text.chars().next_back());
        return out;
    };
    let mut run_of_upper = first.is_uppercase();
    let mut current = upper(first);
    for character in characters {
        let previous = std::mem::replace(&mut current, character);
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            run_of_upper = current.is_uppercase();
            current = upper(current);
            continue;
        }
        if run_of_upper && current.is_uppercase() {
            current = lower(current);
        } else if run_of_upper {
            run_of_upper = false;
        }
        out.push(previous);
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    End,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

fn is_alphabet(character: char) -> bool {
    character.is_alphabetic() && (character.is_uppercase() || character.is_lowercase())
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() && !"$+<=>^`|~".contains(character)
}

/// The next word of one kind, and what follows.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return (Word::End, "", "") };
    let run = |belongs: &dyn Fn(char) -> bool| {
        let after_first = &text[first.len_utf8()..];
        first.len_utf8() + after_first.len() - after_first.trim_start_matches(belongs).len()
    };
    let lower_run = |character: char| is_alphabet(character) && !character.is_uppercase();
    let (word, length) = if is_connector(first) {
        (Word::Connector, run(&is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(&is_punctuation))
    } else if first.is_uppercase() {
        let uppers = run(&char::is_uppercase);
        let next = text[uppers..].chars().next();
        let length = match (uppers > first.len_utf8(), next) {
            (true, Some(next)) if is_alphabet(next) => {
                uppers - text[..uppers].chars().next_back().map_or(0, char::len_utf8)
            }
            (true, _) => uppers,
            (false, _) => run(&lower_run),
        };
        (Word::Upper, length)
    } else if is_alphabet(first) {
        (Word::Alphabet, run(&lower_run))
    } else if first.is_numeric() {
        (Word::Number, run(&char::is_numeric))
    } else {
        let other = |character: char| {
            !(is_connector(character)
                || is_alphabet(character)
                || character.is_numeric()
                || is_punctuation(character))
        };
        (Word::Other, run(&other))
    };
    (word, &text[..length], &text[length..])
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn separated(text: &str, connector: char) -> String {
    let mut out = String::new();
    let push = |out: &mut String, kind: Word, word: &str| {
        out.extend(
            word.chars().map(|character| if kind == Word::Connector { connector } else { lower(character) }),
        );
    };
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push(&mut out, kind, word);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                (kind, word, rest) = letters_and_digits(&mut out, (kind, word, rest));
                if !matches!(kind, Word::End | Word::Punctuation | Word::Connector) {
                    out.push(connector);
                }
            }
            Word::Connector => push(&mut out, previous, last),
            Word::Punctuation => {}
            Word::End | Word::Upper | Word::Alphabet | Word::Other if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            Word::End | Word::Upper | Word::Alphabet | Word::Other if rest.is_empty() => {}
            Word::End | Word::Upper | Word::Alphabet | Word::Other => {
                let digits = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    push(&mut out, Word::Number, digits);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                push(&mut out, Word::Number, digits);
                (kind, word, rest) = letters_and_digits(&mut out, (kind, word, rest));
                if !matches!(kind, Word::End | Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
        }
    }
    push(&mut out, kind, word);
    out
}

/// Writes the lower-case words and numbers that follow; what comes after them.
fn letters_and_digits<'t>(out: &mut String, mut next: (Word, &'t str, &'t str)) -> (Word, &'t str, &'t str) {
    while matches!(next.0, Word::Alphabet | Word::Number) {
        out.extend(next.1.chars().map(lower));
        next = next_word(next.2);
    }
    next
}
