//! Regular expressions in Go's RE2 syntax ([`syntax`]), run by the `regex` crate, which is linear in time too. Both find the leftmost
//! match and prefer the first alternative.

mod class;
mod expand;
mod syntax;

use std::sync::Arc;

use regex::{NoExpand, RegexBuilder};

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

/// A pattern made ready: cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: regex::Regex,
    /// Of its groups, from the first on; nameless ones are empty.
    names: Arc<[String]>,
    /// How many times a small pattern's work its matching may take.
    weight: usize,
}

fn compiled(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Pattern, Fail> {
    let pattern = scope.pattern(&text(arguments, 0), compile)?;
    scope.steps(bytes(arguments, 1).len().saturating_mul(4 * pattern.weight))?;
    Ok(pattern)
}

/// Tries the sizes from the smallest on. Matching is linear in the text, but also in the size of the pattern.
fn compile(pattern: &str) -> Result<Pattern, Fail> {
    if pattern.len() > MAX_LENGTH {
        return Err(Fail::from(format!(
            "error parsing regexp: expression is longer than {MAX_LENGTH} bytes"
        )));
    }
    let checked = syntax::check(pattern)?;
    let names: Arc<[String]> = checked.names.into();
    let build = |size| RegexBuilder::new(&checked.translated).size_limit(size).nest_limit(100).build();
    for weight in WEIGHTS {
        if let Ok(regex) = build(weight * SMALL_SIZE) {
            return Ok(Pattern { regex, names, weight });
        }
    }
    match build(MAX_SIZE) {
        Ok(regex) => Ok(Pattern { regex, names, weight: MAX_SIZE / SMALL_SIZE }),
        Err(_) => Err(Fail::from(format!("error parsing regexp: expression too large: `{pattern}`"))),
    }
}

fn matches(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Bool(compiled(scope, arguments)?.regex.is_match(&text(arguments, 1))))
}

fn find(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let source = text(arguments, 1);
    Ok(pattern.regex.find(&source).map_or("", |found| found.as_str()).into())
}

/// A count that Go reads as "all" when it is negative.
fn limit(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn find_all(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let source = text(arguments, 1);
    let mut found: Vec<Value> = Vec::new();
    for piece in pattern.regex.find_iter(&source).take(limit(int(arguments, 2))) {
        scope.charge(piece.len() + size_of::<Value>())?;
        found.push(piece.as_str().into());
    }
    Ok(if found.is_empty() { List::nil(Element::Str).into() } else { List::new(Element::Str, found).into() })
}

fn replace(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = pattern.regex.find_iter(&source).count();
    let expanded = replacement.len().saturating_mul(count);
    let dollars = replacement.matches('$').count().saturating_mul(source.len());
    scope.charge(source.len().saturating_add(expanded).saturating_add(dollars))?;
    let parts = expand::parts(&replacement, &pattern.names);
    let replaced =
        pattern.regex.replace_all(&source, |groups: &regex::Captures<'_>| expand::fill(&parts, groups));
    Ok(replaced.into_owned().into())
}

fn replace_literal(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = pattern.regex.find_iter(&source).count();
    scope.charge(source.len().saturating_add(replacement.len().saturating_mul(count)))?;
    Ok(pattern.regex.replace_all(&source, NoExpand(&replacement)).into_owned().into())
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
    for found in pattern.regex.find_iter(&source) {
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
