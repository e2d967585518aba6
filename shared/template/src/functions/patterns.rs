//! Regular expressions in Go's RE2 syntax, run by the `regex` crate, which is linear in time too.
//!
//! Both find the leftmost match and prefer the first alternative; what differs is the syntax. Go's `\d`, `\w`, `\s` and `\b` are ASCII,
//! a `[` inside a class is itself, `{` that starts no repetition is itself, and `\Q…\E` quotes.

use regex::{NoExpand, Regex, RegexBuilder};

use super::text::{bytes, int, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::{Element, List, Value};

/// The longest pattern, in bytes.
const MAX_LENGTH: usize = 16 << 10;
/// Bytes that an ordinary pattern takes when compiled.
const SMALL_SIZE: usize = 64 << 10;
/// Bytes that any pattern may take.
const MAX_SIZE: usize = 1 << 20;
/// Sizes to try before the largest, as multiples of the small one.
const WEIGHTS: [usize; 2] = [1, 4];

pub(super) const TABLE: &[Row] = &[
    ("mustRegexFind", "ss", find),
    ("mustRegexFindAll", "ssi", find_all),
    ("mustRegexMatch", "ss", matches),
    ("mustRegexReplaceAll", "sss", replace),
    ("mustRegexReplaceAllLiteral", "sss", replace_literal),
    ("mustRegexSplit", "ssi", split),
    ("regexFind", "ss", |scope, a| panicking(a, find(scope, a))),
    ("regexFindAll", "ssi", |scope, a| panicking(a, find_all(scope, a))),
    ("regexMatch", "ss", |scope, a| match matches(scope, a) {
        Err(Fail::Message(_)) => Ok(Value::Bool(false)),
        answer => answer,
    }),
    ("regexQuoteMeta", "s", quote_meta),
    ("regexReplaceAll", "sss", |scope, a| panicking(a, replace(scope, a))),
    ("regexReplaceAllLiteral", "sss", |scope, a| panicking(a, replace_literal(scope, a))),
    ("regexSplit", "ssi", |scope, a| panicking(a, split(scope, a))),
];

/// The functions without `must` panic in Go, which names the pattern once more.
fn panicking(arguments: &[Value], answer: Answer) -> Answer {
    answer.map_err(|fail| match fail {
        Fail::Message(message) => {
            Fail::from(format!("regexp: Compile({}): {message}", shown(&text(arguments, 0))))
        }
        Fail::Exceeded(_) | Fail::Template(_) => fail,
    })
}

fn shown(pattern: &str) -> String {
    if pattern.contains('`') { crate::quote::quote(pattern.as_bytes()) } else { format!("`{pattern}`") }
}

fn compiled(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Regex, Fail> {
    let (pattern, weight) = scope.pattern(&text(arguments, 0), compile)?;
    scope.steps(bytes(arguments, 1).len().saturating_mul(4 * weight))?;
    Ok(pattern)
}

/// Tries the sizes from the smallest on. Matching is linear in the text, but also in the size of the pattern.
fn compile(pattern: &str) -> Result<(Regex, usize), Fail> {
    if pattern.len() > MAX_LENGTH {
        return Err(Fail::from(format!(
            "error parsing regexp: expression is longer than {MAX_LENGTH} bytes"
        )));
    }
    let translated = translate(pattern);
    let build = |size| RegexBuilder::new(&translated).size_limit(size).nest_limit(100).build();
    for weight in WEIGHTS {
        if let Ok(built) = build(weight * SMALL_SIZE) {
            return Ok((built, weight));
        }
    }
    build(MAX_SIZE).map(|built| (built, MAX_SIZE / SMALL_SIZE)).map_err(|error| explain(&error, pattern))
}

fn explain(error: &regex::Error, pattern: &str) -> Fail {
    let reason = error.to_string();
    let reason = match reason.lines().last().unwrap_or_default().trim_start_matches("error: ") {
        "unclosed group" => "missing closing )",
        "unclosed character class" => "missing closing ]",
        "unopened group" => "unexpected )",
        "repetition operator missing expression" => "missing argument to repetition operator",
        other => other,
    };
    Fail::from(format!("error parsing regexp: {reason}: `{pattern}`"))
}

/// Go's syntax to the crate's.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        rest = match character {
            '\\' if after.starts_with('Q') => quoted(&mut out, &after[1..]),
            '\\' => escaped(&mut out, after, in_class),
            '[' if !in_class => {
                in_class = true;
                open_class(&mut out, after)
            }
            '[' if after.starts_with(':') => match after.find(":]") {
                Some(end) => {
                    out.push_str(&rest[..end + 3]);
                    &after[end + 2..]
                }
                None => literal(&mut out, character, after),
            },
            ']' if in_class => {
                in_class = false;
                out.push(']');
                after
            }
            '[' | '&' | '~' if in_class => literal(&mut out, character, after),
            '{' if !in_class && !starts_repetition(after) => literal(&mut out, character, after),
            _ => {
                out.push(character);
                after
            }
        };
    }
    out
}

