//! sprig's lists. None of them changes its argument; `slice` shares nothing with it, unlike Go's.

use super::dicts::deep_equal;
use super::math::is_empty;
use super::text::{PIECE, any, int, items};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::number::to_int;
use crate::{Element, List, Value};

pub(super) const TABLE: &[Row] = &[
    ("append", "aa", append),
    ("mustAppend", "aa", append),
    ("push", "aa", append),
    ("mustPush", "aa", append),
    ("chunk", "ia", chunk),
    ("mustChunk", "ia", chunk),
    ("compact", "a", compact),
    ("mustCompact", "a", compact),
    ("concat", "A", concat),
    ("first", "a", |scope, a| end(scope, a, "Cannot find first on type", |items| items.first().cloned())),
    ("mustFirst", "a", |scope, a| end(scope, a, "Cannot find first on type", |items| items.first().cloned())),
    ("has", "aa", has),
    ("mustHas", "aa", has),
    ("initial", "a", initial),
    ("mustInitial", "a", initial),
    ("last", "a", |scope, a| end(scope, a, "Cannot find last on type", |items| items.last().cloned())),
    ("mustLast", "a", |scope, a| end(scope, a, "Cannot find last on type", |items| items.last().cloned())),
    ("list", "A", list),
    ("tuple", "A", list),
    ("prepend", "aa", prepend),
    ("mustPrepend", "aa", prepend),
    ("rest", "a", rest),
    ("mustRest", "a", rest),
    ("reverse", "a", reverse),
    ("mustReverse", "a", reverse),
    ("slice", "aA", slice),
    ("mustSlice", "aA", slice),
    ("uniq", "a", uniq),
    ("mustUniq", "a", uniq),
    ("without", "aA", without),
    ("mustWithout", "aA", without),
];

/// What Go's runtime says when sprig asks nil for its type.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The items of the list at `index`, or sprig's complaint.
fn list_items(
    scope: &mut Scope<'_>,
    arguments: &[Value],
    index: usize,
    complaint: &str,
) -> Result<Vec<Value>, Fail> {
    let value = any(arguments, index);
    match value.as_list() {
        Some(list) => items(scope, list),
        None if value.is_nil() => Err(Fail::from(NIL_POINTER)),
        None => Err(Fail::from(format!("{complaint} {}", value.kind()))),
    }
}

fn append(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut items = list_items(scope, arguments, 0, "Cannot push on type")?;
    items.push(any(arguments, 1).clone());
    Ok(Value::list(items))
}

fn prepend(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut items = list_items(scope, arguments, 0, "Cannot prepend on type")?;
    items.insert(0, any(arguments, 1).clone());
    Ok(Value::list(items))
}

fn list(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(size_of_val(arguments))?;
    Ok(Value::list(arguments.to_vec()))
}

fn chunk(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 1, "Cannot chunk type")?;
    let size = int(arguments, 0);
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        // sprig counts the pieces before it looks at the size: some counts are not negative.
        let (last, below) = (items.len().saturating_sub(1), size.unsigned_abs());
        let pieces = match (items.len(), below) {
            (1, 2..) => vec![Value::list(items)],
            (2.., 1..) if (last as u64) <= below => Vec::new(),
            _ => return Err(Fail::from("runtime error: makeslice: len out of range")),
        };
        return Ok(List::new(Element::List, pieces).into());
    };
    scope.charge(items.len().div_ceil(size).saturating_mul(PIECE + size_of::<Value>()))?;
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(List::new(Element::List, chunks).into())
}

fn compact(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "Cannot compact on type")?;
    Ok(Value::list(items.into_iter().filter(|item| !is_empty(item)).collect()))
}

fn concat(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut all = Vec::new();
    for argument in arguments {
        match argument.as_list() {
            Some(list) => all.extend(items(scope, list)?),
            None if argument.is_nil() => return Err(Fail::from(NIL_POINTER)),
            None => return Err(Fail::from(format!("Cannot concat type {} as list", argument.kind()))),
        }
    }
    Ok(if all.is_empty() { List::nil(Element::Any).into() } else { Value::list(all) })
}

fn end(
    scope: &mut Scope<'_>,
    arguments: &[Value],
    complaint: &str,
    pick: fn(&[Value]) -> Option<Value>,
) -> Answer {
    let items = list_items(scope, arguments, 0, complaint)?;
    Ok(pick(&items).unwrap_or(Value::Nil))
}

fn rest(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "Cannot find rest on type")?;
    Ok(match items.split_first() {
        Some((_, rest)) => Value::list(rest.to_vec()),
        None => List::nil(Element::Any).into(),
    })
}

fn initial(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "Cannot find initial on type")?;
    Ok(match items.split_last() {
        Some((_, initial)) => Value::list(initial.to_vec()),
        None => List::nil(Element::Any).into(),
    })
}

fn reverse(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut items = list_items(scope, arguments, 0, "Cannot find reverse on type")?;
    items.reverse();
    Ok(Value::list(items))
}

fn contains(scope: &mut Scope<'_>, items: &[Value], wanted: &Value) -> Result<bool, Fail> {
    for item in items {
        if deep_equal(scope, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    if matches!(any(arguments, 1), Value::Nil | Value::Missing) {
        return Ok(Value::Bool(false));
    }
    let items = list_items(scope, arguments, 1, "Cannot find has on type")?;
    Ok(Value::Bool(contains(scope, &items, any(arguments, 0))?))
}

fn uniq(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "Cannot find uniq on type")?;
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !contains(scope, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn without(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "Cannot find without on type")?;
    let omitted = arguments.get(1..).unwrap_or(&[]);
    let mut kept = Vec::new();
    for item in items {
        if !contains(scope, omitted, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

/// sprig's, which hides text/template's: for lists only, and nil for an empty one.
fn slice(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let items = list_items(scope, arguments, 0, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let start = arguments.get(1).map_or(0, to_int);
    let end = arguments.get(2).map_or(length, to_int);
    let element = any(arguments, 0).as_list().map_or(Element::Any, List::element);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= items.len() => {
            Ok(List::new(element, items[start..end].to_vec()).into())
        }
        _ => Err(Fail::from("reflect.Value.Slice: slice index out of bounds")),
    }
}
