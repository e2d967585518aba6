//! `$1` and `${name}` in a replacement, as Go's `Regexp.Expand` reads them.

use std::collections::BTreeMap;
use std::rc::Rc;

use regex::Captures;

/// A piece of a replacement.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    /// The first of these groups that took part in the match.
    Groups(Rc<[usize]>),
}

impl Part {
    /// Groups that filling it in may look at; thousands may have one name.
    pub(super) fn work(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Groups(groups) => 1 + groups.len(),
        }
    }
}

/// Takes a replacement apart. A `$` that starts no name is itself, and `$$` is one.
pub(super) fn parts(replacement: &str, names: &[String]) -> Vec<Part> {
    let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    names.iter().enumerate().for_each(|(index, name)| named.entry(name).or_default().push(index + 1));
    let named: BTreeMap<&str, Rc<[usize]>> =
        named.into_iter().map(|(name, all)| (name, all.into())).collect();
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        parts.push(Part::Text(before.to_owned()));
        if let Some(after) = after.strip_prefix('$') {
            parts.push(Part::Text("$".to_owned()));
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            parts.push(Part::Groups(groups(name, &named)));
            rest = after;
        } else {
            parts.push(Part::Text("$".to_owned()));
            rest = after;
        }
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

/// The name at the start of `text`, in braces or not, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, inside) = match text.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let length = inside
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(inside.len());
    let (name, after) = inside.split_at(length);
    if name.is_empty() {
        return None;
    }
    Some((name, if braced { after.strip_prefix('}')? } else { after }))
}

fn groups(name: &str, named: &BTreeMap<&str, Rc<[usize]>>) -> Rc<[usize]> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = name.parse::<usize>().ok().filter(|number| *number < 100_000_000);
        if let Some(number) = number.filter(|_| name == "0" || !name.starts_with('0')) {
            return Rc::new([number]);
        }
    }
    named.get(name).map_or_else(|| Rc::new([]), Rc::clone)
}

/// The replacement of one match.
pub(super) fn fill(parts: &[Part], groups: &Captures<'_>) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Groups(numbers) => {
                let found = numbers.iter().find_map(|number| groups.get(*number));
                out.push_str(found.map_or("", |found| found.as_str()));
            }
        }
    }
    out
}
