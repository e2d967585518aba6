//! Putting a configuration into a value.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map as Fields, Value};

use super::{Shape, items, key, shapes};
use crate::apply::path::Step;
use crate::apply::schema::{List, ListMerge, Map, Type};

/// The live value with everything of the configuration in it; `None` where nothing is left.
pub(in crate::apply) fn merge(live: Option<&Value>, config: Option<&Value>, of: &Type) -> Option<Value> {
    // Where the shapes differ, that of the configuration decides.
    let (_, shape) = shapes(of, live, config);
    let leaf = || config.or(live).cloned();
    match shape {
        Shape::Scalar(_) => leaf(),
        Shape::Map(map) => {
            let nothing = Fields::new();
            let before = live.and_then(Value::as_object).unwrap_or(&nothing);
            let after = config.and_then(Value::as_object).unwrap_or(&nothing);
            if map.atomic || before.is_empty() && after.is_empty() {
                return leaf();
            }
            merge_maps(map, before, after)
        }
        Shape::List(list) => {
            let (before, after) = (items(live), items(config));
            if list.merge == ListMerge::Atomic || before.is_empty() && after.is_empty() {
                return leaf();
            }
            let merged = merge_lists(list, before, after);
            (!merged.is_empty()).then_some(Value::Array(merged))
        }
    }
}

fn merge_maps(map: &Map, live: &Fields<String, Value>, config: &Fields<String, Value>) -> Option<Value> {
    let config_only = config.keys().filter(|name| !live.contains_key(*name));
    let merged: Fields<String, Value> = live
        .keys()
        .chain(config_only)
        .filter_map(|name| {
            let (live, config) = (live.get(name), config.get(name));
            let value = match map.field(name) {
                Some(of) => merge(live, config, of.get())?,
                // What has no type is left alone.
                None => live.or(config)?.clone(),
            };
            Some((name.clone(), value))
        })
        .collect();
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// The items of both, those in both merged. The configuration's order rules for its items; what is live only
/// comes as early as it can, so that new items come last.
fn merge_lists(list: &List, live: &[Value], config: &[Value]) -> Vec<Value> {
    let keyed = |items: &'_ [Value]| -> Vec<(Step, Value)> {
        items.iter().filter_map(|item| Some((key(list, item).ok()?, item.clone()))).collect()
    };
    let (live, config) = (keyed(live), keyed(config));
    // Items that are there twice are not merged with the new one.
    let mut before: BTreeMap<&Step, Value> = BTreeMap::new();
    for (step, item) in &live {
        before.entry(step).and_modify(|item| *item = Value::Null).or_insert_with(|| item.clone());
    }
    let wanted: BTreeSet<&Step> = config.iter().map(|(step, _)| step).collect();
    let mut shared: VecDeque<&Step> =
        config.iter().map(|(step, _)| step).filter(|step| before.contains_key(step)).collect();
    let mut next = shared.pop_front();

    let of = list.items.get();
    let (mut merged, mut done) = (Vec::new(), BTreeSet::new());
    let (mut left, mut right) = (live.iter().peekable(), config.iter().peekable());
    while left.peek().is_some() || right.peek().is_some() {
        if let (Some((step, _)), Some((other, item))) = (left.peek(), right.peek()) {
            if step == other {
                done.insert(step);
                merged.extend(merge(before.get(step), Some(item), of));
                left.next();
                right.next();
                next = shared.pop_front();
                continue;
            }
            if wanted.contains(step) && next.is_some_and(|next| next != step) {
                // In both, and not the one whose turn it is.
                left.next();
                continue;
            }
        }
        if let Some((step, item)) = left.peek() {
            if !wanted.contains(step) {
                merged.extend(merge(Some(item), None, of));
                left.next();
                continue;
            }
            if done.contains(step) {
                left.next();
            }
        }
        if let Some((step, item)) = right.next() {
            done.insert(step);
            merged.extend(merge(before.get(step), Some(item), of));
            if next == Some(step) {
                next = shared.pop_front();
            }
        } else if let Some((step, _)) = left.peek()
            && !done.contains(step)
        {
            // Nothing of the configuration is left, and yet this is in it: it was passed by.
            left.next();
        }
    }
    merged
}
