//! sprig's dicts. `set`, `unset` and the merges change the dict they are given, for everyone who holds it.

use std::collections::{BTreeMap, BTreeSet};

use super::math::is_empty;
use super::strings::maps;
use super::text::{any, bytes, map, string_of, text};
use super::{Answer, Fail, Row};
use crate::error::Exceeded;
use crate::go::{ENTRIES, Scope};
use crate::{Element, List, Map, Str, Value};

/// How deep values may nest to be copied, compared or merged.
const MAX_DEPTH: usize = 200;

pub(super) const TABLE: &[Row] = &[
    ("deepCopy", "a", copy),
    ("mustDeepCopy", "a", copy),
    ("deepEqual", "aa", |scope, a| Ok(Value::Bool(deep_equal(scope, any(a, 0), any(a, 1))?))),
    ("dict", "A", dict),
    ("dig", "A", dig),
    ("get", "ms", |_, a| {
        Ok(map(a, 0).and_then(|map| map.get(bytes(a, 1))).unwrap_or_else(|| Value::from("")))
    }),
    ("hasKey", "ms", |_, a| Ok(Value::Bool(map(a, 0).is_some_and(|map| map.contains(bytes(a, 1)))))),
    ("keys", "M", keys),
    ("merge", "mM", |scope, a| merge_all(scope, a, false)),
    ("mustMerge", "mM", |scope, a| merge_all(scope, a, false)),
    ("mergeOverwrite", "mM", |scope, a| merge_all(scope, a, true)),
    ("mustMergeOverwrite", "mM", |scope, a| merge_all(scope, a, true)),
    ("omit", "mS", omit),
    ("pick", "mS", pick),
    ("pluck", "sM", pluck),
    ("set", "msa", set),
    ("unset", "ms", unset),
    ("values", "m", values),
];

fn entries(scope: &mut Scope<'_>, map: &Map) -> Result<Vec<(Str, Value)>, Fail> {
    scope.steps(map.len())?;
    scope.charge(map.len() * size_of::<(Str, Value)>())?;
    Ok(map.entries())
}

fn new_map(entries: impl IntoIterator<Item = (Str, Value)>) -> Value {
    Map::new(Element::Any, entries.into_iter().collect()).into()
}

