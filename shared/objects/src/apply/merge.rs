//! Merging a configuration into a live object, and taking out what its manager has dropped.

use serde_json::{Map, Value};

use super::path::{FieldPath, Step, key_text};
use super::schema::{Schema, Shape};
use super::set::FieldSet;

/// The live value with everything of the configuration in it.
pub(super) fn merge(live: &Value, config: &Value, schema: &Schema) -> Value {
    match (schema.shape(), live, config) {
        (Shape::Plain, Value::Object(live), Value::Object(config)) => {
            let mut merged = live.clone();
            for (name, value) in config {
                let value = match live.get(name) {
                    Some(live) => merge(live, value, schema.field(name)),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (shape @ (Shape::Set | Shape::Map(_)), Value::Array(live), Value::Array(config)) => {
            match (keyed(shape, live), keyed(shape, config)) {
                (Some(live), Some(config)) => {
                    merge_items(&live, &config, |live, config| merge(live, config, schema.items())).into()
                }
                _ => Value::Array(config.clone()),
            }
        }
        _ => config.clone(),
    }
}

type Keyed<'a> = Vec<(Step, &'a Value)>;

fn keyed<'a>(shape: &Shape, items: &'a [Value]) -> Option<Keyed<'a>> {
    items.iter().map(|item| Some((item_key(shape, item).ok()?, item))).collect()
}

/// What tells an item of a set or of a list of maps from the others.
pub(crate) fn item_key(shape: &Shape, item: &Value) -> Result<Step, String> {
    let Shape::Map(keys) = shape else {
        let scalar = !item.is_object() && !item.is_array();
        return if scalar {
            Ok(Step::Value(item.to_string()))
        } else {
            Err("a set takes scalars".to_owned())
        };
    };
    let item = item.as_object().ok_or("associative list with keys may not have non-map elements")?;
    let fields = keys.iter().map(|(name, default)| {
        let value = item.get(name).or(default.as_ref());
        value.map(|value| (name, value)).ok_or_else(|| {
            let problem = "associative list with keys has an element that omits key field";
            format!("{problem} {name:?} (and doesn't have default value)")
        })
    });
    Ok(Step::Key(key_text(fields.collect::<Result<Vec<_>, _>>()?)))
}

/// The items of both, those in both merged. The configuration's order rules for its items; what is live only
/// comes as early as it can, so that new items come last.
pub(crate) fn merge_items(
    live: &[(Step, &Value)],
    config: &[(Step, &Value)],
    merge: impl Fn(&Value, &Value) -> Value,
) -> Vec<Value> {
    let find = |items: &[(Step, &Value)], step: &Step| items.iter().position(|(key, _)| key == step);
    let only_live = |key: &Step| find(config, key).is_none();
    let mut merged = Vec::new();
    let mut rest = live.iter().peekable();
    for (index, (step, wanted)) in config.iter().enumerate() {
        // Up to the next item that both have; those of both that come elsewhere in the configuration are
        // passed by.
        let both = config[index..].iter().map(|(key, _)| key).find(|key| find(live, key).is_some());
        while let Some((key, item)) = rest.next_if(|(key, _)| Some(key) != both) {
            if only_live(key) {
                merged.push((*item).clone());
            }
        }
        match find(live, step) {
            Some(at) => {
                merged.push(merge(live[at].1, wanted));
                rest.next_if(|(key, _)| key == step);
            }
            None => merged.push((*wanted).clone()),
        }
    }
    let left = rest.filter(|(key, _)| only_live(key));
    merged.extend(left.map(|(_, item)| (*item).clone()));
    merged
}

/// Takes the fields in `doomed` out of an object, and the maps and lists that this leaves empty unless they
/// are in `kept`. Items of lists go with all that is in them, whoever wrote it: without its keys an item is
/// nothing.
pub(super) fn prune(object: &mut Value, doomed: &FieldSet, kept: &FieldSet, schema: &Schema) {
    if !doomed.is_empty() {
        prune_below(object, doomed, kept, schema, &mut FieldPath::default());
    }
}

/// Whether the value stays.
fn prune_below(
    value: &mut Value,
    doomed: &FieldSet,
    kept: &FieldSet,
    schema: &Schema,
    path: &mut FieldPath,
) -> bool {
    match (schema.shape(), value) {
        (Shape::Plain, Value::Object(map)) if !map.is_empty() => {
            let fields = std::mem::take(map).into_iter().filter_map(|(name, mut value)| {
                let below = schema.field(&name);
                let step = Step::Field(name.clone());
                path.at(step, |path| prune_below(&mut value, doomed, kept, below, path))
                    .then_some((name, value))
            });
            *map = fields.collect::<Map<_, _>>();
            !map.is_empty() || kept.contains(path)
        }
        (shape @ (Shape::Set | Shape::Map(_)), Value::Array(items)) if keyed(shape, items).is_some() => {
            let before = items.len();
            items.retain_mut(|item| {
                let step = item_key(shape, item).expect("all items have keys");
                path.at(step, |path| {
                    let goes = doomed.contains(path);
                    if !goes && *shape != Shape::Set {
                        prune_below(item, doomed, kept, schema.items(), path);
                    }
                    !goes
                })
            });
            !items.is_empty() || before == 0 && !doomed.contains(path) || kept.contains(path)
        }
        _ => !doomed.contains(path),
    }
}
