//! sprig's strings: trimming, searching, splitting, joining, quoting.

use std::collections::BTreeSet;

use super::text::{
    any, bytes, charge_pieces, contains, int, join, map, replace, split, split_n, string_of, strings_of, text,
};
use super::{Answer, Fail, Row};
use crate::go::{ENTRIES, Scope};
use crate::quote::quote;
use crate::{Element, Map, Str, Value};

pub(super) const TABLE: &[Row] = &[
    ("abbrev", "is", abbrev),
    ("abbrevboth", "iis", abbrev_both),
    ("cat", "A", cat),
    ("contains", "ss", |_, a| Ok(Value::Bool(contains(bytes(a, 1), bytes(a, 0))))),
    ("hasPrefix", "ss", |_, a| Ok(Value::Bool(bytes(a, 1).starts_with(bytes(a, 0))))),
    ("hasSuffix", "ss", |_, a| Ok(Value::Bool(bytes(a, 1).ends_with(bytes(a, 0))))),
    ("hello", "", |_, _| Ok(Value::from("Hello!"))),
    ("indent", "is", indent),
    ("join", "sa", |scope, a| {
        let parts = strings_of(scope, any(a, 1))?;
        Ok(join(scope, &parts, bytes(a, 0))?.into())
    }),
    ("nindent", "is", nindent),
    ("plural", "ssi", |_, a| Ok(any(a, usize::from(int(a, 2) != 1)).clone())),
    ("quote", "A", |scope, a| quoted(scope, a, |text| quote(text).into_bytes())),
    ("repeat", "is", repeat),
    ("replace", "sss", |scope, a| Ok(replace(scope, bytes(a, 2), bytes(a, 0), bytes(a, 1))?.into())),
    ("sortAlpha", "a", sort_alpha),
    ("split", "ss", |scope, a| {
        charge_pieces(scope, bytes(a, 1), bytes(a, 0))?;
        scope.charge(ENTRIES)?;
        Ok(numbered(&split(bytes(a, 1), bytes(a, 0))))
    }),
    ("splitList", "ss", |scope, a| {
        charge_pieces(scope, bytes(a, 1), bytes(a, 0))
            .map(|()| Value::strings(split(bytes(a, 1), bytes(a, 0))))
    }),
    ("splitn", "sis", |scope, a| {
        charge_pieces(scope, bytes(a, 2), bytes(a, 0))?;
        scope.charge(ENTRIES)?;
        Ok(numbered(&split_n(bytes(a, 2), bytes(a, 0), int(a, 1))))
    }),
    ("squote", "A", |scope, a| quoted(scope, a, |text| [b"'", text, b"'"].concat())),
    ("substr", "iis", substr),
    ("toString", "a", |scope, a| Ok(string_of(scope, any(a, 0))?.into())),
    ("toStrings", "a", |scope, a| Ok(Value::strings(strings_of(scope, any(a, 0))?))),
    ("trim", "s", |_, a| Ok(text(a, 0).trim().into())),
    ("trimAll", "ss", trim_all),
    ("trimall", "ss", trim_all),
    ("trimPrefix", "ss", |_, a| Ok(bytes(a, 1).strip_prefix(bytes(a, 0)).unwrap_or(bytes(a, 1)).into())),
    ("trimSuffix", "ss", |_, a| Ok(bytes(a, 1).strip_suffix(bytes(a, 0)).unwrap_or(bytes(a, 1)).into())),
    ("trunc", "is", trunc),
    ("wrap", "is", |scope, a| wrap(scope, bytes(a, 1), int(a, 0), b"\n", false)),
    ("wrapWith", "iss", |scope, a| wrap(scope, bytes(a, 2), int(a, 0), bytes(a, 1), true)),
];

/// Lengths of Go strings fit an `i64`.
fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn index(position: i64) -> usize {
    usize::try_from(position).unwrap_or(0)
}

fn abbrev(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (width, source) = (int(arguments, 0), bytes(arguments, 1));
    Ok(if width < 4 { source.into() } else { abbreviate(source, 0, width).into() })
}

fn abbrev_both(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (left, right, source) = (int(arguments, 0), int(arguments, 1), bytes(arguments, 2));
    if right < 4 || left > 0 && right < 7 {
        return Ok(source.into());
    }
    Ok(abbreviate(source, left, right).into())
}

