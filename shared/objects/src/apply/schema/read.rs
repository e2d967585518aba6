//! Reads types from text: a line for each.
//!
//! ```text
//! # a remark
//! Port = containerPort:i protocol:s="TCP" name:s
//! Selector! = matchLabels:{s}
//! Container = name:s ports:[Port]map(containerPort,protocol)~merge(containerPort) args:[s] *:any
//! @apps v1 Deployment = Deployment +status
//! ```
//!
//! | text | a value that is |
//! |---|---|
//! | `s` `i` `n` `b` `u` | a text, an integer, a number, a boolean, any scalar |
//! | `any` `raw` | anything, merged as it comes; anything, as a whole |
//! | `[T]` `[T]set` `[T]map(a,b)` | a list: as a whole, as a set, by keys |
//! | `{T}` | a map with any fields |
//! | `Name` | of a type from an earlier line |
//!
//! `!` makes a map one that merges as a whole, `*` stands for fields that are not declared, `~` gives the
//! patch strategy and merge key, `=` the default (`={}`: always there). `@` names a kind, and whether its
//! status is a subresource.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Field, List, ListMerge, Map, Scalar, Strategy, Type, TypeRef};

/// Types by name, and kinds by group and name.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    types: BTreeMap<String, TypeRef>,
    pub(crate) kinds: BTreeMap<(String, String), (TypeRef, bool)>,
}

/// Adds what the text says; `None` when it cannot be read.
pub(crate) fn read(text: &str, to: &mut Kinds) -> Option<()> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let (head, tail) = line.split_once(" =")?;
        if let Some(kind) = head.strip_prefix('@') {
            let mut words = kind.split(' ');
            let (group, kind) = (words.next()?, words.nth(1)?);
            let group = if group == "-" { "" } else { group };
            let mut words = tail.split_whitespace();
            let of = to.types.get(words.next()?)?.clone();
            let status = words.next() == Some("+status");
            to.kinds.insert((group.to_owned(), kind.to_owned()), (of, status));
            continue;
        }
        let name = head.trim_end_matches('!');
        let map = map(tail, head.ends_with('!'), &to.types)?;
        let of = Type { name: name.to_owned(), map: Some(map), ..Type::default() };
        to.types.insert(name.to_owned(), TypeRef::Of(Arc::new(of)));
    }
    Some(())
}

fn map(text: &str, atomic: bool, types: &BTreeMap<String, TypeRef>) -> Option<Map> {
    let mut map = Map { atomic, ..Map::default() };
    for word in text.split_whitespace() {
        let (name, text) = word.split_once(':')?;
        let (field, rest) = field(text, types)?;
        if !rest.is_empty() {
            return None;
        }
        if name == "*" {
            map.rest = Some(field.of);
        } else {
            map.fields.insert(name.to_owned(), field);
        }
    }
    Some(map)
}

/// A field, and what comes after it.
fn field<'a>(text: &'a str, types: &BTreeMap<String, TypeRef>) -> Option<(Field, &'a str)> {
    let (of, mut rest) = of(text, types)?;
    let mut strategy = Strategy::default();
    if let Some(after) = rest.strip_prefix('~') {
        let end = after.find(['(', '=', ']', '}']).unwrap_or(after.len());
        strategy.merge = after[..end].split(',').any(|word| word == "merge");
        rest = &after[end..];
        if let Some(after) = rest.strip_prefix('(') {
            let (key, after) = after.split_once(')')?;
            strategy.key = key.to_owned();
            rest = after;
        }
    }
    let mut default = None;
    if let Some(after) = rest.strip_prefix('=') {
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        default = Some(values.next()?.ok()?);
        rest = &after[values.byte_offset()..];
    }
    Some((Field { of, default, strategy }, rest))
}

fn of<'a>(text: &'a str, types: &BTreeMap<String, TypeRef>) -> Option<(TypeRef, &'a str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (items, rest) = field(inner, types)?;
        return list(items.of, rest.strip_prefix(']')?);
    }
    let (of, rest) = if let Some(inner) = text.strip_prefix('{') {
        let (rest, after) = field(inner, types)?;
        let map = Map { rest: Some(rest.of), ..Map::default() };
        (TypeRef::Of(Arc::new(Type { map: Some(map), ..Type::default() })), after.strip_prefix('}')?)
    } else {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        (named(&text[..end], types)?, &text[end..])
    };
    match (rest.strip_prefix('!'), &of) {
        (Some(rest), TypeRef::Of(of)) => {
            let mut of = Type::clone(of);
            of.map.as_mut()?.atomic = true;
            Some((TypeRef::Of(Arc::new(of)), rest))
        }
        (Some(_), _) => None,
        (None, _) => Some((of, rest)),
    }
}

fn list(items: TypeRef, rest: &str) -> Option<(TypeRef, &str)> {
    let (merge, rest) = if let Some(rest) = rest.strip_prefix("set") {
        (ListMerge::Set, rest)
    } else if let Some(rest) = rest.strip_prefix("map(") {
        let (keys, rest) = rest.split_once(')')?;
        let mut keys: Vec<_> = keys.split(',').map(str::to_owned).collect();
        keys.sort();
        (ListMerge::Keys(keys), rest)
    } else {
        (ListMerge::Atomic, rest)
    };
    let list = Some(List { items, merge });
    Some((TypeRef::Of(Arc::new(Type { list, ..Type::default() })), rest))
}

fn named(name: &str, types: &BTreeMap<String, TypeRef>) -> Option<TypeRef> {
    let scalar = match name {
        "s" => Scalar::Text,
        "i" | "n" => Scalar::Number,
        "b" => Scalar::Boolean,
        "u" => Scalar::Any,
        "any" => return Some(TypeRef::Deduced),
        "raw" => return Some(TypeRef::Raw),
        name => return types.get(name).cloned(),
    };
    Some(TypeRef::Of(Arc::new(Type { scalar: Some(scalar), ..Type::default() })))
}
