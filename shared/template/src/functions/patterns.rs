//! Regular expressions in Go's RE2 syntax ([`syntax`]), run by the `regex` crate, which is linear in time too. Both find the leftmost
//! match and prefer the first alternative.

mod class;
mod expand;
mod syntax;

use std::sync::Arc;

use regex::{NoExpand, RegexBuilder};

use super::text::{PIECE, bytes, int, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::{Element, List, Value};

/// The longest pattern, in bytes.
const MAX_LENGTH: usize = 16 << 10;
/// Bytes that an ordinary pattern takes when compiled: what its matching costs is a multiple of what matching a pattern of this size does.
const SMALL_SIZE: usize = 64 << 10;
/// Bytes that patterns may take, each tried before the next: matching is linear in the text, but also in the size of the pattern.
const SIZES: [usize; 4] = [8 << 10, SMALL_SIZE, 4 * SMALL_SIZE, 16 * SMALL_SIZE];
/// The least that a state of a compiled pattern takes, in bytes.
const STATE: usize = 24;
/// Bytes that all searches of one call may look over at no further charge, beyond those of one pass: see [`Effort`].
const FREE: usize = 16 << 20;
/// Bytes beyond these that count as one step, where the pattern is of the least size.
const PER_STEP: usize = 512;

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
    /// The size that it fits in.
    size: usize,
}

impl Pattern {
    /// How many times a small pattern's work its matching may take.
    fn weight(&self) -> usize {
        self.size.div_ceil(SMALL_SIZE)
    }

    /// Bytes that it takes, and what searching with it keeps for the next time: states made on the way, and where the groups of each are.
    pub(crate) fn size(&self) -> usize {
        let groups = (self.names.len() + 1) * 2 * size_of::<usize>();
        self.size.saturating_add(2 * cache(self.size)).saturating_add(self.size / STATE * groups * 2)
    }
}

/// Bytes of states that searching may keep.
fn cache(size: usize) -> usize {
    (128 << 10) + 2 * size
}

/// What the searches of one call look over. Each may look at all of the text that is left before it knows its match, which makes them
/// quadratic together for some patterns (`.*[^A-Z]|[A-Z]`); most stop soon, which cannot be seen from here.
struct Effort {
    looked: usize,
}

impl Effort {
    /// Counts the search for what follows a match that ends at `end`.
    fn next(&mut self, scope: &mut Scope<'_>, pattern: &Pattern, text: &str, end: usize) -> Result<(), Fail> {
        let left = text.len() - end;
        self.looked = self.looked.saturating_add(left);
        scope.steps(1 + if self.looked > FREE { left / PER_STEP * (pattern.size / SIZES[0]) } else { 0 })
    }
}

fn compiled(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Pattern, Fail> {
    let pattern = scope.pattern(&text(arguments, 0), compile)?;
    scope.steps(bytes(arguments, 1).len().saturating_mul(4 * pattern.weight()))?;
    Ok(pattern)
}

/// Tries the sizes from the smallest on.
fn compile(pattern: &str) -> Result<Pattern, Fail> {
    if pattern.len() > MAX_LENGTH {
        return Err(Fail::from(format!(
            "error parsing regexp: expression is longer than {MAX_LENGTH} bytes"
        )));
    }
    let checked = syntax::check(pattern)?;
    let names: Arc<[String]> = checked.names.into();
    let build = |size| {
        let mut builder = RegexBuilder::new(&checked.translated);
        builder.size_limit(size).dfa_size_limit(cache(size)).nest_limit(100).build()
    };
    for size in SIZES {
        if let Ok(regex) = build(size) {
            return Ok(Pattern { regex, names, size });
        }
    }
    Err(Fail::from(format!("error parsing regexp: expression too large: `{pattern}`")))
}

/// How many matches there are, each search counted.
fn count(scope: &mut Scope<'_>, pattern: &Pattern, text: &str) -> Result<usize, Fail> {
    let (mut count, mut effort) = (0, Effort { looked: 0 });
    for found in pattern.regex.find_iter(text) {
        count += 1;
        effort.next(scope, pattern, text, found.end())?;
    }
    Ok(count)
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
    let mut effort = Effort { looked: 0 };
    for piece in pattern.regex.find_iter(&source).take(limit(int(arguments, 2))) {
        effort.next(scope, &pattern, &source, piece.end())?;
        scope.charge(piece.len() + PIECE)?;
        found.push(piece.as_str().into());
    }
    Ok(if found.is_empty() { List::nil(Element::Str).into() } else { List::new(Element::Str, found).into() })
}

fn replace(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = count(scope, &pattern, &source)?;
    let expanded = replacement.len().saturating_mul(count);
    let references = replacement.matches('$').count();
    let dollars = references.saturating_mul(source.len());
    scope.charge(source.len().saturating_add(expanded).saturating_add(dollars))?;
    let held = references.saturating_mul(4 * size_of::<expand::Part>());
    scope.charge(held)?;
    let parts = expand::parts(&replacement, &pattern.names);
    scope.steps(count.saturating_mul(parts.iter().map(expand::Part::work).sum()))?;
    let replaced =
        pattern.regex.replace_all(&source, |groups: &regex::Captures<'_>| expand::fill(&parts, groups));
    scope.release(held);
    Ok(replaced.into_owned().into())
}

fn replace_literal(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let pattern = compiled(scope, arguments)?;
    let (source, replacement) = (text(arguments, 1), text(arguments, 2));
    let count = count(scope, &pattern, &source)?;
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
    let mut effort = Effort { looked: 0 };
    for found in pattern.regex.find_iter(&source) {
        if pieces.len() + 1 == limit(count) {
            break;
        }
        effort.next(scope, &pattern, &source, found.end())?;
        end = found.start();
        if found.end() != 0 {
            scope.charge(found.start() - start + PIECE)?;
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
