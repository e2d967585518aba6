//! Parameters that the set spells out and that nobody reads: values of generators, and keys of list elements.
//!
//! What stands in any text of the set counts as read there: templates, patches, selectors, merge keys, generators that a matrix renders. What
//! is read as a whole (`toYaml .values`, `range .apps`) is read with everything in it. Where a text cannot be read nothing is said.

use super::given::{self, Key, Node};
use super::{Finding, Look, Rule, syntax, texts};
use crate::generators::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    let Some(read) = everything_read(look) else { return };
    let is_read = |key: &Key| read.iter().any(|read| given::begins(read, key) || given::begins(key, read));
    for node in &look.nodes {
        let (rule, spelled_out) = if node.kind == Kind::List {
            (Rule::UnusedKey, elements(look, node))
        } else {
            (Rule::UnusedValue, values(look, &node.path, node.config))
        };
        for (key, path) in spelled_out.into_iter().filter(|(key, _)| !is_read(key)) {
            let written = texts::written(look.engine, &key);
            let message = format!("nothing reads `{written}`");
            let remedy = format!("remove it, or use it in the template: {{{{{written}}}}}");
            found.push(Finding::new(rule, path, message, remedy));
        }
    }
}

/// The values of a generator, or of an element of a list, and where they are.
fn values(look: &Look<'_>, path: &str, holder: &Value) -> BTreeMap<Key, String> {
    let values = holder.get("values").and_then(Value::as_object).into_iter().flatten();
    let values = values
        .map(|(name, _)| (given::value(look.engine.go_template, name), format!("{path}.values.{name}")));
    values.collect()
}

/// The keys of a list's elements, and where each is first.
fn elements(look: &Look<'_>, node: &Node<'_>) -> BTreeMap<Key, String> {
    let elements = node.config.get("elements").and_then(Value::as_array).into_iter().flatten();
    let mut keys = BTreeMap::new();
    for (index, element) in elements.enumerate() {
        let path = format!("{}.elements[{index}]", node.path);
        for (name, value) in element.as_object().into_iter().flatten() {
            // One that another generator's parameters name has no name yet.
            if name.contains("{{") {
                continue;
            }
            if name == "values" && value.is_object() {
                for (key, path) in values(look, &path, element) {
                    keys.entry(key).or_insert(path);
                }
                continue;
            }
            keys.entry(given::key([name.as_str()])).or_insert_with(|| format!("{path}.{name}"));
        }
    }
    keys
}

/// Every key that something names; `None` where a text cannot be read.
fn everything_read(look: &Look<'_>) -> Option<BTreeSet<Key>> {
    let whole = Value::Object(look.spec.clone());
    let mut read = BTreeSet::new();
    for text in texts::templates("spec", &whole) {
        let uses = texts::uses(look.engine, &text).ok()?;
        // What Go's syntax would read in flat mode is not what the text reads.
        if uses.iter().any(|one| syntax::is_go(look, one)) {
            return None;
        }
        read.extend(uses.into_iter().map(|one| one.path));
    }
    let key =
        |name: &str| if look.engine.go_template { given::key(name.split('.')) } else { given::key([name]) };
    for node in &look.nodes {
        let keys = node.config.get("mergeKeys").and_then(Value::as_array).into_iter().flatten();
        read.extend(keys.filter_map(Value::as_str).map(key));
        if let Some(selector) = node.entry.get("selector") {
            read.extend(super::selectors::keys(selector).into_iter().map(|(_, name)| key(name)));
        }
    }
    Some(read)
}