fn literal<'t>(out: &mut String, character: char, after: &'t str) -> &'t str {
    out.push('\\');
    out.push(character);
    after
}

fn quoted<'t>(out: &mut String, text: &'t str) -> &'t str {
    let (inside, after) = text.split_once("\\E").unwrap_or((text, ""));
    out.push_str(&regex::escape(inside));
    after
}

fn escaped<'t>(out: &mut String, after: &'t str, in_class: bool) -> &'t str {
    let Some(escape) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let class = match escape {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => "[\\t\\n\\f\\r ]",
        'S' => "[^\\t\\n\\f\\r ]",
        'b' if !in_class => "(?-u:\\b)",
        _ => {
            // `\p{Greek}` and `\x{10FFFF}` are taken whole: their braces repeat nothing.
            let braced =
                if "pPx".contains(escape) && after[1..].starts_with('{') { after.find('}') } else { None };
            let length = braced.map_or(escape.len_utf8(), |end| end + 1);
            out.push('\\');
            out.push_str(&after[..length]);
            return &after[length..];
        }
    };
    out.push_str(class);
    &after[1..]
}

/// A `]` that comes first in a class is itself.
fn open_class<'t>(out: &mut String, after: &'t str) -> &'t str {
    out.push('[');
    let mut rest = after;
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    if let Some(closing) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = closing;
    }
    rest
}

fn starts_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && [least, most].iter().all(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn matches(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(compiled(scope, arguments)?.is_match(&text(arguments, 1))))
}

fn find(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let source = text(arguments, 1);
    Ok(pattern.find(&source).map_or("", |found| found.as_str()).into())
}

/// A count that Go reads as "all" when it is negative.
fn limit(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn find_all(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let source = text(arguments, 1);
    let mut found: Vec<Value> = Vec::new();
    for piece in pattern.find_iter(&source).take(limit(int(arguments, 2))) {
        scope.charge(piece.len() + size_of::<Value>())?;
        found.push(piece.as_str().into());
    }
    Ok(if found.is_empty() { List::nil(Element::Str).into() } else { List::new(Element::Str, found).into() })
}

fn replace(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = pattern.find_iter(&source).count();
    let expanded = replacement.len().saturating_mul(count);
    let dollars = replacement.matches('$').count().saturating_mul(source.len());
    scope.charge(source.len().saturating_add(expanded).saturating_add(dollars))?;
    Ok(pattern.replace_all(&source, replacement.as_ref()).into_owned().into())
}

fn replace_literal(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = pattern.find_iter(&source).count();
    scope.charge(source.len().saturating_add(replacement.len().saturating_mul(count)))?;
    Ok(pattern.replace_all(&source, NoExpand(&replacement)).into_owned().into())
}

/// Go's `Regexp.Split`: an empty match at the start makes no piece.
fn split(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let source = text(arguments, 1);
    let count = int(arguments, 2);
    if count == 0 {
        return Ok(List::nil(Element::Str).into());
    }
    if !text(arguments, 0).is_empty() && source.is_empty() {
        return Ok(Value::strings([""]));
    }
    let mut pieces: Vec<Value> = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for found in pattern.find_iter(&source) {
        if pieces.len() + 1 == limit(count) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            scope.charge(found.start() - start + size_of::<Value>())?;
            pieces.push(source[start..found.start()].into());
        }
        start = found.end();
    }
    if end != source.len() {
        pieces.push(source[start..].into());
    }
    Ok(List::new(Element::Str, pieces).into())
}

fn quote_meta(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    scope.charge(source.len().saturating_mul(2))?;
    let mut out = String::with_capacity(source.len());
    for character in source.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(out.into())
}