fn dict(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(size_of_val(arguments) * 2 + ENTRIES)?;
    let mut made = BTreeMap::new();
    for pair in arguments.chunks(2) {
        let key = string_of(scope, &pair[0])?;
        made.insert(key, pair.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(new_map(made))
}

fn set(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some(map) = map(arguments, 0) else { return Err(Fail::from("assignment to entry in nil map")) };
    scope.store(map, bytes(arguments, 1).into(), any(arguments, 2).clone())?;
    Ok(map.clone().into())
}

fn unset(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some(map) = map(arguments, 0) else { return Ok(new_map([])) };
    map.remove(bytes(arguments, 1));
    Ok(map.clone().into())
}

/// Go gives them in random order; here they are sorted.
fn keys(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut all = Vec::new();
    for map in maps(arguments) {
        all.extend(entries(scope, map)?.into_iter().map(|(key, _)| key));
    }
    Ok(Value::strings(all))
}

/// Go gives them in random order; here they are in the order of their keys.
fn values(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some(map) = map(arguments, 0) else { return Ok(Value::list(Vec::new())) };
    Ok(Value::list(entries(scope, map)?.into_iter().map(|(_, value)| value).collect()))
}

fn pluck(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(size_of_val(arguments))?;
    let found = maps(arguments).filter_map(|map| map.get(bytes(arguments, 0)));
    Ok(Value::list(found.collect()))
}

fn pick(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(size_of_val(arguments) * 2)?;
    let Some(map) = map(arguments, 0) else { return Ok(new_map([])) };
    let wanted = arguments.iter().skip(1).filter_map(Value::as_str);
    Ok(new_map(wanted.filter_map(|key| Some((key.clone(), map.get(key.as_bytes())?)))))
}

fn omit(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Some(map) = map(arguments, 0) else { return Ok(new_map([])) };
    let kept = entries(scope, map)?;
    for key in arguments.iter().skip(1) {
        scope.charge(key.as_str().map_or(0, Str::len))?;
    }
    let omitted: BTreeSet<&Str> = arguments.iter().skip(1).filter_map(Value::as_str).collect();
    Ok(new_map(kept.into_iter().filter(|(key, _)| !omitted.contains(key))))
}

fn dig(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let [path @ .., default, holder] = arguments else {
        return Err(Fail::from("dig needs at least three arguments"));
    };
    if path.is_empty() {
        return Err(Fail::from("dig needs at least three arguments"));
    }
    let conversion = |value: &Value, wanted: &str| {
        let found =
            if matches!(value, Value::Nil | Value::Missing) { "nil".to_owned() } else { value.type_name() };
        Fail::from(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
    };
    let dict = |value: &Value| match value {
        Value::Map(map) if map.element() == Element::Any => Ok(map.clone()),
        Value::Map(_)
        | Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Int64(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::List(_)
        | Value::Object(_) => Err(conversion(value, "map[string]interface {}")),
    };
    let mut found = holder.clone();
    dict(&found)?;
    if let Some(key) = path.iter().find(|key| key.as_str().is_none()) {
        return Err(conversion(key, "string"));
    }
    for key in path.iter().filter_map(Value::as_str) {
        match dict(&found)?.get(key.as_bytes()) {
            Some(next) => found = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}

fn merge_all(scope: &mut Scope<'_>, arguments: &[Value], overwrite: bool) -> Answer {
    let target = map(arguments, 0).cloned().unwrap_or_else(|| Map::new(Element::Any, BTreeMap::new()));
    for source in maps(arguments.get(1..).unwrap_or(&[])) {
        merge(scope, &target, source, overwrite, 0)?;
    }
    Ok(target.into())
}

/// `mergo.Merge`: fills what is absent or empty; with `overwrite` the source wins, but maps still merge.
fn merge(
    scope: &mut Scope<'_>,
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err(Exceeded::Depth(MAX_DEPTH).into());
    }
    for (key, new) in entries(scope, source)? {
        let old = target.get(key.as_bytes());
        match (&old, &new) {
            (_, Value::Nil | Value::Missing) if !overwrite => continue,
            (Some(Value::Map(into)), Value::Map(from)) => {
                merge(scope, into, from, overwrite, depth + 1)?;
                if !into.is_empty() {
                    continue;
                }
            }
            _ => {}
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            scope.store(target, key, new)?;
        }
    }
    Ok(())
}

fn copy(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let value = any(arguments, 0);
    if matches!(value, Value::Nil | Value::Missing) {
        return Err(Fail::from("reflect: call of reflect.Value.Type on zero Value"));
    }
    deep_copy(scope, value, 0)
}

fn deep_copy(scope: &mut Scope<'_>, value: &Value, depth: usize) -> Answer {
    if depth > MAX_DEPTH {
        return Err(Exceeded::Depth(MAX_DEPTH).into());
    }
    match value {
        Value::List(list) if !list.is_nil() => {
            let items = super::text::items(scope, list)?;
            let copies =
                items.iter().map(|item| deep_copy(scope, item, depth + 1)).collect::<Result<_, _>>()?;
            Ok(List::new(list.element(), copies).into())
        }
        Value::Map(map) => {
            scope.charge(ENTRIES)?;
            let mut copies = BTreeMap::new();
            for (key, item) in entries(scope, map)? {
                copies.insert(key, deep_copy(scope, &item, depth + 1)?);
            }
            Ok(Map::new(map.element(), copies).into())
        }
        Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Int64(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::List(_) => Ok(value.clone()),
        Value::Object(object) => Ok(object.copied().unwrap_or_else(|| value.clone())),
    }
}

/// `reflect.DeepEqual`: the types must be equal too.
pub(super) fn deep_equal(scope: &mut Scope<'_>, left: &Value, right: &Value) -> Result<bool, Fail> {
    equal_within(scope, left, right, 0)
}

fn equal_within(scope: &mut Scope<'_>, left: &Value, right: &Value, depth: usize) -> Result<bool, Fail> {
    scope.step()?;
    if depth > MAX_DEPTH {
        return Err(Exceeded::Depth(MAX_DEPTH).into());
    }
    Ok(match (left, right) {
        (Value::Missing | Value::Nil, Value::Missing | Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) | (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Byte(left), Value::Byte(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Str(left), Value::Str(right)) => {
            scope.steps(left.len().min(right.len()) / 64)?;
            left == right
        }
        (Value::List(left), Value::List(right)) => {
            if left.element() != right.element()
                || left.is_nil() != right.is_nil()
                || left.len() != right.len()
            {
                return Ok(false);
            }
            let (left, right) = (super::text::items(scope, left)?, super::text::items(scope, right)?);
            for (left, right) in left.iter().zip(&right) {
                if !equal_within(scope, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.element() != right.element() || left.len() != right.len() {
                return Ok(false);
            }
            let (left, right) = (entries(scope, left)?, entries(scope, right)?);
            for ((left_key, left), (right_key, right)) in left.iter().zip(&right) {
                if left_key != right_key || !equal_within(scope, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(left), Value::Object(right)) => {
            left.type_name() == right.type_name() && left.print() == right.print()
        }
        _ => false,
    })
}

/// The string at `key` of a dict, or nothing when it is absent.
pub(super) fn text_at(map: &Map, key: &str) -> Result<String, Fail> {
    match map.get(key.as_bytes()) {
        None => Ok(String::new()),
        Some(Value::Str(value)) => Ok(text(&[Value::Str(value)], 0).into_owned()),
        Some(other) => Err(Fail::from(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind()
        ))),
    }
}
