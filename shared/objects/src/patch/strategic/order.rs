//! The order of merged lists: what the patch says comes first, what is live only keeps its place among what
//! is left.

use serde_json::Value;

use super::{bad_argument, failed, no_key};
use crate::Status;
use crate::apply::{go, go_type};

/// What all items are, as Go calls it.
pub(super) fn element_kind(lists: &[&[Value]]) -> Result<&'static str, Status> {
    let mut kinds = lists.iter().copied().flatten().map(go_type);
    let first = kinds.next().ok_or_else(|| failed("no elements in any of the given slices"))?;
    if first == "[]interface {}" {
        return Err(Status::generic_invalid("lists of lists are not supported".to_owned()));
    }
    if kinds.any(|kind| kind != first) {
        let lists: Vec<_> = lists.iter().map(|list| go(&Value::Array(list.to_vec()))).collect();
        return Err(failed(format!("list element types are not identical: [{}]", lists.join(" "))));
    }
    Ok(first)
}

/// Whether the items of a patch come in the order that it gives.
pub(super) fn check(patch: &[Value], order: &[Value], key: &str) -> Result<(), Status> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut wanted = order.iter();
    for item in patch.iter().filter(|item| item.get("$patch").is_none()) {
        let mut found = false;
        for other in wanted.by_ref() {
            if same(item, other, key)? {
                found = true;
                break;
            }
        }
        if !found {
            let (patch, order) = (Value::Array(patch.to_vec()), Value::Array(order.to_vec()));
            return Err(failed(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                go(&patch),
                go(&order)
            )));
        }
    }
    Ok(())
}

fn same(a: &Value, b: &Value, key: &str) -> Result<bool, Status> {
    if key.is_empty() {
        return Ok(a == b);
    }
    for item in [a, b] {
        if !item.is_object() {
            return Err(bad_argument("map[string]interface {}", item));
        }
    }
    let of = |item: &Value| item.get(key).cloned().ok_or_else(|| no_key(item, key));
    Ok(of(a)? == of(b)?)
}

/// Those of the items that are named, and the others.
pub(super) fn partition(
    items: &[Value],
    named: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Status> {
    let (mut wanted, mut rest) = (Vec::new(), Vec::new());
    for item in items {
        let found = if key.is_empty() {
            named.contains(item)
        } else {
            let own = item.get(key).ok_or_else(|| no_key(item, key))?;
            named.iter().any(|other| other.get(key) == Some(own))
        };
        if found { wanted.push(item.clone()) } else { rest.push(item.clone()) }
    }
    Ok((wanted, rest))
}

/// Both lists in one: `wanted` as the patch orders it, `rest` as it was, put in before what it came before.
pub(super) fn ordered(
    wanted: Vec<Value>,
    rest: Vec<Value>,
    patch_order: &[Value],
    live_order: &[Value],
    key: &str,
    kind: &str,
) -> Result<Vec<Value>, Status> {
    let maps = kind == "map[string]interface {}";
    let rank = |order: &[Value], item: &Value| {
        order.iter().position(|other| if maps { other.get(key) == item.get(key) } else { other == item })
    };
    let sort = |mut items: Vec<Value>, order: &[Value]| -> Result<Vec<Value>, Status> {
        if maps && let Some(odd) = items.iter().chain(order).find(|item| item.get(key).is_none()) {
            return Err(no_key(odd, key));
        }
        items.sort_by_key(|item| rank(order, item).unwrap_or(usize::MAX));
        Ok(items)
    };
    let (wanted, rest) = (sort(wanted, patch_order)?, sort(rest, live_order)?);
    let mut all = Vec::with_capacity(wanted.len() + rest.len());
    let mut rest = rest.into_iter().peekable();
    for item in wanted {
        let place = rank(live_order, &item);
        while let Some(earlier) = rest.next_if(
            |other| matches!((rank(live_order, other), place), (Some(other), Some(place)) if other < place),
        ) {
            all.push(earlier);
        }
        all.push(item);
    }
    all.extend(rest);
    Ok(all)
}

/// Each of the scalars once, in the places where Kubernetes leaves them: the last item takes the place of one
/// that is there twice.
pub(super) fn deduplicated(mut items: Vec<Value>) -> Vec<Value> {
    let mut at = 0;
    while at + 1 < items.len() {
        let mut other = at + 1;
        while other < items.len() {
            if items[at] == items[other] {
                items.swap_remove(other);
            } else {
                other += 1;
            }
        }
        at += 1;
    }
    items
}
