//! `merge`: the first generator's parameter sets, overridden by sets of later generators that agree with them in every merge key.
//!
//! Keys are looked up at the top of the parameters and compared as JSON; a missing one is null and equals null. Sets that two of one generator
//! share are an error. Sets of later generators that match nothing are dropped.

use super::matrix::{overlay, printed};
use super::{Level, child};
use crate::params::Params;
use crate::run::{Run, Stop, failed};
use crate::{Problem, fields};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn generate(
    run: &mut Run<'_>,
    path: &str,
    config: &Map<String, Value>,
    below: Level,
) -> Result<Vec<Params>, Stop> {
    run.note_unknown_fields(path, config, &["generators", "mergeKeys", "template"]);
    let keys = merge_keys(path, config)?;
    let entries = fields::array(path, config, "generators")?;
    if entries.len() < 2 {
        let message = "found less than two generators, Merge requires two or more";
        return Err(failed(
            &format!("{path}.generators"),
            message,
            "add a generator, or use this one without merge",
        )
        .into());
    }
    let (mut sets, mut waits) = (Vec::new(), false);
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{path}.generators[{index}]");
        match child(run, &path, entry, below) {
            Ok(params) => sets.push(by_key(&path, params, &keys)?),
            Err(Stop::Needs) => waits = true,
            Err(stop) => return Err(stop),
        }
    }
    if waits {
        return Err(Stop::Needs);
    }
    let mut sets = sets.into_iter();
    let mut base = sets.next().unwrap_or_default();
    for overrides in sets {
        for (key, over) in overrides {
            if let Some(params) = base.get_mut(&key) {
                override_with(params, &over, run.engine.go_template);
            }
        }
    }
    Ok(base.into_values().collect())
}

fn merge_keys<'a>(path: &str, config: &'a Map<String, Value>) -> Result<BTreeSet<&'a str>, Problem> {
    let path_of_keys = format!("{path}.mergeKeys");
    let keys = fields::array(path, config, "mergeKeys")?;
    let text =
        |key: &'a Value| key.as_str().ok_or_else(|| failed(&path_of_keys, "must be a list of strings", ""));
    let keys: BTreeSet<_> = keys.iter().map(text).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        let message = "no merge keys were specified, Merge requires at least one";
        return Err(failed(
            &path_of_keys,
            message,
            "name the parameters that tell which sets belong together, e.g. [server]",
        ));
    }
    Ok(keys)
}

fn by_key(
    path: &str,
    params: Vec<Params>,
    keys: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Params>, Problem> {
    let mut sets = BTreeMap::new();
    for set in params {
        let key: BTreeMap<_, _> =
            keys.iter().map(|key| (*key, set.map.get(*key).unwrap_or(&Value::Null))).collect();
        let key = serde_json::to_string(&key).unwrap_or_default();
        let taken = format!(
            "the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets to be unique. Duplicate key was {key}"
        );
        if sets.insert(key, set).is_some() {
            return Err(failed(path, taken, "name mergeKeys that every set has with values of its own"));
        }
    }
    Ok(sets)
}

fn override_with(params: &mut Params, over: &Params, go_template: bool) {
    if go_template {
        params.typed = params.typed.with(&params.map, over.typed, &over.map);
        overlay(&mut params.map, &over.map);
    } else {
        params.map = printed(&params.map);
        params.map.extend(printed(&over.map));
    }
}