/// `goutils.AbbreviateFull`, which counts bytes.
fn abbreviate(source: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let size = length(source);
    if size <= width {
        return source.to_vec();
    }
    let kept = width - 3;
    let mut offset = offset.min(size);
    // As Go's `int` wraps: an offset far below 0 counts as one beyond the end.
    if size.wrapping_sub(offset) < kept {
        offset = size - kept;
    }
    if offset <= 4 {
        return [&source[..index(kept)], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + kept < size {
        return [b"...", abbreviate(&source[index(offset)..], 0, kept).as_slice()].concat();
    }
    [b"...", &source[index(size - kept)..]].concat()
}

fn cat(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let present: Vec<&Value> =
        arguments.iter().filter(|value| !matches!(value, Value::Nil | Value::Missing)).collect();
    let parts: Vec<Str> =
        present.into_iter().map(|value| string_of(scope, value)).collect::<Result<_, _>>()?;
    Ok(join(scope, &parts, b" ")?.into())
}

fn indented(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Vec<u8>, Fail> {
    let Ok(spaces) = usize::try_from(int(arguments, 0)) else {
        return Err(Fail::from("strings: negative Repeat count"));
    };
    scope.charge(spaces)?;
    let pad = vec![b' '; spaces];
    let lines = replace(scope, bytes(arguments, 1), b"\n", &[b"\n", pad.as_slice()].concat())?;
    Ok([pad, lines].concat())
}

fn indent(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(indented(scope, arguments)?.into())
}

fn nindent(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok([b"\n", indented(scope, arguments)?.as_slice()].concat().into())
}

fn quoted(scope: &mut Scope<'_>, arguments: &[Value], quote: fn(&[u8]) -> Vec<u8>) -> Answer {
    let mut parts: Vec<Str> = Vec::new();
    for value in arguments.iter().filter(|value| !matches!(value, Value::Nil | Value::Missing)) {
        let text = string_of(scope, value)?;
        scope.charge(text.len().saturating_mul(4))?;
        parts.push(quote(text.as_bytes()).into());
    }
    Ok(join(scope, &parts, b" ")?.into())
}

fn repeat(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Ok(count) = usize::try_from(int(arguments, 0)) else {
        return Err(Fail::from("strings: negative Repeat count"));
    };
    let source = bytes(arguments, 1);
    scope.charge(source.len().saturating_mul(count))?;
    Ok(if source.is_empty() { Value::from("") } else { source.repeat(count).into() })
}

fn sort_alpha(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let value = any(arguments, 0);
    let Value::List(list) = value else {
        return Ok(Value::strings([string_of(scope, value)?]));
    };
    let mut sorted = strings_of(scope, value)?;
    let bytes: usize = sorted.iter().map(Str::len).sum();
    scope.steps((bytes / 64 + sorted.len()).saturating_mul(sorted.len().max(2).ilog2() as usize))?;
    sorted.sort();
    if list.element() == Element::Str {
        // sprig sorts a list of strings in place.
        list.replace(sorted.into_iter().map(Value::Str).collect());
        return Ok(value.clone());
    }
    Ok(Value::strings(sorted))
}

/// sprig's `split`: a map with the keys `_0`, `_1` and so on.
fn numbered(parts: &[&[u8]]) -> Value {
    let entries =
        parts.iter().enumerate().map(|(index, part)| (Str::from(format!("_{index}")), Value::from(*part)));
    Map::new(Element::Str, entries.collect()).into()
}

fn out_of_bounds(low: i64, high: i64, size: i64) -> Fail {
    let bounds = match () {
        () if high < 0 => format!("[:{high}]"),
        () if high > size => format!("[:{high}] with length {size}"),
        () if low < 0 => format!("[{low}:]"),
        () => format!("[{low}:{high}]"),
    };
    Fail::from(format!("runtime error: slice bounds out of range {bounds}"))
}

fn substr(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (start, end, source) = (int(arguments, 0), int(arguments, 1), bytes(arguments, 2));
    let size = length(source);
    let (low, high) = if start < 0 {
        (0, end)
    } else if end < 0 || end > size {
        (start, size)
    } else {
        (start, end)
    };
    match (usize::try_from(low), usize::try_from(high)) {
        (Ok(from), Ok(to)) if from <= to && to <= source.len() => Ok(source[from..to].into()),
        _ => Err(out_of_bounds(low, high, size)),
    }
}

fn trim_all(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (set, source) = (text(arguments, 0), text(arguments, 1));
    // By look-up: both may be long.
    let set: BTreeSet<char> = set.chars().collect();
    Ok(source.trim_matches(|character| set.contains(&character)).into())
}

fn trunc(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (count, source) = (int(arguments, 0), bytes(arguments, 1));
    let size = length(source);
    Ok(if count < 0 && size + count > 0 {
        source[index(size + count)..].into()
    } else if count >= 0 && size > count {
        source[..index(count)].into()
    } else {
        source.into()
    })
}

/// `goutils.WrapCustom`, which counts bytes. `breaks_words` cuts words that are longer than a line.
fn wrap(scope: &mut Scope<'_>, source: &[u8], width: i64, separator: &[u8], breaks_words: bool) -> Answer {
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let mut out = Vec::with_capacity(source.len());
    let mut offset = 0;
    while source.len() - offset > width {
        scope.charge(separator.len())?;
        if source[offset] == b' ' {
            offset += 1;
            continue;
        }
        let line = &source[offset..=offset + width];
        let space = match line.iter().rposition(|byte| *byte == b' ') {
            Some(space) => Some(space),
            None if breaks_words => {
                out.extend_from_slice(&source[offset..offset + width]);
                out.extend_from_slice(separator);
                offset += width;
                continue;
            }
            None => source[offset + width..].iter().position(|byte| *byte == b' ').map(|space| space + width),
        };
        let Some(space) = space else { break };
        out.extend_from_slice(&source[offset..offset + space]);
        out.extend_from_slice(separator);
        offset += space + 1;
    }
    out.extend_from_slice(&source[offset..]);
    Ok(out.into())
}

/// Used by `dict` functions that take many maps.
pub(super) fn maps(arguments: &[Value]) -> impl Iterator<Item = &Map> {
    (0..arguments.len()).filter_map(|index| map(arguments, index))
}
