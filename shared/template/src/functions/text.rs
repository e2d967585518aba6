//! How functions read their arguments. The executor has checked the types, so a mismatch here reads as the empty value.

use std::borrow::Cow;

use super::Fail;
use crate::go::Scope;
use crate::quote::replaced;
use crate::{List, Map, Str, Value};

/// The argument at `index`.
pub(super) fn any(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

/// The bytes of the string at `index`.
pub(super) fn bytes(arguments: &[Value], index: usize) -> &[u8] {
    any(arguments, index).as_str().map_or(&[], Str::as_bytes)
}

/// The text of the string at `index`.
pub(super) fn text(arguments: &[Value], index: usize) -> Cow<'_, str> {
    let bytes = bytes(arguments, index);
    std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(replaced(bytes)), Cow::Borrowed)
}

/// The `int` at `index`.
pub(super) fn int(arguments: &[Value], index: usize) -> i64 {
    if let Value::Int(number) = any(arguments, index) { *number } else { 0 }
}

/// The map at `index`; `None` for Go's nil map.
pub(super) fn map(arguments: &[Value], index: usize) -> Option<&Map> {
    any(arguments, index).as_map()
}

/// The items of a list, which are visited, and copied into another that may be kept.
pub(super) fn items(scope: &mut Scope<'_>, list: &List) -> Result<Vec<Value>, Fail> {
    scope.steps(list.len())?;
    scope.charge(list.len() * size_of::<Value>() + PIECE)?;
    Ok(list.items())
}

/// sprig's `strval`: a string as it is, anything else as it prints.
pub(super) fn string_of(scope: &mut Scope<'_>, value: &Value) -> Result<Str, Fail> {
    match value.as_str() {
        Some(text) => Ok(text.clone()),
        None => {
            scope.charge(PIECE)?;
            Ok(crate::format::plain(scope, value)?.into())
        }
    }
}

/// sprig's `strslice`: the items that are not nil, as strings.
pub(super) fn strings_of(scope: &mut Scope<'_>, value: &Value) -> Result<Vec<Str>, Fail> {
    let items = match value.as_list() {
        Some(list) => items(scope, list)?,
        None => vec![value.clone()],
    };
    items
        .iter()
        .filter(|item| !matches!(item, Value::Nil | Value::Missing))
        .map(|item| string_of(scope, item))
        .collect()
}

/// Joins, having charged for the result.
pub(super) fn join(scope: &mut Scope<'_>, parts: &[Str], separator: &[u8]) -> Result<Vec<u8>, Fail> {
    let between = separator.len().saturating_mul(parts.len().saturating_sub(1));
    scope.charge(between.saturating_add(parts.iter().map(Str::len).sum()))?;
    Ok(parts.iter().map(Str::as_bytes).collect::<Vec<_>>().join(separator))
}

/// Bytes that a small string takes as a value: the value, its reference counts, the allocator's share.
pub(super) const PIECE: usize = 64;

/// Replaces every `old`, having charged for the result. An empty `old` matches before each character and at the end.
pub(super) fn replace(scope: &mut Scope<'_>, source: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, Fail> {
    let places = if old.is_empty() {
        crate::format::count_runes(source) + 1
    } else {
        memchr::memmem::find_iter(source, old).count()
    };
    let size = source.len().saturating_add(new.len().saturating_mul(places));
    scope.charge(size)?;
    let mut out = Vec::with_capacity(size);
    if old.is_empty() {
        out.extend_from_slice(new);
        for chunk in source.utf8_chunks() {
            for character in chunk.valid().chars() {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                out.extend_from_slice(new);
            }
            for byte in chunk.invalid() {
                out.push(*byte);
                out.extend_from_slice(new);
            }
        }
        return Ok(out);
    }
    let mut start = 0;
    for at in memchr::memmem::find_iter(source, old) {
        out.extend_from_slice(&source[start..at]);
        out.extend_from_slice(new);
        start = at + old.len();
    }
    out.extend_from_slice(&source[start..]);
    Ok(out)
}

/// Go's `strings.Split`.
pub(super) fn split<'b>(source: &'b [u8], separator: &[u8]) -> Vec<&'b [u8]> {
    split_n(source, separator, -1)
}

/// Go's `strings.SplitN`: at most `count` parts when it is positive, none when 0.
pub(super) fn split_n<'b>(source: &'b [u8], separator: &[u8], count: i64) -> Vec<&'b [u8]> {
    if count == 0 {
        return Vec::new();
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    if separator.is_empty() {
        let mut parts = runes(source);
        if parts.len() > most {
            let start: usize = parts[..most - 1].iter().map(|part| part.len()).sum();
            parts.truncate(most - 1);
            parts.push(&source[start..]);
        }
        return parts;
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(source, separator).take(most - 1) {
        parts.push(&source[start..at]);
        start = at + separator.len();
    }
    parts.push(&source[start..]);
    parts
}

/// Whether `needle` is somewhere in `haystack`.
pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Charges for the pieces that splitting `source` makes.
pub(super) fn charge_pieces(scope: &mut Scope<'_>, source: &[u8], separator: &[u8]) -> Result<(), Fail> {
    let pieces = if separator.is_empty() {
        source.len()
    } else {
        memchr::memmem::find_iter(source, separator).count() + 1
    };
    scope.steps(pieces)?;
    scope.charge(source.len().saturating_add(pieces.saturating_mul(PIECE)))
}

/// The characters, each as its bytes; a byte that is not UTF-8 stands alone.
pub(super) fn runes(bytes: &[u8]) -> Vec<&[u8]> {
    let mut runes = Vec::new();
    for chunk in bytes.utf8_chunks() {
        let mut valid = chunk.valid();
        while let Some(character) = valid.chars().next() {
            let (rune, rest) = valid.split_at(character.len_utf8());
            runes.push(rune.as_bytes());
            valid = rest;
        }
        runes.extend(chunk.invalid().chunks(1));
    }
    runes
}
